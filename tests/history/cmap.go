package history

import (
	"bytes"
	"fmt"
	"strings"
)

// What CheckMap looks for.
const (
	// MapReads: a read of the configuration map gives what was written last.
	MapReads Property = "map-reads"
	// MapEvents: who tracks a key is told each change once, with the old and the
	// new value, in order, and before the request that made it is answered.
	MapEvents Property = "map-events"
	// MemberStatus: the keys of the members say joined of the nodes of the ring,
	// and left of others; part of CheckLives.
	MemberStatus Property = "member-status"
)

// MapKind is what a MapOp is.
type MapKind uint8

// The kinds of operation on a map.
const (
	MapSet    MapKind = iota // Value
	MapDelete                // of a key that is there
	MapGet                   // Value; nil if there is none
	MapTrack                 // all changes of Key, with Prefix of all keys that begin so, as Instance
	MapUntrack
	MapTold // Instance is told that Old has become Value; nil is none
)

// MapOp is something that was done to the map of one node, in the order in which the answers came, which is that of the
// daemon; what is told stands where it was received.
type MapOp struct {
	Kind       MapKind
	Time       int64
	Instance   uint64
	Key        string
	Prefix     bool
	Value, Old []byte
}

func (o MapOp) String() string {
	at := clockOf(o.Time) + " "
	switch o.Kind {
	case MapSet:
		return at + fmt.Sprintf("set %s to %x", o.Key, o.Value)
	case MapDelete:
		return at + "delete " + o.Key
	case MapGet:
		return at + fmt.Sprintf("get %s: %x", o.Key, o.Value)
	case MapTrack:
		return at + fmt.Sprintf("track %s as %d", o.Key, o.Instance)
	case MapUntrack:
		return at + fmt.Sprintf("track no more %d", o.Instance)
	}
	return at + fmt.Sprintf("%d is told: %s from %x to %x", o.Instance, o.Key, o.Old, o.Value)
}

// CheckMap judges what the clients of one daemon's map saw. ended says that the daemon died, when a change may have been told
// whose answer never came.
func CheckMap(ops []MapOp, ended bool) []Violation {
	c := &checker{count: map[Property]int{}}
	type tracker struct {
		op   MapOp
		told []MapOp // not yet accounted for
	}
	var trackers []*tracker
	values := map[string]MapOp{} // last write of each key that is there
	change := func(o MapOp, value []byte) {
		old, there := values[o.Key]
		if there && value != nil && bytes.Equal(old.Value, value) {
			return
		}
		for _, t := range trackers {
			if t.op.Key != o.Key && !(t.op.Prefix && strings.HasPrefix(o.Key, t.op.Key)) {
				continue
			}
			switch {
			case len(t.told) == 0:
				c.fail(MapEvents, []string{t.op.String(), o.String()}, "%d was not told before the answer", t.op.Instance)
				continue
			case t.told[0].Key != o.Key || !bytes.Equal(t.told[0].Old, old.Value) || !bytes.Equal(t.told[0].Value, value):
				c.fail(MapEvents, []string{t.told[0].String(), o.String()}, "%d was told something else than from %x to %x", t.op.Instance, old.Value, value)
			}
			t.told = t.told[1:]
		}
	}
	for _, o := range ops {
		switch o.Kind {
		case MapSet:
			change(o, o.Value)
			values[o.Key] = o
		case MapDelete:
			change(o, nil)
			delete(values, o.Key)
		case MapGet:
			w, there := values[o.Key]
			if there != (o.Value != nil) || !bytes.Equal(w.Value, o.Value) {
				ev := []string{o.String()}
				if there {
					ev = []string{w.String(), o.String()}
				}
				c.fail(MapReads, ev, "the value is %x, last written was %x", o.Value, w.Value)
			}
		case MapTrack:
			trackers = append(trackers, &tracker{op: o})
		case MapUntrack:
			for i, t := range trackers {
				if t.op.Instance == o.Instance {
					trackers = append(trackers[:i:i], trackers[i+1:]...)
					break
				}
			}
		case MapTold:
			known := false
			for _, t := range trackers {
				if t.op.Instance == o.Instance {
					t.told, known = append(t.told, o), true
				}
			}
			if !known {
				c.fail(MapEvents, []string{o.String()}, "nobody tracks as %d", o.Instance)
			}
		}
	}
	for _, t := range trackers {
		if len(t.told) > 0 && !ended {
			c.fail(MapEvents, []string{t.told[0].String()}, "%d was told of a change that nobody made", t.op.Instance)
		}
	}
	return c.found
}

// lifeStatus compares the keys of the members, as a client that tracks them was told, to each ring.
func (c *checker) lifeStatus(t *lifeTrack) {
	status := map[uint32]int{} // step
	for i, s := range t.Steps {
		switch s.Kind {
		case LifeStatus:
			status[s.Nodes[0]] = i
		case LifeRegular:
			for id, k := range status {
				in := false
				for _, n := range s.Nodes {
					in = in || n == id
				}
				if t.Steps[k].Quorate != in {
					c.fail(MemberStatus, []string{t.at(k), t.at(i)}, "the key of node %d is wrong in this ring", id)
				}
			}
		}
	}
}
