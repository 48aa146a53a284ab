package mon

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
)

// Poll periods, resources.system.*.poll_period.
const (
	defaultPeriod = 3000 * time.Millisecond
	minPeriod     = 500 * time.Millisecond
	maxPeriod     = 120 * time.Second
)

// Sampler measures the machine. A negative or zero value means that there is nothing to report.
type Sampler interface {
	// MemoryUsed is the share of memory and swap in use, in percent.
	MemoryUsed() (int32, error)
	// Load15 is the load average of the last 15 minutes.
	Load15() (float64, error)
}

// state of a resource; the names are those of the key.
type state string

const (
	stopped state = "stopped"
	running state = "running"
	failed  state = "failed"
)

// resource is one sampled value.
type resource struct {
	name   string
	path   string // key prefix with the final dot
	state  state
	period time.Duration
	max    float64
	timer  service.Timer
	keys   *icmap.Tracker
	// parse reads the configured maximum, sample stores the present value.
	parse  func(text string) (float64, error)
	sample func() (float64, error)
}

// Engine is the mon service.
type Engine struct {
	api       service.API
	sampler   Sampler
	resources []*resource
}

// New returns the engine.
func New(s Sampler) *Engine { return &Engine{sampler: s} }

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.MON, Name: "corosync resource monitoring service", Short: "mon", Subsys: "MON",
		Priority: 1, AllowInquorate: true,
	}
}

// Init writes the keys of the resources and starts those that have a maximum.
func (e *Engine) Init(api service.API) error {
	e.api = api
	db := api.DB()
	memory := &resource{name: "memory_used", path: "resources.system.memory_used.", parse: parseInt}
	memory.sample = func() (float64, error) {
		v, err := e.sampler.MemoryUsed()
		if err == nil && v > 0 {
			err = db.SetUint32(memory.path+"current", uint32(v))
		}
		return float64(v), err
	}
	load := &resource{name: "load_15min", path: "resources.system.load_15min.", parse: parseFloat}
	load.sample = func() (float64, error) {
		v, err := e.sampler.Load15()
		if err == nil && v > 0 {
			err = db.SetDouble(load.path+"current", v)
		}
		return v, err
	}
	if err := errors.Join(db.Set(memory.path+"current", icmap.Int32(0)), db.SetDouble(load.path+"current", 0)); err != nil {
		return err
	}
	for _, r := range []*resource{memory, load} {
		if err := e.start(r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) start(r *resource) error {
	db := e.api.DB()
	r.state, r.period, r.max = stopped, defaultPeriod, math.MaxInt32
	err := errors.Join(db.SetUint64(r.path+"last_updated", 0), db.SetString(r.path+"state", string(stopped)))
	if text, gerr := db.GetString(r.path + "poll_period"); gerr == nil {
		e.setPeriod(r, text)
	} else {
		err = errors.Join(err, db.SetUint64(r.path+"poll_period", uint64(r.period.Milliseconds())))
	}
	if err != nil {
		return err
	}
	if db.Has(r.path + "max") {
		e.configure(r)
	}
	r.keys, err = db.Track(r.path, icmap.EventModify|icmap.EventAdd|icmap.EventDelete|icmap.EventPrefix,
		func(ev icmap.Event, key string, _, _ icmap.Value) { e.keyChanged(r, ev, key) })
	e.resources = append(e.resources, r)
	return err
}

// Exit stops the sampling.
func (e *Engine) Exit() {
	for _, r := range e.resources {
		e.api.DB().Untrack(r.keys)
		r.stop()
	}
}

func (r *resource) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// Lib returns no functions: the service has no endpoint.
func (e *Engine) Lib() []service.LibFunc { return nil }

// Exec returns no functions: the service sends nothing.
func (e *Engine) Exec() []service.ExecFunc { return nil }

// LibInit is never called.
func (e *Engine) LibInit(service.Conn) error { return errors.New("mon has no clients") }

// LibExit is never called.
func (e *Engine) LibExit(service.Conn) {}

// keyChanged takes over a changed maximum or period. A maximum that is added at run time counts as well, where 3.1 waits
// for it to be modified once more.
func (e *Engine) keyChanged(r *resource, ev icmap.Event, key string) {
	last := strings.TrimPrefix(key, r.path)
	if last != "max" && last != "poll_period" {
		return
	}
	if ev == icmap.EventDelete {
		e.api.Log().Warningf("resource \"%s\" deleted from cmap!", r.name)
	}
	e.configure(r)
}

func (e *Engine) setPeriod(r *resource, text string) {
	ms, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	d := time.Duration(ms) * time.Millisecond
	switch {
	case err != nil:
		e.api.Log().Warningf("Could NOT use poll_period: %s (not uint64 type) for resource %s", text, r.name)
	case d < minPeriod || d > maxPeriod:
		e.api.Log().Warningf("Could NOT use poll_period:%d ms for resource %s", ms, r.name)
	default:
		e.api.Log().Debugf("poll_period changing from:%d to %d.", r.period.Milliseconds(), ms)
		r.period = d
	}
}

// configure reads period and maximum and starts or stops the sampling.
func (e *Engine) configure(r *resource) {
	db := e.api.DB()
	if text, err := db.GetString(r.path + "poll_period"); err == nil {
		e.setPeriod(r, text)
	}
	r.stop()
	text, err := db.GetString(r.path + "max")
	if err == nil {
		r.max, err = r.parse(strings.TrimSpace(text))
	}
	if err != nil {
		r.max = math.MaxInt32
		e.setState(r, stopped, "config_changed")
		return
	}
	e.setState(r, running, "config_changed")
	e.update(r)
}

func (e *Engine) setState(r *resource, s state, event string) {
	if r.state == s {
		return
	}
	e.api.Log().Infof("Fsm:%s event \"%s\", state \"%s\" --> \"%s\"", r.name, event, r.state, s)
	r.state = s
	_ = e.api.DB().SetString(r.path+"state", string(s))
}

// update samples once and comes back after the period.
func (e *Engine) update(r *resource) {
	v, err := r.sample()
	if err != nil {
		e.api.Log().Errorf("Unable to sample %s: %v", r.name, err)
	} else if v > 0 {
		_ = e.api.DB().SetUint64(r.path+"last_updated", uint64(e.api.Now()))
		if v > r.max && r.state != failed {
			e.setState(r, failed, "failure")
		}
	}
	r.timer = e.api.After(r.period, func() { e.update(r) })
}

func parseInt(text string) (float64, error) {
	v, err := strconv.ParseInt(text, 10, 32)
	return float64(v), err
}

func parseFloat(text string) (float64, error) { return strconv.ParseFloat(text, 64) }
