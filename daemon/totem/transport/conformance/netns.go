package conformance

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Net is a network of namespaces: node i has an interface "eth0" with the i-th address, and all are on one bridge, in a
// namespace of its own. Namespaces have no names; they go away with the test.
type Net struct {
	Addrs []netip.Addr
	nodes []netns.NsHandle
	links []*netlink.Handle
}

// NewNet builds the network, or skips the test where that is not allowed. The prefix is of the first address; the others
// count up.
func NewNet(t *testing.T, n int, first netip.Prefix) *Net {
	t.Helper()
	x := &Net{}
	hub, err := newNamespace()
	if err != nil {
		t.Skipf("network namespaces: %v", err)
	}
	t.Cleanup(func() { hub.Close() })
	hl, err := netlink.NewHandleAt(hub)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hl.Close)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	snoop := false
	bridge.MulticastSnooping = &snoop
	if err := hl.LinkAdd(bridge); err != nil {
		t.Skipf("bridge: %v", err)
	}
	must(t, hl.LinkSetUp(bridge))
	addr := first.Addr()
	for i := range n {
		ns, err := newNamespace()
		must(t, err)
		t.Cleanup(func() { ns.Close() })
		nl, err := netlink.NewHandleAt(ns)
		must(t, err)
		t.Cleanup(nl.Close)
		name := fmt.Sprintf("v%d", i)
		// Made with its own name in the hub and moved: two interfaces called eth0 must not meet.
		must(t, hl.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "p"}))
		hubEnd, err := hl.LinkByName(name)
		must(t, err)
		must(t, hl.LinkSetMaster(hubEnd, bridge))
		must(t, hl.LinkSetUp(hubEnd))
		nodeEnd, err := hl.LinkByName(name + "p")
		must(t, err)
		must(t, hl.LinkSetNsFd(nodeEnd, int(ns)))
		nodeEnd, err = nl.LinkByName(name + "p")
		must(t, err)
		must(t, nl.LinkSetName(nodeEnd, "eth0"))
		lo, err := nl.LinkByName("lo")
		must(t, err)
		must(t, nl.LinkSetUp(lo))
		x.nodes = append(x.nodes, ns)
		x.links = append(x.links, nl)
		x.Addrs = append(x.Addrs, addr)
		must(t, x.addAddr(i, first.Bits()))
		must(t, x.SetInterface(i, true))
		addr = addr.Next()
	}
	return x
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newNamespace makes a namespace on a thread that ends with it.
func newNamespace() (ns netns.NsHandle, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // not unlocked: the thread must not be used for anything else
		ns, err = netns.New()
	}()
	<-done
	return ns, err
}

func (x *Net) addAddr(i, bits int) error {
	l, err := x.links[i].LinkByName("eth0")
	if err != nil {
		return err
	}
	a := x.Addrs[i]
	na := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}}
	if a.Is6() {
		na.Flags = unix.IFA_F_NODAD
	}
	return x.links[i].AddrAdd(l, na)
}

// Do runs fn in the namespace of node i.
func (x *Net) Do(i int, fn func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		if err := netns.Set(x.nodes[i]); err != nil {
			result <- err
			return
		}
		result <- fn()
	}()
	return <-result
}

// SetInterface takes the interface of node i down or up. An IPv6 address, which the kernel removes with the interface, is
// added again.
func (x *Net) SetInterface(i int, up bool) error {
	l, err := x.links[i].LinkByName("eth0")
	if err != nil {
		return err
	}
	if !up {
		return x.links[i].LinkSetDown(l)
	}
	if err := x.links[i].LinkSetUp(l); err != nil {
		return err
	}
	if x.Addrs[i].Is6() {
		if err := x.addAddr(i, 64); err != nil && err != unix.EEXIST {
			return err
		}
	}
	// Broadcasts need a route.
	if x.Addrs[i].Is4() {
		_, all, _ := net.ParseCIDR("0.0.0.0/0")
		return x.links[i].RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: all, Scope: netlink.SCOPE_LINK})
	}
	return nil
}

// RemoveAddr and RestoreAddr take the address of node i away, and give it back.
func (x *Net) RemoveAddr(i, bits int) error {
	l, err := x.links[i].LinkByName("eth0")
	if err != nil {
		return err
	}
	a := x.Addrs[i]
	return x.links[i].AddrDel(l, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}})
}

// RestoreAddr gives node i its address back.
func (x *Net) RestoreAddr(i, bits int) error { return x.addAddr(i, bits) }
