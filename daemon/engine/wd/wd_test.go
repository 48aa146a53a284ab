package wd

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
)

// fakePlatform is a machine with a watchdog.
type fakePlatform struct {
	opened    []string
	openErr   error
	device    fakeDevice
	rebooted  int
	powerOffs int
}

func (p *fakePlatform) Open(path string) (Device, error) {
	p.opened = append(p.opened, path)
	if p.openErr != nil {
		return nil, p.openErr
	}
	return &p.device, nil
}
func (p *fakePlatform) Reboot() error   { p.rebooted++; return nil }
func (p *fakePlatform) PowerOff() error { p.powerOffs++; return errors.New("not allowed") }

type fakeDevice struct {
	timeout uint32
	fixed   bool // keeps its timeout
	alive   int
	closed  bool
	err     error
}

func (d *fakeDevice) Identity() string         { return "fake" }
func (d *fakeDevice) Timeout() (uint32, error) { return d.timeout, nil }
func (d *fakeDevice) KeepAlive() error         { d.alive++; return d.err }
func (d *fakeDevice) Close() error             { d.closed = true; return d.err }
func (d *fakeDevice) SetTimeout(s uint32) (uint32, error) {
	if !d.fixed {
		d.timeout = s
	}
	return d.timeout, nil
}

type settings map[string]any

func (k settings) put(t *testing.T, db *icmap.Map) {
	t.Helper()
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key := range k {
			if !yield(key) {
				return
			}
		}
	}) {
		var err error
		switch v := k[key].(type) {
		case string:
			err = db.SetString(key, v)
		case uint32:
			err = db.SetUint32(key, v)
		case uint64:
			err = db.SetUint64(key, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	db.Flush()
}

func newNode(t *testing.T, p *fakePlatform, conf settings) *servicetest.Node {
	c := servicetest.New(t, 1, func(n *servicetest.Node) {
		conf.put(t, n.DB)
		n.Load(New(p))
	})
	return c.Node(1)
}

var withDevice = settings{keyDevice: "/dev/watchdog"}

func (p *fakePlatform) tickles(n *servicetest.Node, d time.Duration) int {
	before := p.device.alive
	n.Cluster.Advance(d)
	return p.device.alive - before
}

func TestDevice(t *testing.T) {
	p := &fakePlatform{}
	n := newNode(t, p, withDevice)
	if !slices.Equal(p.opened, []string{"/dev/watchdog"}) || p.device.timeout != 6 {
		t.Errorf("opened %v, timeout %d", p.opened, p.device.timeout)
	}
	if v, _ := n.DB.GetUint32(keyTimeout); v != 6 {
		t.Errorf("%s is %d", keyTimeout, v)
	}
	if got := p.tickles(n, 12*time.Second); got != 4 {
		t.Errorf("%d tickles in 12 s", got)
	}
	settings{keyTimeout: uint32(10)}.put(t, n.DB)
	if got := p.tickles(n, 20*time.Second); got != 4 || p.device.timeout != 10 {
		t.Errorf("%d tickles in 20 s, timeout %d", got, p.device.timeout)
	}
	for _, bad := range []uint32{0, 1, 121} {
		settings{keyTimeout: bad}.put(t, n.DB)
		if v, _ := n.DB.GetUint32(keyTimeout); v != 10 || p.device.timeout != 10 {
			t.Errorf("%d accepted: key %d, timeout %d", bad, v, p.device.timeout)
		}
	}
	p.device.err = errors.New("broken")
	if got := p.tickles(n, 10*time.Second); got != 2 {
		t.Errorf("%d tickles of a broken device", got)
	}
	n.Router.Unload(service.WD)
	if !p.device.closed {
		t.Error("not disarmed at the end")
	}
	if got := p.tickles(n, time.Minute); got != 0 {
		t.Errorf("%d tickles after the end", got)
	}
}

func TestDeviceWithOwnTimeout(t *testing.T) {
	p := &fakePlatform{device: fakeDevice{timeout: 4, fixed: true}}
	n := newNode(t, p, withDevice)
	if got := p.tickles(n, 8*time.Second); got != 4 {
		t.Errorf("%d tickles in 8 s of a device with 4 s", got)
	}
}

func TestNoDevice(t *testing.T) {
	for _, conf := range []settings{{}, {keyDevice: ""}, {keyDevice: "off"}, {keyTimeout: uint32(500)}} {
		p := &fakePlatform{}
		n := newNode(t, p, conf)
		n.Cluster.Advance(time.Minute)
		if len(p.opened)+p.device.alive != 0 {
			t.Errorf("%v: opened %v", conf, p.opened)
		}
		if v, _ := n.DB.GetUint32(keyTimeout); v != 6 {
			t.Errorf("%v: %s is %d", conf, keyTimeout, v)
		}
		n.Router.Unload(service.WD)
	}
	p := &fakePlatform{openErr: errors.New("no such device")}
	newNode(t, p, withDevice)
}

const res = "resources.process.77."

// process is a resource as libsam writes it.
func process(recovery string, updated uint64) settings {
	return settings{res + "recovery": recovery, res + "poll_period": uint64(1000), res + "last_updated": updated, res + "state": "running"}
}

func TestRecovery(t *testing.T) {
	for _, recovery := range []string{"watchdog", "quit", "reboot", "shutdown", "restart"} {
		p := &fakePlatform{}
		n := newNode(t, p, withDevice)
		process(recovery, 0).put(t, n.DB)
		// It has not started: nothing happens.
		n.Cluster.Advance(time.Minute)
		if got := p.tickles(n, 6*time.Second); got != 2 {
			t.Errorf("%s: %d tickles before the start", recovery, got)
		}
		// It reports in time for a while.
		for range 20 {
			settings{res + "last_updated": uint64(n.Cluster.Now())}.put(t, n.DB)
			n.Cluster.Advance(time.Second)
		}
		if p.rebooted+p.powerOffs != 0 {
			t.Errorf("%s: recovery of a healthy process", recovery)
		}
		if got := p.tickles(n, 1500*time.Millisecond); got > 1 {
			t.Errorf("%s: %d tickles in 1.5 s", recovery, got)
		}
		n.Cluster.Advance(2 * time.Second)
		silent := p.tickles(n, 12*time.Second) == 0
		if want := recovery == "watchdog" || recovery == "quit"; silent != want {
			t.Errorf("%s: tickling stopped %v", recovery, silent)
		}
		if (p.rebooted == 1) != (recovery == "reboot") || (p.powerOffs == 1) != (recovery == "shutdown") {
			t.Errorf("%s: %d reboots, %d power offs", recovery, p.rebooted, p.powerOffs)
		}
	}
}

func TestResourceStates(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(n *servicetest.Node)
		fails  bool
	}{
		{"failed", func(n *servicetest.Node) {
			settings{res + "last_updated": uint64(1 << 62), res + "state": "failed"}.put(t, n.DB)
		}, true},
		{"disabled", func(n *servicetest.Node) { settings{res + "state": "disabled"}.put(t, n.DB) }, true},
		{"stopped", func(n *servicetest.Node) { settings{res + "state": "stopped"}.put(t, n.DB) }, false},
		{"no last_updated", func(n *servicetest.Node) { _ = n.DB.Delete(res + "last_updated"); n.DB.Flush() }, true},
		{"deleted", func(n *servicetest.Node) {
			// As libsam does at its end: key by key.
			for _, k := range []string{"last_updated", "poll_period", "recovery", "state"} {
				_ = n.DB.Delete(res + k)
			}
			n.DB.Flush()
		}, false},
	} {
		p := &fakePlatform{}
		n := newNode(t, p, process("reboot", 0))
		n.Cluster.Advance(20 * time.Second)
		tc.change(n)
		n.Cluster.Advance(20 * time.Second)
		if got := p.rebooted == 1; got != tc.fails {
			t.Errorf("%s: %d reboots", tc.name, p.rebooted)
		}
	}
}

func TestIncompleteResource(t *testing.T) {
	p := &fakePlatform{}
	n := newNode(t, p, nil)
	// Without recovery it is not checked; when that comes, it is.
	settings{res + "last_updated": uint64(1), res + "state": "running"}.put(t, n.DB)
	n.Cluster.Advance(time.Minute)
	if v, _ := n.DB.GetUint64(res + "poll_period"); v != 6000 {
		t.Errorf("poll_period %d", v)
	}
	settings{res + "recovery": "reboot"}.put(t, n.DB)
	n.Cluster.Advance(time.Minute)
	if p.rebooted != 1 {
		t.Errorf("%d reboots", p.rebooted)
	}
	// Keys elsewhere are nobody's.
	settings{"resources.process.state": "running", "resources.process.a.b.state": "running"}.put(t, n.DB)
	e := n.Router.Service(service.WD).Engine.(*Engine)
	if len(e.resources) != 1 {
		t.Errorf("%d resources", len(e.resources))
	}
}

func TestPollPeriod(t *testing.T) {
	p := &fakePlatform{}
	n := newNode(t, p, process("reboot", 0))
	e := n.Router.Service(service.WD).Engine.(*Engine)
	for _, bad := range []uint64{0, 499, 120001, 1 << 63} {
		settings{res + "poll_period": bad}.put(t, n.DB)
		if got := e.resources[res].check; got != time.Second {
			t.Errorf("%d ms accepted: %v", bad, got)
		}
	}
	settings{res + "poll_period": uint64(2000)}.put(t, n.DB)
	if got := e.resources[res].check; got != 2*time.Second {
		t.Errorf("period %v", got)
	}
}
