//go:build linux

package interop

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// pacemakerTimeout bounds each reaction of Pacemaker. Its own election timeout
// at start is 20 s.
const pacemakerTimeout = 90 * time.Second

// monitor is what crm_mon --output-as=xml says, as far as it matters.
type monitor struct {
	DC struct {
		Present bool   `xml:"present,attr"`
		Name    string `xml:"name,attr"`
		Quorum  bool   `xml:"with_quorum,attr"`
	} `xml:"summary>current_dc"`
	Nodes []struct {
		Name    string `xml:"name,attr"`
		Online  bool   `xml:"online,attr"`
		Standby bool   `xml:"standby,attr"`
		Pending bool   `xml:"pending,attr"`
	} `xml:"nodes>node"`
	Resources []struct {
		ID     string `xml:"id,attr"`
		Role   string `xml:"role,attr"`
		Failed bool   `xml:"failed,attr"`
		On     []struct {
			Name string `xml:"name,attr"`
		} `xml:"node"`
	} `xml:"resources>resource"`
}

type pacemaker struct {
	*netns.Cluster
	t    *testing.T
	libs string // directory of the client libraries; empty: the installed ones
}

func (p pacemaker) start(id int) {
	p.t.Helper()
	n := p.Node(id)
	n.Spawn("pacemakerd", with(p.libs, "env", "PCMK_logfacility=none", "PCMK_logfile=/var/log/pacemaker/pacemaker.log", "/usr/sbin/pacemakerd")...)
}

func (p pacemaker) monitor(id int) (monitor, error) {
	var m monitor
	out, err := p.Node(id).TryTimeout(10*time.Second, "", "crm_mon", "-1", "-r", "--output-as=xml")
	if err != nil {
		return m, fmt.Errorf("n%d: crm_mon: %w: %s", id, err, strings.TrimSpace(out))
	}
	if i := strings.Index(out, "<?xml"); i > 0 {
		out = out[i:]
	}
	err = xml.Unmarshal([]byte(out), &m)
	return m, err
}

// waitOnline waits until each of ids sees exactly them online, with a
// coordinator and quorum as given.
func (p pacemaker) waitOnline(quorum bool, ids ...int) {
	p.t.Helper()
	p.Eventually(pacemakerTimeout, func() error {
		for _, id := range ids {
			m, err := p.monitor(id)
			if err != nil {
				return err
			}
			var online []string
			for _, n := range m.Nodes {
				if n.Online && !n.Pending {
					online = append(online, n.Name)
				}
			}
			slices.Sort(online)
			var want []string
			for _, id := range ids {
				want = append(want, fmt.Sprintf("n%d", id))
			}
			if !slices.Equal(online, want) || !m.DC.Present || m.DC.Quorum != quorum {
				return fmt.Errorf("n%d: online %v, coordinator %q, quorum %v", id, online, m.DC.Name, m.DC.Quorum)
			}
		}
		return nil
	})
	p.t.Logf("pacemaker: online %v", ids)
}

// waitStarted waits until all of ids agree that the resource runs on one node
// accepted by ok, and that the node's own state file says so.
func (p pacemaker) waitStarted(resource string, ok func(id int) bool, ids ...int) int {
	p.t.Helper()
	on := 0
	p.Eventually(pacemakerTimeout, func() error {
		on = 0
		for _, id := range ids {
			m, err := p.monitor(id)
			if err != nil {
				return err
			}
			where, err := m.where(resource)
			if err != nil {
				return fmt.Errorf("n%d: %w", id, err)
			}
			if where == 0 || !ok(where) || (on != 0 && where != on) {
				return fmt.Errorf("n%d: %s runs on n%d", id, resource, where)
			}
			on = where
		}
		for _, id := range ids {
			if has := p.active(resource, id); has != (id == on) {
				return fmt.Errorf("state of %s on n%d: active %v, but it should run on n%d", resource, id, has, on)
			}
		}
		return nil
	})
	p.t.Logf("pacemaker: %s runs on n%d", resource, on)
	return on
}

// active looks at what the agent left, so that Pacemaker's own view is not the
// only witness.
func (p pacemaker) active(resource string, id int) bool {
	_, err := p.Node(id).Try("test", "-e", "/run/Dummy-"+resource+".state")
	return err == nil
}

func (m monitor) where(resource string) (int, error) {
	for _, r := range m.Resources {
		if r.ID != resource {
			continue
		}
		if r.Role != "Started" {
			return 0, nil
		}
		if len(r.On) != 1 {
			return 0, fmt.Errorf("%s is started on %d nodes", resource, len(r.On))
		}
		id := 0
		_, err := fmt.Sscanf(r.On[0].Name, "n%d", &id)
		return id, err
	}
	return 0, fmt.Errorf("no resource %s", resource)
}

const dummyXML = `<primitive id="dummy" class="ocf" provider="pacemaker" type="Dummy">
 <instance_attributes id="dummy-ia"><nvpair id="dummy-state" name="state" value="/run/Dummy-dummy.state"/></instance_attributes>
 <meta_attributes id="dummy-ma"><nvpair id="dummy-stick" name="resource-stickiness" value="100"/></meta_attributes>
 <operations><op id="dummy-monitor" name="monitor" interval="5s" timeout="20s"/></operations>
</primitive>`

// TestPacemaker leads a Pacemaker cluster through what administrators see: all
// online, a resource starts, moves away from standby, survives the death of
// the daemon under it and of the whole node, stops in a minority, recovers.
func TestPacemaker(t *testing.T) {
	needPacemaker(t)
	netns.Need(t, "crm_attribute", "crm_standby")
	// Of three: cg is two C and one of ours, gc the other way round.
	for nodes, mixes := range map[int][]mix{3: {"c", "g", "cg", "gc"}, 5: {"g", "cg"}} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			each(t, mixes, func(t *testing.T, m mix) {
				t.Parallel()
				pacemakerScenario(t, nodes, m, "")
			})
		})
	}
	t.Run("libraries", func(t *testing.T) {
		dir := netns.BuildLibraries(t)
		each(t, []mix{"g", "c"}, func(t *testing.T, m mix) {
			t.Parallel()
			pacemakerScenario(t, 3, m, dir)
		})
	})
}

// mapsAllUsers: a rootless run maps one user id only.
func mapsAllUsers() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Contains(string(b), "4294967295")
}

func pacemakerScenario(t *testing.T, nodes int, m mix, libs string) {
	p := pacemaker{netns.New(t, netns.Options{Nodes: nodes, Daemons: m.daemons(t, nodes)}), t, libs}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range p.Nodes {
				if b, err := os.ReadFile(filepath.Join(n.Dir(), "log/pacemaker/pacemaker.log")); err == nil {
					l := strings.Split(string(b), "\n")
					t.Logf("%s pacemaker.log ends:\n%s", n.Name, strings.Join(l[max(0, len(l)-15):], "\n"))
				}
			}
		}
	})
	var all []int
	for id := 1; id <= nodes; id++ {
		all = append(all, id)
	}
	but := func(x int) []int {
		return slices.DeleteFunc(slices.Clone(all), func(id int) bool { return id == x })
	}
	p.UpAndFormed(formTimeout)
	for _, id := range all {
		p.start(id)
	}
	p.waitOnline(true, all...)
	checkLibraries(t, m, libs, p.Nodes...)

	p.Node(1).Exec("crm_attribute", "--type", "crm_config", "-n", "stonith-enabled", "-v", "false")
	p.Node(1).Exec("cibadmin", "-C", "-o", "resources", "-X", dummyXML)
	anywhere := func(int) bool { return true }
	on := p.waitStarted("dummy", anywhere, all...)

	// Standby moves it.
	p.Node(1).Exec("crm_standby", "-N", fmt.Sprintf("n%d", on), "-v", "on")
	from := on
	on = p.waitStarted("dummy", func(id int) bool { return id != from }, all...)
	p.Node(1).Exec("crm_standby", "-N", fmt.Sprintf("n%d", from), "-D")

	// The daemon beneath it dies: Pacemaker there gives up, the others take over.
	from = on
	p.Node(from).Kill()
	p.waitOnline(true, but(from)...)
	on = p.waitStarted("dummy", func(id int) bool { return id != from }, but(from)...)
	p.Node(from).PowerOff()
	p.Node(from).Start()
	p.WaitRing(formTimeout)
	p.start(from)
	p.waitOnline(true, all...)

	// The whole node dies.
	from = on
	p.Node(from).PowerOff()
	p.waitOnline(true, but(from)...)
	on = p.waitStarted("dummy", func(id int) bool { return id != from }, but(from)...)
	p.Node(from).Start()
	p.WaitRing(formTimeout)
	p.start(from)
	p.waitOnline(true, all...)

	// Cut off in a minority it stops there and starts in the majority.
	from = on
	p.Partition([]int{from}, but(from))
	p.WaitRing(formTimeout, but(from)...)
	on = p.waitStarted("dummy", func(id int) bool { return id != from }, but(from)...)
	p.Eventually(pacemakerTimeout, func() error {
		if p.active("dummy", from) {
			return fmt.Errorf("dummy still runs on n%d, which has no quorum", from)
		}
		return nil
	})
	p.Heal()
	p.WaitRing(formTimeout)
	p.waitOnline(true, all...)
	p.waitStarted("dummy", anywhere, all...)
}
