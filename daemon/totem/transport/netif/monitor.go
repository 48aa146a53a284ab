package netif

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// retryInterval is how often the interface is looked at while it is down, and how long the monitor waits before it
// subscribes again after the kernel ended a subscription.
const retryInterval = time.Second

// Monitor watches one address. See Watch.
type Monitor struct {
	bind   netip.Addr
	handle *netlink.Handle
	report func(State) error
	check  chan struct{}
	done   chan struct{}
	ended  chan struct{}
	last   State
}

// Watch looks at the address once, and then reports every change by posting a call of report to the owner loop. The
// sockets to the kernel are opened in the network namespace of the calling thread.
func Watch(bind netip.Addr, post func(func()) error, report func(State)) (*Monitor, State, error) {
	h, err := netlink.NewHandle()
	if err != nil {
		return nil, State{}, fmt.Errorf("open a netlink socket: %w", err)
	}
	// An answer of the kernel comes at once or never.
	if err := h.SetSocketTimeout(5 * time.Second); err != nil {
		h.Close()
		return nil, State{}, fmt.Errorf("set up the netlink socket: %w", err)
	}
	m := &Monitor{
		bind:   bind,
		handle: h,
		report: func(s State) error { return post(func() { report(s) }) },
		check:  make(chan struct{}, 1),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
	}
	sub := m.subscribe()
	if m.last, err = look(h, bind); err != nil {
		sub.close()
		h.Close()
		return nil, State{}, err
	}
	state := m.last
	go m.run(sub)
	return m, state, nil
}

// Check asks for a look now.
func (m *Monitor) Check() {
	select {
	case m.check <- struct{}{}:
	default:
	}
}

// Close ends the monitor. A report that was posted before may still arrive.
func (m *Monitor) Close() {
	close(m.done)
	<-m.ended
}

// subscription is the two streams of the kernel's messages.
type subscription struct {
	links chan netlink.LinkUpdate
	addrs chan netlink.AddrUpdate
	done  chan struct{}
}

func (m *Monitor) subscribe() *subscription {
	s := &subscription{
		links: make(chan netlink.LinkUpdate, 16),
		addrs: make(chan netlink.AddrUpdate, 16),
		done:  make(chan struct{}),
	}
	// Without a subscription the timer remains, which looks once a second.
	if netlink.LinkSubscribe(s.links, s.done) != nil {
		s.links = nil
	}
	if netlink.AddrSubscribe(s.addrs, s.done) != nil {
		s.addrs = nil
	}
	return s
}

// close ends the streams, and takes what is in them so that their goroutines can end.
func (s *subscription) close() {
	close(s.done)
	for s.links != nil || s.addrs != nil {
		select {
		case _, ok := <-s.links:
			if !ok {
				s.links = nil
			}
		case _, ok := <-s.addrs:
			if !ok {
				s.addrs = nil
			}
		}
	}
}

func (m *Monitor) run(sub *subscription) {
	defer close(m.ended)
	defer m.handle.Close()
	defer func() { sub.close() }()
	timer := time.NewTimer(retryInterval)
	defer timer.Stop()
	for {
		lost := false
		select {
		case <-m.done:
			return
		case <-m.check:
		case <-timer.C:
		case _, ok := <-sub.links:
			if !ok {
				sub.links, lost = nil, true
			}
		case _, ok := <-sub.addrs:
			if !ok {
				sub.addrs, lost = nil, true
			}
		}
		sub.skip()
		// A loop that is too busy to take the report gets it after the next look.
		again := false
		if s, err := look(m.handle, m.bind); err != nil {
			again = true
		} else if s != m.last {
			if again = m.report(s) != nil; !again {
				m.last = s
			}
		}
		// The kernel ends a stream when its buffer overflowed. What was missed the look has seen; the timer below leads
		// to a new subscription rather than a tight loop of them.
		if !lost && (sub.links == nil || sub.addrs == nil) {
			sub.close()
			sub = m.subscribe()
		}
		if again || !m.last.Up || sub.links == nil || sub.addrs == nil {
			timer.Reset(retryInterval)
		}
	}
}

// skip drops messages that are waiting: one look answers all of them.
func (s *subscription) skip() {
	for {
		select {
		case _, ok := <-s.links:
			if !ok {
				s.links = nil
			}
		case _, ok := <-s.addrs:
			if !ok {
				s.addrs = nil
			}
		default:
			return
		}
	}
}
