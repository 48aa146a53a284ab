//go:build linux

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

const deviceText = `	device {
		model: net
		votes: 1
		timeout: 3000
		sync_timeout: 5000
		net {
			host: %s
			algorithm: ffsplit
			tls: off
		}
	}
`

// TestQdevice: two nodes with a third vote from qnetd, over corosync-qdevice of
// the distribution. The device's vote decides who goes on.
//
//	n1 --- switch --- n2
//	         |
//	   n3: corosync-qnetd, no corosync
func TestQdevice(t *testing.T) {
	netns.Need(t, "corosync-qdevice", "corosync-qnetd")
	each(t, []mix{"c", "g", "cg"}, func(t *testing.T, m mix) {
		t.Parallel()
		opt := netns.Options{Nodes: 3, Listed: 2, Daemons: m.daemons(t, 3)}
		opt.QuorumText = fmt.Sprintf(deviceText, "10.77.0.3")
		c := netns.New(t, opt)
		n1, n2, n3 := c.Node(1), c.Node(2), c.Node(3)

		startNetd := func() *netns.Proc {
			n3.Exec("mkdir", "-p", "/run/corosync-qnetd")
			return n3.Spawn("qnetd", "corosync-qnetd", "-f", "-s", "off")
		}
		startDevice := func(n *netns.Node) {
			n.Exec("mkdir", "-p", "/run/corosync-qdevice")
			n.Spawn("qdevice", "corosync-qdevice", "-f")
		}
		votes := func(want string, quorate bool, nodes ...*netns.Node) {
			t.Helper()
			c.Eventually(40*time.Second, func() error {
				for _, n := range nodes {
					st, err := n.Status()
					if err != nil {
						return err
					}
					if st.Fields["Total votes"] != want || st.Quorate != quorate {
						return fmt.Errorf("%s: total votes %s, quorate %v, wanted %s, %v", n.Name, st.Fields["Total votes"], st.Quorate, want, quorate)
					}
				}
				return nil
			})
			t.Logf("%s votes, quorate %v", want, quorate)
		}

		netd := startNetd()
		c.Start(1, 2)
		c.WaitRing(formTimeout, 1, 2)
		startDevice(n1)
		startDevice(n2)
		votes("3", true, n1, n2)
		checkLibraries(t, m, "", n1, n2)
		if out := n1.Exec("corosync-quorumtool", "-s"); !strings.Contains(out, "Qdevice") || !strings.Contains(out, "A,V,NMW") {
			t.Errorf("quorumtool does not show the device alive and voting:\n%s", out)
		}

		// One node dies: its peer and the device are a majority.
		n2.PowerOff()
		c.WaitRing(formTimeout, 1)
		votes("2", true, n1)
		n2.Start()
		c.WaitRing(formTimeout, 1, 2)
		startDevice(n2)
		votes("3", true, n1, n2)

		// A split: the half that reaches qnetd goes on, the other stops.
		c.Partition([]int{1}, []int{2, 3})
		c.WaitRing(formTimeout, 1)
		c.WaitRing(formTimeout, 2)
		votes("2", true, n2)
		votes("1", false, n1)
		c.Heal()
		c.WaitRing(formTimeout, 1, 2)
		votes("3", true, n1, n2)

		// Without the device the two nodes are a majority of three votes.
		netd.Signal(15)
		votes("2", true, n1, n2)
		startNetd()
		votes("3", true, n1, n2)
	})
}
