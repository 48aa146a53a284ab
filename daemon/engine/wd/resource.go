package wd

import (
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/service"
)

const alert = logsys.Alert

// How often a resource is checked, <resource>.poll_period.
const (
	defaultCheck = defaultTimeoutSec * time.Second
	minCheck     = 500 * time.Millisecond
	maxCheck     = 120 * time.Second
)

// state of a resource in this engine. The key of that name is its owner's.
type state string

const (
	stopped state = "stopped"
	running state = "running"
	failed  state = "failed"
)

// resource is something that has to report in time.
type resource struct {
	path     string // key prefix with the final dot
	name     string
	state    state
	recovery string
	check    time.Duration
	timer    service.Timer
	keys     *icmap.Tracker
}

func (e *Engine) findResources() error {
	count := 0
	for key := range e.api.DB().All("resources.") {
		if path, name, last, ok := splitKey(key); ok && last == "state" && e.create(path, name) {
			count++
		}
	}
	if count == 0 {
		e.api.Log().Infof("no resources configured.")
	}
	for _, prefix := range []string{"resources.process.", "resources.system."} {
		if err := e.track(prefix, icmap.EventAdd|icmap.EventPrefix,
			func(_ icmap.Event, key string, _, _ icmap.Value) {
				if path, name, last, ok := splitKey(key); ok && last == "state" {
					e.create(path, name)
				}
			}); err != nil {
			return err
		}
	}
	return nil
}

// create begins to watch a resource. It reports whether the resource is complete and checked from now on.
func (e *Engine) create(path, name string) bool {
	if e.resources[path] != nil {
		return false
	}
	db := e.api.DB()
	r := &resource{path: path, name: name, state: stopped, check: defaultCheck}
	e.resources[path] = r
	if ms, err := db.GetUint64(path + "poll_period"); err == nil {
		e.setCheck(r, ms)
	} else if !db.Has(path + "poll_period") {
		_ = db.SetUint64(path+"poll_period", uint64(r.check.Milliseconds()))
	}
	t, err := db.Track(path, icmap.EventAny|icmap.EventPrefix,
		func(ev icmap.Event, key string, _, _ icmap.Value) { e.keyChanged(r, ev, key) })
	if err != nil {
		e.api.Log().Errorf("Unable to watch resource %s: %v", name, err)
		return false
	}
	r.keys = t
	if !e.complete(r) {
		return false
	}
	// The first check is late, to give the resource time to start.
	e.after(r, max(2*r.check, defaultCheck))
	e.setState(r, running, "config_changed")
	return true
}

func (e *Engine) setCheck(r *resource, ms uint64) {
	d := time.Duration(min(ms, uint64(time.Hour/time.Millisecond))) * time.Millisecond
	if d < minCheck || d > maxCheck {
		e.api.Log().Warningf("Could NOT use poll_period:%d ms for resource %s", ms, r.name)
		return
	}
	r.check = d
}

// complete reads the recovery and says whether both keys are there that a check needs.
func (e *Engine) complete(r *resource) bool {
	db := e.api.DB()
	recovery, err := db.GetString(r.path + "recovery")
	if err != nil {
		e.api.Log().Warningf("resource %s missing a recovery key.", r.name)
		return false
	}
	r.recovery = recovery
	if _, err := db.GetString(r.path + "state"); err != nil {
		e.api.Log().Warningf("resource %s missing a state key.", r.name)
		return false
	}
	return true
}

func (e *Engine) after(r *resource, d time.Duration) {
	r.stop()
	r.timer = e.api.After(d, func() { e.checkResource(r) })
}

func (r *resource) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

func (e *Engine) setState(r *resource, s state, event string) {
	if r.state == s {
		return
	}
	e.api.Log().Infof("Fsm:%s event \"%s\", state \"%s\" --> \"%s\"", r.name, event, r.state, s)
	r.state = s
}

func (e *Engine) keyChanged(r *resource, ev icmap.Event, key string) {
	_, _, last, ok := splitKey(key)
	if !ok || e.resources[r.path] != r {
		return
	}
	if ev == icmap.EventDelete {
		if last == "state" {
			e.api.Log().Warningf("resource \"%s\" deleted from cmap!", r.name)
			e.forget(r)
		}
		return
	}
	if last != "last_updated" && last != "current" {
		e.configure(r)
	}
}

func (e *Engine) forget(r *resource) {
	r.stop()
	if r.keys != nil {
		e.api.DB().Untrack(r.keys)
	}
	delete(e.resources, r.path)
}

// configure takes over changed keys. When the period changes, the first check comes after the longer of the two, so that
// the resource has time to adjust.
func (e *Engine) configure(r *resource) {
	next := r.check
	if ms, err := e.api.DB().GetUint64(r.path + "poll_period"); err == nil {
		e.setCheck(r, ms)
		next = max(next, r.check)
	}
	if !e.complete(r) {
		e.setState(r, stopped, "config_changed")
		return
	}
	r.stop()
	if text, _ := e.api.DB().GetString(r.path + "state"); text == string(stopped) {
		e.setState(r, stopped, "config_changed")
		return
	}
	e.after(r, next)
	e.setState(r, running, "config_changed")
}

func (e *Engine) checkResource(r *resource) {
	r.timer = nil
	if e.fine(r) {
		e.after(r, r.check)
		return
	}
	if r.state != running {
		return
	}
	e.api.Log().Critf("%s resource \"%s\" failed!", r.recovery, r.name)
	var err error
	switch r.recovery {
	case "watchdog", "quit":
		e.healthy = false
	case "reboot":
		err = e.platform.Reboot()
	case "shutdown":
		err = e.platform.PowerOff()
	}
	if err != nil {
		e.api.Log().Errorf("Recovery of resource %s failed: %v", r.name, err)
	}
	e.setState(r, failed, "failure")
}

// fine checks that the resource has reported within its period and a half. Zero means that it has not started yet.
func (e *Engine) fine(r *resource) bool {
	db := e.api.DB()
	updated, err := db.GetUint64(r.path + "last_updated")
	if err != nil {
		return false
	}
	text, err := db.GetString(r.path + "state")
	if err != nil || text == "disabled" {
		return false
	}
	if updated == 0 {
		return true
	}
	now := uint64(e.api.Now())
	if limit := updated + uint64(r.check*3/2); limit < now {
		e.api.Log().Errorf("last_updated %d ms too late, period:%d.",
			(now-limit)/uint64(time.Millisecond), r.check.Milliseconds())
		return false
	}
	return text != string(failed)
}
