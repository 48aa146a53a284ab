package qbipc

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// State is all that a connection consists of outside this process's Go memory: what a forked child shares with its
// parent. The cursors are in the mappings, and what Start has made is moved by no garbage collector.
type State struct {
	Dgram      bool
	MaxMessage int
	Server     Credentials
	Setup      int       // the setup socket
	Request    int       // socket transport: where requests go out and replies come in, otherwise -1
	Event      int       // socket transport: where events come in, otherwise -1
	Words      [3]uint32 // sizes of the request, reply and event ring, as they were found good; 0 in the socket transport
	Maps       [6][]byte // header and data of the request, reply and event ring; the control file in the socket transport
	Path       string    // of the file of Maps[0]
}

// Start begins what Dial does, for a caller who must not wait in Go: Step ends it. The socket is Setup's.
func Start(service string, maxMessage int) (*Client, error) {
	if len(service) > serviceMax {
		return nil, os.NewSyscallError("connect", unix.EINVAL)
	}
	addr, _, err := serviceAddr(service)
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if fd, err = aboveStandard(fd); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &Client{fd: fd}
	if err := c.greet(addr, maxMessage); err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

// Greeted is Start for a caller who has sent the request himself, with SO_PASSCRED set before, on a socket that neither
// blocks nor survives exec.
func Greeted(fd int) *Client { return &Client{fd: fd} }

// Step looks for the server's answer without waiting. EAGAIN: call again when the setup socket is readable. Any other
// error is the end of the attempt, with everything released.
func (c *Client) Step() error {
	if c.answer == nil {
		c.answer = make([]byte, 0, responseBytes)
	}
	for len(c.answer) < responseBytes {
		n, _, err := recvCreds(c.fd, c.answer[len(c.answer):responseBytes], &c.server)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return unix.EAGAIN
		case err == nil && n == 0:
			err = unix.ENOTCONN
		}
		if err != nil {
			c.abort()
			return os.NewSyscallError("recv", err)
		}
		c.answer = c.answer[:len(c.answer)+n]
	}
	err := c.accept(c.answer)
	c.answer = nil
	if err != nil {
		c.abort()
	}
	return err
}

// Abort releases an attempt that Step has not ended.
func (c *Client) Abort() { c.abort() }

// Setup is the setup socket.
func (c *Client) Setup() int { return c.fd }

// State describes the connection for Adopt.
func (c *Client) State() State {
	s := State{MaxMessage: c.max, Server: c.server, Setup: c.fd, Request: -1, Event: -1, Maps: c.maps, Path: c.paths[0]}
	if d := c.dg; d != nil {
		s.Dgram, s.Request, s.Event, s.Path = true, d.request, d.event, d.ctlPath
		s.Maps[0] = d.ctl
		return s
	}
	for i, r := range []*ring.Ring{c.request, c.reply, c.event} {
		s.Words[i] = r.Words()
	}
	return s
}

// Adopt makes a client of a connection that another client in this memory, or in that of the parent before a fork,
// has made. As both may go on using it in turn, cursors are read again before each use.
func Adopt(s State) (*Client, error) {
	c := &Client{fd: s.Setup, max: s.MaxMessage, server: s.Server, shared: true}
	if s.Dgram {
		c.dg = &clientDgram{request: s.Request, event: s.Event, ctl: control(s.Maps[0]), ctlPath: s.Path}
		return c, nil
	}
	c.maps = s.Maps
	for i, f := range []struct {
		role ring.Role
		r    **ring.Ring
	}{{ring.Writer, &c.request}, {ring.Reader, &c.reply}, {ring.Reader, &c.event}} {
		hdr, data := s.Maps[2*i], s.Maps[2*i+1]
		r, err := ring.Open(hdr, data, c.max, f.role)
		if err != nil {
			return nil, os.NewSyscallError("adopt", unix.EBADMSG)
		}
		*f.r = r
		c.paths[2*i], _ = ring.HeaderPath(hdr)
		c.paths[2*i+1], _ = ring.DataPath(hdr)
	}
	// What stands in the memory by now may name anything: it is good only beside the file that was opened.
	c.paths[0] = s.Path
	if filepath.Dir(s.Path) == shm.Root { // of a server before libqb 1.0.4: others have files there
		clear(c.paths[1:])
	}
	return c, nil
}

// Share makes the client read its cursors again before each use, as one does who was adopted. Those who share do what makes others
// run or takes time themselves, except in the socket transport: after Shutdown they hang up the setup socket; before Close they wait for
// the process of a server that has hung up; and after it they close the socket and unmap the rings.
func (c *Client) Share() { c.shared = true }

// Sems are the semaphores that count replies, for a caller who waits on it himself, and events. ok is false in the socket
// transport, where the request socket becomes readable for a reply.
func (c *Client) Sems() (reply, event ring.Sem, ok bool) {
	if c.dg != nil {
		return ring.Sem{}, ring.Sem{}, false
	}
	return c.reply.Sem(), c.event.Sem(), true
}

// Reply returns the next reply without waiting, a view that is valid until ReleaseReply. taken says that the caller has
// already taken the count from the semaphore of replies. EAGAIN: none yet; ENOTCONN; EBADMSG.
func (c *Client) Reply(taken bool) ([]byte, error) {
	if d := c.dg; d != nil {
		b, err := d.next(background, c, &d.out, d.request, ctlResponse, &d.wake, d.reply[:0], 0)
		if err == nil {
			d.reply = b
		}
		return b, err
	}
	if !taken && !c.reply.Sem().Try() {
		if c.Connected() {
			return nil, unix.EAGAIN
		}
		if !c.reply.Sem().Try() {
			return nil, unix.ENOTCONN
		}
	}
	if c.shared {
		c.reply.Resync()
	}
	head, tail, err := c.reply.PeekTaken()
	if err != nil {
		c.lost.Store(true)
		return nil, unix.EBADMSG
	}
	if len(tail) == 0 {
		return head, nil
	}
	c.replyJoined = append(append(c.replyJoined[:0], head...), tail...)
	return c.replyJoined, nil
}

// ReleaseReply gives the reply's place in the ring back.
func (c *Client) ReleaseReply() {
	if c.dg == nil {
		c.reply.Reclaim()
	}
}

// EventOnly returns the oldest event without waiting, and leaves the byte that came with it in the setup socket to the
// caller, except in the socket transport, where there is none. EAGAIN says nothing about the server. The view is valid
// until ReleaseEvent.
func (c *Client) EventOnly() ([]byte, error) {
	if c.dg != nil {
		return c.Event(background, 0)
	}
	if c.down.Load() {
		return nil, unix.ENOTCONN
	}
	if c.shared {
		c.event.Resync()
	}
	head, tail, err := c.event.Peek()
	switch {
	case err == ring.ErrEmpty:
		return nil, unix.EAGAIN
	case err != nil:
		c.lost.Store(true)
		return nil, unix.EBADMSG
	}
	c.taken = true
	if len(tail) == 0 {
		return head, nil
	}
	c.joined = append(append(c.joined[:0], head...), tail...)
	return c.joined, nil
}

func (c *Client) abort() {
	unix.Close(c.fd)
	c.closeWake()
	if c.dg != nil {
		c.dg.close(true)
	}
	c.unmap()
}

// background is for calls that do not wait.
var background = context.Background()
