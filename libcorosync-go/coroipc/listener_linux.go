package coroipc

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

const backlog = 128

// Listener is the door to all services.
type Listener struct {
	fd      int
	scratch []byte // requests are copied here before anybody looks at them; one loop, one copy
}

// ListenAt opens the socket of a name in the abstract namespace, SocketName. EADDRINUSE: another daemon serves in this
// network namespace.
func ListenAt(name string) (*Listener, error) {
	addr, err := sock.Abstract(name)
	if err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err = sock.Bind(fd, addr); err == nil {
		err = sock.SetPasscred(fd, 1)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return &Listener{fd: fd}, nil
}

// Fd is the descriptor to poll for reading; Accept when it is readable.
func (l *Listener) Fd() int { return l.fd }

// Accept takes one waiting client, whose setup request is then read as its descriptor becomes readable. EAGAIN: none left.
// EMFILE, ENFILE: out of descriptors, the client stays in the backlog. The caller bounds the number of pending clients and
// their age; the protocol has no timeout.
func (l *Listener) Accept() (*Pending, error) {
	fd, err := sock.Accept(l.fd)
	if err != nil {
		return nil, err
	}
	return &Pending{l: l, fd: fd}, nil
}

// Close stops listening. Connections go on.
func (l *Listener) Close() error {
	if l.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(l.fd)
	l.fd = -1
	return err
}

// Pending is a client that has connected and not yet been admitted.
type Pending struct {
	l     *Listener
	fd    int
	buf   []byte
	n     int
	creds Credentials
	known bool
	setup setup
	done  bool
}

// Fd is the descriptor to poll for reading until Read says ready.
func (p *Pending) Fd() int { return p.fd }

// Read goes on with the setup request. ready: it is complete, and Accept or Refuse must follow (stop polling before). An
// error means that the peer left or speaks another protocol: Close it.
func (p *Pending) Read() (ready bool, err error) {
	if p.done {
		return true, nil
	}
	if p.buf == nil {
		p.buf = make([]byte, setupBytes)
	}
	for p.n < setupBytes {
		var creds Credentials
		n, found, err := sock.RecvCreds(p.fd, p.buf[p.n:], &creds)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false, nil
		case err != nil:
			return false, err
		case n == 0:
			return false, unix.ENOTCONN
		case !found, p.known && creds != p.creds:
			return false, unix.EBADMSG // each piece has its sender, and they must be one
		}
		p.creds, p.known = creds, true
		p.n += n
	}
	sock.SetPasscred(p.fd, 0)
	p.setup, err = parseSetup(p.buf)
	p.buf = nil
	if err != nil {
		return false, err
	}
	p.done = true
	return true, nil
}

// Credentials of the client, once ready.
func (p *Pending) Credentials() Credentials { return p.creds }

// Service is the number of the service that the client asks for, once ready; it need not exist.
func (p *Pending) Service() int { return int(p.setup.service) }

// Close drops the client without an answer.
func (p *Pending) Close() {
	if p.fd >= 0 {
		unix.Shutdown(p.fd, unix.SHUT_RDWR)
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Refuse answers with an errno and drops the client, whose library then removes its files: EAGAIN try again, ENOSYS no such
// service, EMFILE no resources, EACCES security.
func (p *Pending) Refuse(errno syscall.Errno) {
	if p.fd >= 0 {
		e := cserr.Library
		switch errno {
		case unix.EAGAIN:
			e = cserr.TryAgain
		case unix.ENOSYS:
			e = cserr.NotExist
		case unix.EMFILE:
			e = cserr.NoResources
		case unix.EACCES:
			e = cserr.Security
		}
		sock.Send(p.fd, appendAnswer(nil, e))
	}
	p.Close()
}

// Accept admits the client: its files are mapped and unlinked, it gets the answer, and the connection is the caller's. On
// failure the client has been refused and dropped. No request comes before ServerConn.Watch.
func (p *Pending) Accept() (*ServerConn, error) {
	if !p.done || p.fd < 0 {
		return nil, os.ErrInvalid
	}
	c, err := p.l.newConn(p)
	if err != nil {
		errno := unix.EIO
		errors.As(err, &errno)
		p.Refuse(errno)
		return nil, err
	}
	p.fd = -1 // the connection's now
	return c, nil
}

// RemoveStale removes what clients left that died before their setup was complete.
func RemoveStale() int {
	return shm.RemoveStaleFiles(clientDirs, append(prefixes[:], "corosync_zerocopy-")...)
}
