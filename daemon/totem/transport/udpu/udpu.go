package udpu

import (
	"errors"
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
	// DefaultPort is the port without totem.interface.mcastport.
	DefaultPort = 5405
	// socketBuffer is the size of the socket buffers in bytes.
	socketBuffer = 2179072
	// priority is TC_PRIO_INTERACTIVE: before bulk traffic in the queue of the interface.
	priority = 6
)

// Chosen here.
const (
	// batchSize is the number of messages read by one system call, each a datagram or a coalesced group.
	batchSize = 64
	// maxBatches is the number of batches after which clients get their turn, even if more can be read.
	maxBatches = 4
	// maxDiscard is the number of batches that Discard drops, more than fit into the socket buffer.
	maxDiscard = 64
)

// Config is what the transport needs to know.
type Config struct {
	NodeID totem.NodeID
	// Bind is this node's ring0_addr, or the address of its network (bindnetaddr).
	Bind netip.Addr
	// Port is the UDP port of all members; 0 means DefaultPort.
	Port uint16
	// Members are all nodes, this one among them.
	Members []transport.Member
	// BlockUnlisted drops datagrams from addresses of no member.
	BlockUnlisted bool
	// DSCP is the code point in the header of all packets; 0 leaves the default.
	DSCP uint8
	// FrameMTU is the net_mtu of totem.md 3.3; it is only reported.
	FrameMTU uint32
}

// Transport implements transport.Transport.
type Transport struct {
	cfg     Config
	loop    *loop.Loop
	log     logsys.Logger
	handler transport.Handler
	monitor *netif.Monitor
	link    transport.Link
	listen  func(netip.AddrPort, dgram.Options) (int, error) // dgram.Listen, except in tests

	members []transport.Member
	peers   []peer // the members except this node that have an address
	known   map[netip.Addr]struct{}

	announced bool // the members have been logged; changes are from now on

	fd    int
	watch *loop.Watch
	tx    dgram.Sender
	rx    *dgram.Receiver
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
		return nil, errors.New("udpu: no address to bind")
	}
	t := &Transport{cfg: cfg, loop: l, log: log, listen: dgram.Listen, fd: -1, rx: dgram.NewReceiver(batchSize)}
	t.rx.Accept = t.accept
	return t, nil
}

// Start watches the interface, and opens the socket as soon as it is up.
func (t *Transport) Start(h transport.Handler) error {
	t.handler = h
	if err := t.SetMembers(t.cfg.Members); err != nil {
		return err
	}
	t.log.Noticef("Initializing transport (UDP/IP Unicast).")
	t.link = transport.Link{Sched: t.loop, Log: t.log, Handler: h, Open: t.open, Close: t.closeSocket, Announce: t.announce}
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

func (t *Transport) open(s netif.State) error {
	fd, err := t.listen(netip.AddrPortFrom(s.Addr, t.cfg.Port), dgram.Options{
		RecvBuffer: socketBuffer,
		SendBuffer: socketBuffer,
		Priority:   priority,
		DSCP:       t.cfg.DSCP,
		Scope:      uint32(s.Index),
	})
	if err != nil {
		return err
	}
	if t.watch, err = t.loop.Watch(fd, loop.Readable, loop.High, t.readable); err != nil {
		unix.Close(fd)
		return err
	}
	t.fd = fd
	t.tx.ResetOffload()
	t.makePeers()
	return nil
}

func (t *Transport) closeSocket() {
	t.watch.Remove()
	unix.Close(t.fd)
	t.fd = -1
}

// SetMembers replaces the list of members.
func (t *Transport) SetMembers(members []transport.Member) error {
	known := make(map[netip.Addr]struct{}, len(members))
	for i := range members {
		a := members[i].Addrs[0].Unmap().WithZone("")
		if !a.IsValid() {
			continue
		}
		if _, old := t.known[a]; !old && t.announced {
			t.log.Noticef("adding new UDPU member {%s}", a)
		}
		known[a] = struct{}{}
	}
	for i := range t.members {
		a := t.members[i].Addrs[0].Unmap().WithZone("")
		if _, kept := known[a]; a.IsValid() && !kept && t.announced {
			t.log.Noticef("removing UDPU member {%s}", a)
		}
	}
	t.members = append(t.members[:0], members...)
	t.known = known
	t.makePeers()
	return nil
}

// announce tells the log what is set up, once.
func (t *Transport) announce() {
	t.announced = true
	t.log.Infof("Configuring link 0")
	for i := range t.members {
		if a := t.members[i].Addrs[0]; a.IsValid() {
			t.log.Noticef("adding new UDPU member {%s}", a.Unmap().WithZone(""))
		}
	}
}

// makePeers makes the socket addresses. They depend on the interface, whose number goes with link-local addresses.
func (t *Transport) makePeers() {
	t.peers = t.peers[:0]
	for i := range t.members {
		m := &t.members[i]
		if m.ID == t.cfg.NodeID || !m.Addrs[0].IsValid() {
			continue
		}
		ap := netip.AddrPortFrom(m.Addrs[0], t.cfg.Port)
		t.peers = append(t.peers, peer{m.ID, dgram.MakeAddr(ap, uint32(t.link.State().Index))})
	}
}

// SetBlockUnlisted changes block_unlisted_ips.
func (t *Transport) SetBlockUnlisted(block bool) { t.cfg.BlockUnlisted = block }

// CheckInterfaces looks at the interface now.
func (t *Transport) CheckInterfaces() {
	if t.monitor != nil {
		t.monitor.Check()
	}
}

// Send sends packets: multicasts to each member, unicasts to theirs. A unicast behind multicasts, which is the token, goes
// together with these to the member that it is for, and that one comes last: a short frame may end a message of several
// segments, so both cost one passage through the network stack, and wake the receiver once.
func (t *Transport) Send(batch []transport.Packet) {
	if t.fd < 0 || len(t.peers) == 0 {
		return
	}
	t.tx.Begin()
	for i := 0; i < len(batch); {
		if to := batch[i].To; to != 0 {
			if a := t.peer(to); a != nil {
				t.tx.NewRun()
				t.tx.Frame(batch[i].Frame)
				t.tx.To(a)
			}
			i++
			continue
		}
		first := i
		for i < len(batch) && batch[i].To == 0 {
			i++
		}
		var last *dgram.Addr
		if i < len(batch) {
			last = t.peer(batch[i].To)
		}
		if last == nil || len(t.peers) > 1 {
			t.run(batch[first:i])
			for k := range t.peers {
				if a := t.peers[k].addr; a != last {
					t.tx.To(a)
				}
			}
		}
		if last != nil {
			i++
			t.run(batch[first:i])
			t.tx.To(last)
		}
	}
	t.tx.Flush(t.fd)
}

// run starts a run of frames.
func (t *Transport) run(packets []transport.Packet) {
	t.tx.NewRun()
	for k := range packets {
		t.tx.Frame(packets[k].Frame)
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

func (t *Transport) accept(from netip.Addr) bool {
	if !t.cfg.BlockUnlisted {
		return true
	}
	if _, ok := t.known[from]; ok {
		return true
	}
	if t.log.Enabled(logsys.Debug) {
		t.log.Debugf("Packet rejected from %s", from)
	}
	return false
}

// readable reads all that is there. Everything comes through one socket, so the order is that of arrival: a token never
// overtakes the multicasts of the node that sent it.
func (t *Transport) readable(uint32) {
	for range maxBatches {
		t.rx.Begin()
		truncated := t.rx.Stats.Truncated
		empty := t.rx.Read(t.fd)
		if t.rx.Stats.Truncated != truncated {
			t.log.Errorf("Received too big message, dropping it: more than %d bytes", transport.MaxDatagram)
		}
		if frames := t.rx.Frames(); len(frames) > 0 {
			t.handler.Receive(frames)
		}
		// The handler may have closed the transport.
		if empty || t.fd < 0 {
			return
		}
	}
}

// Discard drops what has arrived.
func (t *Transport) Discard() {
	for range maxDiscard {
		if t.fd < 0 {
			return
		}
		t.rx.Begin()
		if t.rx.Read(t.fd) {
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
		TxDatagrams: t.tx.Stats.Datagrams,
		TxBytes:     t.tx.Stats.Bytes,
		TxCalls:     t.tx.Stats.Calls,
		TxErrors:    t.tx.Stats.Errors,
		RxDatagrams: t.rx.Stats.Datagrams,
		RxBytes:     t.rx.Stats.Bytes,
		RxCalls:     t.rx.Stats.Calls,
		RxRejected:  t.rx.Stats.Rejected,
		RxTruncated: t.rx.Stats.Truncated,
	}
}
