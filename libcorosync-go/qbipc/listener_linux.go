package qbipc

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

const backlog = 128

// MessageCap is the largest message size a client may ask for, in bytes. libqb has no limit, and then no memory.
const MessageCap = 64 << 20

// Listener is the door of one service.
type Listener struct {
	service string
	fd      int
	path    string // of a socket in the file system
	kind    int32  // connection_type of new connections
	scratch []byte // requests are copied here before anybody looks at them; one loop, one copy
}

// Listen opens the service's socket: abstract, or in the file system when the host's libqb marker says so.
// EADDRINUSE: another daemon serves in this network namespace.
func Listen(service string) (*Listener, error) {
	addr, path, err := serviceAddr(service)
	if err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if path != "" {
		unix.Unlink(path)
	}
	if err = bind(fd, addr); err == nil && path != "" {
		err = unix.Chmod(path, 0o777)
	}
	if err == nil {
		err = setPasscred(fd, 1)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return &Listener{service: service, fd: fd, path: path, kind: typeSHM}, nil
}

// UseSockets makes the connections accepted from now on use datagram sockets instead of shared memory
// (system.qb_ipc_type: socket).
func (l *Listener) UseSockets() { l.kind = typeSocket }

// Service is the name listened on.
func (l *Listener) Service() string { return l.service }

// Fd is the descriptor to poll for reading; Accept when it is readable.
func (l *Listener) Fd() int { return l.fd }

// Accept takes one waiting client, whose handshake is then read as its descriptor becomes readable. EAGAIN: none
// left. EMFILE, ENFILE: out of descriptors, the client stays in the backlog. The caller bounds the number of pending
// clients and their age; the protocol has no timeout.
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
	if l.path != "" {
		unix.Unlink(l.path)
	}
	return err
}

// Pending is a client that has connected and not yet been admitted.
type Pending struct {
	l     *Listener
	fd    int
	buf   [requestBytes]byte
	n     int
	creds Credentials
	known bool
	want  uint32
	done  bool
}

// Fd is the descriptor to poll for reading until Read says ready.
func (p *Pending) Fd() int { return p.fd }

// Read goes on with the handshake. ready: the request is complete, and Accept or Refuse must follow (stop polling
// before). An error means that the peer left or is no libqb client: Close it.
func (p *Pending) Read() (ready bool, err error) {
	if p.done {
		return true, nil
	}
	for p.n < requestBytes {
		var creds Credentials
		n, found, err := recvCreds(p.fd, p.buf[p.n:], &creds)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false, nil
		case err != nil:
			return false, err
		case n == 0:
			return false, unix.ENOTCONN
		}
		if found {
			p.creds, p.known = creds, true
		}
		p.n += n
	}
	setPasscred(p.fd, 0)
	req, err := parseAuthRequest(p.buf[:])
	if err != nil {
		return false, err
	}
	if !p.known {
		return false, unix.EBADMSG
	}
	p.want, p.done = req.maxMessage, true
	return true, nil
}

// Credentials of the client, once ready.
func (p *Pending) Credentials() Credentials { return p.creds }

// MaxMessage is the message size in bytes the client asks for, once ready.
func (p *Pending) MaxMessage() uint32 { return p.want }

// Close drops the client without an answer.
func (p *Pending) Close() {
	if p.fd >= 0 {
		unix.Shutdown(p.fd, unix.SHUT_RDWR)
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Refuse answers with an errno and drops the client. What its library makes of it: EAGAIN try again, EACCES access,
// ENOSYS not supported, EMFILE library error.
func (p *Pending) Refuse(errno syscall.Errno) {
	if p.fd >= 0 {
		send(p.fd, authResponse{errno: errno}.append(nil))
	}
	p.Close()
}

// Accept admits the client: files are made, it gets the answer, and the connection is the caller's. On failure the
// client has been refused with the error's errno (ENOSPC: /dev/shm is full) and dropped. After a success requests may
// be waiting already, so ReadRequests should be called once before the descriptor is polled, or polled level-triggered.
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

// RemoveStale removes what dead daemons left of the services under /dev/shm. To be called before the first Accept.
func RemoveStale(services []string) int { return shm.RemoveStale(services) }
