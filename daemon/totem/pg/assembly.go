package pg

import "github.com/corosync-go/corosync/daemon/totem"

// assembly is the partial message of one sender in one of the two streams.
type assembly struct {
	data []byte // the fragments so far; nil when there are none
	last uint8  // fragment number that the next frame must continue, 0 = it must start a message
	skip bool   // the message cannot be put together: ignore the rest of it
}

type assemblySet map[totem.NodeID]*assembly

// Buffers of partial messages are shared by all senders. They grow by doubling from firstBuffer; when idle, as many as
// keepBuffers are kept for the next message.
const (
	firstBuffer = 4096
	keepBuffers = 16
)

type bufferPool struct{ free [][]byte }

// get returns an empty buffer.
func (p *bufferPool) get() []byte {
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, firstBuffer)
}

func (p *bufferPool) put(b []byte) {
	if b != nil && len(p.free) < keepBuffers {
		p.free = append(p.free, b)
	}
}

// assembly returns the partial message of a sender in the set that is in use.
func (p *PG) assembly(from totem.NodeID) *assembly {
	set := p.ordinarySet
	if p.receiveTrans {
		set = p.transSet
	}
	a := set[from]
	if a == nil {
		if n := len(p.freeAssembly); n > 0 {
			a = p.freeAssembly[n-1]
			p.freeAssembly = p.freeAssembly[:n-1]
		} else {
			a = new(assembly)
		}
		set[from] = a
	}
	return a
}

// add appends a fragment. A message over the bound is given up; the rest of it will be skipped.
func (p *PG) add(a *assembly, fragment []byte) {
	if a.skip {
		return
	}
	n := len(a.data) + len(fragment)
	if n > assemblyMax {
		p.Stats.Oversize++
		p.clear(a)
		a.skip = true
		return
	}
	if a.data == nil {
		a.data = p.buffers.get()
	}
	if n > cap(a.data) {
		grown := make([]byte, len(a.data), min(assemblyMax, max(n, 2*cap(a.data))))
		copy(grown, a.data)
		a.data = grown
	}
	a.data = append(a.data, fragment...)
}

// clear forgets the fragments.
func (p *PG) clear(a *assembly) {
	p.buffers.put(a.data)
	a.data, a.skip = nil, false
}

// Configuration forgets the partial messages of nodes that left.
func (p *PG) Configuration(c *totem.Configuration) {
	for _, id := range c.Left {
		p.forget(p.ordinarySet, id)
		p.forget(p.transSet, id)
	}
}

func (p *PG) forget(set assemblySet, id totem.NodeID) {
	a := set[id]
	if a == nil {
		return
	}
	if a.data != nil {
		p.Stats.PartialsFreed++
	}
	p.clear(a)
	a.last = 0
	delete(set, id)
	p.freeAssembly = append(p.freeAssembly, a)
}
