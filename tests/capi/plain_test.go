//go:build linux

package capi

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plainTimeout bounds a host program that neither ends nor stands still.
const plainTimeout = 20 * time.Second

// stillFor is how long a process group has to do nothing at all to be called hanging.
const stillFor = 2 * time.Second

// outcome is how a host program ended.
type outcome struct {
	hangs bool
	err   error
	out   string
}

func (o outcome) String() string {
	if o.hangs {
		return "hangs"
	}
	if o.err == nil && o.out == "" {
		return "passes"
	}
	return fmt.Sprintf("%v: %s", o.err, o.out)
}

// watch runs a host program in a process group of its own until it ends, or until nothing in the group moves any more.
func watch(t *testing.T, env []string, argv ...string) outcome {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var o outcome
	before, since, start := "", time.Now(), time.Now()
	for {
		select {
		case o.err = <-ended:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
			o.out = b.String()
			return o
		case <-time.After(200 * time.Millisecond):
		}
		now, asleep := motion(cmd.Process.Pid)
		if now != before || !asleep {
			before, since = now, time.Now()
		}
		if o.hangs = time.Since(since) > stillFor; o.hangs || time.Since(start) > plainTimeout {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			o.err = <-ended
			o.out = b.String()
			return o
		}
	}
}

// motion is a picture of all threads of a process group that changes whenever one of them runs, and whether all sleep.
func motion(group int) (picture string, asleep bool) {
	asleep = true
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) < 3 || f[2] != strconv.Itoa(group) {
			continue
		}
		threads, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "task/*/status"))
		for _, thread := range threads {
			b, _ := os.ReadFile(thread)
			for _, l := range strings.Split(string(b), "\n") {
				if strings.Contains(l, "ctxt_switches") || strings.HasPrefix(l, "Pid:") {
					picture += l
				}
				if strings.HasPrefix(l, "State:") && !strings.ContainsAny(l[6:9], "SZ") {
					asleep = false
				}
			}
		}
	}
	return picture, asleep
}

// The plain builds, as everybody would make them first. linked: the same core without the overlay, loaded with the program, called
// by the same C files but the loader. called: functions exported from Go, which wait and call back there.
const (
	linked = "linked"
	called = "called"
	passes = "^passes$"
)

// plainOnly are those whose tests are not rows of TestHazards: the gate of TestFork and the settings of TestHostEnvironment.
var plainOnly = []hazard{
	{mode: "fork cpg amid", plain: `hangs|^signal: killed|^exit status`, build: linked, tries: 20}, // children hang, the parent waits or spins
	{mode: "hazards dlopen", plain: `init internal/|gc `, build: linked, env: "GODEBUG=inittrace=1"},
}

// plainBuild makes both in a directory, beside the libraries that they have in common with ours.
func plainBuild(t *testing.T, ours string) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755) // for hosts that give their rights up
	}
	for lib, so := range sonames {
		if lib == "corosync_common" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(ours, so))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, so), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := func(argv ...string) {
		t.Helper()
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", argv[0], err, out)
		}
	}
	run("go", "build", "-buildmode=c-shared", "-o", filepath.Join(dir, "libcorosync-go.so"), "./libcorosync-go/core")
	run("go", "build", "-buildmode=c-shared", "-o", filepath.Join(dir, called+".so"), "./tests/capi/testdata/plain/golib")
	const shim, plain = "libcorosync-go/shim/", "tests/capi/testdata/plain/"
	run("gcc", "-O2", "-g", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-Iinclude", "-I"+shim, "-shared", "-Wl,-z,defs",
		"-Wl,-soname,"+sonames["corosync_common"], "-Wl,--version-script="+shim+"corosync_common.map",
		"-o", filepath.Join(dir, sonames["corosync_common"]), shim+"common.c", shim+"shim.c", shim+"memory.c", shim+"qbring.c", shim+"coroipc.c", shim+"greet.c", plain+"loader.c",
		plain+"direct.c", "-L"+dir, "-lcorosync-go")
	return dir
}

// TestPlainBuild: the hazards are none that could not be met. Each makes a plain build fail, in the way that is told; those that do
// not are told too, so that the table in doc.go stays true. Over libqb's protocol; in the plain builds no message avoids the core.
func TestPlainBuild(t *testing.T) {
	ours := needLibraries(t)
	inProcessNode(t)
	progs := hazardPrograms(t, ours)
	plain := plainBuild(t, ours)
	for _, h := range slices.Concat(hazards, plainOnly) {
		if h.plain == "" {
			continue
		}
		t.Run(strings.TrimSpace(h.mode+" "+h.env), func(t *testing.T) {
			t.Parallel()
			env := []string{"LD_LIBRARY_PATH=" + plain, ipcVariable + "qb"}
			if h.env != "" {
				env = append(env, h.env)
			}
			if h.build == called {
				env = append(env, "LD_PRELOAD="+filepath.Join(plain, called+".so"))
			}
			want := regexp.MustCompile(h.plain)
			o := watch(t, env, progs.argv(h.mode)...)
			for n := 1; n < h.tries && !want.MatchString(o.String()); n++ {
				o = watch(t, env, progs.argv(h.mode)...)
			}
			if !want.MatchString(o.String()) {
				t.Errorf("on a plain build: %.400s\nwant %s", o, h.plain)
			}
		})
	}
}
