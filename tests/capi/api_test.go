//go:build linux

package capi

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// program is a C program of testdata/api; it has the name of the function that
// it tests.
type program struct {
	name string
	lib  string // what it is linked with: cpg, cmap, ...
	src  string
}

// library tells which one exports a function.
func library(function string) string {
	switch {
	case strings.HasPrefix(function, "corosync_cfg_"):
		return "cfg"
	case strings.HasPrefix(function, "qb_"), strings.HasPrefix(function, "hdb_"), strings.HasPrefix(function, "cs_"):
		return "corosync_common"
	}
	lib, _, _ := strings.Cut(function, "_")
	return lib
}

// programs are all of testdata/api, by name.
func programs(t *testing.T) []program {
	t.Helper()
	files, err := filepath.Glob("testdata/api/*.c")
	if err != nil {
		t.Fatal(err)
	}
	only := regexp.MustCompile(os.Getenv("COROSYNC_API_ONLY"))
	var out []program
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".c")
		if only.MatchString(name) {
			out = append(out, program{name: name, lib: library(name), src: f})
		}
	}
	return out
}

// What a program says of itself in a comment of its source.
func (p program) says(t *testing.T, what string) bool {
	t.Helper()
	b, err := os.ReadFile(p.src)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), "#define "+what)
}

// sonames of the libraries, by the name that the linker knows.
var sonames = map[string]string{
	"cpg": "libcpg.so.4", "cmap": "libcmap.so.4", "quorum": "libquorum.so.5", "votequorum": "libvotequorum.so.8",
	"cfg": "libcfg.so.7", "sam": "libsam.so.4", "corosync_common": "libcorosync_common.so.4",
}

// compilePrograms builds every program against Debian's libraries and our headers, two
// at a time, into a directory that lives as long as the test.
func compilePrograms(t *testing.T, ps []program) string {
	t.Helper()
	cc := compiler(t)
	debianLibraries(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // one program runs as another user
		t.Fatal(err)
	}
	limit := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for _, p := range ps {
		wg.Add(1)
		go func() {
			defer wg.Done()
			limit <- struct{}{}
			defer func() { <-limit }()
			args := []string{"-D_GNU_SOURCE", "-O0", "-Wall", "-Wextra", "-Werror", "-I" + ourHeaders(), "-Itestdata/api",
				"-o", filepath.Join(dir, p.name), p.src, "-l:" + sonames[p.lib], "-lpthread"}
			if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
				t.Errorf("gcc %s: %v\n%s", p.src, err, out)
			}
		}()
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return dir
}

// side is a choice of libraries and daemon.
type side struct {
	name   string
	daemon netns.Daemon
	libs   string // directory of the libraries; empty means Debian's
	tail   string // of the configuration
	ipc    string // protocol; empty means the default
}

// can are the programs whose library this side has.
func (sd side) can(ps []program) []program {
	return choose(ps, func(p program) bool {
		if sd.libs == "" {
			return true
		}
		_, err := os.Stat(filepath.Join(sd.libs, sonames[p.lib]))
		return err == nil
	})
}

// stage runs programs in the one node of a cluster.
type stage struct {
	t    *testing.T
	c    *netns.Cluster
	n    *netns.Node
	side side
	bin  string
	out  string
	text map[string]string // "mode program" -> what it said
}

const (
	formTimeout = 30 * time.Second
	runTimeout  = 150 * time.Second
)

// script runs programs one after the other, or at once, and leaves what each
// says in a file of its own.
const script = `mode=$1; together=$2; shift 2
one() {
	timeout -k 2 60 $AS $BIN/$1 $mode >$OUT/"$mode $1" 2>&1 </dev/null
	rc=$?
	echo "exit status $rc" >>$OUT/"$mode $1"
}
for p; do
	if [ $together = yes ]; then one $p & else one $p; fi
done
wait
`

// start runs programs in a mode and returns at once.
func (s *stage) start(mode string, together bool, as string, ps []program) *netns.Proc {
	argv := []string{"env", "OUT=" + s.out, "BIN=" + s.bin, "AS=" + as, "API_SIGNS=" + s.signs(), "API_MAPS=" + filepath.Join(s.out, "maps")}
	if s.side.libs != "" {
		argv = append(argv, "LD_LIBRARY_PATH="+s.side.libs)
	}
	if s.side.ipc != "" {
		argv = append(argv, ipcVariable+s.side.ipc)
	}
	argv = append(argv, "sh", "-c", script, "sh", mode)
	if together {
		argv = append(argv, "yes")
	} else {
		argv = append(argv, "no")
	}
	for _, p := range ps {
		argv = append(argv, p.name)
	}
	return s.n.Spawn("programs", argv...)
}

func (s *stage) signs() string { return filepath.Join(s.out, "signs") }

// collect waits for the end of the programs and takes what they have said.
func (s *stage) collect(proc *netns.Proc, mode, label string, ps []program) {
	s.t.Helper()
	if _, ok := proc.Wait(runTimeout); !ok {
		s.t.Errorf("%s: programs in mode %s still run after %v", s.side.name, mode, runTimeout)
	}
	for _, p := range ps {
		b, err := os.ReadFile(filepath.Join(s.out, mode+" "+p.name))
		if err != nil {
			s.t.Errorf("%s: %s %s: %v", s.side.name, mode, p.name, err)
			continue
		}
		s.text[label+" "+p.name] = known.Replace(chatter.ReplaceAllString(string(b), ""))
	}
}

// chatter is what the C library says of a long message while the queue is full.
var chatter = regexp.MustCompile(`(?m)^sleep\. counter=\d+\n`)

// known are answers of the C library that are wrong, and ours that are not.
var known = strings.NewReplacer(
	// Without a daemon it returns what it had not set; 0 is no value of cs_error_t.
	`corosync_cfg_kill_node(h, 77, "because"): 0`, `corosync_cfg_kill_node(h, 77, "because"): LIBRARY`,
	`corosync_cfg_kill_node(h, 1, "a test"): 0`, `corosync_cfg_kill_node(h, 1, "a test"): LIBRARY`,
)

func (s *stage) run(mode, as, label string, ps []program) {
	s.t.Helper()
	if len(ps) > 0 {
		s.collect(s.start(mode, false, as, ps), mode, label, ps)
	}
}

// waitSigns waits until every program has told the word.
func (s *stage) waitSigns(word string, ps []program) {
	s.t.Helper()
	s.c.Eventually(30*time.Second, func() error {
		for _, p := range ps {
			if _, err := os.Stat(filepath.Join(s.signs(), p.name+"."+word)); err != nil {
				b, _ := os.ReadFile(filepath.Join(s.out, "dead "+p.name))
				if strings.Contains(string(b), "exit status") {
					continue // it has ended; what it said will show
				}
				return fmt.Errorf("%s: %s is not %s", s.side.name, p.name, word)
			}
		}
		return nil
	})
}

// restart writes a configuration and starts the daemon on it.
func (s *stage) restart(opt netns.Options) {
	s.t.Helper()
	if s.n.Running() {
		s.n.Stop()
	}
	if err := s.n.WriteConf(opt.Conf()); err != nil {
		s.t.Fatal(err)
	}
	s.c.UpAndFormed(formTimeout)
}

func choose(ps []program, f func(program) bool) []program {
	return slices.DeleteFunc(slices.Clone(ps), func(p program) bool { return !f(p) })
}

func initializer(p program) bool {
	return strings.HasSuffix(p.name, "_initialize") && p.lib != "sam" && p.lib != "corosync_common"
}

// options is the usual configuration, with a short token: what is tested is no protocol.
func (sd side) options() netns.Options {
	return netns.Options{Daemon: sd.daemon, TokenMS: 500, Tail: sd.tail}
}

// device is a configuration with a quorum device. Nobody looks after it, but a
// library may register one.
func device(opt netns.Options) netns.Options {
	opt.QuorumText = "\tdevice {\n\t\tmodel: net\n\t\tvotes: 1\n\t\ttimeout: 3000\n\t\tsync_timeout: 3000\n\t\tnet {\n\t\t\thost: 127.0.0.1\n\t\t}\n\t}\n"
	return opt
}

// transcripts runs all programs in all modes on one side.
func transcripts(t *testing.T, sd side, bin string, ps []program) map[string]string {
	t.Helper()
	opt := sd.options()
	c := netns.New(t, opt)
	s := &stage{t: t, c: c, n: c.Node(1), side: sd, bin: bin, out: filepath.Join(c.Dir(), "api"), text: map[string]string{}}
	for _, d := range []string{c.Dir(), s.out, s.signs()} {
		_ = os.MkdirAll(d, 0o777)
		if err := os.Chmod(d, 0o777); err != nil { // the programs of the other user write too
			t.Fatal(err)
		}
	}
	if sd.tail == overSockets {
		s.c.UpAndFormed(formTimeout)
		s.run("live", "", "live", ps)
		s.dying(ps)
		return s.text
	}
	inits := choose(ps, initializer)
	is := func(what string) func(program) bool { return func(p program) bool { return p.says(t, what) } }

	s.run("none", "", "without a daemon", inits)

	if len(inits) > 0 {
		proc := s.start("start", true, "", inits)
		s.waitSigns("ready", inits)
		s.n.Start()
		s.collect(proc, "start", "while it starts", inits)
		clearSigns(t, s.signs())
	} else {
		s.restart(opt)
	}
	s.c.WaitRing(formTimeout)
	if s.n.HasNobody() {
		s.run("none", netns.AsNobody, "as another user", inits)
	} else {
		t.Logf("%s: nothing as another user: this namespace has one", sd.name)
	}
	s.run("emfile", "", "without a descriptor", inits)
	enders := choose(ps, is("ENDS_DAEMON"))
	devices := choose(ps, is("NEEDS_DEVICE"))
	s.run("live", "", "live", choose(ps, func(p program) bool { return !p.says(t, "ENDS_DAEMON") && !p.says(t, "NEEDS_DEVICE") }))
	if !s.n.Running() {
		t.Fatalf("%s: the daemon has ended", sd.name)
	}
	s.n.Proc().Continue() // a program has stopped it for a while, and who waits for it has stopped too
	for _, p := range enders {
		if !s.n.Running() {
			s.restart(opt)
		}
		s.run("live", "", "live", []program{p})
		code, ok := s.n.Proc().Wait(10 * time.Second)
		s.text["live "+p.name] += fmt.Sprintf("the daemon has ended %v with %d\n", ok, code)
	}

	s.restart(device(opt))
	s.run("live", "", "live", devices)

	s.dying(ps)
	if b, err := os.ReadFile(filepath.Join(s.out, "maps")); err == nil {
		checkMaps(t, sd, string(b))
	}
	return s.text
}

// dying lets the daemon die beneath the programs of one library after the other.
func (s *stage) dying(ps []program) {
	s.t.Helper()
	for _, lib := range slices.Sorted(maps.Keys(sonames)) {
		group := choose(ps, func(p program) bool {
			return p.lib == lib && lib != "corosync_common" && lib != "sam" && !p.says(s.t, "NO_DEAD")
		})
		if len(group) == 0 {
			continue
		}
		clearSigns(s.t, s.signs())
		proc := s.start("dead", true, "", group)
		s.waitSigns("ready", group)
		s.n.Kill()
		if err := os.WriteFile(filepath.Join(s.signs(), "killed"), nil, 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.waitSigns("gone", group)
		s.c.UpAndFormed(formTimeout)
		s.collect(proc, "dead", "with a daemon that dies", group)
	}
}

func clearSigns(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

var corosyncLibrary = regexp.MustCompile(`\S*/lib(cpg|cmap|quorum|votequorum|cfg|sam|corosync_common)\.so\S*`)

// checkMaps looks whether the programs used the libraries that they were to use.
func checkMaps(t *testing.T, sd side, maps string) {
	t.Helper()
	seen := map[string]bool{}
	for _, path := range corosyncLibrary.FindAllString(maps, -1) {
		ours := sd.libs != "" && strings.HasPrefix(path, sd.libs)
		if ours != (sd.libs != "") && !seen[path] {
			t.Errorf("%s: a program has loaded %s", sd.name, path)
		}
		seen[path] = true
	}
	if len(seen) == 0 {
		t.Errorf("%s: no library of corosync was loaded", sd.name)
	}
}

// TestFunctions runs every program with Debian's libraries and with ours, on the
// C daemon and on ours, there over both protocols; all must say the same. Then it runs those of the services once more, with a
// daemon that lives and one that dies, while messages go over sockets. There the descriptor does not show that the daemon is
// gone, with the C libraries as with ours.
func TestFunctions(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "timeout", "setpriv")
	ps := programs(t)
	bin := compilePrograms(t, ps)
	t.Run("shared memory", func(t *testing.T) { compareSides(t, ps, bin, "") })
	t.Run("sockets", func(t *testing.T) {
		compareSides(t, choose(ps, func(p program) bool {
			return !p.says(t, "ENDS_DAEMON") && !p.says(t, "NEEDS_DEVICE") && p.lib != "corosync_common" && p.lib != "sam"
		}), bin, overSockets)
	})
}

// overSockets makes clients and daemon exchange messages over sockets instead of shared memory.
const overSockets = "\nsystem {\n\tqb_ipc_type: socket\n}\n"

// compareSides runs programs on all sides; over coroipc there are no sockets to choose.
func compareSides(t *testing.T, ps []program, bin, tail string) {
	c, g := netns.CDaemon(), netns.GoDaemon(t)
	sides := []side{{name: "Debian's libraries on the C daemon", daemon: c}, {name: "Debian's libraries on our daemon", daemon: g}}
	if libs, why := builtLibraries(t); why == "" {
		sides = append(sides, side{name: "our libraries on the C daemon", daemon: c, libs: libs}, side{name: "our libraries on our daemon", daemon: g, libs: libs})
		if tail == "" {
			sides = append(sides, side{name: "our libraries on our daemon over coroipc", daemon: g, libs: libs, ipc: "coroipc"})
		}
	} else {
		t.Logf("without our libraries: %s", why)
	}
	texts := make([]map[string]string, len(sides))
	t.Run("run", func(t *testing.T) {
		for i, sd := range sides {
			sd.tail = tail
			t.Run(sd.name, func(t *testing.T) {
				t.Parallel()
				texts[i] = transcripts(t, sd, bin, sd.can(ps))
			})
		}
	})
	if dir := os.Getenv("COROSYNC_API_TRANSCRIPTS"); dir != "" {
		save(t, dir, sides, texts)
	}
	if texts[0] == nil {
		t.Fatal("there is no reference")
	}
	for _, key := range slices.Sorted(maps.Keys(texts[0])) {
		want := texts[0][key]
		if strings.Contains(want, "the program ends here") || strings.Contains(want, "exit status 1") || !strings.Contains(want, "-- end") {
			t.Errorf("%s: with Debian's libraries on the C daemon:\n%s", key, want)
		}
		for i := range sides[1:] {
			if got, ok := texts[i+1][key]; ok && got != want {
				t.Errorf("%s: %s (- reference, + this side):\n%s", key, sides[i+1].name, lineDiff(want, got))
			}
		}
	}
}

// save leaves what was said in files, for reading.
func save(t *testing.T, dir string, sides []side, texts []map[string]string) {
	t.Helper()
	for i, sd := range sides {
		for key, text := range texts[i] {
			p := filepath.Join(dir, strings.ReplaceAll(sd.name, " ", "-"), strings.ReplaceAll(key, " ", "-"))
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// lineDiff shows the lines that differ, with the longest common sequence left out.
func lineDiff(want, got string) string {
	w, g := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.TrimSpace(got), "\n")
	n := make([][]int, len(w)+1) // n[i][j]: longest common sequence of w[i:] and g[j:]
	for i := range n {
		n[i] = make([]int, len(g)+1)
	}
	for i := len(w) - 1; i >= 0; i-- {
		for j := len(g) - 1; j >= 0; j-- {
			if w[i] == g[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	var out []string
	last := ""
	for i, j := 0, 0; i < len(w) || j < len(g); {
		switch {
		case i < len(w) && j < len(g) && w[i] == g[j]:
			last = w[i]
			i, j = i+1, j+1
		case j == len(g) || i < len(w) && n[i+1][j] >= n[i][j+1]:
			out = append(out, before(&last)+"- "+w[i])
			i++
		default:
			out = append(out, before(&last)+"+ "+g[j])
			j++
		}
	}
	return strings.Join(out, "\n")
}

// before is the line before a difference, once.
func before(last *string) string {
	if *last == "" {
		return ""
	}
	s := "  " + *last + "\n"
	*last = ""
	return s
}
