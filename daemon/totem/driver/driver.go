package driver

import (
	"errors"
	"fmt"
	"math/rand"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/pg"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/transport"
)

// RingHandler receives what totem delivers; service.RingHandler is one. It is called while the driver executes outputs,
// and may call every method of the driver except Start.
type RingHandler interface {
	// Deliver hands over one message of a group. msg is valid during the call.
	Deliver(group string, from totem.NodeID, msg []byte, foreign bool)
	// Confchg hands over a configuration change. Its lists are valid during the call.
	Confchg(c *totem.Configuration)
}

// ErrStore is in the error that Config.Fatal is called with when the ring sequence number cannot be stored, and in that
// of New when it cannot be loaded.
var ErrStore = errors.New("ring id not stored")

// Config is what a driver is made of.
type Config struct {
	// SRP are the parameters of the protocol. StoredSeq is filled in by the driver.
	SRP srp.Config
	// Members are all nodes, this one among them.
	Members []transport.Member

	Loop      clock.Turns
	Transport transport.Transport
	Store     Store
	// Rand is the source of chance; its seed decides a simulation.
	Rand *rand.Rand
	Log  logsys.Logger
	// Pipelining, optional, tells whether clients have sent several messages in a row since it was asked last.
	Pipelining func() bool
	// Fatal is called when the node cannot go on: the ring id cannot be stored, the network cannot be set up. The
	// process is expected to end. After it nothing is executed any more.
	Fatal func(error)
}

// Driver is one node's membership in the ring. It implements service.Ring.
type Driver struct {
	cfg     Config
	machine srp.API
	pg      *pg.PG
	handler RingHandler
	alarm   clock.Alarm
	alarmAt clock.Instant

	batch     []transport.Packet
	looped    [][]byte // own frames, waiting for the next turn
	looping   [][]byte // own frames being handed to the machine
	buffers   [][]byte // free buffers for own frames
	loopSoon  bool     // runLooped has been asked for
	runLoopFn func()

	executing bool     // outputs are being executed
	drained   bool     // the rest of what was received is to be dropped
	ackDue    bool     // TransAck was called while outputs were executed
	later     []func() // other inputs that were asked for while outputs were executed
	wakeSoon  bool     // runWake has been asked for
	runWakeFn func()
	linger    linger
	tokenSent func()
	stopped   bool

	processors int // of the ring being formed or formed last
}

// New joins the parts. It loads the ring sequence number.
func New(cfg Config, handler RingHandler) (*Driver, error) {
	layer, err := pg.New(pg.Config{NetMTU: cfg.SRP.NetMTU, CRules: cfg.SRP.CRules, Buggify: cfg.SRP.Buggify})
	if err != nil {
		return nil, err
	}
	if cfg.SRP.NodeID == 0 {
		return nil, errors.New("totem: node id 0")
	}
	if cfg.SRP.StoredSeq, err = cfg.Store.Load(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return join(cfg, handler, layer, srp.New(cfg.SRP, cfg.Rand, cfg.Log, layer)), nil
}

// join makes a driver of the given parts.
func join(cfg Config, handler RingHandler, layer *pg.PG, m srp.API) *Driver {
	d := &Driver{cfg: cfg, machine: m, pg: layer, handler: handler, alarmAt: clock.Never}
	d.alarm = cfg.Loop.NewAlarm(d.expired)
	d.runLoopFn = d.runLooped
	d.runWakeFn = d.runWake
	d.initLinger()
	return d
}

// Start opens the transport. The ring forms once it reports its interface.
func (d *Driver) Start() error {
	if err := d.cfg.Transport.SetMembers(d.cfg.Members); err != nil {
		return err
	}
	return d.cfg.Transport.Start(events{d})
}

// Leave tells the others that this node stops, and ends all activity of the ring. While outputs are executed it takes the
// place of those that follow: nothing more is delivered.
func (d *Driver) Leave() {
	if d.stopped {
		return
	}
	d.flush() // packets refer to the outputs that end here
	d.machine.Leave(d.now())
	for _, o := range d.machine.Outputs() {
		d.output(&o)
	}
	d.flush()
	d.stop()
}

// Close ends all activity, without a word to the others, and closes the transport.
func (d *Driver) Close() {
	d.stop()
	d.cfg.Transport.Close()
}

func (d *Driver) stop() {
	d.stopped = true
	d.alarm.Stop()
	d.forget()
	d.looped = d.looped[:0]
}

func (d *Driver) fail(err error) {
	if d.stopped {
		return
	}
	d.stop()
	d.cfg.Fatal(err)
}

func (d *Driver) now() clock.Instant { return d.cfg.Loop.Now() }

// events is the transport's view of the driver.
type events struct{ d *Driver }

func (e events) Receive(frames [][]byte) {
	e.d.release()
	if e.d.keep(frames) {
		frames = frames[:len(frames)-1]
	}
	e.d.step(frames)
}

func (e events) Interface(up bool) {
	d := e.d
	if d.stopped {
		return
	}
	if up {
		d.machine.InterfaceUp(d.now())
	} else {
		d.machine.InterfaceDown(d.now())
	}
	d.finish()
}

func (e events) Fail(err error) { e.d.fail(err) }

// step hands frames to the machine, executing what it wants done each time it pauses.
func (d *Driver) step(frames [][]byte) {
	for len(frames) > 0 && !d.stopped {
		n := d.machine.Step(d.now(), frames)
		d.drained = false
		d.execute()
		if n <= 0 || d.drained {
			break
		}
		frames = frames[min(n, len(frames)):]
	}
	d.setAlarm()
}

// expired runs the timers of the machine.
func (d *Driver) expired() {
	d.alarmAt = clock.Never
	if d.stopped {
		return
	}
	// Own frames have been here longer than the timer: a stall of the process must not make the ring of one lose its token.
	d.release()
	d.runLooped()
	if d.stopped {
		return
	}
	d.machine.Advance(d.now())
	d.finish()
}

// finish executes the outputs of an input.
func (d *Driver) finish() {
	d.execute()
	d.setAlarm()
}

func (d *Driver) setAlarm() {
	if d.stopped {
		return
	}
	if at := d.machine.NextDeadline(); at != d.alarmAt {
		d.alarmAt = at
		d.alarm.Set(at)
	}
}

// execute does what the last input wants done, and then makes an input of what the application asked for meanwhile.
func (d *Driver) execute() {
	for {
		d.executing = true
		outputs := d.machine.Outputs()
		for i := range outputs {
			d.output(&outputs[i])
			if d.stopped {
				break
			}
		}
		d.flush()
		d.executing = false
		d.machine.ClearOutputs()
		switch {
		case d.stopped:
			return
		case d.ackDue:
			d.ackDue = false
			d.machine.TransAck(d.now())
		case len(d.later) > 0:
			input := d.later[0]
			d.later[0] = nil
			if d.later = d.later[1:]; len(d.later) == 0 {
				d.later = nil
			}
			input()
		default:
			return
		}
	}
}

// input makes an input of the machine, now or as soon as the outputs of the present one are executed.
func (d *Driver) input(fn func()) {
	switch {
	case d.stopped:
	case d.executing:
		d.later = append(d.later, fn)
	default:
		fn()
		d.finish()
	}
}

func (d *Driver) output(o *srp.Output) {
	switch o.Kind {
	case srp.Unicast:
		if o.Loop {
			d.loopBack(o.Frame)
		} else {
			d.batch = append(d.batch, transport.Packet{To: o.To, Frame: o.Frame})
		}
		return
	case srp.Multicast:
		d.batch = append(d.batch, transport.Packet{Frame: o.Frame})
		if o.Loop {
			d.loopBack(o.Frame)
		}
		return
	}
	d.flush()
	switch o.Kind {
	case srp.Deliver:
		d.pg.Receive(o.From, o.Frame, o.Foreign, (*delivery)(d))
	case srp.SendTransitional:
		if o.On {
			// What was to be acknowledged is over; the next configuration has its own acknowledgement.
			d.ackDue = false
		}
		d.pg.SendTransitional(o.On)
	case srp.ReceiveTransitional:
		d.pg.ReceiveTransitional(o.On)
	case srp.ConfigurationChange:
		d.ackDue = false
		d.pg.Configuration(o.Configuration)
		d.handler.Confchg(o.Configuration)
	case srp.StoreRing:
		d.cfg.Log.Debugf("Storing new sequence id for ring %x", o.Seq)
		if err := d.cfg.Store.Store(o.Seq); err != nil {
			d.cfg.Log.Errorf("Couldn't store new ring id %x to stable storage: %v", o.Seq, err)
			d.fail(fmt.Errorf("%w: %w", ErrStore, err))
		}
	case srp.TokenSent:
		if d.tokenSent != nil {
			d.tokenSent()
		}
	case srp.Drain:
		d.drained = true
		d.cfg.Transport.Discard()
	case srp.CheckInterfaces:
		d.cfg.Transport.CheckInterfaces()
	case srp.Notice:
		d.cfg.Log.Noticef("%s", o.Text)
	case srp.ProcessorCount:
		d.processors = o.N
	}
}

// delivery passes messages of one frame on, until one of them ends the ring.
type delivery Driver

// Deliver implements pg.Handler.
func (d *delivery) Deliver(group string, from totem.NodeID, msg []byte, foreign bool) {
	if !d.stopped {
		d.handler.Deliver(group, from, msg, foreign)
	}
}

// flush gives the collected packets to the transport.
func (d *Driver) flush() {
	if len(d.batch) == 0 {
		return
	}
	d.cfg.Transport.Send(d.batch)
	clear(d.batch)
	d.batch = d.batch[:0]
}

// loopBack keeps a copy of an own frame for the next turn.
func (d *Driver) loopBack(frame []byte) {
	var b []byte
	if n := len(d.buffers); n > 0 {
		b = d.buffers[n-1][:0]
		d.buffers = d.buffers[:n-1]
	}
	d.looped = append(d.looped, append(b, frame...))
	if !d.loopSoon {
		d.loopSoon = true
		d.cfg.Loop.Next(d.runLoopFn)
	}
}

// runLooped hands own frames to the machine. Those that this causes wait for another turn.
func (d *Driver) runLooped() {
	d.loopSoon = false
	if d.stopped || len(d.looped) == 0 {
		return
	}
	d.looped, d.looping = d.looping[:0], d.looped
	d.step(d.looping)
	// Step may have changed the order of the list, not what is in it.
	d.buffers = append(d.buffers, d.looping...)
	clear(d.looping)
	d.looping = d.looping[:0]
}
