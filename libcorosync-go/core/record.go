package main

/*
#include "core.h"
*/
import "C"

import (
	"errors"
	"syscall"
	"unsafe"

	"github.com/mattn/go-pointer"

	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// transport is a protocol's client as the core needs it: nothing waits.
type transport interface {
	Send(flowLimit int, iov [][]byte) error
	// Reply and EventOnly return views that are valid until released. EAGAIN: none yet.
	Reply(taken bool) ([]byte, error)
	ReleaseReply()
	EventOnly() ([]byte, error)
	ReleaseEvent()
	Connected() bool
	Shutdown()
	Close() error
}

// client is the core's side of a connection. The request fields are used under the C side's request lock, the event
// fields under its event lock.
type client struct {
	t       transport
	opening *qbipc.Client // until the handshake has ended
	service uint32

	head  []byte   // the request under construction
	parts [][]byte // and its parts

}

func of(r *C.struct_core_record) *client {
	c, _ := pointer.Restore(r.core).(*client)
	return c
}

func errno(err error) C.int {
	if err == nil {
		return 0
	}
	e, bare := err.(syscall.Errno)
	if bare || errors.As(err, &e) {
		return C.int(e)
	}
	return C.int(syscall.ENOTCONN)
}

//export csgo_abi
func csgo_abi() C.int { return C.CORE_ABI }

// serviceNames are the names that daemons listen on.
var serviceNames = map[uint32]string{
	C.CORE_CPG:        ipcmsg.IPCNameCpg,
	C.CORE_CMAP:       ipcmsg.IPCNameCmap,
	C.CORE_QUORUM:     ipcmsg.IPCNameQuorum,
	C.CORE_VOTEQUORUM: ipcmsg.IPCNameVotequorum,
	C.CORE_CFG:        ipcmsg.IPCNameCfg,
}

//export csgo_open
func csgo_open(r *C.struct_core_record) C.int {
	c := &client{service: uint32(r.service)}
	q, err := qbipc.Start(serviceNames[c.service], ipcmsg.MaxMessageSize)
	if err != nil {
		return errno(err)
	}
	c.opening = q
	r.fd = C.int32_t(q.Setup())
	r.core = pointer.Save(c)
	return C.int(syscall.EAGAIN)
}

//export csgo_step
func csgo_step(r *C.struct_core_record) C.int {
	c := of(r)
	err := c.opening.Step()
	if e, bare := err.(syscall.Errno); bare && e == syscall.EAGAIN {
		return C.int(e)
	}
	if err != nil {
		pointer.Unref(r.core)
		r.core = nil
		if errors.Is(err, syscall.EAGAIN) { // the daemon's refusal: not ready yet
			return C.int(syscall.ENOMSG)
		}
		return errno(err)
	}
	c.opening.Share()
	describe(r, c.opening)
	c.t, c.opening = c.opening, nil
	return 0
}

//export csgo_abort
func csgo_abort(r *C.struct_core_record) {
	if c := of(r); c != nil {
		c.opening.Abort()
		pointer.Unref(r.core)
		r.core = nil
	}
}

// describe writes down all that the connection is.
func describe(r *C.struct_core_record, q *qbipc.Client) {
	s := q.State()
	r.kind = C.CORE_KIND_QB_SHM
	r.fd, r.live_fd, r.byte_fd, r.reply_fd = C.int32_t(q.Fd()), C.int32_t(s.Setup), C.int32_t(s.Setup), -1
	if s.Dgram {
		r.kind = C.CORE_KIND_QB_SOCKET
		r.byte_fd, r.reply_fd = -1, C.int32_t(s.Request)
	}
	r.fds = [4]C.int32_t{C.int32_t(s.Setup), C.int32_t(s.Request), C.int32_t(s.Event), -1}
	r.max_message = C.uint64_t(s.MaxMessage)
	r.server_pid, r.server_uid, r.server_gid = C.int32_t(s.Server.PID), C.uint32_t(s.Server.UID), C.uint32_t(s.Server.GID)
	for i, m := range s.Maps {
		r.maps[i] = C.struct_core_map{addr: unsafe.Pointer(unsafe.SliceData(m)), len: C.uint64_t(len(m))}
	}
	path := unsafe.Slice((*byte)(unsafe.Pointer(&r.path)), len(r.path))
	clear(path)
	copy(path[:len(path)-1], s.ControlPath)
	r.reply_sem, r.event_sem = nil, nil
	if reply, event, ok := q.Sems(); ok {
		r.reply_sem, r.event_sem = reply.Pointer(), event.Pointer()
	}
}

//export csgo_adopt
func csgo_adopt(r *C.struct_core_record) C.int {
	s := qbipc.State{
		Dgram:      r.kind == C.CORE_KIND_QB_SOCKET,
		MaxMessage: int(r.max_message),
		Server:     qbipc.Credentials{PID: int32(r.server_pid), UID: uint32(r.server_uid), GID: uint32(r.server_gid)},
		Setup:      int(r.fds[0]),
		Request:    int(r.fds[1]),
		Event:      int(r.fds[2]),
	}
	for i := range s.Maps {
		if m := r.maps[i]; m.len > 0 {
			s.Maps[i] = unsafe.Slice((*byte)(m.addr), int(m.len))
		}
	}
	path := unsafe.Slice((*byte)(unsafe.Pointer(&r.path)), len(r.path))
	s.ControlPath = cstring(path)
	q, err := qbipc.Adopt(s)
	if err != nil {
		return errno(err)
	}
	r.core = pointer.Save(&client{t: q, service: uint32(r.service)})
	return 0
}

func cstring(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

//export csgo_shutdown
func csgo_shutdown(r *C.struct_core_record) {
	if c := of(r); c != nil && c.t != nil {
		c.t.Shutdown()
	}
}

//export csgo_close
func csgo_close(r *C.struct_core_record) {
	if c := of(r); c != nil && c.t != nil {
		c.t.Close()
		pointer.Unref(r.core)
		r.core = nil
	}
}
