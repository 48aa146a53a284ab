package wd

import (
	"errors"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
)

// Limits of resources.watchdog_timeout, and its default.
const (
	minTimeoutSec     = 2
	maxTimeoutSec     = 120
	defaultTimeoutSec = 6
)

// Platform is what the engine does to the machine.
type Platform interface {
	// Open opens the watchdog device.
	Open(path string) (Device, error)
	// Reboot restarts the machine at once; PowerOff switches it off.
	Reboot() error
	PowerOff() error
}

// Device is an open watchdog.
type Device interface {
	Identity() string
	// SetTimeout asks for a timeout and returns the one in force, in seconds.
	SetTimeout(seconds uint32) (uint32, error)
	Timeout() (uint32, error)
	KeepAlive() error
	// Close disarms the watchdog and closes it.
	Close() error
}

// Engine is the wd service.
type Engine struct {
	api      service.API
	platform Platform

	device     Device
	timeoutSec uint32
	healthy    bool
	tickle     service.Timer
	resources  map[string]*resource // by path
	keys       []*icmap.Tracker
}

// New returns the engine.
func New(p Platform) *Engine {
	return &Engine{platform: p, healthy: true, resources: make(map[string]*resource)}
}

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.WD, Name: "corosync watchdog service", Short: "wd", Subsys: "WD",
		Priority: 1, AllowInquorate: true,
	}
}

const (
	keyTimeout = "resources.watchdog_timeout"
	keyDevice  = "resources.watchdog_device"
)

// Init opens the device, if one is configured, and looks for resources.
func (e *Engine) Init(api service.API) error {
	e.api = api
	db := api.DB()
	e.timeoutSec = defaultTimeoutSec
	if v, err := db.GetUint32(keyTimeout); err == nil && validTimeout(v) {
		e.timeoutSec = v
	} else {
		if err == nil {
			api.Log().Warningf("Set watchdog_timeout is out of range (2..120).")
			api.Log().Infof("use default value %d seconds.", defaultTimeoutSec)
		}
		if err := db.SetUint32(keyTimeout, e.timeoutSec); err != nil {
			return err
		}
	}
	if err := e.track(keyTimeout, icmap.EventModify, func(icmap.Event, string, icmap.Value, icmap.Value) {
		e.timeoutChanged()
	}); err != nil {
		return err
	}
	e.openDevice()
	e.rearm()
	return e.findResources()
}

func (e *Engine) track(key string, kind icmap.Event, fn icmap.Func) error {
	t, err := e.api.DB().Track(key, kind, fn)
	e.keys = append(e.keys, t)
	return err
}

func validTimeout(seconds uint32) bool { return seconds >= minTimeoutSec && seconds <= maxTimeoutSec }

func (e *Engine) openDevice() {
	path, err := e.api.DB().GetString(keyDevice)
	switch {
	case err != nil:
		e.api.Log().Warningf("Watchdog not enabled by configuration")
		return
	case path == "" || path == "off":
		e.api.Log().Warningf("Watchdog disabled by configuration")
		return
	}
	d, err := e.platform.Open(path)
	if err != nil {
		e.api.Log().Warningf("No watchdog %s, try modprobe <a watchdog>: %v", path, err)
		return
	}
	e.device = d
	e.api.Log().Infof("Watchdog %s is now being tickled by corosync.", path)
	e.api.Log().Debugf("%s", d.Identity())
	e.applyTimeout(e.timeoutSec)
}

// applyTimeout sets the timeout of the device and with it how often it is tickled.
func (e *Engine) applyTimeout(seconds uint32) {
	if e.device != nil {
		old, err := e.device.Timeout()
		if err == nil && old == seconds {
			e.timeoutSec = seconds
			e.rearm()
			return
		}
		got, err := e.device.SetTimeout(seconds)
		if err != nil || got != seconds {
			e.api.Log().Warningf("Could not change the Watchdog timeout from %d to %d seconds: in force %d, %v",
				old, seconds, got, err)
			if got == 0 {
				return
			}
			seconds = got
		}
	}
	e.timeoutSec = seconds
	e.rearm()
	e.api.Log().Debugf("The Watchdog timeout is %d seconds", seconds)
	e.api.Log().Debugf("The tickle timeout is %d ms", e.ticklePeriod().Milliseconds())
}

func (e *Engine) ticklePeriod() time.Duration { return time.Duration(e.timeoutSec) * time.Second / 2 }

func (e *Engine) rearm() {
	if e.tickle != nil {
		e.tickle.Stop()
	}
	e.tickle = e.api.After(e.ticklePeriod(), e.tickleDevice)
}

// tickleDevice keeps the device quiet while all resources are fine. After a failure it falls silent for good.
func (e *Engine) tickleDevice() {
	e.tickle = nil
	if !e.healthy {
		e.api.Log().Log(alert, "NOT tickling the watchdog!")
		return
	}
	if e.device != nil {
		if err := e.device.KeepAlive(); err != nil {
			e.api.Log().Errorf("Unable to tickle the watchdog: %v", err)
		}
	}
	e.rearm()
}

func (e *Engine) timeoutChanged() {
	db := e.api.DB()
	v, err := db.GetUint32(keyTimeout)
	if err == nil && validTimeout(v) {
		if v != e.timeoutSec {
			e.applyTimeout(v)
		}
		return
	}
	e.api.Log().Warningf("Set watchdog_timeout is out of range (2..120).")
	_ = db.SetUint32(keyTimeout, e.timeoutSec)
}

// Exit disarms the watchdog: a daemon that stops in order is no failure.
func (e *Engine) Exit() {
	for _, t := range e.keys {
		e.api.DB().Untrack(t)
	}
	for _, r := range e.resources {
		e.forget(r)
	}
	if e.tickle != nil {
		e.tickle.Stop()
		e.tickle = nil
	}
	if e.device != nil {
		e.api.Log().Infof("magically closing the watchdog.")
		if err := e.device.Close(); err != nil {
			e.api.Log().Errorf("Unable to disarm the watchdog: %v", err)
		}
		e.device = nil
	}
}

// Lib returns no functions: the service has no endpoint.
func (e *Engine) Lib() []service.LibFunc { return nil }

// Exec returns no functions: the service sends nothing.
func (e *Engine) Exec() []service.ExecFunc { return nil }

// LibInit is never called.
func (e *Engine) LibInit(service.Conn) error { return errors.New("wd has no clients") }

// LibExit is never called.
func (e *Engine) LibExit(service.Conn) {}

// splitKey takes a key resources.<type>.<name>.<last> apart.
func splitKey(key string) (path, name, last string, ok bool) {
	f := strings.Split(key, ".")
	if len(f) != 4 || f[0] != "resources" {
		return "", "", "", false
	}
	return strings.Join(f[:3], ".") + ".", f[2], f[3], true
}
