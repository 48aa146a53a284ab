package ipcserver

import (
	"syscall"

	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// link is one admitted client as its protocol sees it. The methods are those of qbipc.ServerConn, described there; a
// link of another protocol behaves the same.
type link interface {
	Fd() int
	ReadRequests(limit int, handle func(req []byte) qbipc.Verdict) (n int, err error)
	Respond(parts ...[]byte) error
	Event(parts ...[]byte) error
	Flush() error
	NeedFlush() bool
	WantWrite() bool
	SetFlowControl(level int) error
	Counters() qbipc.Counters
	HungUp() bool
	Disconnect()
	Close()
}

// pending is a client in its handshake.
type pending interface {
	Fd() int
	Read() (ready bool, err error)
	Credentials() qbipc.Credentials
	Accept() (link, error)
	Refuse(errno syscall.Errno)
	Close()
}

// listener is the door of one service in one protocol.
type listener interface {
	Fd() int
	Accept() (pending, error)
	Close() error
}

// qbListener and qbPending narrow the results of qbipc to the interfaces above.
type qbListener struct{ *qbipc.Listener }

func (l qbListener) Accept() (pending, error) {
	p, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return qbPending{p}, nil
}

type qbPending struct{ *qbipc.Pending }

func (p qbPending) Accept() (link, error) {
	c, err := p.Pending.Accept()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// listenQB opens a libqb endpoint; sockets selects datagram sockets instead of shared memory for its connections.
func listenQB(service string, sockets bool) (listener, error) {
	l, err := qbipc.Listen(service)
	if err != nil {
		return nil, err
	}
	if sockets {
		l.UseSockets()
	}
	return qbListener{l}, nil
}
