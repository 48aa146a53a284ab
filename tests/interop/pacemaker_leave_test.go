//go:build linux

package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
	"golang.org/x/sys/unix"
)

// TestPacemakerLeaves is what an administrator does for maintenance, on three
// nodes of one switch:
//
//	n1, n2, n3: pacemaker on corosync
//
// While Pacemaker runs it vetoes a shutdown of corosync by request. A reload
// does not disturb it. Stopped in order, it hands its resource over and leaves;
// then the daemon beneath leaves in order, and both come back. At the end all
// stop at the same time.
func TestPacemakerLeaves(t *testing.T) {
	netns.Need(t, "pacemakerd", "crm_mon", "cibadmin", "crm_attribute", "crm_node", "crm_resource", "corosync-cfgtool")
	if os.Getuid() != 0 || !mapsAllUsers() {
		t.Skip("skip: pacemaker needs the users root and hacluster, here is only one")
	}
	if _, err := os.Stat("/usr/lib/ocf/resource.d/pacemaker/Dummy"); err != nil {
		t.Skip("skip: ocf:pacemaker:Dummy is not installed (Debian: pacemaker-resource-agents or resource-agents)")
	}
	each(t, []mix{"c", "g", "cg", "gc"}, func(t *testing.T, m mix) {
		p := pacemaker{netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)}), t, ""}
		all := []int{1, 2, 3}
		procs := map[int]*netns.Proc{}
		start := func(id int) {
			procs[id] = p.Node(id).Spawn("pacemakerd", "env", "PCMK_logfacility=none",
				"PCMK_logfile=/var/log/pacemaker/pacemaker.log", "/usr/sbin/pacemakerd")
		}
		p.UpAndFormed(formTimeout)
		for _, id := range all {
			start(id)
		}
		p.waitOnline(true, all...)
		p.Node(1).Exec("crm_attribute", "--type", "crm_config", "-n", "stonith-enabled", "-v", "false")
		p.Node(1).Exec("cibadmin", "-C", "-o", "resources", "-X", dummyXML)
		on := p.waitStarted("dummy", func(int) bool { return true }, all...)

		// The tool's status does not tell, with any daemon.
		out, err := p.Node(on).Try("corosync-cfgtool", "-H")
		if err != nil || !strings.Contains(out, "Could not shutdown (error = 10)") {
			t.Errorf("shutdown in spite of pacemaker's veto: %v, %s", err, out)
		}
		p.Node(on).Exec("corosync-cfgtool", "-R")
		p.waitOnline(true, all...)
		if names := strings.Fields(p.Node(on).Exec("crm_node", "-l")); len(names) != 9 {
			t.Errorf("crm_node -l: %v", names)
		}

		rest := slices.DeleteFunc(slices.Clone(all), func(id int) bool { return id == on })
		procs[on].Signal(unix.SIGTERM)
		if code, ok := procs[on].Wait(pacemakerTimeout); !ok || code != 0 {
			t.Fatalf("pacemakerd of n%d: status %d, ended %v", on, code, ok)
		}
		p.waitOnline(true, rest...)
		now := p.waitStarted("dummy", func(id int) bool { return id != on }, rest...)
		p.Node(on).Stop()
		p.WaitRing(formTimeout, rest...)
		p.Node(on).Start()
		p.WaitRing(formTimeout)
		start(on)
		p.waitOnline(true, all...)
		p.waitStarted("dummy", func(id int) bool { return id == now }, all...)

		// Stopped with a probe under way, the coordinator would wait for its result for 80 s.
		p.Node(now).Exec("crm_resource", "--wait")
		for _, id := range all {
			procs[id].Signal(unix.SIGTERM)
		}
		for _, id := range all {
			if code, ok := procs[id].Wait(pacemakerTimeout); !ok || code != 0 {
				t.Errorf("pacemakerd of n%d: status %d, ended %v", id, code, ok)
			}
		}
		p.Eventually(time.Second, func() error {
			if p.active("dummy", now) {
				return fmt.Errorf("dummy was left running on n%d", now)
			}
			return nil
		})
		for _, id := range all {
			p.Node(id).Stop()
		}
	})
}
