package netif

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// State is what is known of the bound address.
type State struct {
	// Up says that the machine has the address, on an interface that is up.
	Up bool
	// Addr is the local address to bind; invalid when the machine has none that fits.
	Addr netip.Addr
	// Index and MTU are those of its interface.
	Index, MTU int
}

// linkInfo and addrInfo are what the decision needs of the kernel's answers.
type linkInfo struct {
	up  bool
	mtu int
}

type addrInfo struct {
	prefix netip.Prefix
	index  int
}

// choose finds the address to bind: bind itself if the machine has it, else the first address in whose network bind
// lies (a configuration may name the network, bindnetaddr).
func choose(bind netip.Addr, addrs []addrInfo, links map[int]linkInfo) State {
	bind = bind.Unmap().WithZone("")
	state := func(a netip.Addr, index int) State {
		l := links[index]
		return State{Up: l.up, Addr: a, Index: index, MTU: l.mtu}
	}
	for _, a := range addrs {
		if a.prefix.Addr() == bind {
			return state(bind, a.index)
		}
	}
	for _, a := range addrs {
		if a.prefix.Masked().Contains(bind) {
			if bind.IsLoopback() {
				// Every address of 127/8 is there without being listed.
				return state(bind, a.index)
			}
			return state(a.prefix.Addr(), a.index)
		}
	}
	return State{}
}

// look asks the kernel.
func look(h *netlink.Handle, bind netip.Addr) (State, error) {
	family := unix.AF_INET
	if !bind.Unmap().Is4() {
		family = unix.AF_INET6
	}
	list, err := h.AddrList(nil, family)
	if err != nil {
		return State{}, fmt.Errorf("list local addresses: %w", err)
	}
	addrs := make([]addrInfo, 0, len(list))
	for _, a := range list {
		if p, ok := prefix(a.IPNet); ok {
			addrs = append(addrs, addrInfo{p, a.LinkIndex})
		}
	}
	all, err := h.LinkList()
	if err != nil {
		return State{}, fmt.Errorf("list network interfaces: %w", err)
	}
	links := make(map[int]linkInfo, len(all))
	for _, l := range all {
		at := l.Attrs()
		links[at.Index] = linkInfo{up: at.Flags&net.FlagUp != 0, mtu: at.MTU}
	}
	return choose(bind, addrs, links), nil
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, bits := n.Mask.Size()
	a = a.Unmap()
	if bits == 0 || ones > a.BitLen() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, ones), true
}
