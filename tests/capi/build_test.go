//go:build linux

package capi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	dir  string
	why  string
	err  error
}

// builtLibraries is a directory with the libraries of this tree, made once per run with make, or that which
// COROSYNC_LIBRARIES names; or why there is none.
func builtLibraries(t *testing.T) (dir, why string) {
	t.Helper()
	built.once.Do(func() {
		if built.dir = os.Getenv("COROSYNC_LIBRARIES"); built.dir != "" {
			built.dir, built.err = filepath.Abs(built.dir)
			return
		}
		for _, p := range []string{"make", "gcc"} {
			if _, err := exec.LookPath(p); err != nil {
				built.why = p + " is not installed"
				return
			}
		}
		if built.dir, built.err = os.MkdirTemp("", "capi-libs"); built.err != nil {
			return
		}
		_ = os.Chmod(built.dir, 0o755)
		cmd := exec.Command("make", "-C", "../..", "libs", "CC=gcc", "BUILDDIR="+built.dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("make libs: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir, built.why
}

// removeBuilt removes what builtLibraries made.
func removeBuilt() {
	if os.Getenv("COROSYNC_LIBRARIES") == "" && built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
}

// needLibraries is builtLibraries for a test that is nothing without.
func needLibraries(t *testing.T) string {
	t.Helper()
	dir, why := builtLibraries(t)
	if why != "" {
		t.Skip("skip: " + why)
	}
	return dir
}
