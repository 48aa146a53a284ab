//go:build linux

package netns

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

func linkUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// addBridge makes a switch without spanning tree and without multicast
// snooping: the first would hold new ports back for seconds, the second drops
// multicast until it has seen a report.
func addBridge(name string) (netlink.Link, error) {
	la := netlink.NewLinkAttrs()
	la.Name = name
	off := false
	br := &netlink.Bridge{LinkAttrs: la, MulticastSnooping: &off}
	if err := netlink.LinkAdd(br); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(br); err != nil {
		return nil, fmt.Errorf("bridge %s up: %w", name, err)
	}
	return br, nil
}

// probeBridge finds out once whether the kernel offers what a cluster needs.
func probeBridge() error {
	br, err := addBridge("probe-br")
	if err != nil {
		return err
	}
	defer netlink.LinkDel(br)
	la := netlink.NewLinkAttrs()
	la.Name = "probe-a"
	v := &netlink.Veth{LinkAttrs: la, PeerName: "probe-b"}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	defer netlink.LinkDel(v)
	return netlink.LinkSetMaster(v, br)
}

// addPort connects a node: the far end appears in the network namespace of pid
// as ifname, the near end is a port of the bridge.
func addPort(port, ifname string, pid, mtu int, bridge string) error {
	br, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	la := netlink.NewLinkAttrs()
	la.Name = port
	if mtu > 0 {
		la.MTU = mtu
	}
	v := &netlink.Veth{LinkAttrs: la, PeerName: ifname, PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("veth %s: %w", port, err)
	}
	if err := netlink.LinkSetMaster(v, br); err != nil {
		return fmt.Errorf("port %s: %w", port, err)
	}
	return netlink.LinkSetUp(v)
}

// movePort makes port a member of bridge.
func movePort(port, bridge string) error {
	p, err := netlink.LinkByName(port)
	if err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	br, err := netlink.LinkByName(bridge)
	if err != nil {
		return fmt.Errorf("%s: %w", bridge, err)
	}
	return netlink.LinkSetMaster(p, br)
}

func setPort(port string, up bool) error {
	p, err := netlink.LinkByName(port)
	if err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	if up {
		return netlink.LinkSetUp(p)
	}
	return netlink.LinkSetDown(p)
}

func delLink(name string) {
	if l, err := netlink.LinkByName(name); err == nil {
		_ = netlink.LinkDel(l) // gone with the namespace at the latest
	}
}

// nodeIP is the address of node id on link: 10.(77+link).(id/250).(id%250), prefix length 16.
func nodeIP(link, id int) net.IP {
	return net.IPv4(10, byte(77+link), byte(id/250), byte(id%250))
}

// nodeIP6 is the other address of node id on link: fd00:c0:<link>::<id>, prefix length 64.
func nodeIP6(link, id int) net.IP {
	ip := net.IP{0xfd, 0, 0, 0xc0, 0, byte(link), 14: byte(id >> 8), 15: byte(id)}
	return ip
}
