package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// Errors of Load.
var (
	ErrService = errors.New("service number or handler count out of range")
	ErrLoaded  = errors.New("service already loaded")
)

// Loaded is a service that has been loaded.
type Loaded struct {
	Info
	Engine Engine
	// Lib is the table of client functions; empty for a service without IPC endpoint.
	Lib []LibFunc

	exec    []execFunc
	sync    Syncer
	confchg ConfchgWatcher
	ended   SyncCompleter
	api     *engineAPI
}

// execFunc is a handler with its counters.
type execFunc struct {
	call   ExecFunc
	tx, rx *icmap.Counter
}

// Load initializes an engine and publishes its keys and its endpoint.
func (r *Router) Load(e Engine) error {
	in := e.Info()
	if in.ID >= MaxServices {
		return fmt.Errorf("service %q: %w: %d", in.Short, ErrService, in.ID)
	}
	if r.services[in.ID] != nil {
		return fmt.Errorf("service %q: %w", in.Short, ErrLoaded)
	}
	s := &Loaded{Info: in, Engine: e}
	s.sync, _ = e.(Syncer)
	s.confchg, _ = e.(ConfchgWatcher)
	s.ended, _ = e.(SyncCompleter)
	s.api = &engineAPI{Router: r, s: s, log: r.cfg.Logs.Logger(in.Subsys)}
	if err := e.Init(s.api); err != nil {
		return fmt.Errorf("service %q: %w", in.Short, err)
	}
	s.Lib = e.Lib()
	exec := e.Exec()
	if len(s.Lib) > MaxHandlers || len(exec) > MaxHandlers {
		return fmt.Errorf("service %q: %w", in.Short, ErrService)
	}
	if err := r.publish(s, exec); err != nil {
		return fmt.Errorf("service %q: %w", in.Short, err)
	}
	r.services[in.ID] = s
	r.log.Noticef("Service engine loaded: %s [%d]", in.Name, in.ID)
	if r.cfg.OnLoad != nil {
		if err := r.cfg.OnLoad(s); err != nil {
			r.services[in.ID] = nil
			return fmt.Errorf("service %q: %w", in.Short, err)
		}
	}
	return nil
}

// publish writes the keys of a service and finds its counters.
func (r *Router) publish(s *Loaded, exec []ExecFunc) error {
	db := r.cfg.DB
	conf := fmt.Sprintf("internal_configuration.service.%d.", s.ID)
	run := "runtime.services." + s.Short + "."
	err := errors.Join(
		db.SetString(conf+"name", "corosync_"+s.Short),
		db.SetUint32(conf+"ver", 0),
		db.SetUint16(run+"service_id", uint16(s.ID)))
	if err != nil {
		return err
	}
	for fn, call := range exec {
		e := execFunc{call: call}
		for _, c := range []struct {
			name string
			to   **icmap.Counter
		}{{"tx", &e.tx}, {"rx", &e.rx}} {
			key := fmt.Sprintf("%s%d.%s", run, fn, c.name)
			if err := db.SetUint64(key, 0); err != nil {
				return err
			}
			if *c.to, err = db.Counter(key); err != nil {
				return err
			}
		}
		s.exec = append(s.exec, e)
	}
	return nil
}

// Service returns a loaded service, or nil.
func (r *Router) Service(id ID) *Loaded {
	if id >= MaxServices {
		return nil
	}
	return r.services[id]
}

// Services returns the loaded services in ascending order, as a new slice.
func (r *Router) Services() []*Loaded {
	var list []*Loaded
	for _, s := range r.services {
		if s != nil {
			list = append(list, s)
		}
	}
	return list
}

// Unload stops a service: its engine first, then its clients.
func (r *Router) Unload(id ID) {
	s := r.Service(id)
	if s == nil {
		return
	}
	r.unload(s)
	_ = r.cfg.DB.Delete(fmt.Sprintf("internal_configuration.service.%d.name", id))
	_ = r.cfg.DB.Delete(fmt.Sprintf("internal_configuration.service.%d.ver", id))
}

// unload is Unload without the keys, which a stopping daemon leaves as they are.
func (r *Router) unload(s *Loaded) {
	s.Engine.Exit()
	if r.cfg.OnUnload != nil {
		r.cfg.OnUnload(s)
	}
	s.api.dead = true
	r.services[s.ID] = nil
	r.log.Noticef("Service engine unloaded: %s", s.Name)
}

// Stopping says that Shutdown has been called.
func (r *Router) Stopping() bool { return r.stopping }

// leaveTimeout bounds the wait for the token after a service has multicast on leaving, for each service.
const leaveTimeout = 500 * time.Millisecond

// Shutdown unloads all services, the highest priority first and ascending numbers in one priority, one per turn of the
// loop. done is called after the last one. Further calls do nothing.
//
// What a service multicasts on leaving (cpg: that its processes are gone) is given the time to be sent. In the C daemon the
// loop happens to be slow enough for that, mostly.
func (r *Router) Shutdown(done func()) {
	if r.stopping {
		return
	}
	r.stopping = true
	r.log.Noticef("Unloading all Corosync service engines.")
	var next func()
	next = func() {
		s := r.nextToUnload()
		if s == nil {
			if done != nil {
				done()
			}
			return
		}
		sent := r.sent
		r.unload(s)
		if r.sent == sent {
			r.cfg.Scheduler.After(0, next)
		} else {
			r.afterSending(next)
		}
	}
	r.cfg.Scheduler.After(0, next)
}

// afterSending calls fn when what is queued now has been sent, or after leaveTimeout.
func (r *Router) afterSending(fn func()) {
	called := false
	once := func() {
		if !called {
			called = true
			fn()
		}
	}
	// One token visit sends a window of frames. As long as the usage falls there is more; a rest that does not show in
	// percent fits into one visit.
	last := r.cfg.Ring.Usage()
	r.OnTokenSent(func() bool {
		now := r.cfg.Ring.Usage()
		if now < last && !called {
			last = now
			return false
		}
		// Not from here: the ring is in the middle of its visit.
		r.cfg.Scheduler.After(0, once)
		return true
	})
	r.cfg.Scheduler.After(leaveTimeout, once)
}

func (r *Router) nextToUnload() *Loaded {
	var best *Loaded
	for _, s := range r.services {
		if s != nil && (best == nil || s.Priority > best.Priority) {
			best = s
		}
	}
	return best
}
