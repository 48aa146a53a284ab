package service

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
)

// Synchronizer runs the synchronisation after each membership change. daemon/syncengine implements it.
type Synchronizer interface {
	// Transitional remembers the members of a transitional configuration; Start begins with a regular one.
	Transitional(members []totem.NodeID)
	Start(ring totem.RingID, members []totem.NodeID)
	// Abort ends the present synchronisation; it is called for each configuration that arrives during one.
	Abort()
	// Deliver takes a message of the group "sync".
	Deliver(from totem.NodeID, msg []byte, foreign bool)
}

// SyncServices lists the loaded services that take part in synchronisation, ascending. The slice is valid until the
// next call.
func (r *Router) SyncServices() []Info {
	r.syncList = r.syncList[:0]
	for _, s := range r.services {
		if s != nil && s.sync != nil {
			r.syncList = append(r.syncList, s.Info)
		}
	}
	return r.syncList
}

// Syncer returns the synchronisation hooks of a loaded service, or nil.
func (r *Router) Syncer(id ID) Syncer {
	if s := r.Service(id); s != nil {
		return s.sync
	}
	return nil
}

// Ring is the last regular configuration.
func (r *Router) Ring() totem.RingID { return r.ring }

// SyncMulticast sends a message of the sync engine.
func (r *Router) SyncMulticast(msg []byte) error {
	r.syncPart[0] = msg
	err := r.cfg.Ring.Multicast(GroupSync, totem.Agreed, r.syncPart[:])
	r.syncPart[0] = nil
	return err
}

// SyncComplete ends the synchronisation: clients are admitted, totem uses the ordinary send queue again.
func (r *Router) SyncComplete() {
	r.cfg.Logs.Logger("MAIN").Noticef("Completed service synchronization, ready to provide service.")
	r.syncing = false
	// A daemon that stops before its first synchronisation has no quorum service any more to tell clients of.
	first := !r.ready && !r.stopping
	r.ready = r.ready || first
	r.flowChanged()
	r.cfg.Ring.TransAck()
	for _, s := range r.services {
		if s != nil && s.ended != nil {
			s.ended.SyncComplete()
		}
	}
	if first && r.cfg.OnReady != nil {
		r.cfg.OnReady()
	}
}

// Ready says that a first synchronisation has completed: the gate for new client connections, open ever after.
func (r *Router) Ready() bool { return r.ready }

// Syncing says that a membership change is being synchronised; true from the start of the daemon on.
func (r *Router) Syncing() bool { return r.syncing }

// Confchg takes a configuration change of totem.
func (r *Router) Confchg(c *totem.Configuration) {
	wasSyncing := r.syncing
	r.syncing = true
	r.flowChanged()
	r.ring = c.Ring
	if c.Type == totem.RegularConfiguration {
		r.members = append(r.members[:0], c.Members...)
	}
	for _, id := range c.Left {
		r.memberLeft(id)
	}
	for _, id := range c.Joined {
		r.memberJoined(id)
	}
	for _, s := range r.services {
		if s != nil && s.confchg != nil {
			s.confchg.Confchg(c)
		}
	}
	if r.sync == nil {
		return
	}
	if wasSyncing {
		r.sync.Abort()
	}
	if c.Type == totem.TransitionalConfiguration {
		r.sync.Transitional(c.Members)
		return
	}
	// The hooks of the services may look at the member list while the ring goes on.
	r.sync.Start(c.Ring, slices.Clone(c.Members))
}
