package udpu_test

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/conformance"
	"github.com/corosync-go/corosync/daemon/totem/transport/udpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freePort returns a port that is free on all the loopback addresses now.
func freePort(t *testing.T) uint16 {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{}); err != nil {
		t.Skip(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(sa.(*unix.SockaddrInet4).Port)
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, n int) *conformance.Cluster {
		l, wait, settle := conformance.Loop(t)
		c := &conformance.Cluster{Wait: wait, Settle: settle, Blocks: true, MaxFrame: 65507}
		for i := range n {
			m := transport.Member{ID: totem.NodeID(i + 1)}
			m.Addrs[0] = netip.AddrFrom4([4]byte{127, 9, 0, byte(i + 1)})
			c.Members = append(c.Members, m)
		}
		port := freePort(t)
		for i := range n {
			node, err := udpu.New(l, logsys.ToTest(t, logsys.Debug).Logger("TOTEM"), udpu.Config{
				NodeID:        totem.NodeID(i + 1),
				Bind:          c.Members[i].Addrs[0],
				Port:          port,
				Members:       c.Members,
				BlockUnlisted: true,
				FrameMTU:      1410,
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Nodes = append(c.Nodes, node)
		}
		return c
	})
}
