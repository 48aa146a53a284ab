package syncengine

import (
	"fmt"
	"slices"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Service is one entry of the service list.
type Service struct {
	ID   int32
	Name string
	// Local says that this node has the service; for the others it only takes part in the barriers.
	Local bool
}

// State is the state of the machine.
type State uint8

// The states, as in the C daemon. Barrier is also the state of a machine that has nothing to do.
const (
	Barrier State = iota
	ServiceListBuild
	Process
)

// String returns the name of the state.
func (s State) String() string {
	switch s {
	case Barrier:
		return "barrier"
	case ServiceListBuild:
		return "service list build"
	case Process:
		return "process"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Kind says what an output asks for.
type Kind uint8

// The outputs.
const (
	// Multicast sends Msg to the group "sync". It must reach the ring: when the queue is full the caller tries again at
	// the next token, before it executes anything later.
	Multicast Kind = iota
	// Init calls SyncInit of Service with Transitional, Members and Ring.
	Init
	// Schedule asks for a call of Machine.TokenSent after the token has next been sent.
	Schedule
	// Cancel takes a Schedule back.
	Cancel
	// Run calls SyncProcess of Service, and Machine.Processed with its result.
	Run
	// Activate calls SyncActivate of Service.
	Activate
	// Abort calls SyncAbort of Service.
	Abort
	// Complete says that all services are synchronised.
	Complete
)

// Output is one thing to do.
type Output struct {
	Kind         Kind
	Service      Service
	Msg          []byte
	Transitional []totem.NodeID
	Members      []totem.NodeID
	Ring         totem.RingID
}

// processor is a member and whether its message of the present round has come.
type processor struct {
	id       totem.NodeID
	received bool
}

// Machine is the protocol of one node. Use New.
type Machine struct {
	log logsys.Logger

	state   State
	running bool // between Start and Complete or Abort
	ring    totem.RingID

	saved      []totem.NodeID // members of the last transitional configuration
	processors []processor
	services   []Service
	index      int // of the service being synchronised

	in  message
	out []Output
}

// New returns a machine that waits for its first ring.
func New(log logsys.Logger) *Machine { return &Machine{log: log} }

// Outputs returns what is to be done, in order. It is valid until the next input; the lists and messages in it belong
// to the caller.
func (m *Machine) Outputs() []Output { return m.out }

// ClearOutputs says that the outputs have been taken.
func (m *Machine) ClearOutputs() {
	clear(m.out)
	m.out = m.out[:0]
}

// State returns the state, for tests and logs.
func (m *Machine) State() State { return m.state }

// Running says that a synchronisation has begun and is neither complete nor aborted.
func (m *Machine) Running() bool { return m.running }

func (m *Machine) emit(o Output) { m.out = append(m.out, o) }

// SaveTransitional remembers the members of a transitional configuration for the next Start.
func (m *Machine) SaveTransitional(members []totem.NodeID) {
	m.saved = append(m.saved[:0], members...)
}

// Start begins the synchronisation of a new ring. services are those of this node that take part.
func (m *Machine) Start(ring totem.RingID, members []totem.NodeID, services []Service) {
	m.ring = ring
	m.running = true
	m.state = ServiceListBuild
	m.index = 0
	m.processors = m.processors[:0]
	for _, id := range members {
		m.processors = append(m.processors, processor{id: id})
	}
	m.services = append(m.services[:0], services[:min(len(services), MaxServices)]...)
	m.sortServices()
	m.emit(Output{Kind: Multicast, Msg: appendServiceBuild(nil, ring, m.services)})

	// Who left and came back within one change is in the saved list and no member, or the other way round; only the
	// intersection has lived through all of it.
	var trans []totem.NodeID
	for _, id := range m.saved {
		if slices.Contains(members, id) {
			trans = append(trans, id)
		}
	}
	m.log.Debugf("call init for locally known services")
	all := slices.Clone(members)
	for _, s := range m.services {
		m.emit(Output{Kind: Init, Service: s, Transitional: trans, Members: all, Ring: ring})
	}
}

func (m *Machine) sortServices() {
	slices.SortStableFunc(m.services, func(a, b Service) int { return int(a.ID) - int(b.ID) })
}

// Abort ends a synchronisation that a new configuration has overtaken. It may be called for each of the two
// configurations of one change; the service in hand hears of it once.
func (m *Machine) Abort() {
	if !m.running {
		return
	}
	m.running = false
	if m.state == Process {
		m.emit(Output{Kind: Cancel})
	}
	// In state Barrier the service has sent its part and collected those of others; 3.1.7 forgets to tell it, which its
	// successors corrected.
	if m.state != ServiceListBuild && m.index < len(m.services) {
		m.emit(Output{Kind: Abort, Service: m.services[m.index]})
	}
	m.state = Barrier
}

// Deliver takes a message of the group "sync".
func (m *Machine) Deliver(from totem.NodeID, msg []byte, foreign bool) {
	if err := m.in.parse(msg, foreign); err != nil {
		m.log.Debugf("%v from node %d - discarding", err, uint32(from))
		return
	}
	switch m.in.id {
	case msgBarrier:
		m.barrier(from)
	case msgServiceBuild:
		m.serviceBuild(from)
	}
}

// received marks the sender and says whether all members are marked now.
func (m *Machine) received(from totem.NodeID) (all bool) {
	all = true
	for i := range m.processors {
		p := &m.processors[i]
		if p.id == from {
			p.received = true
		}
		all = all && p.received
	}
	return all
}

func (m *Machine) barrier(from totem.NodeID) {
	if !m.running || m.in.ring != m.ring {
		m.log.Debugf("barrier for old ring - discarding")
		return
	}
	// A barrier may come while this node is still in Process for the same service, never for the next one: that would
	// need this node's own barrier.
	if m.state == ServiceListBuild || !m.received(from) {
		return
	}
	if m.state != Barrier {
		// All others and this node have sent a barrier, but this node is still in Process: somebody uses our node id.
		m.log.Warningf("barrier of this node received before it was sent - discarding")
		return
	}
	s := m.services[m.index]
	m.log.Debugf("Committing synchronization for %s", s.Name)
	m.emit(Output{Kind: Activate, Service: s})
	m.index++
	m.enterProcess()
}

func (m *Machine) serviceBuild(from totem.NodeID) {
	if !m.running || m.in.ring != m.ring {
		m.log.Debugf("service build for old ring - discarding")
		return
	}
	if m.state != ServiceListBuild {
		return
	}
	known := len(m.services)
	for _, id := range m.in.services {
		if slices.ContainsFunc(m.services, func(s Service) bool { return s.ID == id }) {
			continue
		}
		if len(m.services) >= MaxServices {
			m.log.Errorf("service list of node %d does not fit", uint32(from))
			break
		}
		m.services = append(m.services, Service{ID: id, Name: fmt.Sprintf("Unknown External Service (id = %d)", id)})
	}
	if len(m.services) > known {
		m.sortServices()
	}
	if m.received(from) {
		m.log.Debugf("enter sync process")
		m.enterProcess()
	}
}

// enterProcess goes on to the service at the index, or completes.
func (m *Machine) enterProcess() {
	if m.index >= len(m.services) {
		m.running = false
		m.state = Barrier
		m.emit(Output{Kind: Complete})
		return
	}
	m.state = Process
	for i := range m.processors {
		m.processors[i].received = false
	}
	m.emit(Output{Kind: Schedule})
}

// TokenSent is the call that a Schedule asked for.
func (m *Machine) TokenSent() {
	if !m.running || m.state != Process {
		return
	}
	s := m.services[m.index]
	if !s.Local {
		m.sendBarrier()
		return
	}
	m.emit(Output{Kind: Run, Service: s})
}

// Processed is the answer to a Run: whether the service has sent all it has to tell.
func (m *Machine) Processed(done bool) {
	if !m.running || m.state != Process {
		return
	}
	if !done {
		m.emit(Output{Kind: Schedule})
		return
	}
	m.sendBarrier()
}

func (m *Machine) sendBarrier() {
	m.state = Barrier
	m.emit(Output{Kind: Multicast, Msg: appendBarrier(nil, m.ring)})
}
