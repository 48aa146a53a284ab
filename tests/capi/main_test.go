//go:build linux

package capi

import (
	"os"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) {
	os.Exit(netns.Stage(func() int {
		defer removeBuilt()
		return m.Run()
	}))
}
