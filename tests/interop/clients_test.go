//go:build linux

package interop

import (
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// qdeviceConf lets a quorum device register; nothing runs at the address.
const qdeviceConf = "\tdevice {\n\t\tmodel: net\n\t\tvotes: 1\n\t\tnet {\n\t\t\thost: 127.0.0.1\n\t\t}\n\t}\n"

// TestGoClients calls every function of the Go client packages on both daemons, on ours over both protocols.
func TestGoClients(t *testing.T) {
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		check := netns.BuildGo(t, "tests/interop/testdata/apicheck")
		c := netns.New(t, netns.Options{Nodes: 2, Daemons: m.daemons(t, 2), QuorumText: qdeviceConf})
		c.Start()
		c.WaitRing(formTimeout)
		out, err := c.Node(1).TryTimeout(90*time.Second, "", check)
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if m == "c" {
			return
		}
		if out, err := c.Node(1).TryTimeout(90*time.Second, "", "env", ipcVariable+"=coroipc", check); err != nil {
			t.Errorf("over coroipc: %v\n%s", err, out)
		}
		sameTools(t, c.Node(1))
	})
}

// sameTools: our tools print over coroipc what they print over libqb's protocol.
func sameTools(t *testing.T, n *netns.Node) {
	built := map[string]string{"cmapctl": netns.BuildGo(t, "libcorosync-go/cmd/corosync-cmapctl")}
	set := func() { n.Exec(built["cmapctl"], "-s", "tools.test", "u32", "7") }
	for _, line := range []string{
		"quorumtool -s", "quorumtool -l", "quorumtool -i", "cfgtool -s", "cfgtool -n", "cfgtool -a 2", "cpgtool", "cpgtool -e",
		"cmapctl totem.", "cmapctl -g totem.version", "cmapctl -g no.such.key", "cmapctl -s tools.test u32 7", "cmapctl -d tools.test",
	} {
		argv := strings.Fields(line)
		if built[argv[0]] == "" {
			built[argv[0]] = netns.BuildGo(t, "libcorosync-go/cmd/corosync-"+argv[0])
		}
		argv[0] = built[argv[0]]
		set() // the same to begin with
		want, wantErr := n.Try(over("qb", argv)...)
		set()
		got, err := n.Try(over("coroipc", argv)...)
		if got, want = dateLine.ReplaceAllString(got, ""), dateLine.ReplaceAllString(want, ""); got != want || netns.ExitCode(err) != netns.ExitCode(wantErr) {
			t.Errorf("%s over coroipc: exit %v, over qb: %v\n%s", line, err, wantErr, diff(want, got))
		}
	}
}

func over(protocol string, argv []string) []string {
	return append([]string{"env", ipcVariable + "=" + protocol}, argv...)
}
