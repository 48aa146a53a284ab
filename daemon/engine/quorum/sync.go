package quorum

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
)

// SyncInit computes who joined and left against the membership that was last activated. A node that restarted, or that
// comes from another partition, is in the member list before and after but not in the transitional one: it both left
// and joined.
func (e *Engine) SyncInit(transitional, members []totem.NodeID, ring totem.RingID) {
	e.syncRing = ring
	e.member = appendIDs(e.member[:0], members)
	if !e.pending {
		e.left = e.left[:0]
	}
	e.pending = true
	e.joined = e.joined[:0]
	for _, id := range e.old {
		if slices.Contains(e.left, id) {
			continue // since a ring whose synchronisation was cut short
		}
		if !slices.Contains(transitional, totem.NodeID(id)) || !slices.Contains(e.member, id) {
			e.left = append(e.left, id)
		}
	}
	for _, id := range e.member {
		if !slices.Contains(e.old, id) || slices.Contains(e.left, id) {
			e.joined = append(e.joined, id)
		}
	}
	e.logList("Sync members", e.member)
	if len(e.joined) > 0 {
		e.logList("Sync joined", e.joined)
	}
	if len(e.left) > 0 {
		e.logList("Sync left", e.left)
	}
}

// SyncProcess sends nothing: every node computes the same lists.
func (e *Engine) SyncProcess() bool { return true }

// SyncActivate makes the membership known to v1 trackers.
func (e *Engine) SyncActivate() {
	e.old, e.pending = append(e.old[:0], e.member...), false
	for _, cl := range e.trackers {
		e.sendNodeList(cl, e.joined, e.left)
	}
}

// SyncAbort keeps the lists: the next SyncInit computes them against the same activated membership.
func (e *Engine) SyncAbort() {}
