//go:build linux

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// The programs of others with our client libraries. Pacemaker has a test of its own.

// TestQdeviceWithLibraries runs corosync-qdevice with our libraries, in the foreground on node 1 and in the background
// on node 2. There it forks after it has opened its cmap handle, and goes on with it in the child.
func TestQdeviceWithLibraries(t *testing.T) {
	qdeviceScenario(t, "g", "c")
}

func qdeviceScenario(t *testing.T, mixes ...mix) {
	netns.Need(t, "corosync-qdevice", "corosync-qnetd")
	dir := netns.BuildLibraries(t)
	each(t, mixes, func(t *testing.T, m mix) {
		t.Parallel()
		opt := netns.Options{Nodes: 3, Listed: 2, Daemons: m.daemons(t, 3)}
		opt.QuorumText = fmt.Sprintf(deviceText, "10.77.0.3")
		c := netns.New(t, opt)
		n1, n2, n3 := c.Node(1), c.Node(2), c.Node(3)
		n3.Exec("mkdir", "-p", "/run/corosync-qnetd")
		n3.Spawn("qnetd", "corosync-qnetd", "-f", "-s", "off")
		c.Start(1, 2)
		c.WaitRing(formTimeout, 1, 2)
		n1.Exec("mkdir", "-p", "/run/corosync-qdevice")
		n2.Exec("mkdir", "-p", "/run/corosync-qdevice")
		n1.Spawn("qdevice", with(dir, "corosync-qdevice", "-f")...)
		n2.Exec(with(dir, "corosync-qdevice")...)
		votes := func(want string, nodes ...*netns.Node) {
			t.Helper()
			c.Eventually(40*time.Second, func() error {
				for _, n := range nodes {
					st, err := n.Status()
					if err != nil {
						return err
					}
					if st.Fields["Total votes"] != want {
						return fmt.Errorf("%s: total votes %s, wanted %s", n.Name, st.Fields["Total votes"], want)
					}
				}
				return nil
			})
		}
		votes("3", n1, n2)
		checkLibraries(t, m, dir, n1, n2)
		// The child follows the configuration and the ring through the handle it has inherited.
		n1.PowerOff()
		c.WaitRing(formTimeout, 2)
		votes("2", n2)
	})
}

// TestNotifydWithLibraries: notifyd daemonizes before its first call, and follows a death.
func TestNotifydWithLibraries(t *testing.T) {
	notifydScenario(t, "g", "c")
}

func notifydScenario(t *testing.T, mixes ...mix) {
	netns.Need(t, "corosync-notifyd", "stdbuf")
	dir := netns.BuildLibraries(t)
	each(t, mixes, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		p := c.Node(1).Spawn("notifyd", with(dir, "stdbuf", "-oL", "corosync-notifyd", "-f", "-o")...)
		c.Node(1).Exec(with(dir, "corosync-notifyd", "-l")...)     // in the background, to the log
		c.Node(2).Spawn("notifyd", "corosync-notifyd", "-f", "-o") // with Debian's libraries, for what it costs
		says := func(text string) {
			t.Helper()
			c.Eventually(formTimeout, func() error {
				if !strings.Contains(p.Output(), text) {
					return fmt.Errorf("notifyd has not said %q:\n%s", text, p.Output())
				}
				return nil
			})
		}
		says("is now quorate")
		checkLibraries(t, m, dir, c.Node(1))
		checkLibraries(t, m, "", c.Node(2))
		c.Node(3).Kill()
		says("left")
	})
}

// TestLibrariesOverCoroIPC lets the programs of others do the same once more on our daemon, over the other protocol.
func TestLibrariesOverCoroIPC(t *testing.T) {
	if os.Getenv("COROSYNC_LONG_TESTS") == "" {
		t.Skip("skip: takes minutes; COROSYNC_LONG_TESTS=1 runs it")
	}
	t.Setenv(ipcVariable, "coroipc")
	t.Run("notifyd", func(t *testing.T) { notifydScenario(t, "g") })
	t.Run("qdevice", func(t *testing.T) { qdeviceScenario(t, "g") })
	t.Run("dlm", func(t *testing.T) { compareDLM(t, consumerSide{"g", ""}, consumerSide{"g", netns.BuildLibraries(t)}) })
	t.Run("pacemaker", func(t *testing.T) {
		needPacemaker(t)
		netns.Need(t, "crm_attribute", "crm_standby")
		pacemakerScenario(t, 3, "g", netns.BuildLibraries(t))
	})
}
