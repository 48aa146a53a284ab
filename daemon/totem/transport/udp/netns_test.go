package udp_test

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/conformance"
	"github.com/corosync-go/corosync/daemon/totem/transport/dgram"
	"github.com/corosync-go/corosync/daemon/totem/transport/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformanceNetns(t *testing.T) {
	for _, c := range []struct {
		name, first string
		broadcast   bool
	}{
		{"ipv4", "10.98.1.1/24", false},
		{"broadcast", "10.98.1.1/24", true},
		{"ipv6", "fd00:98::1/64", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, n int) *conformance.Cluster {
				net := conformance.NewNet(t, n, netip.MustParsePrefix(c.first))
				l, wait, settle := conformance.Loop(t)
				x := &conformance.Cluster{Wait: wait, Settle: settle, MaxFrame: 65507, SetInterface: net.SetInterface}
				for i := range n {
					m := transport.Member{ID: totem.NodeID(i + 1)}
					m.Addrs[0] = net.Addrs[i]
					x.Members = append(x.Members, m)
				}
				for i := range n {
					node, err := udp.New(l, logsys.ToTest(t, logsys.Debug).Logger("TOTEM"), udp.Config{
						NodeID: totem.NodeID(i + 1), Bind: net.Addrs[i], Members: x.Members, TTL: udp.DefaultTTL,
						Group: udp.GroupAddr("lab", 0, net.Addrs[i].Is6()), Broadcast: c.broadcast,
					})
					if err != nil {
						t.Fatal(err)
					}
					node.SetListen(func(ap netip.AddrPort, o dgram.Options) (fd int, err error) {
						err = net.Do(i, func() error { fd, err = dgram.Listen(ap, o); return err })
						return fd, err
					})
					x.Nodes = append(x.Nodes, node)
				}
				x.Start = func(i int, h transport.Handler) error {
					return net.Do(i, func() error { return x.Nodes[i].Start(h) })
				}
				return x
			})
		})
	}
}
