//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// The programs of others with our client libraries. Pacemaker has a test of its own. What these need beyond namespaces
// (sbd: real-time priority and locked memory; dlm_controld: no kernel module) differs between machines, so they run when
// asked for.
func needConsumers(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getenv("COROSYNC_CONSUMERS") == "" {
		t.Skip("skip: COROSYNC_CONSUMERS is not set (run sbd, dlm_controld, qdevice and notifyd with our libraries)")
	}
	netns.Need(t, programs...)
}

// TestQdeviceWithLibraries runs corosync-qdevice with our libraries, in the foreground on node 1 and in the background
// on node 2. There it forks after it has opened its cmap handle, and goes on with it in the child.
func TestQdeviceWithLibraries(t *testing.T) {
	needConsumers(t, "corosync-qdevice", "corosync-qnetd")
	dir := netns.BuildLibraries(t)
	each(t, []mix{"g", "c"}, func(t *testing.T, m mix) {
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
		checkLibraries(t, dir, n1, n2)
		// The child follows the configuration and the ring through the handle it has inherited.
		n1.PowerOff()
		c.WaitRing(formTimeout, 2)
		votes("2", n2)
	})
}

// TestNotifydWithLibraries: notifyd daemonizes before its first call, and follows a death.
func TestNotifydWithLibraries(t *testing.T) {
	needConsumers(t, "corosync-notifyd", "stdbuf")
	dir := netns.BuildLibraries(t)
	each(t, []mix{"g", "c"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		p := c.Node(1).Spawn("notifyd", with(dir, "stdbuf", "-oL", "corosync-notifyd", "-f", "-o")...)
		c.Node(1).Exec(with(dir, "corosync-notifyd", "-l")...) // in the background, to the log
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
		checkLibraries(t, dir, c.Node(1))
		c.Node(3).Kill()
		says("left")
	})
}

var dlmNoise = regexp.MustCompile(`(?m)^\d+ |pid \d+|\d{9,}|fd \d+`)

// TestDLM: dlm_controld goes as far as it can without its kernel module, and says the same on both kinds of libraries.
func TestDLM(t *testing.T) {
	needConsumers(t, "dlm_controld")
	dir := netns.BuildLibraries(t)
	each(t, []mix{"g", "c"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 1, Daemons: m.daemons(t, 1)})
		c.UpAndFormed(formTimeout)
		run := func(libs string) string {
			out, _ := c.Node(1).TryTimeout(20*time.Second, "", with(libs, "timeout", "5", "dlm_controld", "-D", "--enable_fencing", "0")...)
			return dlmNoise.ReplaceAllString(out, "")
		}
		want, got := run(""), run(dir)
		if want == "" {
			t.Skip("skip: dlm_controld says nothing here")
		}
		if got != want {
			t.Errorf("with our libraries:\n%s\nwith Debian's:\n%s", got, want)
		}
		t.Logf("dlm_controld ends with:\n%s", got)
	})
}

// watchdogStandIn takes the calls of a watchdog device on an ordinary file.
const watchdogStandIn = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, void *);
	va_list ap; va_start(ap, request); void *arg = va_arg(ap, void *); va_end(ap);
	if (((request >> 8) & 0xff) == 'W') { if (((request >> 16) & 0x3fff) > 4) memset(arg, 0, (request >> 16) & 0x3fff); return 0; }
	if (!real) real = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	return real(fd, request, arg);
}
`

// TestSBD: sbd without a disk watches Pacemaker and the cluster from servants that it forks, with memory locked and
// real-time priority, and feeds a watchdog as long as all is well.
func TestSBD(t *testing.T) {
	needConsumers(t, "sbd", "pacemakerd", "crm_mon", "crm_attribute")
	if os.Getuid() != 0 || !mapsAllUsers() {
		t.Skip("skip: pacemaker needs the users root and hacluster, here is only one")
	}
	dir := netns.BuildLibraries(t)
	src := filepath.Join(t.TempDir(), "watchdog.c")
	if err := os.WriteFile(src, []byte(watchdogStandIn), 0o644); err != nil {
		t.Fatal(err)
	}
	preload := netns.BuildShared(t, src)
	for _, libs := range []string{"", dir} {
		name := "debian"
		if libs != "" {
			name = "ours"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pacemaker{netns.New(t, netns.Options{Nodes: 2, Daemons: mix("g").daemons(t, 2)}), t, libs}
			p.UpAndFormed(formTimeout)
			n := p.Node(1)
			n.Exec("sh", "-c", "echo >/run/watchdog")
			proc := n.Spawn("sbd", with(libs, "env", "LD_PRELOAD="+preload, "SBD_WATCHDOG_DEV=/run/watchdog", "sbd", "-w", "/run/watchdog", "-P", "-c",
				"-F", "1", "-5", "5", "-t", "5", "-v", "watch")...)
			p.start(1)
			p.start(2)
			p.waitOnline(true, 1, 2)
			var said string
			p.Eventually(pacemakerTimeout, func() error {
				said = n.Exec("sh", "-c", "ps -eo args | grep '^sbd:'")
				if strings.Count(said, "sbd: watcher") < 2 {
					return fmt.Errorf("servants: %s %s", said, proc.Output())
				}
				return nil
			})
			checkLibraries(t, libs, n)
			// The file grows as long as the watchdog is fed.
			size := func() string { return strings.TrimSpace(n.Exec("stat", "-c", "%s", "/run/watchdog")) }
			before := size()
			p.Eventually(30*time.Second, func() error {
				if size() == before {
					return fmt.Errorf("the watchdog is not fed:\n%s", proc.Output())
				}
				return nil
			})
			t.Logf("%s\n%s", said, proc.Output())
			if !proc.Running() {
				t.Errorf("sbd has ended:\n%s", proc.Output())
			}
		})
	}
}
