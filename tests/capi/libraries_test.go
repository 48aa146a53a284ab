//go:build linux

package capi

import (
	"os"
	"path/filepath"
	"testing"
)

// debianLibraries is the directory of Debian's libraries; it skips where one is
// missing.
func debianLibraries(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/libcpg.so.4")
	if err != nil || len(found) == 0 {
		t.Skip("skip: libcpg.so.4 is not installed (Debian: libcpg4)")
	}
	dir := filepath.Dir(found[0])
	for _, l := range sonames {
		if _, err := os.Stat(filepath.Join(dir, l)); err != nil {
			t.Skipf("skip: %v", err)
		}
	}
	return dir
}
