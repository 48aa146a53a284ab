package pg

import (
	"encoding/binary"
	"math/bits"
)

// Every message starts with the names of the groups it is for:
//
//	0     u16     group_count n
//	2     u16[n]  group_len
//	2+2n          the names
//	...           the payload, not aligned
//
// Groups are local: nothing about joining them is on the wire.

// The groups of corosync 3.1.
const (
	GroupExec = "a"    // messages of services
	GroupSync = "sync" // synchronisation of services
)

// maxGroups is the largest number of names in front of one message.
const maxGroups = 32

// sacrifice is a frame with one message for no group.
var sacrifice = func() []byte {
	b := make([]byte, frameHeader+2*lenSize)
	binary.NativeEndian.PutUint16(b[6:], 1)
	binary.NativeEndian.PutUint16(b[frameHeader:], lenSize)
	return b
}()

// group is a group and its header in this machine's byte order, in the two pieces that the C daemon treats apart when it
// looks what fits into a frame.
type group struct {
	lens      string
	name      string
	nameBytes []byte
}

var groups = [2]group{newGroup(GroupExec), newGroup(GroupSync)}

// longestGroup is the largest group header in bytes.
const longestGroup = 2*lenSize + len(GroupSync)

func newGroup(name string) group {
	b := binary.NativeEndian.AppendUint16(nil, 1)
	b = binary.NativeEndian.AppendUint16(b, uint16(len(name)))
	return group{lens: string(b), name: name, nameBytes: []byte(name)}
}

// groupNamed returns the index of a group or -1.
func groupNamed(name string) int {
	for i := range groups {
		if groups[i].name == name {
			return i
		}
	}
	return -1
}

// splitGroups reads the group header of a message. It returns a bit set of the groups that exist here and the payload;
// ok is false if the header does not fit the message.
func splitGroups(msg []byte, foreign bool) (set uint, payload []byte, ok bool) {
	if len(msg) < lenSize {
		return 0, nil, false
	}
	n := int(u16(msg, foreign))
	lens := msg[lenSize:]
	if n > maxGroups || len(lens) < lenSize*n {
		return 0, nil, false
	}
	rest := lens[lenSize*n:]
	for i := range n {
		size := int(u16(lens[lenSize*i:], foreign))
		if len(rest) < size {
			return 0, nil, false
		}
		for g := range groups {
			if string(rest[:size]) == groups[g].name {
				set |= 1 << g
			}
		}
		rest = rest[size:]
	}
	return set, rest, true
}

func u16(b []byte, foreign bool) uint16 {
	v := binary.NativeEndian.Uint16(b)
	if foreign {
		return bits.ReverseBytes16(v)
	}
	return v
}
