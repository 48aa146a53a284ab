//go:build linux

package capi

import (
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }
