//go:build linux

package netns

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Daemon names a corosync daemon.
type Daemon struct {
	Name string // for test names and logs: "c", "go"
	Path string
	Args []string // nil means -f
}

// CDaemon is the C daemon of the distribution. COROSYNC_C_DAEMON overrides its
// path, /usr/sbin/corosync.
func CDaemon() Daemon {
	p := os.Getenv("COROSYNC_C_DAEMON")
	if p == "" {
		p = "/usr/sbin/corosync"
	}
	return Daemon{Name: "c", Path: p}
}

// lacks asks our daemon, by testing a configuration, whether it has the
// transport of opt built in; it returns the reason if not.
func (d Daemon) lacks(opt Options) string {
	if d.Name != "go" || opt.Transport != Knet {
		return ""
	}
	f, err := os.CreateTemp("", "netns-conf-")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(f.Name())
	// A node of this machine's own, so that nothing else is wrong with the file.
	conf := "totem {\nversion: 2\ntransport: " + opt.Transport + "\n}\nlogging {\nto_stderr: yes\nto_syslog: no\n}\n" +
		"nodelist {\nnode {\nring0_addr: 127.0.0.1\nnodeid: 1\nname: n1\n}\n}\n"
	if _, err := f.WriteString(conf); err != nil {
		return err.Error()
	}
	if err := f.Close(); err != nil {
		return err.Error()
	}
	// What else may be wrong with it shows when it is started.
	out, _ := exec.Command(d.Path, "-t", "-c", f.Name()).CombinedOutput()
	if bytes.Contains(out, []byte("the transport is not part of this daemon")) {
		return "our daemon has no transport " + opt.Transport
	}
	return ""
}

var builds struct {
	mu   sync.Mutex
	dir  string
	path map[string]string
	err  map[string]error
}

// GoDaemon is ours: COROSYNC_GO_DAEMON if set, otherwise built once per test
// binary from the tree. A tree that has no daemon skips the test, a tree whose
// daemon does not build fails it.
func GoDaemon(t testing.TB) Daemon {
	t.Helper()
	if p := os.Getenv("COROSYNC_GO_DAEMON"); p != "" {
		return Daemon{Name: "go", Path: p}
	}
	return Daemon{Name: "go", Path: BuildGo(t, "daemon/cmd/corosync")}
}

// BuildGo compiles a main package of this module, given by its directory
// relative to the module's root, once per test binary, and returns the path of
// the program.
func BuildGo(t testing.TB, pkg string) string {
	t.Helper()
	root := moduleRoot(t)
	if _, err := os.Stat(filepath.Join(root, pkg)); err != nil {
		t.Skipf("skip: the tree has no %s", pkg)
	}
	p, err := buildOnce("go "+pkg, func(dir string) (string, error) {
		out := filepath.Join(dir, filepath.Base(pkg))
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "./"+pkg)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build ./%s: %w\n%s", pkg, err, msg)
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// BuildC compiles one C file against the installed client libraries, once per
// test binary. It skips the test where there is no compiler or no header.
func BuildC(t testing.TB, src string, libs ...string) string {
	t.Helper()
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("skip: gcc is not installed")
	}
	for _, l := range libs {
		h := "/usr/include/corosync/" + l + ".h"
		if _, err := os.Stat(h); err != nil {
			t.Skipf("skip: %s is not installed (Debian: lib%s-dev)", h, l)
		}
	}
	p, err := buildOnce("c "+src, func(dir string) (string, error) {
		out := filepath.Join(dir, filepath.Base(src)+".bin")
		args := []string{"-O1", "-g", "-Wall", "-o", out, src}
		for _, l := range libs {
			args = append(args, "-l"+l)
		}
		if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("gcc %v: %w\n%s", args, err, msg)
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// BuildLibraries makes the C libraries of this tree, once per test binary, and returns their directory, which every user
// may read. COROSYNC_LIBRARIES names one that is there already. It skips the test where there is no compiler.
func BuildLibraries(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("COROSYNC_LIBRARIES"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	for _, p := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("skip: %s is not installed", p)
		}
	}
	root := moduleRoot(t)
	dir, err := buildOnce("libraries", func(dir string) (string, error) {
		out, err := exec.Command("make", "-C", root, "libs", "CC=gcc", "BUILDDIR="+dir).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("make libs: %w\n%s", err, out)
		}
		_ = os.Chmod(filepath.Dir(dir), 0o755)
		return dir, os.Chmod(dir, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func buildOnce(key string, make func(dir string) (string, error)) (string, error) {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.path == nil {
		dir, err := os.MkdirTemp("", "netns-bin-")
		if err != nil {
			return "", err
		}
		builds.dir, builds.path, builds.err = dir, map[string]string{}, map[string]error{}
	}
	if p, ok := builds.path[key]; ok {
		return p, builds.err[key]
	}
	sub, err := os.MkdirTemp(builds.dir, "b-")
	if err != nil {
		return "", err
	}
	p, err := make(sub)
	builds.path[key], builds.err[key] = p, err
	return p, err
}

func cleanBuilds() {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.dir != "" {
		os.RemoveAll(builds.dir)
	}
}

// moduleRoot is the directory of go.mod above the test's working directory.
func moduleRoot(t testing.TB) string {
	t.Helper()
	d, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		up := filepath.Dir(d)
		if up == d {
			t.Fatal("no go.mod above the working directory")
		}
		d = up
	}
}

// Need skips the test unless each program is in PATH.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("skip: %s is not installed", p)
		}
	}
}
