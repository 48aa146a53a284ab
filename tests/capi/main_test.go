//go:build linux

package capi

import (
	"flag"
	"strconv"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// sidesAtOnce is how many sides of TestFunctions there are. They wait most of the time.
const sidesAtOnce = 5

func TestMain(m *testing.M) {
	flag.Parse()
	p := flag.Lookup("test.parallel")
	if n, err := strconv.Atoi(p.Value.String()); err == nil && n < sidesAtOnce {
		_ = p.Value.Set(strconv.Itoa(sidesAtOnce))
	}
	netns.Main(m)
}
