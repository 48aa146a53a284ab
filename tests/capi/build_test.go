//go:build linux

package capi

import (
	"os/exec"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// builtLibraries is a directory with the libraries of this tree, made once per run, or that which COROSYNC_LIBRARIES
// names; or why there is none.
func builtLibraries(t *testing.T) (dir, why string) {
	t.Helper()
	for _, p := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(p); err != nil {
			return "", p + " is not installed"
		}
	}
	return netns.BuildLibraries(t), ""
}

// needLibraries is builtLibraries for a test that is nothing without.
func needLibraries(t *testing.T) string {
	t.Helper()
	return netns.BuildLibraries(t)
}
