package quorum

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Flags of TrackStart.
const (
	TrackCurrent     = ipcmsg.TrackCurrent
	TrackChanges     = ipcmsg.TrackChanges
	TrackChangesOnly = ipcmsg.TrackChangesOnly
)

// Type tells who decides about quorum.
type Type uint32

const (
	Free Type = ipcmsg.QuorumTypeFree // nobody: always quorate
	Set  Type = ipcmsg.QuorumTypeSet  // a provider such as votequorum
)

// RingID names a configuration.
type RingID = ipcmsg.RingID

// Callbacks of Dispatch; those that are nil are skipped. Slices belong to the
// callback.
type Callbacks struct {
	// Notify gets the events of model v0: quorum and membership, but only the
	// sequence number of the ring.
	Notify func(quorate bool, ringSeq uint64, members []uint32)
	// Quorum and NodeList get the events of model v1. At a change of
	// membership NodeList comes first.
	Quorum   func(quorate bool, ring RingID, members []uint32)
	NodeList func(ring RingID, members, joined, left []uint32)
}

// Options of Dial. The zero value is quorum_initialize without callbacks.
type Options struct {
	// Model 0 delivers Notify, model 1 Quorum and NodeList.
	Model     uint32
	Callbacks Callbacks
	Conn      *conn.Options
}

// Client is a connection to the quorum service.
type Client struct {
	conn  *conn.Conn
	model uint32
	typ   Type
	calls Callbacks
}

// Dial connects and selects the model. Errors: [cserr.InvalidParam] for an
// unknown model, and those of [conn.Dial].
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.Model > ipcmsg.QuorumModelV1 {
		return nil, cserr.InvalidParam
	}
	c, err := conn.Dial(ctx, ipcmsg.IPCNameQuorum, o.Conn)
	if err != nil {
		return nil, err
	}
	return New(ctx, c, o)
}

// New selects the model on a connection to the service, which it closes on
// error.
func New(ctx context.Context, c *conn.Conn, o Options) (*Client, error) {
	request := ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqGetType)
	if o.Model != ipcmsg.QuorumModelV0 {
		request = ipcmsg.QuorumModelGetTypeRequest{Model: o.Model}.Append(nil)
	}
	q := &Client{conn: c, model: o.Model, calls: o.Callbacks}
	typ, err := q.value(ctx, request)
	if err != nil {
		c.Close()
		return nil, err
	}
	q.typ = Type(typ)
	return q, nil
}

func (q *Client) value(ctx context.Context, request []byte) (uint32, error) {
	r, err := call.Do(ctx, q.conn, request, ipcmsg.ParseQuorumValueResponse)
	if err != nil {
		return 0, err
	}
	return r.Value, r.Error.Err()
}

// Type returns what the daemon answered at connect.
func (q *Client) Type() Type { return q.typ }

// Quorate tells whether this partition is quorate (quorum_getquorate).
func (q *Client) Quorate(ctx context.Context) (bool, error) {
	v, err := q.value(ctx, ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqGetQuorate))
	return v != 0, err
}

// TrackStart asks for events: TrackCurrent or TrackChanges for the present
// state at once, TrackChanges or TrackChangesOnly for every change. When
// already tracking the error is [cserr.Exist], though the present state was
// sent.
func (q *Client) TrackStart(ctx context.Context, flags uint32) error {
	return call.Status(ctx, q.conn, ipcmsg.QuorumTrackStartRequest{TrackFlags: flags}.Append(nil))
}

// TrackStop ends the events; events under way still arrive.
func (q *Client) TrackStop(ctx context.Context) error {
	return call.Status(ctx, q.conn, ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqTrackStop))
}

// Dispatch calls back for events; see [conn.Conn.Dispatch].
func (q *Client) Dispatch(ctx context.Context, mode conn.Mode) error {
	return q.conn.Dispatch(ctx, mode, q.handle)
}

func (q *Client) handle(b []byte) error {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		return call.Malformed(err)
	}
	switch {
	case q.model == ipcmsg.QuorumModelV0 && h.ID == ipcmsg.QuorumEventNotification:
		e, err := ipcmsg.ParseQuorumNotification(b)
		if err != nil {
			return call.Malformed(err)
		}
		if q.calls.Notify != nil {
			q.calls.Notify(e.Quorate, e.RingSeq, e.View)
		}
	case q.model == ipcmsg.QuorumModelV1 && h.ID == ipcmsg.QuorumEventV1Quorum:
		e, err := ipcmsg.ParseQuorumV1QuorumEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if q.calls.Quorum != nil {
			q.calls.Quorum(e.Quorate, e.RingID, e.View)
		}
	case q.model == ipcmsg.QuorumModelV1 && h.ID == ipcmsg.QuorumEventV1NodeList:
		e, err := ipcmsg.ParseQuorumV1NodeListEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if q.calls.NodeList != nil {
			q.calls.NodeList(e.RingID, e.Members, e.Joined, e.Left)
		}
	default:
		return call.UnknownEvent("quorum", h.ID)
	}
	return nil
}

// Fd returns the descriptor that polls readable when Dispatch has work.
func (q *Client) Fd() int { return q.conn.Fd() }

// Close ends the connection; waiting calls return.
func (q *Client) Close() error { return q.conn.Close() }
