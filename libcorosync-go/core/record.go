package main

/*
#include "core.h"
*/
import "C"

import (
	"errors"
	"syscall"

	"github.com/mattn/go-pointer"
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
	opening opening // until the handshake has ended
	refused error   // what to say if opening fails that is a second try
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

func cstring(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
