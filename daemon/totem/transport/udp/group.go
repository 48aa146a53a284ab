package udp

import "net/netip"

// GroupAddr derives the multicast address from the cluster's name (totem.md 14.4). Bytes above 127 count as negative
// numbers, as the signed char of the C daemon's usual platforms has it.
func GroupAddr(cluster string, link int, ipv6 bool) netip.Addr {
	var h uint32
	for i := range len(cluster) {
		h = 2*h + uint32(int32(int8(cluster[i])))
	}
	id := uint16(h) + uint16(link)
	if ipv6 {
		var a [16]byte
		a[0], a[1] = 0xff, 0x15
		a[14], a[15] = byte(id>>8), byte(id)
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte{239, 192, byte(id >> 8), byte(id % 255)})
}
