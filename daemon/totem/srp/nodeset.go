package srp

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
)

// A nodeSet is a set of processors in ascending order, of at most totem.MaxNodes. Its storage is reused.
type nodeSet []totem.NodeID

func (s nodeSet) has(id totem.NodeID) bool {
	_, ok := slices.BinarySearch(s, id)
	return ok
}

// hasAll reports whether every node of list, which need not be sorted, is in the set.
func (s nodeSet) hasAll(list []totem.NodeID) bool {
	for _, id := range list {
		if !s.has(id) {
			return false
		}
	}
	return true
}

// add puts id into the set. Zero is no node, and a full set takes no more: lists from the network cannot make it grow
// beyond what a ring may have.
func (s *nodeSet) add(id totem.NodeID) {
	i, ok := slices.BinarySearch(*s, id)
	if !ok && id != 0 && len(*s) < totem.MaxNodes {
		*s = slices.Insert(*s, i, id)
	}
}

func (s *nodeSet) addAll(list []totem.NodeID) {
	for _, id := range list {
		s.add(id)
	}
}

// set makes the set contain exactly the nodes of list.
func (s *nodeSet) set(list []totem.NodeID) {
	*s = (*s)[:0]
	s.addAll(list)
}

// setMinus makes the set contain the nodes of a that are not in b.
func (s *nodeSet) setMinus(a, b nodeSet) {
	*s = (*s)[:0]
	for _, id := range a {
		if !b.has(id) {
			*s = append(*s, id)
		}
	}
}

func (s nodeSet) equal(t nodeSet) bool { return slices.Equal(s, t) }
