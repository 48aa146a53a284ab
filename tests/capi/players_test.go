//go:build linux

package capi

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What daemons of a few lines share.

// ownNetwork runs f in a thread that has a network of its own, where the names of daemons' sockets are free.
func ownNetwork(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { // its thread, and the network with it, ends with it
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("unshare: %v", err)
			return
		}
		f()
	}()
	<-done
}

// pending is a client of either protocol that has connected and not yet said all.
type pending[C any] interface {
	Fd() int
	Read() (bool, error)
	Accept() (C, error)
}

// acceptOne waits for a client on the socket of a listener, and makes it a connection.
func acceptOne[P pending[C], C any](fd int, accept func() (P, error)) (c C, err error) {
	if err := readable(fd); err != nil {
		return c, err
	}
	p, err := accept()
	if err != nil {
		return c, err
	}
	for ok := false; !ok; ok, err = p.Read() {
		if err != nil {
			return c, err
		}
		if err := readable(p.Fd()); err != nil {
			return c, err
		}
	}
	return p.Accept()
}

// readable waits until a descriptor is.
func readable(fd int) error {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, int(hostTimeout/time.Millisecond))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return errors.New("nobody comes")
		default:
			return nil
		}
	}
}
