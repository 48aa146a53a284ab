//go:build linux

package interop

import (
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// qdeviceConf lets a quorum device register; nothing runs at the address.
const qdeviceConf = "\tdevice {\n\t\tmodel: net\n\t\tvotes: 1\n\t\tnet {\n\t\t\thost: 127.0.0.1\n\t\t}\n\t}\n"

// TestGoClients calls every function of the Go client packages on both daemons.
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
	})
}
