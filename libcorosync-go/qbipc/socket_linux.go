package qbipc

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
)

// SocketDir holds the sockets when they live in the file system. It is fixed when libqb is built: /tmp is Debian's
// choice, upstream's is /var/run; packages set it with -ldflags -X.
var SocketDir = "/tmp"

// forceMarker makes every libqb program of the host use sockets in the file system.
const forceMarker = "/etc/libqb/force-filesystem-sockets"

// filesystemSockets looks for the marker once per process, like libqb.
var filesystemSockets = sync.OnceValue(func() bool {
	_, err := os.Stat(forceMarker)
	return err == nil
})

// serviceAddr is the address of a service, and its path if it is in the file system.
func serviceAddr(service string) (addr *address, path string, err error) {
	if !filesystemSockets() {
		addr, err = sock.Abstract(service)
		return addr, "", err
	}
	path = SocketDir + "/" + service
	addr, err = sock.Path(path)
	return addr, path, err
}

// Credentials are what the kernel attached to the peer's first message.
type Credentials = sock.Credentials

type address = sock.Address

const hangup = sock.Hangup

func bind(fd int, a *address) error                     { return sock.Bind(fd, a) }
func connect(fd int, a *address) error                  { return sock.Connect(fd, a) }
func setPasscred(fd, on int) error                      { return sock.SetPasscred(fd, on) }
func send(fd int, b []byte) (int, syscall.Errno)        { return sock.Send(fd, b) }
func recv(fd int, b []byte) (int, syscall.Errno)        { return sock.Recv(fd, b) }
func poll1(fd int, events int16) int16                  { return sock.Poll1(fd, events) }
func ppoll(p []unix.PollFd, timeout time.Duration) bool { return sock.PPoll(p, timeout) }

func recvCreds(fd int, b []byte, creds *Credentials) (n int, found bool, err error) {
	return sock.RecvCreds(fd, b, creds)
}
func aboveStandard(fd int) (int, error) { return sock.AboveStandard(fd) }

func wakeOn(ctx context.Context, keep *atomic.Int32) (fd int, stop func(), err error) {
	return sock.WakeOn(ctx, keep)
}

func waitReadable(fd, wake int, timeout time.Duration) int16 {
	return sock.WaitReadable(fd, wake, timeout)
}

func abstractAddr(name string) (*address, error) { return sock.Abstract(name) }
