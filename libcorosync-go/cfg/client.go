package cfg

import (
	"context"
	"net/netip"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// ShutdownFlags say how much the daemon asks before it stops.
type ShutdownFlags uint32

const (
	ShutdownRequest    ShutdownFlags = ipcmsg.CfgShutdownRequest    // anybody may refuse
	ShutdownRegardless ShutdownFlags = ipcmsg.CfgShutdownRegardless // ask, but stop anyway
	ShutdownImmediate  ShutdownFlags = ipcmsg.CfgShutdownImmediate  // do not ask
)

// Interface is a link in short form.
type Interface = ipcmsg.CfgInterface

// NodeStatus is a node as this daemon sees it; its Error field is not used.
type NodeStatus = ipcmsg.CfgNodeStatus

// LinkStatus is a link to a node.
type LinkStatus = ipcmsg.CfgLinkStatus

// Options of Dial.
type Options struct {
	// Shutdown is asked, between TrackStart and TrackStop, whether the daemon
	// may stop; the answer is given with ReplyToShutdown. May be nil.
	Shutdown func(flags ShutdownFlags)
	Conn     *conn.Options
}

// Client is a connection to the configuration service.
type Client struct {
	conn     *conn.Conn
	shutdown func(ShutdownFlags)
}

// Dial connects. Errors: those of [conn.Dial].
func Dial(ctx context.Context, o Options) (*Client, error) {
	c, err := conn.Dial(ctx, ipcmsg.IPCNameCfg, o.Conn)
	if err != nil {
		return nil, err
	}
	return New(c, o), nil
}

// New uses a connection to the service.
func New(c *conn.Conn, o Options) *Client { return &Client{conn: c, shutdown: o.Shutdown} }

// RingStatus lists the links of this node.
func (c *Client) RingStatus(ctx context.Context) ([]Interface, error) {
	r, err := call.Do(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqRingStatusGet), ipcmsg.ParseCfgRingStatusResponse)
	if err != nil {
		return nil, err
	}
	return r.Interfaces, r.Error.Err()
}

// RingReenable was the repair of a redundant ring; daemons of 3.x answer
// [cserr.NotSupported].
func (c *Client) RingReenable(ctx context.Context) error {
	return call.Status(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqRingReenable))
}

// NodeStatus asks for version 1 of the status of a node; 0 is no node here. An
// unknown node is [cserr.FailedOperation] with knet, and a status that is all
// zero otherwise.
func (c *Client) NodeStatus(ctx context.Context, node uint32) (NodeStatus, error) {
	request := ipcmsg.CfgNodeStatusRequest{NodeID: node, Version: ipcmsg.CfgNodeStatusV1}.Append(nil)
	s, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCfgNodeStatus)
	if err == nil {
		err = s.Error.Err()
	}
	if err != nil {
		return NodeStatus{}, err
	}
	return s, nil
}

// KillNode ends the daemon of a node; the reason, at most 255 bytes
// ([cserr.NameTooLong]), goes to its log. A node that is no member is
// [cserr.NotExist].
func (c *Client) KillNode(ctx context.Context, node uint32, reason string) error {
	if len(reason) >= ipcmsg.CfgReasonMax {
		return cserr.NameTooLong
	}
	return call.Status(ctx, c.conn, ipcmsg.CfgKillNodeRequest{NodeID: node, Reason: []byte(reason)}.Append(nil))
}

func (c *Client) word(ctx context.Context, id int32, value uint32) error {
	return call.Status(ctx, c.conn, ipcmsg.CfgWordRequest{ID: id, Value: value}.Append(nil))
}

// TryShutdown stops the local daemon. [cserr.Busy]: a tracker refused, or did
// not answer in time; [cserr.Exist]: another request is under way.
func (c *Client) TryShutdown(ctx context.Context, flags ShutdownFlags) error {
	return c.word(ctx, ipcmsg.CfgReqTryShutdown, uint32(flags))
}

// ReplyToShutdown answers the question of the callback. Like the C library it
// does not report that nothing was asked ([cserr.Access]).
func (c *Client) ReplyToShutdown(ctx context.Context, yes bool) error {
	value := uint32(0)
	if yes {
		value = 1
	}
	request := ipcmsg.CfgWordRequest{ID: ipcmsg.CfgReqReplyToShutdown, Value: value}.Append(nil)
	_, err := call.Do(ctx, c.conn, request, ipcmsg.ParseResponseHeader)
	return err
}

// NodeAddrs returns the addresses of a node, one per link; 0 is the local node.
// An unknown node is [cserr.NotExist].
func (c *Client) NodeAddrs(ctx context.Context, node uint32) ([]netip.Addr, error) {
	request := ipcmsg.CfgWordRequest{ID: ipcmsg.CfgReqGetNodeAddrs, Value: node}.Append(nil)
	r, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCfgNodeAddrsResponse)
	if err != nil {
		return nil, err
	}
	return r.Addrs, r.Error.Err()
}

// LocalNode returns the id of the local node.
func (c *Client) LocalNode(ctx context.Context) (uint32, error) {
	r, err := call.Do(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqLocalGet), ipcmsg.ParseCfgLocalGetResponse)
	if err != nil {
		return 0, err
	}
	return r.NodeID, r.Error.Err()
}

// Reload makes all nodes read their configuration again and returns the result
// of the local one; [cserr.InvalidParam] is a bad file.
func (c *Client) Reload(ctx context.Context) error {
	return call.Status(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqReloadConfig))
}

// ReopenLogFiles makes the local daemon open its log files again.
func (c *Client) ReopenLogFiles(ctx context.Context) error {
	return call.Status(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqReopenLogFiles))
}

// TrackStart asks to be asked before a shutdown; repeating it is harmless.
func (c *Client) TrackStart(ctx context.Context, flags uint8) error {
	return call.Status(ctx, c.conn, ipcmsg.CfgTrackStartRequest{TrackFlags: flags}.Append(nil))
}

// TrackStop ends that.
func (c *Client) TrackStop(ctx context.Context) error {
	return call.Status(ctx, c.conn, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqTrackStop))
}

// Dispatch calls back for events; see [conn.Conn.Dispatch].
func (c *Client) Dispatch(ctx context.Context, mode conn.Mode) error {
	return c.conn.Dispatch(ctx, mode, c.handle)
}

func (c *Client) handle(b []byte) error {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		return call.Malformed(err)
	}
	if h.ID != ipcmsg.CfgEventTestShutdown {
		return call.UnknownEvent("cfg", h.ID)
	}
	e, err := ipcmsg.ParseCfgTestShutdownEvent(b)
	if err != nil {
		return call.Malformed(err)
	}
	if c.shutdown != nil {
		c.shutdown(ShutdownFlags(e.Flags))
	}
	return nil
}

// Fd returns the descriptor that polls readable when Dispatch has work.
func (c *Client) Fd() int { return c.conn.Fd() }

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
