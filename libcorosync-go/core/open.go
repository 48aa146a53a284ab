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
	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// opening is a protocol's client before it is a transport.
type opening interface {
	transport
	Step() error // EAGAIN, bare: poll and call again
	Abort()
	Share()
}

// serviceNames are the names that daemons listen on.
var serviceNames = map[uint32]string{
	C.CORE_CPG:        ipcmsg.IPCNameCpg,
	C.CORE_CMAP:       ipcmsg.IPCNameCmap,
	C.CORE_QUORUM:     ipcmsg.IPCNameQuorum,
	C.CORE_VOTEQUORUM: ipcmsg.IPCNameVotequorum,
	C.CORE_CFG:        ipcmsg.IPCNameCfg,
}

// start begins a conversation in a protocol, and says what the C side polls.
func (c *client) start(p conn.Protocol, r *C.struct_core_record) error {
	name := serviceNames[c.service]
	if p == conn.QB {
		q, err := startQB(name, int(r.fd))
		if err != nil {
			return err
		}
		c.opening = q
		r.fd, r.poll_for = C.int32_t(q.Setup()), unix.POLLIN
		return nil
	}
	number, err := conn.CoroService(name)
	if err != nil {
		return err
	}
	k, err := coroipc.Start(number, ipcmsg.MaxMessageSize)
	if err != nil {
		return err
	}
	c.opening = k
	r.fd, r.poll_for = C.int32_t(k.Fd()), C.int32_t(k.Wants())
	return nil
}

// startQB begins with libqb's protocol, unless the C side has.
func startQB(name string, greeted int) (*qbipc.Client, error) {
	if greeted >= 0 {
		return qbipc.Greeted(greeted), nil
	}
	return qbipc.Start(name, C.CORE_MAX_MESSAGE)
}

// The C side asks for as much as the core.
var _ = [1]struct{}{}[C.CORE_MAX_MESSAGE-ipcmsg.MaxMessageSize]

//export csgo_open
func csgo_open(r *C.struct_core_record) C.int {
	wanted := ""
	if r.wanted != nil {
		wanted = C.GoString(r.wanted)
	}
	protocols, err := conn.Protocols(wanted)
	if err != nil {
		return errno(err)
	}
	c := &client{service: uint32(r.service)}
	for _, p := range protocols {
		err = c.start(p, r)
		if c.refused == nil {
			c.refused = err
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	if err != nil {
		return errno(c.refused)
	}
	r.core = pointer.Save(c)
	return C.int(syscall.EAGAIN)
}

//export csgo_step
func csgo_step(r *C.struct_core_record) C.int {
	c := of(r)
	err := c.opening.Step()
	if e, bare := err.(syscall.Errno); bare && e == syscall.EAGAIN {
		if k, ok := c.opening.(*coroipc.Client); ok {
			r.poll_for = C.int32_t(k.Wants())
		}
		return C.int(e)
	}
	if err != nil {
		pointer.Unref(r.core)
		r.core = nil
		if c.refused != nil {
			err = c.refused
		}
		if errors.Is(err, syscall.EAGAIN) { // the daemon's refusal: not ready yet
			return C.int(syscall.ENOMSG)
		}
		return errno(err)
	}
	c.opening.Share()
	switch t := c.opening.(type) {
	case *qbipc.Client:
		describeQB(r, t)
	case *coroipc.Client:
		describeCoroIPC(r, t)
	}
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

// putMaps writes down mappings.
func putMaps(r *C.struct_core_record, maps [][]byte) {
	for i, m := range maps {
		r.maps[i] = C.struct_core_map{addr: unsafe.Pointer(unsafe.SliceData(m)), len: C.uint64_t(len(m))}
	}
}

// takeMaps is its reverse.
func takeMaps(r *C.struct_core_record, maps [][]byte) {
	for i := range maps {
		if m := r.maps[i]; m.len > 0 {
			maps[i] = unsafe.Slice((*byte)(m.addr), int(m.len))
		}
	}
}

// describeQB writes down all that a connection is.
func describeQB(r *C.struct_core_record, q *qbipc.Client) {
	s := q.State()
	r.kind, r.answered = C.CORE_KIND_QB_SHM, 0
	r.fd, r.live_fd, r.byte_fd, r.reply_fd = C.int32_t(q.Fd()), C.int32_t(s.Setup), C.int32_t(s.Setup), -1
	if s.Dgram {
		r.kind = C.CORE_KIND_QB_SOCKET
		r.byte_fd, r.reply_fd = -1, C.int32_t(s.Request)
	}
	r.fds = [4]C.int32_t{C.int32_t(s.Setup), C.int32_t(s.Request), C.int32_t(s.Event), -1}
	r.max_message = C.uint64_t(s.MaxMessage)
	r.server_pid, r.server_uid, r.server_gid = C.int32_t(s.Server.PID), C.uint32_t(s.Server.UID), C.uint32_t(s.Server.GID)
	putMaps(r, s.Maps[:])
	path := unsafe.Slice((*byte)(unsafe.Pointer(&r.path)), len(r.path))
	clear(path)
	copy(path[:len(path)-1], s.Path)
	for i, n := range s.Words {
		r.words[i] = C.uint64_t(n)
	}
	r.reply_sem, r.event_sem = nil, nil
	if reply, event, ok := q.Sems(); ok {
		r.reply_sem, r.event_sem = reply.Pointer(), event.Pointer()
	}
}

// describeCoroIPC is describeQB for the other protocol.
func describeCoroIPC(r *C.struct_core_record, k *coroipc.Client) {
	s := k.State()
	fd := C.int32_t(s.Socket)
	r.kind, r.answered = C.CORE_KIND_COROIPC, 1
	r.fd, r.live_fd, r.byte_fd, r.reply_fd = fd, fd, fd, -1
	r.fds = [4]C.int32_t{fd, -1, -1, -1}
	r.max_message = C.uint64_t(k.MaxMessage())
	r.words[0] = C.uint64_t(s.Service)
	putMaps(r, s.Maps[:])
	reply, event := k.Sems()
	r.reply_sem, r.event_sem = reply.Pointer(), event.Pointer()
}

//export csgo_adopt
func csgo_adopt(r *C.struct_core_record) C.int {
	t, err := adopt(r)
	if err != nil {
		return errno(err)
	}
	r.core = pointer.Save(&client{t: t, service: uint32(r.service)})
	return 0
}

func adopt(r *C.struct_core_record) (transport, error) {
	if r.kind == C.CORE_KIND_COROIPC {
		s := coroipc.State{Socket: int(r.fds[0]), Service: int(r.words[0])}
		takeMaps(r, s.Maps[:])
		return coroipc.Adopt(s)
	}
	s := qbipc.State{
		Dgram:      r.kind == C.CORE_KIND_QB_SOCKET,
		MaxMessage: int(r.max_message),
		Server:     qbipc.Credentials{PID: int32(r.server_pid), UID: uint32(r.server_uid), GID: uint32(r.server_gid)},
		Setup:      int(r.fds[0]),
		Request:    int(r.fds[1]),
		Event:      int(r.fds[2]),
	}
	takeMaps(r, s.Maps[:])
	s.Path = cstring(unsafe.Slice((*byte)(unsafe.Pointer(&r.path)), len(r.path)))
	return qbipc.Adopt(s)
}
