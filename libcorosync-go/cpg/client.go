package cpg

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// NameMax is the longest group name in bytes. Names are binary: any bytes, and
// the length counts.
const NameMax = ipcmsg.CPGNameMax

// MaxAtomic is the longest message in bytes that travels in one piece
// (cpg_max_atomic_msgsize_get).
const MaxAtomic = ipcmsg.CPGMaxAtomicMessage

// Guarantee of a multicast. The daemon gives agreed order for all of them.
type Guarantee uint32

const (
	Unordered Guarantee = ipcmsg.CPGUnordered
	FIFO      Guarantee = ipcmsg.CPGFIFO
	Agreed    Guarantee = ipcmsg.CPGAgreed
	Safe      Guarantee = ipcmsg.CPGSafe
)

// Reasons in an [Address].
const (
	ReasonUndefined = ipcmsg.CPGReasonUndefined
	ReasonJoin      = ipcmsg.CPGReasonJoin
	ReasonLeave     = ipcmsg.CPGReasonLeave
	ReasonNodeDown  = ipcmsg.CPGReasonNodeDown
	ReasonNodeUp    = ipcmsg.CPGReasonNodeUp
	ReasonProcDown  = ipcmsg.CPGReasonProcDown
)

// DeliverInitialTotemConf in [Options] asks for one TotemConfchg after the join.
const DeliverInitialTotemConf = ipcmsg.CPGFlagDeliverInitialTotemConf

// Address is a member, with a reason where it joined or left.
type Address = ipcmsg.CPGAddress

// RingID names a configuration of the ring.
type RingID = ipcmsg.RingID

// Callbacks of Dispatch; those that are nil are skipped. Group names and
// payloads are valid during the call only; address lists belong to the callback.
type Callbacks struct {
	// Deliver gets the messages of the group, the own ones too.
	Deliver func(group []byte, node, pid uint32, payload []byte)
	// Confchg gets every change of the group.
	Confchg func(group []byte, members, left, joined []Address)
	// TotemConfchg gets every configuration of the ring.
	TotemConfchg func(ring RingID, members []uint32)
}

// Options of Dial. The zero value is cpg_initialize without callbacks.
type Options struct {
	Callbacks Callbacks
	Flags     uint32 // DeliverInitialTotemConf or 0
	// PID is the process id that names this member; 0 is that of the process.
	PID  uint32
	Conn *conn.Options
}

// Client is a connection to the service. It can be in one group at a time;
// after Leave it should be closed, since the C daemon never lets it join again.
type Client struct {
	conn  *conn.Conn
	calls Callbacks
	flags uint32
	pid   uint32

	mu    sync.Mutex // one multicast at a time; guards the next two
	head  [ipcmsg.CPGPartialMcastRequestSize]byte
	parts [8][]byte

	assemblies map[sender][]byte // owned by the dispatcher
}

// sender names the origin of a long message under reassembly.
type sender struct{ node, pid uint32 }

// Dial connects. Errors: [cserr.InvalidParam] for unknown flags, and those of
// [conn.Dial].
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.Flags&^DeliverInitialTotemConf != 0 {
		return nil, cserr.InvalidParam
	}
	c, err := conn.Dial(ctx, ipcmsg.IPCNameCpg, o.Conn)
	if err != nil {
		return nil, err
	}
	return New(c, o), nil
}

// New uses a connection to the service.
func New(c *conn.Conn, o Options) *Client {
	pid := o.PID
	if pid == 0 {
		pid = uint32(os.Getpid())
	}
	return &Client{conn: c, calls: o.Callbacks, flags: o.Flags, pid: pid, assemblies: make(map[sender][]byte)}
}

// busyPause is the wait before a request is repeated that the daemon could not
// take at that moment. The C library repeats at once, for ever.
const busyPause = time.Millisecond

// whileBusy repeats a request as long as the daemon answers Busy.
func (c *Client) whileBusy(ctx context.Context, request []byte) error {
	for {
		err := call.Status(ctx, c.conn, request)
		if !errors.Is(err, cserr.Busy) {
			return err
		}
		if err := pause(ctx, busyPause); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Join joins a group, whose name has at most [NameMax] bytes
// ([cserr.NameTooLong]). It returns when the daemon has sent the message; the
// Confchg that lists this member follows. [cserr.Exist]: already joined here, or
// by another connection under the same pid; [cserr.TryAgain]: a leave is under
// way, or the membership is changing.
func (c *Client) Join(ctx context.Context, group []byte) error {
	if len(group) > NameMax {
		return cserr.NameTooLong
	}
	return c.whileBusy(ctx, ipcmsg.CPGJoinRequest{Group: group, PID: c.pid, Flags: c.flags}.Append(nil))
}

// Leave leaves the group. [cserr.NotExist]: not joined.
func (c *Client) Leave(ctx context.Context, group []byte) error {
	if len(group) > NameMax {
		return cserr.NameTooLong
	}
	return c.whileBusy(ctx, ipcmsg.CPGLeaveRequest{Group: group, PID: c.pid}.Append(nil))
}

// Mcast sends a message, given in parts, to the group that was joined. It does
// not wait: [cserr.TryAgain] (EAGAIN) means that flow control or a membership
// change forbids it now and nothing was sent. Without a group the message
// is lost without an error. A message longer than [MaxAtomic] is sent in pieces,
// each of them confirmed: it waits, and can fail with [cserr.Interrupt] when the
// membership changed in between, or [cserr.NotExist] without a group.
func (c *Client) Mcast(ctx context.Context, g Guarantee, payload ...[]byte) error {
	total := 0
	for _, p := range payload {
		total += len(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if total > MaxAtomic {
		return c.mcastPieces(ctx, g, total, payload)
	}
	head := ipcmsg.AppendCPGMcastHead(c.head[:0], uint32(g), total)
	iov := append(append(c.parts[:0], head), payload...)
	err := c.conn.Send(conn.Multicast, iov...)
	clear(iov)
	return err
}

// A piece that is refused is repeated so often, with this wait in between.
const (
	pieceRetries = 100
	piecePause   = 10 * time.Millisecond
)

// mcastPieces sends a long message. Pieces never span two parts of the payload.
// Called with mu held.
func (c *Client) mcastPieces(ctx context.Context, g Guarantee, total int, payload [][]byte) error {
	if uint64(total) > 1<<32-1 {
		return cserr.TooBig
	}
	sent := 0
	for _, part := range payload {
		for len(part) > 0 {
			piece := part[:min(len(part), MaxAtomic)]
			part = part[len(piece):]
			kind := uint32(ipcmsg.CPGPartialContinued)
			switch {
			case sent == 0:
				kind = ipcmsg.CPGPartialFirst
			case sent+len(piece) == total:
				kind = ipcmsg.CPGPartialLast
			}
			r := ipcmsg.CPGPartialMcastRequest{Guarantee: uint32(g), TotalLen: uint32(total), Type: kind, Payload: piece}
			if err := c.sendPiece(ctx, r); err != nil {
				return err
			}
			sent += len(piece)
		}
	}
	return nil
}

func (c *Client) sendPiece(ctx context.Context, r ipcmsg.CPGPartialMcastRequest) error {
	head := r.AppendHead(c.head[:0])
	for try := 0; ; try++ {
		reply, err := c.conn.RequestBulk(ctx, nil, head, r.Payload)
		if err == nil {
			h, err := ipcmsg.ParseResponseHeader(reply)
			if err != nil {
				return call.Malformed(err)
			}
			return h.Error.Err()
		}
		if cserr.From(err) != cserr.TryAgain || try == pieceRetries {
			return err
		}
		if err := pause(ctx, piecePause); err != nil {
			return err
		}
	}
}

// Buffer is memory for messages, from which they are sent without being put
// together first (cpg_zcb_alloc). It is ordinary memory: the shared mapping of
// 3.1 saves no copy over a multicast, and later daemons refuse it.
type Buffer []byte

// Alloc returns a buffer of n bytes.
func (c *Client) Alloc(n int) Buffer { return make(Buffer, n) }

// McastBuffer sends the first n bytes of a buffer. More than 1 MiB is
// [cserr.TooBig].
func (c *Client) McastBuffer(ctx context.Context, g Guarantee, b Buffer, n int) error {
	switch {
	case n > ipcmsg.MaxMessageSize:
		return cserr.TooBig
	case n < 0 || n > len(b):
		return cserr.InvalidParam
	}
	return c.Mcast(ctx, g, b[:n])
}

// Members returns the members of any group; none if it does not exist.
func (c *Client) Members(ctx context.Context, group []byte) ([]Address, error) {
	if len(group) > NameMax {
		return nil, cserr.NameTooLong
	}
	r, err := call.Do(ctx, c.conn, ipcmsg.CPGMembershipRequest{Group: group}.Append(nil), ipcmsg.ParseCPGMembershipResponse)
	if err != nil {
		return nil, err
	}
	return r.Members, r.Error.Err()
}

// LocalNode returns the id of the local node.
func (c *Client) LocalNode(ctx context.Context) (uint32, error) {
	r, err := call.Do(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CPGReqLocalGet), ipcmsg.ParseCPGLocalGetResponse)
	if err != nil {
		return 0, err
	}
	return r.NodeID, r.Error.Err()
}

// FlowControlled tells whether the daemon asks to send less
// (cpg_flow_control_state_get). In 3.x it never does in this way.
func (c *Client) FlowControlled() bool { return false }

// Dispatch calls back for events; see [conn.Conn.Dispatch]. One goroutine at a
// time may dispatch.
func (c *Client) Dispatch(ctx context.Context, mode conn.Mode) error {
	return c.conn.Dispatch(ctx, mode, c.handle)
}

// Fd returns the descriptor that polls readable when Dispatch has work.
func (c *Client) Fd() int { return c.conn.Fd() }

// Close tells the daemon to send no more events and ends the connection. Others
// see a member that did not leave as ReasonProcDown. An error of the first step
// does not prevent the second.
func (c *Client) Close(ctx context.Context) error {
	err := call.Status(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CPGReqFinalize))
	if closeErr := c.conn.Close(); closeErr != nil {
		return closeErr
	}
	return err
}
