package votequorum

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

// Flags of [Info].
const (
	TwoNode           = ipcmsg.VotequorumInfoTwoNode
	Quorate           = ipcmsg.VotequorumInfoQuorate
	WaitForAll        = ipcmsg.VotequorumInfoWaitForAll
	LastManStanding   = ipcmsg.VotequorumInfoLastManStanding
	AutoTieBreaker    = ipcmsg.VotequorumInfoAutoTieBreaker
	AllowDownscale    = ipcmsg.VotequorumInfoAllowDownscale
	QdeviceRegistered = ipcmsg.VotequorumInfoQdeviceRegistered
	QdeviceAlive      = ipcmsg.VotequorumInfoQdeviceAlive
	QdeviceCastVote   = ipcmsg.VotequorumInfoQdeviceCastVote
	QdeviceMasterWins = ipcmsg.VotequorumInfoQdeviceMasterWins
)

// States of a [Node].
const (
	Member  = ipcmsg.VotequorumNodeStateMember
	Dead    = ipcmsg.VotequorumNodeStateDead
	Leaving = ipcmsg.VotequorumNodeStateLeaving
)

// QdeviceNode is the node id under which the quorum device is addressed.
const QdeviceNode = 0

// RingID names a configuration.
type RingID = ipcmsg.RingID

// Node is a node with its state. Node id 0 is the quorum device, state 0.
type Node = ipcmsg.VotequorumNode

// Info is what the service knows of a node and of the cluster.
type Info struct {
	NodeID          uint32
	State           uint32 // Member, Dead or Leaving
	Votes           uint32
	ExpectedVotes   uint32 // as this node sees it
	HighestExpected uint32 // of all members
	TotalVotes      uint32
	Quorum          uint32 // votes needed
	Flags           uint32 // TwoNode...
	QdeviceVotes    uint32 // configured
	QdeviceName     string
}

// Callbacks of Dispatch; those that are nil are skipped. Slices belong to the
// callback; track is the context given to TrackStart.
type Callbacks struct {
	// Quorum gets quorum and the states of all nodes ever seen.
	Quorum func(track uint64, quorate bool, nodes []Node)
	// ExpectedVotes gets a changed number of expected votes.
	ExpectedVotes func(track uint64, votes uint32)
	// NodeList gets the members of a new configuration, before Quorum.
	NodeList func(track uint64, ring RingID, members []uint32)
}

// Options of Dial.
type Options struct {
	Callbacks Callbacks
	Conn      *conn.Options
}

// Client is a connection to the vote quorum service.
type Client struct {
	conn  *conn.Conn
	calls Callbacks
}

// Dial connects. Errors: those of [conn.Dial].
func Dial(ctx context.Context, o Options) (*Client, error) {
	c, err := conn.Dial(ctx, ipcmsg.IPCNameVotequorum, o.Conn)
	if err != nil {
		return nil, err
	}
	return New(c, o), nil
}

// New uses a connection to the service.
func New(c *conn.Conn, o Options) *Client { return &Client{conn: c, calls: o.Callbacks} }

// Info asks for a node, 0 being the local one. An unknown node is
// [cserr.NotExist].
func (v *Client) Info(ctx context.Context, node uint32) (Info, error) {
	r, err := call.Do(ctx, v.conn, ipcmsg.VotequorumGetInfoRequest{NodeID: node}.Append(nil), ipcmsg.ParseVotequorumInfo)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return Info{}, err
	}
	return Info{
		NodeID:          r.NodeID,
		State:           r.State,
		Votes:           r.Votes,
		ExpectedVotes:   r.ExpectedVotes,
		HighestExpected: r.HighestExpected,
		TotalVotes:      r.TotalVotes,
		Quorum:          r.Quorum,
		Flags:           r.Flags,
		QdeviceVotes:    r.QdeviceVotes,
		QdeviceName:     string(r.QdeviceName),
	}, nil
}

// SetExpected changes the expected votes of the cluster. A number that would
// make or keep the cluster inquorate is [cserr.InvalidParam].
func (v *Client) SetExpected(ctx context.Context, votes uint32) error {
	return call.Status(ctx, v.conn, ipcmsg.VotequorumSetExpectedRequest{ExpectedVotes: votes}.Append(nil))
}

// SetVotes changes the votes of a node; node 0 is the quorum device. An unknown
// node is [cserr.NameNotFound].
func (v *Client) SetVotes(ctx context.Context, node, votes uint32) error {
	return call.Status(ctx, v.conn, ipcmsg.VotequorumSetVotesRequest{NodeID: node, Votes: votes}.Append(nil))
}

// TrackStart asks for events, which will carry track. The flags are as in
// package quorum. When already tracking the error is [cserr.Exist].
func (v *Client) TrackStart(ctx context.Context, track uint64, flags uint32) error {
	return call.Status(ctx, v.conn, ipcmsg.VotequorumTrackStartRequest{Context: track, TrackFlags: flags}.Append(nil))
}

// TrackStop ends the events; when not tracking the error is [cserr.NotExist].
func (v *Client) TrackStop(ctx context.Context) error {
	return call.Status(ctx, v.conn, ipcmsg.AppendRequest(nil, ipcmsg.VotequorumReqTrackStop))
}

// checkName applies the library's own limit: 1 to 254 bytes.
func checkName(name string) error {
	if name == "" || len(name) >= ipcmsg.VotequorumQdeviceNameMax {
		return cserr.InvalidParam
	}
	return nil
}

// QdeviceRegister makes this client the quorum device under a name of 1 to 254
// bytes. It returns when the cluster knows.
func (v *Client) QdeviceRegister(ctx context.Context, name string) error {
	return v.qdevice(ctx, ipcmsg.VotequorumReqQdeviceRegister, name)
}

// QdeviceUnregister removes the quorum device; the name must be its name.
func (v *Client) QdeviceUnregister(ctx context.Context, name string) error {
	return v.qdevice(ctx, ipcmsg.VotequorumReqQdeviceUnregister, name)
}

func (v *Client) qdevice(ctx context.Context, id int32, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return call.Status(ctx, v.conn, ipcmsg.VotequorumQdeviceRequest{ID: id, Name: []byte(name)}.Append(nil))
}

// QdeviceUpdate renames the quorum device.
func (v *Client) QdeviceUpdate(ctx context.Context, oldName, newName string) error {
	if err := checkName(oldName); err != nil {
		return err
	}
	if err := checkName(newName); err != nil {
		return err
	}
	return call.Status(ctx, v.conn, ipcmsg.VotequorumQdeviceUpdateRequest{OldName: []byte(oldName), NewName: []byte(newName)}.Append(nil))
}

// QdevicePoll is the device's sign of life with its vote for the configuration
// ring, as the last NodeList event named it; another one is
// [cserr.MessageError].
func (v *Client) QdevicePoll(ctx context.Context, name string, castVote bool, ring RingID) error {
	if err := checkName(name); err != nil {
		return err
	}
	return call.Status(ctx, v.conn, ipcmsg.VotequorumQdevicePollRequest{Name: []byte(name), CastVote: castVote, RingID: ring}.Append(nil))
}

// QdeviceMasterWins lets the partition with the voting device be quorate
// whatever its votes.
func (v *Client) QdeviceMasterWins(ctx context.Context, name string, allow bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	return call.Status(ctx, v.conn, ipcmsg.VotequorumQdeviceMasterWinsRequest{Name: []byte(name), Allow: allow}.Append(nil))
}

// Dispatch calls back for events; see [conn.Conn.Dispatch].
func (v *Client) Dispatch(ctx context.Context, mode conn.Mode) error {
	return v.conn.Dispatch(ctx, mode, v.handle)
}

func (v *Client) handle(b []byte) error {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		return call.Malformed(err)
	}
	switch h.ID {
	case ipcmsg.VotequorumEventQuorum:
		e, err := ipcmsg.ParseVotequorumQuorumEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if v.calls.Quorum != nil {
			v.calls.Quorum(e.Context, e.Quorate, e.Nodes)
		}
	case ipcmsg.VotequorumEventExpectedVotes:
		e, err := ipcmsg.ParseVotequorumExpectedVotesEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if v.calls.ExpectedVotes != nil {
			v.calls.ExpectedVotes(e.Context, e.ExpectedVotes)
		}
	case ipcmsg.VotequorumEventNodeList:
		e, err := ipcmsg.ParseVotequorumNodeListEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if v.calls.NodeList != nil {
			v.calls.NodeList(e.Context, e.RingID, e.Members)
		}
	default:
		return call.UnknownEvent("votequorum", h.ID)
	}
	return nil
}

// Fd returns the descriptor that polls readable when Dispatch has work.
func (v *Client) Fd() int { return v.conn.Fd() }

// Close ends the connection; a registered quorum device stays registered.
func (v *Client) Close() error { return v.conn.Close() }
