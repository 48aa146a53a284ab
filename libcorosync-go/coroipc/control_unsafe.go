package coroipc

import (
	"sync/atomic"
	"unsafe"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

// Offsets in the control buffer. The semaphores are named for what they do; the C structure names three of them for another.
const (
	ctlRead     = 0
	ctlWrite    = 4
	ctlFlow     = 8
	ctlWork     = 16
	ctlDispatch = 48
	ctlRequest  = 80
	ctlResponse = 112
	ctlClosed   = 144
	controlUsed = 152
)

// control is the control buffer, all of which the peer can write.
type control struct {
	mem                               []byte
	work, dispatch, request, response ring.Sem
}

// newControl looks at a buffer of at least controlUsed bytes.
func newControl(mem []byte) (c control, ok bool) {
	if len(mem) < controlUsed {
		return c, false
	}
	c.mem = mem
	for _, s := range []struct {
		sem *ring.Sem
		off int
	}{{&c.work, ctlWork}, {&c.dispatch, ctlDispatch}, {&c.request, ctlRequest}, {&c.response, ctlResponse}} {
		if *s.sem, ok = ring.SemAt(mem, s.off); !ok {
			return c, false
		}
	}
	return c, true
}

// init is the client's part: all at 0, and the semaphores shared.
func (c control) init() {
	clear(c.mem[:controlUsed])
	c.work.Init()
	c.dispatch.Init()
	c.request.Init()
	c.response.Init()
}

func (c control) word(off int) *uint32 { return (*uint32)(unsafe.Pointer(&c.mem[off])) }

func (c control) load(off int) uint32     { return atomic.LoadUint32(c.word(off)) }
func (c control) store(off int, v uint32) { atomic.StoreUint32(c.word(off), v) }
