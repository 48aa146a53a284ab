//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

var clientLibrary = regexp.MustCompile(`/\S*/lib(cpg|cmap|quorum|votequorum|cfg|sam|corosync_common|corosync-go)\.so\S*`)

// clientProcess is a process that has client libraries mapped.
type clientProcess struct {
	name    string // that of its program; the child of one of the same name is called so
	title   string // its command line
	path    string // its LD_LIBRARY_PATH
	maps    string
	libs    []string
	rssKB   int
	anonKB  int // of these, no file's
	threads int
	parent  int
}

func (p clientProcess) String() string {
	return fmt.Sprintf("%s %.1f MB (%.1f of its own), %d threads", p.name, mb(p.rssKB), mb(p.anonKB), p.threads)
}

func mb(kb int) float64 { return float64(kb) / 1024 }

// clientProcesses are those of a node, without the daemon, of which the C one has some of these libraries too.
func clientProcesses(n *netns.Node) []clientProcess {
	const script = `for p in /proc/[0-9]*; do if grep -qE '/lib(cpg|cmap|quorum|votequorum|cfg|sam|corosync_common)\.so' $p/maps; then
echo "@name $(readlink $p/exe)"; echo "@title $(tr '\0' ' ' <$p/cmdline)"; tr '\0' '\n' <$p/environ | sed -n 's/^LD_LIBRARY_PATH=/@path /p'
sed -n 's/:/ /; s/^\(Pid\|PPid\|VmRSS\|RssAnon\|Threads\)\s/@\1 /p' $p/status; cat $p/maps; fi; done 2>/dev/null`
	out, _ := n.Try("sh", "-c", script)
	var all []clientProcess
	names := map[int]string{} // by process id
	for block := range strings.SplitSeq("\n"+out, "\n@name ") {
		exe, rest, _ := strings.Cut(block, "\n")
		name := filepath.Base(exe)
		if exe == "" || name == "corosync" {
			continue
		}
		p := clientProcess{name: name, maps: rest}
		for l := range strings.SplitSeq(rest, "\n") {
			if f := strings.Fields(l); len(f) > 1 && l[0] == '@' {
				number, _ := strconv.Atoi(f[1])
				switch f[0] {
				case "@Pid":
					names[number] = name
				case "@PPid":
					p.parent = number
				case "@title":
					p.title = strings.Join(f[1:], " ")
				case "@path":
					p.path = f[1]
				case "@VmRSS":
					p.rssKB = number
				case "@RssAnon":
					p.anonKB = number
				case "@Threads":
					p.threads = number
				}
			} else if lib := clientLibrary.FindString(l); lib != "" && !slices.Contains(p.libs, lib) {
				p.libs = append(p.libs, lib)
			}
		}
		all = append(all, p)
	}
	for i, p := range all {
		if names[p.parent] == p.name {
			all[i].name += " child"
		}
	}
	return all
}

// ours tells whether a client library that a process has mapped is one of dir, or our core after a fork.
func ours(dir, lib string) bool {
	return strings.HasPrefix(lib, dir+"/") || strings.HasPrefix(lib, "/memfd:libcorosync-go")
}

// checkLibraries looks at what the processes that run with the client libraries of dir have mapped: no others, and the memory of
// the protocol that they are to speak. With an empty dir it only notes what they cost.
func checkLibraries(t *testing.T, m mix, dir string, nodes ...*netns.Node) {
	t.Helper()
	for _, n := range nodes {
		var users []string
		coroipc := false
		for _, p := range clientProcesses(n) {
			if p.path != dir {
				continue
			}
			if dir != "" {
				for _, lib := range p.libs {
					if !ours(dir, lib) {
						t.Errorf("%s: %s has mapped %s", n.Name, p.title, lib)
					}
				}
			}
			coroipc = coroipc || strings.Contains(p.maps, "/dev/shm/control_buffer-")
			users = append(users, p.String())
			costs.add(m, dir, p)
		}
		if wanted := os.Getenv(ipcVariable) == "coroipc"; dir != "" && coroipc != wanted {
			t.Errorf("%s: speaks coroipc: %v, is to: %v", n.Name, coroipc, wanted)
		}
		if len(users) == 0 {
			t.Errorf("%s: no process uses the libraries", n.Name)
		}
		whose := "our"
		if dir == "" {
			whose = "Debian's"
		}
		t.Logf("%s, with %s libraries: %s", n.Name, whose, strings.Join(users, "; "))
	}
}

// costs is what the programs that use client libraries have resident, and their threads, over all tests of a run.
var costs costTable

type costTable struct {
	mu   sync.Mutex
	rows map[costKey][2][]clientProcess // with Debian's libraries, with ours
}

type costKey struct{ daemon, name string }

func (c *costTable) add(m mix, dir string, p clientProcess) {
	if os.Getenv(ipcVariable) != "" {
		return
	}
	k := costKey{"mixed", p.name}
	if len(m) == 1 {
		k.daemon = map[mix]string{"c": "C", "g": "ours"}[m]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil {
		c.rows = map[costKey][2][]clientProcess{}
	}
	r := c.rows[k]
	which := 0
	if dir != "" {
		which = 1
	}
	r[which] = append(r[which], p)
	c.rows[k] = r
}

// print writes the table to standard output; tests/runtests passes on what begins like this.
func (c *costTable) print() {
	var lines []string
	for k, r := range c.rows {
		if len(r[0]) > 0 && len(r[1]) > 0 {
			lines = append(lines, fmt.Sprintf("cost: %-22s %-7s %-22s %s", k.name, k.daemon, middle(r[0]), middle(r[1])))
		}
	}
	if len(lines) == 0 {
		return
	}
	slices.Sort(lines)
	fmt.Println("cost: medians of MB resident (no file's), threads")
	fmt.Printf("cost: %-22s %-7s %-22s %s\n", "program", "daemon", "Debian's libraries", "ours")
	fmt.Println(strings.Join(lines, "\n"))
}

func middle(ps []clientProcess) string {
	median := func(of func(clientProcess) int) int {
		var v []int
		for _, p := range ps {
			v = append(v, of(p))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return fmt.Sprintf("%.1f (%.1f) %d", mb(median(func(p clientProcess) int { return p.rssKB })), mb(median(func(p clientProcess) int { return p.anonKB })),
		median(func(p clientProcess) int { return p.threads }))
}
