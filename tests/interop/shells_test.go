//go:build linux

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// shellCommands are what administrators ask crmsh, pcs and Pacemaker's own tools about the cluster; each asks the daemon, directly
// or through corosync's tools.
var shellCommands = []string{
	"crm_mon -1 -A -n", "crm_node -l", "crm_node -p", "crm_node -q", "crm_node -i",
	"crm status", "crm corosync status", "crm corosync get totem.transport", "crm cluster status", "crm configure show",
	"pcs status", "pcs status corosync", "pcs quorum status", "pcs status nodes both",
}

// systemctl answers the shells, which ask it before they ask the daemon. No node has a systemd.
const systemctl = `#!/bin/sh
case $1 in
is-active) echo active;;
is-enabled) echo enabled;;
*) echo "systemctl: $*";;
esac
`

// shellNoise differs from run to run on any daemon.
var shellNoise = regexp.MustCompile(`(?m)^(\s*\* )?(Date:|Last updated:|Last change:).*|last updated [-\d: Z]+|^Ring ID: .*|Current DC: n\d`)

// TestShells: crm, pcs and Pacemaker's tools on three of our nodes, with our libraries beneath Pacemaker, say with Debian's libraries and
// with ours what they say on the C daemon with Debian's everywhere.
func TestShells(t *testing.T) {
	netns.Need(t, "crm", "pcs", "crm_node", "corosync-quorumtool")
	needPacemaker(t)
	libs := netns.BuildLibraries(t)
	sides := []consumerSide{{"c", ""}, {"g", libs}}
	said := make([]map[string]string, len(sides))
	t.Run("run", func(t *testing.T) {
		for i, sd := range sides {
			t.Run(sd.String(), func(t *testing.T) {
				t.Parallel()
				said[i] = shellScenario(t, sd)
			})
		}
	})
	if said[0] == nil || said[1] == nil {
		return // one of them has failed
	}
	for _, line := range shellCommands {
		if said[1][line] != said[0][line] {
			t.Errorf("%s: on ours:\n%s\non the C daemon:\n%s", line, said[1][line], said[0][line])
		}
	}
}

func shellScenario(t *testing.T, sd consumerSide) map[string]string {
	p := pacemaker{netns.New(t, netns.Options{Nodes: 3, Daemons: sd.daemons.daemons(t, 3)}), t, sd.libs}
	p.UpAndFormed(formTimeout)
	for id := 1; id <= 3; id++ {
		p.writeCIB(id, quickCIB)
		p.start(id)
	}
	p.waitOnline(true, 1, 2, 3)
	p.waitStarted("dummy", func(id int) bool { return id == 1 }, 1, 2, 3)
	checkLibraries(t, sd.daemons, sd.libs, p.Nodes...)
	n := p.Node(1)
	n.Exec("mkdir", "-p", "/run/home", "/var/log/crmsh")
	if real, err := exec.LookPath("systemctl"); err == nil {
		if err := os.WriteFile(filepath.Join(n.Dir(), "log/systemctl"), []byte(systemctl), 0o755); err != nil {
			t.Fatal(err)
		}
		n.Exec("mount", "--bind", "/var/log/systemctl", real)
	}
	said := map[string]string{}
	for _, line := range shellCommands {
		say := func(libs string) string {
			argv := append([]string{"env", "HOME=/run/home", "COLUMNS=200", "LC_ALL=C.UTF-8"}, with(libs, strings.Fields(line)...)...)
			out, err := n.Try(argv...)
			return fmt.Sprintf("%s\nexit %d", shellNoise.ReplaceAllString(out, "*"), netns.ExitCode(err))
		}
		said[line] = say("")
		if sd.libs != "" {
			if got := say(sd.libs); got != said[line] {
				t.Errorf("%s: with our libraries:\n%s\nwith Debian's:\n%s", line, got, said[line])
			}
		}
		t.Logf("%s: %s", line, said[line])
	}
	return said
}
