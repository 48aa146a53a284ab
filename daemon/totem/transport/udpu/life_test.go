package udpu_test

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/conformance"
	"github.com/corosync-go/corosync/daemon/totem/transport/dgram"
	"github.com/corosync-go/corosync/daemon/totem/transport/udpu"
)

// reports collects what a transport tells about its interface.
type reports struct {
	ups  []bool
	fail error
}

func (r *reports) Receive([][]byte)  {}
func (r *reports) Interface(up bool) { r.ups = append(r.ups, up) }
func (r *reports) Fail(err error)    { r.fail = err }

func one(id uint8) []transport.Member {
	m := transport.Member{ID: 1}
	m.Addrs[0] = netip.AddrFrom4([4]byte{127, 9, 1, id})
	return []transport.Member{m}
}

// Another process has the port at first.
func TestPortTaken(t *testing.T) {
	l, wait, _ := conformance.Loop(t)
	port := freePort(t)
	members := one(1)
	other, err := dgram.Listen(netip.AddrPortFrom(members[0].Addrs[0], port), dgram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	node, err := udpu.New(l, logsys.ToTest(t, logsys.Debug).Logger("TOTEM"),
		udpu.Config{NodeID: 1, Bind: members[0].Addrs[0], Port: port, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	var r reports
	if err := node.Start(&r); err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	for range 3 {
		if err := l.RunOnce(false); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.ups) != 0 {
		t.Fatalf("reported %v while the port was taken", r.ups)
	}
	unix.Close(other)
	if !wait(func() bool { return len(r.ups) > 0 || r.fail != nil }) || r.fail != nil || !r.ups[0] {
		t.Fatalf("reported %v, %v after the port was free", r.ups, r.fail)
	}
}

// The address is missing at the start, comes, goes, and comes again.
func TestAddressComesAndGoes(t *testing.T) {
	net := conformance.NewNet(t, 1, netip.MustParsePrefix("10.98.2.1/24"))
	if err := net.RemoveAddr(0, 24); err != nil {
		t.Fatal(err)
	}
	l, wait, _ := conformance.Loop(t)
	m := transport.Member{ID: 1}
	m.Addrs[0] = net.Addrs[0]
	node, err := udpu.New(l, logsys.ToTest(t, logsys.Debug).Logger("TOTEM"),
		udpu.Config{NodeID: 1, Bind: net.Addrs[0], Members: []transport.Member{m}})
	if err != nil {
		t.Fatal(err)
	}
	node.SetListen(func(ap netip.AddrPort, o dgram.Options) (fd int, err error) {
		err = net.Do(0, func() error { fd, err = dgram.Listen(ap, o); return err })
		return fd, err
	})
	var r reports
	if err := net.Do(0, func() error { return node.Start(&r) }); err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	var want []bool
	for _, step := range []struct {
		up bool
		do func() error
	}{
		{false, func() error { return nil }},
		{true, func() error { return net.RestoreAddr(0, 24) }},
		{false, func() error { return net.RemoveAddr(0, 24) }},
		{true, func() error { return net.RestoreAddr(0, 24) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		want = append(want, step.up)
		if !wait(func() bool { return len(r.ups) >= len(want) }) || !slices.Equal(r.ups, want) {
			t.Fatalf("reported %v, want %v", r.ups, want)
		}
	}
	if r.fail != nil {
		t.Fatal(r.fail)
	}
}
