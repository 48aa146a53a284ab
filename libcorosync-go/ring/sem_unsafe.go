package ring

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// Sem is a process-shared semaphore of glibc's 64-bit layout:
//
//	 0  uint64  value in the low half, number of waiters in the high half, always updated as one
//	 8  int32   private: 0 or 128 (shared)
//	12          20 bytes of zero
//
// Its methods are the parts that need no system call; waiting and waking on the value half are package shm's.
type Sem struct{ d *uint64 }

const (
	semBytes    = 32
	semShared   = 128 // what glibc stores for pshared=1; its futex calls are then the shared form
	semValueMax = 1<<31 - 1
	semWaiter   = 1 << 32
)

// SemAt is the semaphore at mem[off:], which must lie in mem and be aligned to 8 bytes.
func SemAt(mem []byte, off int) (Sem, bool) {
	if off < 0 || len(mem) < semBytes || off > len(mem)-semBytes || off%8 != 0 || !aligned(mem, 8) {
		return Sem{}, false
	}
	return Sem{word64(mem, off)}, true
}

// Init makes it a semaphore shared between processes, at 0. Nobody may use it yet.
func (s Sem) Init() {
	b := unsafe.Slice((*byte)(unsafe.Pointer(s.d)), semBytes)
	clear(b)
	binary.NativeEndian.PutUint32(b[8:], semShared)
}

// littleEndian says where the value half of the word is.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Post adds one. wake tells that somebody is registered as waiting, and so must be woken. A semaphore that a peer has
// driven to its maximum stays there.
func (s Sem) Post() (wake bool) {
	for {
		d := atomic.LoadUint64(s.d)
		if uint32(d) >= semValueMax {
			return d>>32 != 0
		}
		if atomic.CompareAndSwapUint64(s.d, d, d+1) {
			return d>>32 != 0
		}
	}
}

// Try takes one if there is one.
func (s Sem) Try() bool { return s.take(1) }

// Register announces a waiter; without it a poster wakes nobody. Either Unregister or TryRegistered ends it.
func (s Sem) Register() { atomic.AddUint64(s.d, semWaiter) }

// Unregister takes the announcement back.
func (s Sem) Unregister() { atomic.AddUint64(s.d, ^uint64(semWaiter-1)) }

// TryRegistered takes one if there is one, and ends the registration in the same step.
func (s Sem) TryRegistered() bool { return s.take(1 + semWaiter) }

func (s Sem) take(n uint64) bool {
	for {
		d := atomic.LoadUint64(s.d)
		if uint32(d) == 0 {
			return false
		}
		if atomic.CompareAndSwapUint64(s.d, d, d-n) {
			return true
		}
	}
}

// TakeAll takes all there is, and says how much that was.
func (s Sem) TakeAll() uint32 {
	for {
		d := atomic.LoadUint64(s.d)
		if uint32(d) == 0 {
			return 0
		}
		if atomic.CompareAndSwapUint64(s.d, d, d&^(semWaiter-1)) {
			return uint32(d)
		}
	}
}

// Value is the count at this moment.
func (s Sem) Value() uint32 { return uint32(atomic.LoadUint64(s.d)) }

// Futex is the address to wait on while Value is 0.
func (s Sem) Futex() *uint32 {
	p := (*[2]uint32)(unsafe.Pointer(s.d))
	if littleEndian {
		return &p[0]
	}
	return &p[1]
}

// word32 is the 4-byte word at b[off:]; the caller has checked bounds and alignment.
func word32(b []byte, off int) *uint32 { return (*uint32)(unsafe.Pointer(&b[off])) }

// word64 is the 8-byte word at b[off:]; bounds and alignment as for word32.
func word64(b []byte, off int) *uint64 { return (*uint64)(unsafe.Pointer(&b[off])) }

// aligned tells whether b begins at a multiple of n.
func aligned(b []byte, n uintptr) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%n == 0
}

// Pointer is where the semaphore is: a sem_t to who waits on it with glibc.
func (s Sem) Pointer() unsafe.Pointer { return unsafe.Pointer(s.d) }
