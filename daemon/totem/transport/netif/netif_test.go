package netif

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChoose(t *testing.T) {
	addrs := []addrInfo{
		{netip.MustParsePrefix("127.0.0.1/8"), 1},
		{netip.MustParsePrefix("10.1.2.3/24"), 2},
		{netip.MustParsePrefix("10.1.2.4/24"), 3},
		{netip.MustParsePrefix("192.168.7.9/16"), 4},
		{netip.MustParsePrefix("fe80::1/64"), 2},
	}
	links := map[int]linkInfo{1: {true, 65536}, 2: {true, 1500}, 3: {false, 1400}, 4: {true, 9000}}
	for _, c := range []struct {
		bind string
		want State
	}{
		{"10.1.2.3", State{true, netip.MustParseAddr("10.1.2.3"), 2, 1500}},
		{"10.1.2.4", State{false, netip.MustParseAddr("10.1.2.4"), 3, 1400}},
		{"10.1.2.0", State{true, netip.MustParseAddr("10.1.2.3"), 2, 1500}},
		{"192.168.0.0", State{true, netip.MustParseAddr("192.168.7.9"), 4, 9000}},
		{"127.0.0.5", State{true, netip.MustParseAddr("127.0.0.5"), 1, 65536}},
		{"fe80::1%eth0", State{true, netip.MustParseAddr("fe80::1"), 2, 1500}},
		{"172.16.0.1", State{}},
		{"::1", State{}},
	} {
		if got := choose(netip.MustParseAddr(c.bind), addrs, links); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.bind, got, c.want)
		}
	}
}

func TestWatchLoopback(t *testing.T) {
	m, s, err := Watch(netip.MustParseAddr("127.0.0.1"), func(func()) error { return nil }, func(State) {})
	if err != nil {
		t.Skip(err)
	}
	defer m.Close()
	if !s.Addr.IsValid() || s.Index == 0 {
		t.Fatalf("%+v", s)
	}
	m.Check()
}
