package service

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// engineAPI is the API of one engine.
type engineAPI struct {
	*Router
	s    *Loaded
	log  logsys.Logger
	dead bool // unloaded: late calls of the engine have no effect
}

var _ API = (*engineAPI)(nil)

func (a *engineAPI) Now() clock.Instant { return a.cfg.Scheduler.Now() }

// After drops calls that come due after the engine has been unloaded.
func (a *engineAPI) After(d time.Duration, fn func()) Timer {
	return a.cfg.Scheduler.After(d, func() {
		if !a.dead {
			fn()
		}
	})
}

func (a *engineAPI) NodeID() totem.NodeID { return a.cfg.NodeID }
func (a *engineAPI) Log() logsys.Logger   { return a.log }
func (a *engineAPI) DB() *icmap.Map       { return a.cfg.DB }
func (a *engineAPI) Host() Host           { return a.cfg.Host }

func (a *engineAPI) Mcast(g totem.Guarantee, parts ...[]byte) error {
	return a.mcast(a.s, g, parts)
}

func (a *engineAPI) OnTokenSent(fn func() (done bool)) Timer {
	return a.Router.OnTokenSent(func() bool { return a.dead || fn() })
}

// Members returns the members of the last regular configuration.
func (r *Router) Members() []totem.NodeID { return r.members }

// Quorum returns the published quorum state.
func (r *Router) Quorum() QuorumState { return r.quorum }

// PublishQuorum takes a new quorum state and tells all watchers.
func (r *Router) PublishQuorum(q QuorumState) {
	q.Members = append([]totem.NodeID(nil), q.Members...)
	changed := q.Quorate != r.quorum.Quorate
	r.quorum = q
	if changed {
		r.flowChanged()
	}
	for _, fn := range r.watchers {
		fn(q)
	}
}

// WatchQuorum registers fn for every PublishQuorum.
func (r *Router) WatchQuorum(fn func(QuorumState)) { r.watchers = append(r.watchers, fn) }
