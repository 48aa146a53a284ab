package udp

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/dgram"
	"github.com/corosync-go/corosync/daemon/totem/transport/netif"
)

// Fixed by the wire or taken over from corosync.
const (
	// DefaultPort is the port without totem.interface.mcastport; the port below it is used as well.
	DefaultPort = 5405
	// DefaultTTL is the TTL of multicasts without totem.interface.ttl: this network only.
	DefaultTTL = 1
	// socketBuffer is the size of the socket buffers in bytes.
	socketBuffer = 1048576
	// priority is TC_PRIO_INTERACTIVE.
	priority = 6
)

// Chosen here; see udpu.
const (
	batchSize  = 64
	maxBatches = 4
	maxDiscard = 64
)

// Config is what the transport needs to know.
type Config struct {
	NodeID totem.NodeID
	// Bind is this node's ring0_addr, or the address of its network (bindnetaddr).
	Bind netip.Addr
	// Port is the UDP port; 0 means DefaultPort.
	Port uint16
	// Group is the multicast address (see GroupAddr). It is ignored with Broadcast.
	Group netip.Addr
	// Broadcast sends to 255.255.255.255 instead of a group; IPv4 only.
	Broadcast bool
	// TTL is the time to live, or hop limit, of multicasts, 0 to 255. Note that the zero value keeps them on this node.
	TTL int
	// Members are all nodes, this one among them: unicasts need their addresses.
	Members []transport.Member
	// DSCP is the code point in the header of all packets; 0 leaves the default.
	DSCP uint8
	// FrameMTU is the net_mtu of totem.md 3.3; it is only reported.
	FrameMTU uint32
}

// Transport implements transport.Transport.
type Transport struct {
	cfg     Config
	group   netip.Addr
	loop    *loop.Loop
	log     logsys.Logger
	handler transport.Handler
	monitor *netif.Monitor
	link    transport.Link
	listen  func(netip.AddrPort, dgram.Options) (int, error) // dgram.Listen, except in tests

	members []transport.Member
	peers   []peer
	all     *dgram.Addr // the group or the broadcast address

	send, mcast, token   int // descriptors, -1 while the link is down
	watchMcast, watchTok *loop.Watch
	tx                   dgram.Sender
	rx                   *dgram.Receiver
	mcastErrors          uint64 // in a row
}

type peer struct {
	id   totem.NodeID
	addr *dgram.Addr
}

// New returns a transport that has not been started.
func New(l *loop.Loop, log logsys.Logger, cfg Config) (*Transport, error) {
	if cfg.Port == 0 {
		cfg.Port = DefaultPort
	}
	if !cfg.Bind.IsValid() {
		return nil, errors.New("udp: no address to bind")
	}
	if cfg.TTL < 0 || cfg.TTL > 255 {
		return nil, fmt.Errorf("udp: time to live %d is not within 0 to 255", cfg.TTL)
	}
	t := &Transport{cfg: cfg, group: cfg.Group.Unmap(), loop: l, log: log, listen: dgram.Listen,
		send: -1, mcast: -1, token: -1, rx: dgram.NewReceiver(batchSize)}
	switch bind4 := cfg.Bind.Unmap().Is4(); {
	case cfg.Broadcast && !bind4:
		return nil, errors.New("udp: broadcast needs IPv4")
	case cfg.Broadcast:
		t.group = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	case !t.group.IsMulticast():
		return nil, fmt.Errorf("udp: %v is no multicast address", cfg.Group)
	case t.group.Is4() != bind4:
		return nil, fmt.Errorf("udp: multicast address %v and local address %v are of different families", cfg.Group, cfg.Bind)
	}
	t.rx.Accept = t.accept
	return t, t.SetMembers(cfg.Members)
}

// Start watches the interface, and opens the sockets as soon as it is up.
func (t *Transport) Start(h transport.Handler) error {
	t.handler = h
	t.log.Noticef("Initializing transport (UDP/IP Multicast).")
	t.link = transport.Link{Sched: t.loop, Log: t.log, Handler: h, Open: t.open, Close: t.closeSockets,
		Announce: func() { t.log.Infof("Configuring link 0") }}
	m, state, err := netif.Watch(t.cfg.Bind, t.loop.Post, t.interfaceChanged)
	if err != nil {
		return err
	}
	t.monitor = m
	t.loop.Next(func() { t.link.Set(state) })
	return nil
}

// Close leaves the network.
func (t *Transport) Close() {
	t.link.Stop()
	if t.monitor != nil {
		t.monitor.Close()
		t.monitor = nil
	}
}

func (t *Transport) interfaceChanged(s netif.State) {
	if s.MTU != t.link.State().MTU {
		t.tx.ResetOffload()
	}
	t.link.Set(s)
}

func (t *Transport) open(s netif.State) (err error) {
	defer func() {
		if err != nil {
			t.closeSockets()
		}
	}()
	o := dgram.Options{ReuseAddr: true, Priority: priority, DSCP: t.cfg.DSCP, Scope: uint32(s.Index),
		RecvBuffer: socketBuffer, SendBuffer: socketBuffer}
	o.Setup = func(fd int) error { return t.setupSend(fd, s) }
	if t.send, err = t.listen(netip.AddrPortFrom(s.Addr, t.cfg.Port-1), o); err != nil {
		return err
	}
	o.Setup = nil
	if t.token, err = t.listen(netip.AddrPortFrom(s.Addr, t.cfg.Port), o); err != nil {
		return err
	}
	o.Setup = func(fd int) error { return t.setupReceive(fd, s) }
	if t.mcast, err = t.listen(netip.AddrPortFrom(t.group, t.cfg.Port), o); err != nil {
		return err
	}
	if t.watchMcast, err = t.loop.Watch(t.mcast, loop.Readable, loop.High, t.readable); err != nil {
		return err
	}
	if t.watchTok, err = t.loop.Watch(t.token, loop.Readable, loop.High, t.readable); err != nil {
		return err
	}
	t.tx.ResetOffload()
	t.makePeers()
	return nil
}

func (t *Transport) closeSockets() {
	t.watchMcast.Remove()
	t.watchTok.Remove()
	t.watchMcast, t.watchTok = nil, nil
	for _, fd := range []*int{&t.send, &t.mcast, &t.token} {
		if *fd >= 0 {
			unix.Close(*fd)
		}
		*fd = -1
	}
}

// setupSend prepares the socket that sends: where multicasts leave, how far they go, and that they do not come back.
func (t *Transport) setupSend(fd int, s netif.State) error {
	var err error
	switch {
	case t.cfg.Broadcast:
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
			return fmt.Errorf("allow broadcasts: %w", err)
		}
	case t.group.Is4():
		mreq := unix.IPMreqn{Address: s.Addr.As4(), Ifindex: int32(s.Index)}
		if err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &mreq); err != nil {
			return fmt.Errorf("select the interface of multicasts: %w", err)
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0); err != nil {
			return fmt.Errorf("turn off multicast loop: %w", err)
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, t.cfg.TTL); err != nil {
			return fmt.Errorf("set the multicast TTL: %w", err)
		}
	default:
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, s.Index); err != nil {
			return fmt.Errorf("select the interface of multicasts: %w", err)
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0); err != nil {
			return fmt.Errorf("turn off multicast loop: %w", err)
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, t.cfg.TTL); err != nil {
			return fmt.Errorf("set the multicast hop limit: %w", err)
		}
	}
	return nil
}

// setupReceive prepares the socket that receives multicasts.
func (t *Transport) setupReceive(fd int, s netif.State) error {
	var err error
	switch {
	case t.cfg.Broadcast:
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	case t.group.Is4():
		mreq := unix.IPMreqn{Multiaddr: t.group.As4(), Address: s.Addr.As4(), Ifindex: int32(s.Index)}
		err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq)
	default:
		mreq := unix.IPv6Mreq{Multiaddr: t.group.As16(), Interface: uint32(s.Index)}
		err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq)
	}
	if err != nil {
		return fmt.Errorf("join %v: %w", t.group, err)
	}
	return nil
}

// SetMembers replaces the list of members.
func (t *Transport) SetMembers(members []transport.Member) error {
	t.members = append(t.members[:0], members...)
	t.makePeers()
	return nil
}

// makePeers makes the socket addresses; they depend on the interface, whose number goes with link-local addresses.
func (t *Transport) makePeers() {
	scope := uint32(t.link.State().Index)
	t.all = dgram.MakeAddr(netip.AddrPortFrom(t.group, t.cfg.Port), scope)
	t.peers = t.peers[:0]
	for i := range t.members {
		m := &t.members[i]
		if m.ID != t.cfg.NodeID && m.Addrs[0].IsValid() {
			t.peers = append(t.peers, peer{m.ID, dgram.MakeAddr(netip.AddrPortFrom(m.Addrs[0], t.cfg.Port), scope)})
		}
	}
}

// SetBlockUnlisted does nothing: C corosync does not apply block_unlisted_ips to this transport either, where a node
// that is not listed is heard because it is in the group.
func (t *Transport) SetBlockUnlisted(bool) {}

// CheckInterfaces looks at the interface now.
func (t *Transport) CheckInterfaces() {
	if t.monitor != nil {
		t.monitor.Check()
	}
}

// Send sends packets: multicasts once, unicasts to their target.
func (t *Transport) Send(batch []transport.Packet) {
	if t.send < 0 {
		return
	}
	t.tx.Begin()
	multicasts := false
	for i := 0; i < len(batch); {
		t.tx.NewRun()
		if to := batch[i].To; to != 0 {
			if a := t.peer(to); a != nil {
				t.tx.Frame(batch[i].Frame)
				t.tx.To(a)
			}
			i++
			continue
		}
		for ; i < len(batch) && batch[i].To == 0; i++ {
			t.tx.Frame(batch[i].Frame)
		}
		t.tx.To(t.all)
		multicasts = true
	}
	before := t.tx.Stats.Errors
	t.tx.Flush(t.send)
	if multicasts {
		if t.tx.Stats.Errors != before {
			t.mcastErrors++
		} else {
			t.mcastErrors = 0
		}
	}
}

func (t *Transport) peer(id totem.NodeID) *dgram.Addr {
	for i := range t.peers {
		if t.peers[i].id == id {
			return t.peers[i].addr
		}
	}
	return nil
}

// accept drops what this node sent itself: broadcasts come back.
func (t *Transport) accept(from netip.Addr) bool { return from != t.link.State().Addr }

// readable reads all that is there, multicasts first: they were sent before the token that may wait in the other socket.
// A token that arrives while the multicasts are read is younger than those read, and the protocol asks again for what it
// has overtaken.
func (t *Transport) readable(uint32) {
	for range maxBatches {
		t.rx.Begin()
		truncated := t.rx.Stats.Truncated
		empty := t.rx.Read(t.mcast)
		if empty {
			empty = t.rx.Read(t.token)
		}
		if t.rx.Stats.Truncated != truncated {
			t.log.Errorf("Received too big message, dropping it: more than %d bytes", transport.MaxDatagram)
		}
		if frames := t.rx.Frames(); len(frames) > 0 {
			t.handler.Receive(frames)
		}
		// The handler may have closed the transport.
		if empty || t.token < 0 {
			return
		}
	}
}

// Discard drops the multicasts that have arrived. A token stays: it is small, and it is what the ring waits for.
func (t *Transport) Discard() {
	for range maxDiscard {
		if t.mcast < 0 {
			return
		}
		t.rx.Begin()
		if t.rx.Read(t.mcast) {
			return
		}
	}
}

// RingStatus describes the link.
func (t *Transport) RingStatus() []totem.RingStatus {
	return transport.SimpleRingStatus(t.link.State().Addr, t.cfg.Bind)
}

// NodeStatus describes a node.
func (t *Transport) NodeStatus(id totem.NodeID, reachable bool) (totem.NodeStatus, bool) {
	return transport.SimpleStatus(id, transport.MemberAddr(t.members, id), t.cfg.FrameMTU, reachable, t.link.Up()), true
}

// Stats returns the counters.
func (t *Transport) Stats() transport.Stats {
	return transport.Stats{
		TxDatagrams:     t.tx.Stats.Datagrams,
		TxBytes:         t.tx.Stats.Bytes,
		TxCalls:         t.tx.Stats.Calls,
		TxErrors:        t.tx.Stats.Errors,
		RxDatagrams:     t.rx.Stats.Datagrams,
		RxBytes:         t.rx.Stats.Bytes,
		RxCalls:         t.rx.Stats.Calls,
		RxRejected:      t.rx.Stats.Rejected,
		RxTruncated:     t.rx.Stats.Truncated,
		MulticastErrors: t.mcastErrors,
	}
}
