//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// The tools of Debian and ours run the same command lines against the same C
// daemon, and have to say the same.
//
//	Debian's corosync-cfgtool ──┐
//	                            ├──▶ C daemon of n1 ── ring with n2, n3
//	our corosync-cfgtool ───────┘

// toolNames are the tools under comparison.
var toolNames = []string{"corosync-cfgtool", "corosync-cmapctl", "corosync-cpgtool", "corosync-quorumtool", "corosync-keygen"}

// line is a shell script that both run. reset, if set, undoes what it did, with
// Debian's tools.
type line struct{ script, reset string }

// lines makes scripts that change nothing.
func lines(text string) []line {
	var list []line
	for s := range strings.SplitSeq(text, "\n") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, line{script: s})
		}
	}
	return list
}

// toolRun is what a script did.
type toolRun struct {
	stdout, stderr string
	code           int
}

// comparison runs scripts on the first node.
type comparison struct {
	*netns.Cluster
	t    *testing.T
	path string // PATH with our tools
	// nobody says that a command can run as another user: not in the user namespace of an ordinary one.
	nobody bool
}

const debianPath = "/usr/sbin:/usr/bin:/sbin:/bin"

func newComparison(t *testing.T, opt netns.Options) comparison {
	t.Helper()
	netns.Need(t, toolNames...)
	path := debianPath
	var ours []string
	for _, name := range toolNames {
		program := netns.BuildGo(t, "libcorosync-go/cmd/"+name)
		ours = append(ours, program)
		dir := filepath.Dir(program)
		path = dir + ":" + path
		for _, d := range []string{dir, filepath.Dir(dir)} { // other users run them too
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := comparison{Cluster: netns.New(t, opt), t: t, path: path}
	c.nobody = c.Node(1).HasNobody()
	who := netns.AsNobody
	if !c.nobody {
		t.Logf("commands of a user without rights are left out: this namespace has one user")
		who = ""
	}
	// Comparing Debian's tools with themselves would prove nothing.
	found := c.run(path, who+"sh -c 'command -v "+strings.Join(toolNames, "; command -v ")+"'").stdout
	if want := strings.Join(ours, "\n") + "\n"; found != want {
		t.Fatalf("tools found: %swant: %s", found, want)
	}
	return c
}

// run executes a script with a PATH, outputs apart.
func (c comparison) run(path, script string) toolRun {
	c.t.Helper()
	n := c.Node(1)
	_, err := n.Try("env", "PATH="+path, "sh", "-c", `{ `+script+"\n"+`} >/var/log/tool.out 2>/var/log/tool.err`)
	r := toolRun{code: netns.ExitCode(err)}
	if err != nil && r.code < 0 {
		c.t.Errorf("%s: %v", script, err)
	}
	for name, p := range map[string]*string{"tool.out": &r.stdout, "tool.err": &r.stderr} {
		b, err := os.ReadFile(filepath.Join(n.Dir(), "log", name))
		if err != nil {
			c.t.Fatal(err)
		}
		*p = string(b)
	}
	return r
}

// masks hide what differs from one call to the next.
var masks = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: D"},
	{regexp.MustCompile(`(?m)^(runtime\.services\.\S+\.[rt]x \(u64\)) = \d+$`), "$1 = N"},
	{regexp.MustCompile(`(?m)^(stats\.\S+ \(\w+\)) = .*$`), "$1 = N"},
	{regexp.MustCompile(`(?m)^(stats\.ipcs\.service\d+)\.\d+\.0x[0-9a-f]+`), "$1.PID.PTR"},
	{regexp.MustCompile(`(?m)^Ring ID: +(\w+)\.\w+$`), "Ring ID: $1.N"},
}

func masked(s string) string {
	for _, m := range masks {
		s = m.re.ReplaceAllString(s, m.by)
	}
	return s
}

// compare runs every script with both.
func (c comparison) compare(list []line) {
	c.t.Helper()
	n := 0
	for _, l := range list {
		if !c.nobody && strings.HasPrefix(l.script, netns.AsNobody) {
			continue
		}
		n++
		want := c.run(debianPath, l.script)
		if l.reset != "" {
			c.run(debianPath, l.reset)
		}
		got := c.run(c.path, l.script)
		if l.reset != "" {
			c.run(debianPath, l.reset)
		}
		var diff strings.Builder
		if got.code != want.code {
			fmt.Fprintf(&diff, "exit code %d, want %d\n", got.code, want.code)
		}
		for _, s := range []struct{ name, got, want string }{{"stdout", got.stdout, want.stdout}, {"stderr", got.stderr, want.stderr}} {
			if g, w := masked(s.got), masked(s.want); g != w {
				fmt.Fprintf(&diff, "%s:\n%s", s.name, firstDifference(g, w))
			}
		}
		if diff.Len() > 0 {
			c.t.Errorf("%s\n%s", l.script, diff.String())
		}
	}
	c.t.Logf("%d command lines compared", n)
}

// firstDifference shows the first lines that differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < max(len(g), len(w)); i++ {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b || i >= len(g) || i >= len(w) {
			return fmt.Sprintf("  line %d of %d: %q\n  want line of %d: %q\n", i+1, len(g), a, len(w), b)
		}
	}
	return ""
}

// spawnClient starts the helper program and waits until it is ready.
func (c comparison) spawnClient(id int, name string, args ...string) {
	c.t.Helper()
	p := c.Node(id).Spawn(name, append([]string{netns.BuildGo(c.t, "tests/interop/testdata/client")}, args...)...)
	c.Eventually(formTimeout, func() error {
		if strings.Contains(p.Output(), "ready") {
			return nil
		}
		return fmt.Errorf("%s is not ready: %s", name, p.Output())
	})
}

// optionLines are decided before any daemon is asked.
const optionLines = `
	corosync-cfgtool
	corosync-cfgtool -h
	corosync-cfgtool --help
	corosync-cfgtool -z
	corosync-cfgtool -bz
	corosync-cfgtool -b
	corosync-cfgtool -r
	corosync-cfgtool -i
	corosync-cfgtool --if
	corosync-cfgtool --re
	corosync-cfgtool --s
	corosync-cfgtool --status=1
	corosync-cfgtool -k
	corosync-cfgtool -k 0
	corosync-cfgtool -k x
	corosync-cfgtool -a -1
	corosync-cfgtool -a 4294967296
	corosync-cfgtool -a ' 0'
	corosync-cfgtool -a 99999999999999999999
	corosync-cfgtool --force
	corosync-cfgtool -- -s
	corosync-quorumtool -h
	corosync-quorumtool --help
	corosync-quorumtool -V
	corosync-quorumtool -z
	corosync-quorumtool -sz
	corosync-quorumtool -e
	corosync-quorumtool -e 0
	corosync-quorumtool -e x
	corosync-quorumtool -e 2147483648
	corosync-quorumtool -v x
	corosync-quorumtool -v -1
	corosync-quorumtool -n 0
	corosync-quorumtool -n 5 -o z
	corosync-quorumtool -o z -h
	corosync-quorumtool -hV
	corosync-cmapctl -h
	corosync-cmapctl --help
	corosync-cmapctl -z
	corosync-cmapctl -g
	corosync-cmapctl -s
	corosync-cmapctl -d
	corosync-cmapctl -D
	corosync-cmapctl -t
	corosync-cmapctl -T
	corosync-cmapctl -m
	corosync-cmapctl -m x
	corosync-cmapctl -C x
	corosync-cmapctl -C
	corosync-cmapctl -p
	corosync-cpgtool -h
	corosync-cpgtool --help
	corosync-cpgtool -z
	corosync-cpgtool -d
	corosync-keygen -h
	corosync-keygen --help
	corosync-keygen --he
	corosync-keygen -z
	corosync-keygen -s
	corosync-keygen -s 127
	corosync-keygen -s 4097
	corosync-keygen -s x
	corosync-keygen -s ''
	corosync-keygen -s 128x
	corosync-keygen -s 128 -h
	corosync-keygen -r /nonexistent
	corosync-keygen -r /
	corosync-keygen -k /nonexistent/key
	corosync-keygen -k /
	rm -f /tmp/k; corosync-keygen -l -k /tmp/k; echo $?; stat -c '%a %s' /tmp/k; rm -f /tmp/k
	rm -f /tmp/k; corosync-keygen --size 4096 --key-file=/tmp/k extra; stat -c '%a %s' /tmp/k; corosync-keygen -k /tmp/k; stat -c '%a %s' /tmp/k; rm -f /tmp/k
	rm -f /tmp/k; corosync-keygen -r /dev/zero -s 128 -k /tmp/k; od -An -tx1 /tmp/k; rm -f /tmp/k
	rm -f /tmp/k; corosync-keygen -r /dev/random -k /tmp/k; rm -f /tmp/k
	POSIXLY_CORRECT=1 corosync-keygen x -h; rm -f /tmp/k
	corosync-keygen -k /dev/full
`

// noDaemonLines are what a machine without a running daemon answers.
const noDaemonLines = `
	corosync-cfgtool -s
	corosync-cfgtool -n
	corosync-cfgtool -R
	corosync-cfgtool -L
	corosync-cfgtool -H
	corosync-cfgtool -a 1
	corosync-cfgtool -k 2
	corosync-quorumtool
	corosync-quorumtool -l
	corosync-quorumtool -m
	corosync-quorumtool -e 3
	corosync-cmapctl
	corosync-cmapctl -g totem.version
	corosync-cmapctl -s a.b u8
	corosync-cmapctl -m stats
	corosync-cpgtool
	corosync-cpgtool -n
`

// statusLines only look.
const statusLines = `
	corosync-cfgtool -s
	corosync-cfgtool -sb
	corosync-cfgtool -b --status
	corosync-cfgtool -n
	corosync-cfgtool --nodes -i 10.0.0.1
	corosync-cfgtool -ns
	corosync-cfgtool -a 1
	corosync-cfgtool -a 2
	corosync-cfgtool --addr 2 -a3
	corosync-cfgtool -a 9
	corosync-cfgtool -a 4294967295
	corosync-cfgtool -L
	corosync-cfgtool -k 9
	corosync-cfgtool -k 4294967295
	corosync-quorumtool
	corosync-quorumtool -s
	corosync-quorumtool -p
	corosync-quorumtool -siH
	corosync-quorumtool -l
	corosync-quorumtool -lp
	corosync-quorumtool -lia
	corosync-quorumtool -la
	corosync-quorumtool -lo n
	corosync-quorumtool -l -o i -H
	corosync-quorumtool -l ignored -i operands
	corosync-quorumtool -f
	corosync-quorumtool -e 1
	corosync-quorumtool -n 9 -v 2
	corosync-quorumtool -v 99
	corosync-cmapctl
	corosync-cmapctl -b
	corosync-cmapctl totem.
	corosync-cmapctl totem. nodelist.node.0
	corosync-cmapctl nosuch
	corosync-cmapctl nosuch totem.version
	corosync-cmapctl -g totem.version totem.token
	corosync-cmapctl -qg totem.version
	corosync-cmapctl -g totem.version nosuch.key totem.token
	corosync-cmapctl -g ''
	corosync-cmapctl -g $(printf 'x%.0s' $(seq 255))
	corosync-cmapctl -g $(printf 'x%.0s' $(seq 256))
	corosync-cmapctl $(printf 'x%.0s' $(seq 256))
	corosync-cmapctl -d nosuch.key
	corosync-cmapctl -d totem.version
	corosync-cmapctl -D nosuch
	corosync-cmapctl -D totem.vers
	corosync-cmapctl -s totem.version u32 3
	corosync-cmapctl -s a.b
	corosync-cmapctl -s a.b u8
	corosync-cmapctl -s a.b u9 1
	corosync-cmapctl -s a.b u8 x
	corosync-cmapctl -s a.b u8 256
	corosync-cmapctl -s a.b u8 ''
	corosync-cmapctl -s -- a.b u8 -1
	corosync-cmapctl -s -- a.b i8 -129
	corosync-cmapctl -s a.b i8 128
	corosync-cmapctl -s a.b i16 32768
	corosync-cmapctl -s a.b u16 65536
	corosync-cmapctl -s a.b i32 2147483648
	corosync-cmapctl -s a.b u32 4294967296
	corosync-cmapctl -s a.b flt x
	corosync-cmapctl -s a.b dbl .
	corosync-cmapctl -s a.b flt 0x
	corosync-cmapctl -s a.b bin /nonexistent
	corosync-cmapctl -s a.b bin /dev/null
	corosync-cmapctl -s ab u8 1
	corosync-cmapctl -s 'a b' u8 1
	corosync-cmapctl -s $(printf 'x%.0s' $(seq 256)) u8 1
	head -c 16385 /dev/zero | corosync-cmapctl -s a.b bin -
	corosync-cmapctl -p /nonexistent
	corosync-cmapctl -p -
	corosync-cmapctl -m stats stats.pg stats.srp stats.knet.handle stats.knet.node
	corosync-cmapctl -m stats stats.ipcs.global
	corosync-cmapctl -m stats -g stats.nosuch
	corosync-cmapctl -m stats -s stats.x u8 1
	corosync-cmapctl -m stats -s stats.clear.x u8 1
	corosync-cmapctl -m stats -d stats.clear.all
	corosync-cmapctl -m stats -t stats.srp.mcast_tx </dev/null
	corosync-cmapctl -m icmap -m bogus totem.version
	corosync-cmapctl -C all -m icmap totem.version
	corosync-cmapctl -C knet; corosync-cmapctl -C ipc x; corosync-cmapctl -C totem; corosync-cmapctl -C schedmiss; corosync-cmapctl -C all
	echo q | corosync-cmapctl -T a.
	corosync-cmapctl -t a.b </dev/null
	corosync-cpgtool
	corosync-cpgtool -e
	corosync-cpgtool -n
	corosync-cpgtool -n -d ';'
	corosync-cpgtool -d ';'
	corosync-cpgtool -d ''
	corosync-cpgtool -d xyz -e
	corosync-cpgtool extra operands -n
	` + netns.AsNobody + `corosync-cfgtool -s
	` + netns.AsNobody + `corosync-cfgtool -R
	` + netns.AsNobody + `corosync-cmapctl totem.
	` + netns.AsNobody + `corosync-cpgtool
	` + netns.AsNobody + `corosync-quorumtool
`

// changeLines change keys and clean up behind them.
var changeLines = []line{
	{"for t in i8 u8 i16 u16 i32 u32 i64 u64 flt dbl str bin; do corosync-cmapctl -s lt.$t $t 12 </dev/null; done; corosync-cmapctl -b lt.; corosync-cmapctl -g lt.str lt.dbl; corosync-cmapctl -qg lt.flt", "corosync-cmapctl -D lt."},
	{"corosync-cmapctl -s lt.a u32 0x10; corosync-cmapctl -s lt.b u32 ' 7x'; corosync-cmapctl -s -- lt.c i64 -99999999999999999999; corosync-cmapctl -s lt.d u64 99999999999999999999; corosync-cmapctl -s -- lt.e u64 -1; corosync-cmapctl lt.", "corosync-cmapctl -D lt."},
	{"for v in 1e3 .5 0x1p4 inf nan 1e99 -2.5e-3 1e 3.4028236e38; do corosync-cmapctl -s -- lt.f flt $v; corosync-cmapctl -s -- lt.d dbl $v; corosync-cmapctl lt.; done", "corosync-cmapctl -D lt."},
	{"printf 'a\\\\b\\001\\377 z' | corosync-cmapctl -s lt.bin bin -; corosync-cmapctl -b lt.; corosync-cmapctl lt.; corosync-cmapctl -q -g lt.bin; corosync-cmapctl -bqg lt.bin", "corosync-cmapctl -D lt."},
	{"head -c 16384 /dev/zero | corosync-cmapctl -s lt.big bin -; corosync-cmapctl -b lt.big | wc -c; corosync-cmapctl -s lt.str str \"$(head -c 4000 /dev/zero | tr '\\0' x)\"; corosync-cmapctl -g lt.str | wc -c", "corosync-cmapctl -D lt."},
	{"corosync-cmapctl -s lt.k str ''; corosync-cmapctl -g lt.k; corosync-cmapctl -s lt.k u8 1 more words; corosync-cmapctl -g lt.k; corosync-cmapctl -d lt.k lt.k; corosync-cmapctl -g lt.k", "corosync-cmapctl -D lt."},
	{"printf '# comment\\n\\n  lt.a u8 1\\nlt.b str two words\\n\\t#x\\nlt.c u16 3 # rest\\n^lt.a\\n^lt.none\\nlt.x/y u8 1\\nlt.x.z u8 2\\n^^lt.x\\n^\\nlt.last i8 4' >/tmp/s; corosync-cmapctl -p /tmp/s; echo $?; corosync-cmapctl lt.", "corosync-cmapctl -D lt."},
	{"printf 'lt.a u8 1\\nlt.b u8\\nlt.c u8 3\\n' >/tmp/s; corosync-cmapctl -p /tmp/s", "corosync-cmapctl -D lt."},
	{"printf 'lt.a u8 1\\nlt.b u8 x\\nlt.c u8 3\\n' >/tmp/s; corosync-cmapctl -p /tmp/s; corosync-cmapctl lt.", "corosync-cmapctl -D lt."},
	{"printf 'lt.a u8 1\\ntotem.version u32 9\\nlt.c u8 3\\n' >/tmp/s; corosync-cmapctl -p /tmp/s; corosync-cmapctl lt.", "corosync-cmapctl -D lt."},
	{"(sleep 0.7; corosync-cmapctl -s lt.k u8 1; corosync-cmapctl -s lt.k u8 1; corosync-cmapctl -s lt.k u8 2; corosync-cmapctl -s lt.k str x; corosync-cmapctl -d lt.k; sleep 0.7; echo q) | corosync-cmapctl -T lt.", "corosync-cmapctl -D lt."},
	{"(sleep 0.7; corosync-cmapctl -s lt.k u8 1; corosync-cmapctl -s lt.kk u8 2; corosync-cmapctl -d lt.k; sleep 0.7; echo q) | corosync-cmapctl -t lt.k", "corosync-cmapctl -D lt."},
	{"(sleep 0.7; printf 'a\\200' | corosync-cmapctl -s lt.k bin -; corosync-cmapctl -d lt.k; sleep 0.7; echo q) | corosync-cmapctl -bT lt.k", "corosync-cmapctl -D lt."},
	{"corosync-quorumtool -e 5; corosync-quorumtool -p; corosync-quorumtool -l", "corosync-quorumtool -e 3"},
	{"corosync-quorumtool -v 2 -n 2; sleep 0.3; corosync-quorumtool -s", "corosync-quorumtool -v 1 -n 2; sleep 0.3; corosync-quorumtool -e 3; sleep 0.3"},
	{"corosync-quorumtool -v 0; sleep 0.3; corosync-quorumtool -l", "corosync-quorumtool -v 1; sleep 0.3; corosync-quorumtool -e 3; sleep 0.3"},
	{"stdbuf -oL timeout 1 corosync-quorumtool -m </dev/null", ""},
	{"corosync-cfgtool -R; sleep 0.5", ""},
	{"cp /etc/corosync/corosync.conf /tmp/c; echo 'nonsense {' >>/etc/corosync/corosync.conf; corosync-cfgtool -R; e=$?; cp /tmp/c /etc/corosync/corosync.conf; exit $e", "corosync-cfgtool -R; sleep 0.5"},
	{"corosync-cmapctl -s nodelist.node.0.name str x; corosync-cmapctl -d runtime.config.totem.token", ""},
}

func TestToolOptions(t *testing.T) {
	c := newComparison(t, netns.Options{})
	c.compare(lines(optionLines))
	c.compare(lines(noDaemonLines))
}

func TestToolsKnet(t *testing.T) {
	c := newComparison(t, netns.Options{Nodes: 3, Links: 2, Transport: netns.Knet})
	c.Start()
	c.WaitRing(formTimeout)
	c.spawnClient(1, "groups1", "attrd", "we\\ird \tname\xff", "two")
	c.spawnClient(2, "groups2", "attrd", "two")
	c.waitLinks("n33")
	c.compare(lines(statusLines))
	c.compare(changeLines)

	// A dead link shows before the node does.
	c.SetLink(1, 3, false)
	c.waitLinks("n31")
	c.compare(lines(statusLines)[:16])
}

// waitLinks waits until link 1 has a state, as the brief status shows it.
func (c comparison) waitLinks(state string) {
	c.t.Helper()
	c.Eventually(formTimeout, func() error {
		out := c.run(debianPath, "corosync-cfgtool -sb").stdout
		if strings.HasSuffix(strings.TrimSpace(out), "= "+state) {
			return nil
		}
		return fmt.Errorf("link state: %s", out)
	})
}

func TestToolsUDPU(t *testing.T) {
	c := newComparison(t, netns.Options{Nodes: 3})
	c.Start()
	c.WaitRing(formTimeout)
	c.compare(lines(statusLines))

	// A minority: every status without quorum.
	c.Node(2).Kill()
	c.Node(3).Kill()
	c.WaitRing(formTimeout, 1)
	c.compare(lines(statusLines)[:29])
}

func TestToolsWithoutProvider(t *testing.T) {
	c := newComparison(t, netns.Options{Quorum: []netns.KV{{Key: "provider", Value: ""}}})
	conf := strings.ReplaceAll(c.Opt.Conf(), "\tprovider: \n", "")
	if err := c.Node(1).WriteConf(conf); err != nil {
		t.Fatal(err)
	}
	c.Start()
	c.Eventually(formTimeout, func() error {
		if r := c.run(debianPath, "corosync-cmapctl -g totem.version"); r.code != 0 {
			return fmt.Errorf("%s", r.stderr)
		}
		return nil
	})
	c.compare(lines(`
		corosync-quorumtool
		corosync-quorumtool -l
		corosync-quorumtool -lp
		corosync-quorumtool -m
		corosync-quorumtool -e 1
		corosync-quorumtool -v 1
		corosync-quorumtool -f
		corosync-cfgtool -s
		corosync-cfgtool -n
	`))
}

func TestToolsQdevice(t *testing.T) {
	c := newComparison(t, netns.Options{
		Nodes:      2,
		QuorumText: qdeviceConf,
	})
	c.Start()
	c.WaitRing(formTimeout)
	c.spawnClient(1, "qdevice", "qdevice", "Qdevice")
	look := `
		corosync-quorumtool
		corosync-quorumtool -p
		corosync-quorumtool -lHi
		corosync-quorumtool -l -o n
	`
	c.compare(lines(look))
	if r := c.run(c.path, "corosync-quorumtool -f"); r != (toolRun{}) {
		t.Errorf("corosync-quorumtool -f: %+v", r)
	}
	if r := c.run(debianPath, "corosync-quorumtool -p"); strings.Contains(r.stdout, "Qdevice \n") || strings.Contains(r.stdout, "A,V,NMW") {
		t.Errorf("device still registered:\n%s", r.stdout)
	}
	c.compare(lines(look))
}

// TestToolsShutdown stops one daemon with each set of tools.
func TestToolsShutdown(t *testing.T) {
	c := newComparison(t, netns.Options{})
	var results []toolRun
	for _, path := range []string{debianPath, c.path} {
		c.Start(1)
		c.WaitRing(formTimeout)
		results = append(results, c.run(path, "corosync-cfgtool -H --force"))
		if code, ok := c.Node(1).Proc().Wait(formTimeout); !ok || code != 0 {
			t.Fatalf("daemon after shutdown: %d, ended %v", code, ok)
		}
	}
	if results[0] != results[1] {
		t.Errorf("got %+v, want %+v", results[1], results[0])
	}
}
