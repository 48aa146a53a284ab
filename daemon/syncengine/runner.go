package syncengine

import (
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Host is what the runner needs of the service layer; *service.Router implements it.
type Host interface {
	// SyncServices lists the loaded services that take part, ascending.
	SyncServices() []service.Info
	// Syncer returns the hooks of a service, or nil if it is not loaded any more.
	Syncer(id service.ID) service.Syncer
	// SyncMulticast sends to the group "sync".
	SyncMulticast(msg []byte) error
	// OnTokenSent is that of service.API.
	OnTokenSent(fn func() (done bool)) service.Timer
	// SyncComplete is called when all services are synchronised.
	SyncComplete()
}

// Runner executes the outputs of a Machine. It implements service.Synchronizer.
type Runner struct {
	m       *Machine
	host    Host
	work    service.Timer // the pending TokenSent
	retry   service.Timer // the pending second try of unsent
	unsent  []Output      // a Multicast that the queue refused, and all that follows it
	busy    bool
	scratch []Service
}

// NewRunner returns a runner for the synchronisation of host.
func NewRunner(host Host, log logsys.Logger) *Runner {
	return &Runner{m: New(log), host: host}
}

// Running says that a synchronisation is under way.
func (r *Runner) Running() bool { return r.m.Running() || len(r.unsent) > 0 }

// Abort ends the present synchronisation because of a new configuration.
func (r *Runner) Abort() {
	stop(&r.retry)
	r.unsent = nil
	r.m.Abort()
	r.run()
}

// Transitional remembers the members of a transitional configuration.
func (r *Runner) Transitional(members []totem.NodeID) { r.m.SaveTransitional(members) }

// Start begins the synchronisation of a new ring.
func (r *Runner) Start(ring totem.RingID, members []totem.NodeID) {
	r.scratch = r.scratch[:0]
	for _, in := range r.host.SyncServices() {
		r.scratch = append(r.scratch, Service{ID: int32(in.ID), Name: in.Name, Local: true})
	}
	r.m.Start(ring, members, r.scratch)
	r.run()
}

// Deliver takes a message of the group "sync".
func (r *Runner) Deliver(from totem.NodeID, msg []byte, foreign bool) {
	r.m.Deliver(from, msg, foreign)
	r.run()
}

// run executes what the machine asks for, until it asks for nothing.
func (r *Runner) run() {
	if r.busy || len(r.unsent) > 0 {
		return
	}
	r.busy = true
	defer func() { r.busy = false }()
	for {
		out := append([]Output(nil), r.m.Outputs()...)
		r.m.ClearOutputs()
		if len(out) == 0 {
			return
		}
		if !r.execute(out) {
			return
		}
	}
}

// execute runs the outputs in order. False: the queue refused a message, and the rest waits for the next token.
func (r *Runner) execute(out []Output) bool {
	for i, o := range out {
		switch o.Kind {
		case Multicast:
			if r.host.SyncMulticast(o.Msg) != nil {
				r.unsent = out[i:]
				r.retry = r.host.OnTokenSent(r.resend)
				return false
			}
		case Schedule:
			stop(&r.work)
			r.work = r.host.OnTokenSent(func() bool {
				r.work = nil
				r.m.TokenSent()
				r.run()
				return true
			})
		case Cancel:
			stop(&r.work)
		case Complete:
			r.host.SyncComplete()
		case Init, Run, Activate, Abort:
			r.hook(o)
		}
	}
	return true
}

func (r *Runner) hook(o Output) {
	s := r.host.Syncer(service.ID(o.Service.ID))
	if !o.Service.Local || s == nil {
		if o.Kind == Run {
			r.m.Processed(true)
		}
		return
	}
	switch o.Kind {
	case Init:
		s.SyncInit(o.Transitional, o.Members, o.Ring)
	case Run:
		r.m.Processed(s.SyncProcess())
	case Activate:
		s.SyncActivate()
	case Abort:
		s.SyncAbort()
	}
}

// resend tries again what the queue refused.
func (r *Runner) resend() (done bool) {
	r.retry = nil
	out := r.unsent
	r.unsent = nil
	r.busy = true
	ok := r.execute(out)
	r.busy = false
	if ok {
		r.run()
	}
	return true
}

func stop(t *service.Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}
