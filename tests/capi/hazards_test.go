//go:build linux

package capi

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// hostTimeout bounds the life of one host program.
const hostTimeout = 60 * time.Second

// host runs a program with the libraries of dir, or the system's if dir is empty.
func host(t *testing.T, dir string, argv ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hostTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Env = os.Environ()
	if dir != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+dir)
	}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.String(), err
}

// ipcVariable, with a protocol behind it, makes our libraries speak that.
const ipcVariable = "COROSYNC_IPC="

// protocols are those that our libraries and our daemon speak.
var protocols = []string{"qb", "coroipc"}

// over is a command line whose program speaks a protocol.
func over(protocol string, argv ...string) []string {
	return append([]string{"env", ipcVariable + protocol}, argv...)
}

// TestStockTools: Debian's tools print with our libraries what they print with Debian's.
func TestStockTools(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "corosync-cpgtool", "corosync-cfgtool", "corosync-cmapctl")
	dir := needLibraries(t)
	inProcessNode(t)
	varying := regexp.MustCompile(`(?m)^Date: .*|stats\.ipcs\..*|runtime\.connections.*|^.*(timestamp|latency|token_).*`)
	for _, line := range []string{
		"corosync-quorumtool -s", "corosync-quorumtool -l", "corosync-cfgtool -s", "corosync-cfgtool -n", "corosync-cpgtool",
		"corosync-cpgtool -e", "corosync-cmapctl", "corosync-cmapctl -g totem.cluster_name", "corosync-cmapctl -g no.such.key",
		"corosync-cmapctl -s capi.test str one", "corosync-cmapctl -d capi.test", "corosync-cfgtool -a 1", "corosync-cfgtool -k 9",
		"corosync-quorumtool -e 1", "corosync-quorumtool -v 1 -n 7", "corosync-cmapctl -m stats",
	} {
		argv := strings.Fields(line)
		set := []string{"corosync-cmapctl", "-s", "capi.test", "str", "one"} // the same to begin with
		host(t, "", set...)
		want, wantErr := host(t, "", argv...)
		want = varying.ReplaceAllString(want, "")
		value := regexp.MustCompile(`(?m) = .*$`)
		if line == "corosync-cmapctl -m stats" { // values move; the keys are compared
			want = value.ReplaceAllString(want, "")
		}
		for _, p := range protocols {
			host(t, "", set...)
			got, err := host(t, dir, over(p, argv...)...)
			got = varying.ReplaceAllString(got, "")
			if line == "corosync-cmapctl -m stats" {
				got = value.ReplaceAllString(got, "")
			}
			if got != want || netns.ExitCode(err) != netns.ExitCode(wantErr) {
				t.Errorf("%s over %s: exit %v, want %v\ngot:\n%s\nwant:\n%s", line, p, err, wantErr, got, want)
			}
		}
	}
}

// compile builds a host program of testdata/hazards against this tree's headers and libraries.
func compile(t *testing.T, dir, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("gcc", "-O1", "-g", "-Wall", "-Wno-clobbered", "-I../../include", "-o", out, filepath.Join("testdata/hazards", name+".c"),
		"-L"+dir, "-lcpg", "-lcmap", "-lquorum", "-lvotequorum", "-lcfg", "-lcorosync_common", "-lpthread", "-ldl")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// well runs a host program of which nothing is to be heard.
func well(t *testing.T, dir string, argv ...string) {
	t.Helper()
	if out, err := host(t, dir, argv...); err != nil || out != "" {
		t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// TestFork is the gate: initialize, fork, use in child, grandchild and parent, for every library; with the first call after the
// fork, and with threads in the library, or one that loads it, at the moment of the fork.
func TestFork(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	prog := compile(t, dir, "fork")
	for _, when := range []string{"after", "before", "amid", "loading"} {
		for _, lib := range []string{"cpg", "cmap", "quorum", "votequorum", "cfg"} {
			for _, p := range protocols {
				t.Run(lib+" "+when+" over "+p, func(t *testing.T) {
					t.Parallel()
					well(t, dir, over(p, prog, lib, when)...)
				})
			}
		}
	}
	for _, p := range protocols {
		t.Run("cpg returning over "+p, func(t *testing.T) {
			t.Parallel()
			well(t, dir, over(p, prog, "cpg", "returning")...)
		})
	}
}

// hazard is a mode of a program of testdata/hazards, and what becomes of it on a plain build: see TestPlainBuild.
type hazard struct {
	mode  string
	plain string // pattern of the outcome there
	build string // which plain build
	env   string // of the program, there
	tries int    // there, if it is a race that may be won: how often at most until it is lost
}

// Numbers of the modes that lock memory are kB resident and kB of the locked account; 3 MB of either are rings, 64 MB of the account
// an arena of glibc's.
var hazards = []hazard{
	{mode: "hazards sigwait", plain: `thread \d+ blocks 0 only`, build: linked},
	{mode: "hazards storm", plain: `SIGSEGV|fatal error|signal: |exit status|hangs`, build: linked},
	{mode: "masks exchange", plain: passes + "|skip: ", build: linked}, // the cure of the storm would fail it, but for what C does itself
	{mode: "hazards handlers", plain: `handler [0-9a-f]+ before anything|handler .* became|SS_DISABLE`, build: linked},
	{mode: "hazards crash", plain: `signal 11: 2 signals|hangs|status `, build: linked},
	{mode: "resources realtime", plain: `has policy 2`, build: linked},
	{mode: "resources privileges", plain: `has capabilities|no new privileges 0`, build: linked},
	{mode: "resources setuid", plain: passes, build: linked},      // glibc changes the threads of a runtime too
	{mode: "resources no-new-code", plain: passes, build: linked}, // the runtime makes no code
	{mode: "hazards cancel", plain: `hangs`, build: called},
	{mode: "interrupted cancel", plain: "", build: called}, // as the one before
	{mode: "interrupted jump", plain: "", build: called},
	{mode: "hazards small-stack", plain: passes, build: linked}, // that is a hazard of C: 1 MiB on the stack in 3.1
	{mode: "hazards threads", plain: `[3-9] threads of the library`, build: linked},
	{mode: "hazards crowd", plain: `hangs`, build: linked},
	{mode: "hazards jump", plain: `cpg_dispatch.*: 10`, build: called},
	{mode: "hazards thread-exit", plain: `cpg_dispatch.*: 10`, build: called},
	{mode: "hazards reenter", plain: `cpg_dispatch.*: 10`, build: called},
	{mode: "hazards exec", plain: `each_thread\(NULL\) == 0`, build: linked},
	{mode: "hazards close-range", plain: passes, build: linked}, // the runtime opens nothing that it needs later
	{mode: "hazards descriptors", plain: "", build: linked},     // a race with the start of the runtime there: not asserted
	{mode: "hazards dlopen", plain: passes, build: linked},      // a library of Go is never unloaded, and nothing else is asked
	{mode: "hazards daemon", plain: `each_thread\(NULL\) == 0`, build: linked},
	{mode: "hazards first-call 5000", plain: `hangs`, build: linked},      // in a child whose parent made no call
	{mode: "resources lock-first 25000 150000", plain: "", build: linked}, // the runtime is there before: what it takes afterwards varies
	{mode: "resources lock-later 25000 150000", plain: `locked (first|later): resident|skip: `, build: linked},
	{mode: "resources limits as", plain: `failed to reserve|fatal error|child failed|child died|hangs`, build: linked},
	{mode: "resources limits memlock", plain: "", build: linked}, // how far it goes depends on the limit of who runs the test
	{mode: "resources open-files", plain: `limit of open files`, build: linked},
}

// TestHazards: what programs do that a runtime inside a library usually does not survive, or shows itself by.
func TestHazards(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	progs := hazardPrograms(t, dir)
	for _, h := range hazards {
		for _, p := range protocols {
			t.Run(h.mode+" over "+p, func(t *testing.T) {
				out, err := host(t, dir, over(p, progs.argv(h.mode)...)...)
				if reason, ok := strings.CutPrefix(out, "skip: "); ok && err == nil {
					t.Skip("skip: " + reason)
				}
				if err != nil || out != "" {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// compiled are host programs by name.
type compiled map[string]string

func hazardPrograms(t *testing.T, dir string) compiled {
	t.Helper()
	c := compiled{}
	for _, name := range []string{"hazards", "resources", "masks", "fork", "interrupted"} {
		c[name] = compile(t, dir, name)
	}
	return c
}

// argv is the command line of a program and its arguments.
func (c compiled) argv(line string) []string {
	argv := strings.Fields(line)
	argv[0] = c[argv[0]]
	return argv
}

// TestConstructor: a library that a program with threads loads makes the first call in its constructor.
func TestConstructor(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	prog := compile(t, dir, "interrupted")
	plug := filepath.Join(t.TempDir(), "plug.so")
	cmd := exec.Command("gcc", "-O1", "-g", "-Wall", "-I../../include", "-shared", "-fPIC", "-o", plug, "testdata/hazards/plug.c", "-L"+dir, "-lcmap", "-lcorosync_common")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, p := range protocols {
		well(t, dir, over(p, prog, "plug", plug)...)
	}
}

// TestSharedHandle: several threads use one handle, of each library.
func TestSharedHandle(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	prog := compile(t, dir, "shared")
	for _, lib := range []string{"cpg", "cmap", "quorum", "votequorum", "cfg"} {
		t.Run(lib, func(t *testing.T) {
			t.Parallel()
			for _, p := range protocols { // one after the other: they use the same keys
				well(t, dir, over(p, prog, lib)...)
			}
		})
	}
}

// TestGoHost: a program in Go with cgo has a runtime of its own beside that of the library.
func TestGoHost(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	prog := filepath.Join(t.TempDir(), "gohost")
	cmd := exec.Command("go", "build", "-o", prog, "./testdata/gohost")
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_LDFLAGS=-L"+abs)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, p := range protocols {
		well(t, dir, over(p, prog)...)
	}
}

// TestHostEnvironment: settings of a Go runtime in the environment are meant for other programs.
func TestHostEnvironment(t *testing.T) {
	dir := needLibraries(t)
	inProcessNode(t)
	prog := compile(t, dir, "hazards")
	for _, kv := range []string{"GODEBUG=schedtrace=1,gctrace=1,inittrace=1,asyncpreemptoff=0", "GOGC=off", "GOMAXPROCS=1000", "GOTRACEBACK=crash", "GOMEMLIMIT=1"} {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	well(t, dir, prog, "threads")
	well(t, dir, prog, "descriptors")
}

// TestValgrind: the C side reads nothing uninitialised or released, and loses no memory. The runtime of the core, which
// moves stacks about, is not looked at.
func TestValgrind(t *testing.T) {
	netns.Need(t, "valgrind")
	dir := needLibraries(t)
	inProcessNode(t)
	prog := compile(t, dir, "hazards")
	for _, mode := range []string{"reenter", "cancel"} {
		for _, p := range protocols {
			t.Run(mode+" over "+p, func(t *testing.T) {
				t.Parallel()
				out, err := host(t, dir, over(p, "valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
					"--error-exitcode=9", "--suppressions=testdata/hazards/core.supp", prog, mode)...)
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}
