package history

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what happened.
type Kind uint8

// The kinds of event, with the letter that stands for each in a recording.
const (
	Send     Kind = 'S' // a message was handed to the library
	Unsent   Kind = 'U' // ... which refused it
	Deliver  Kind = 'D' // a message was delivered
	View     Kind = 'C' // membership of the group changed (cpg confchg)
	Ring     Kind = 'T' // configuration of the ring changed (totem confchg)
	Accepted Kind = 'J' // the join request was accepted; membership follows as View
)

// Member is one process as CPG names it.
type Member struct{ Node, PID uint32 }

func (m Member) String() string { return fmt.Sprintf("%d:%d", m.Node, m.PID) }

func compareMembers(a, b Member) int {
	if a.Node != b.Node {
		return int(int64(a.Node) - int64(b.Node))
	}
	return int(int64(a.PID) - int64(b.PID))
}

// Change is a member that left or joined, with CPG's reason.
type Change struct {
	Member
	Reason uint32
}

// MsgID names a message: the sender's incarnation and its count from 1.
type MsgID struct {
	Incarnation uint64
	Seq         uint64
}

// RingID is a totem ring: its representative and its sequence number.
type RingID struct {
	Node uint32
	Seq  uint64
}

func (r RingID) String() string { return fmt.Sprintf("%d.%x", r.Node, r.Seq) }

// FlagFin marks the last message of a sender.
const FlagFin = 1

// Event is one line of a history. Which fields count depends on Kind.
type Event struct {
	Kind Kind
	Time int64 // microseconds, one clock for all processes of a machine

	Msg     MsgID  // Send, Unsent, Deliver
	Sender  Member // Deliver
	Size    int    // bytes; Send, Deliver
	Flags   uint32 // Send, Deliver
	Damaged bool   // Deliver: contents are not what was sent

	Members []Member // View, sorted
	Left    []Change // View
	Joined  []Change // View

	Ring  RingID   // Ring
	Nodes []uint32 // Ring, sorted
}

func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d.%06d ", e.Time/1e6, e.Time%1e6)
	switch e.Kind {
	case Send:
		fmt.Fprintf(&b, "send %d (%d bytes)", e.Msg.Seq, e.Size)
	case Unsent:
		fmt.Fprintf(&b, "refused %d", e.Msg.Seq)
	case Deliver:
		fmt.Fprintf(&b, "deliver %v/%d (%d bytes)", e.Sender, e.Msg.Seq, e.Size)
	case View:
		fmt.Fprintf(&b, "view %v left %v joined %v", e.Members, e.Left, e.Joined)
	case Ring:
		fmt.Fprintf(&b, "ring %v %v", e.Ring, e.Nodes)
	case Accepted:
		b.WriteString("join accepted")
	}
	return b.String()
}

// Process is the history of one connection to the group.
type Process struct {
	Name        string // for reports, the file it came from
	ID          Member
	Incarnation uint64
	Events      []Event
	// End says how it ended: "leave" after an orderly leave, any other text for
	// an error (the daemon died), empty if it was still connected or was killed.
	End string
}

func (p *Process) String() string {
	if p.Name == "" {
		return p.ID.String()
	}
	return p.Name + "(" + p.ID.String() + ")"
}

// Live reports whether nothing is known of the process's end.
func (p *Process) Live() bool { return p.End == "" }

// Left reports whether the process left in order.
func (p *Process) Left() bool { return p.End == "leave" }

func sameMembers(a, b []Member) bool { return slices.Equal(a, b) }

// SortMembers puts a view into the order that Event.Members has.
func SortMembers(ms []Member) { slices.SortFunc(ms, compareMembers) }
