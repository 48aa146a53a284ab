package cpg

import (
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func (c *Client) handle(b []byte) error {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		return call.Malformed(err)
	}
	switch h.ID {
	case ipcmsg.CPGEventDeliver:
		e, err := ipcmsg.ParseCPGDeliverEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if c.calls.Deliver != nil {
			c.calls.Deliver(e.Group, e.NodeID, e.PID, e.Payload)
		}
	case ipcmsg.CPGEventPartialDeliver:
		e, err := ipcmsg.ParseCPGPartialDeliverEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		c.assemble(e)
	case ipcmsg.CPGEventConfchg:
		e, err := ipcmsg.ParseCPGConfchgEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		for _, a := range e.Left {
			delete(c.assemblies, sender{a.NodeID, a.PID})
		}
		if c.calls.Confchg != nil {
			c.calls.Confchg(e.Group, e.Members, e.Left, e.Joined)
		}
	case ipcmsg.CPGEventTotemConfchg:
		e, err := ipcmsg.ParseCPGTotemConfchgEvent(b)
		if err != nil {
			return call.Malformed(err)
		}
		if c.calls.TotemConfchg != nil {
			c.calls.TotemConfchg(e.RingID, e.Members)
		}
	default:
		return call.UnknownEvent("cpg", h.ID)
	}
	return nil
}

// assemble adds a piece to the long message of its sender and delivers it when
// it is complete. A first piece discards what its sender left unfinished; pieces
// without a first one, and those beyond the announced length, are dropped. The
// buffer grows with what arrived, since the announced length comes from another
// node.
func (c *Client) assemble(e ipcmsg.CPGPartialDeliverEvent) {
	from := sender{e.NodeID, e.PID}
	buf, known := c.assemblies[from]
	if e.Type == ipcmsg.CPGPartialFirst {
		// Twice one piece is the usual message of two pieces.
		buf, known = make([]byte, 0, min(int64(e.TotalLen), int64(2*len(e.Payload)))), true
	}
	if !known {
		return
	}
	if uint64(len(buf))+uint64(len(e.Payload)) > uint64(e.TotalLen) {
		delete(c.assemblies, from)
		return
	}
	buf = append(buf, e.Payload...)
	if e.Type != ipcmsg.CPGPartialLast {
		c.assemblies[from] = buf
		return
	}
	delete(c.assemblies, from)
	if c.calls.Deliver != nil {
		c.calls.Deliver(e.Group, e.NodeID, e.PID, buf)
	}
}
