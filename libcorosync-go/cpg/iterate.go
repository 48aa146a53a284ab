package cpg

import (
	"context"
	"errors"
	"iter"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// IterType says what an iteration yields.
type IterType uint32

const (
	NameOnly IterType = ipcmsg.CPGIterNameOnly // each group once
	OneGroup IterType = ipcmsg.CPGIterOneGroup // the members of one group
	All      IterType = ipcmsg.CPGIterAll      // the members of all groups
)

// Description is one step of an iteration; node and pid are 0 with NameOnly.
type Description struct {
	Group  string
	NodeID uint32
	PID    uint32
}

// Iterator walks over a snapshot of the groups of the cluster.
type Iterator struct {
	c      *Client
	handle uint64
}

// Iterate takes a snapshot. The group is for OneGroup and must be nil otherwise
// ([cserr.InvalidParam]).
func (c *Client) Iterate(ctx context.Context, t IterType, group []byte) (*Iterator, error) {
	if len(group) > NameMax {
		return nil, cserr.NameTooLong
	}
	if t < NameOnly || t > All || (t == OneGroup) != (group != nil) {
		return nil, cserr.InvalidParam
	}
	request := ipcmsg.CPGIterInitRequest{Group: group, Type: uint32(t)}.Append(nil)
	r, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCPGIterInitResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return nil, err
	}
	return &Iterator{c: c, handle: r.Handle}, nil
}

// Next returns the next step; [cserr.NoSections] at the end.
func (it *Iterator) Next(ctx context.Context) (Description, error) {
	request := ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationNext, Handle: it.handle}.Append(nil)
	r, err := call.Do(ctx, it.c.conn, request, ipcmsg.ParseCPGIterNextResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return Description{}, err
	}
	return Description{Group: string(r.Group), NodeID: r.NodeID, PID: r.PID}, nil
}

// Close frees the snapshot in the daemon.
func (it *Iterator) Close(ctx context.Context) error {
	return call.Status(ctx, it.c.conn, ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationFinalize, Handle: it.handle}.Append(nil))
}

// Walk iterates as Iterate, Next and Close do. An error ends it and is the last
// pair.
func (c *Client) Walk(ctx context.Context, t IterType, group []byte) iter.Seq2[Description, error] {
	return func(yield func(Description, error) bool) {
		it, err := c.Iterate(ctx, t, group)
		if err != nil {
			yield(Description{}, err)
			return
		}
		defer it.Close(context.WithoutCancel(ctx))
		for {
			d, err := it.Next(ctx)
			if errors.Is(err, cserr.NoSections) {
				return
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}
