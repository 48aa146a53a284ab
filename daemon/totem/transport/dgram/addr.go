package dgram

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Addr is a socket address as the kernel takes it, made once per peer.
type Addr struct {
	raw  [unix.SizeofSockaddrInet6]byte
	size uint32
}

// MakeAddr returns the socket address of a peer. scope is the interface index that goes with an IPv6 link-local address
// and is ignored for others.
func MakeAddr(ap netip.AddrPort, scope uint32) *Addr {
	a := new(Addr)
	ip := ap.Addr().Unmap()
	if ip.Is4() {
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
		copy(a.raw[:], unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet4))
		a.size = unix.SizeofSockaddrInet4
	} else {
		sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()}
		if needsScope(ip) {
			sa.Scope_id = scope
		}
		copy(a.raw[:], unsafe.Slice((*byte)(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet6))
		a.size = unix.SizeofSockaddrInet6
	}
	binary.BigEndian.PutUint16(a.raw[2:], ap.Port())
	return a
}

// needsScope reports whether an address means something only together with an interface.
func needsScope(ip netip.Addr) bool { return ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() }

// parseAddr returns the address, without port and zone, of a received datagram; the zero Addr if there is none.
func parseAddr(raw []byte) netip.Addr {
	if len(raw) < 2 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_INET && len(raw) >= unix.SizeofSockaddrInet4:
		return netip.AddrFrom4([4]byte(raw[4:8]))
	case family == unix.AF_INET6 && len(raw) >= unix.SizeofSockaddrInet6:
		return netip.AddrFrom16([16]byte(raw[8:24])).Unmap()
	}
	return netip.Addr{}
}

// Sockaddr returns the address in the form that bind takes.
func Sockaddr(ap netip.AddrPort, scope uint32) unix.Sockaddr {
	ip := ap.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ip.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ip.As16()}
	if needsScope(ip) {
		sa.ZoneId = scope
	}
	return sa
}
