package coroipc

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/ring"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// State is all that a connection consists of outside this process's Go memory: what a forked child shares with its
// parent. The cursors are in the mappings, and what Start has made is moved by no garbage collector.
type State struct {
	Socket  int
	Service int
	Maps    [4][]byte // control, request, response and dispatch buffer
}

// opening is what a connection needs until the server has answered.
type opening struct {
	setup   setup
	request []byte // what is still to be sent
	answer  []byte // what has come
}

// Start begins what Dial does, for a caller who must not wait in Go: Step ends it. Fd is the socket.
func Start(service, maxMessage int) (*Client, error) {
	return start(SocketName, service, sizesFor(maxMessage))
}

func sizesFor(maxMessage int) [fileCount]int {
	page := unix.Getpagesize()
	size := (max(maxMessage, page) + page - 1) / page * page
	return [fileCount]int{controlBytes, size, size, 2 * size}
}

func start(name string, service int, sizes [fileCount]int) (*Client, error) {
	addr, err := sock.Abstract(name)
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if fd, err = sock.AboveStandard(fd); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &Client{fd: fd, service: service, opening: &opening{setup: setup{service: int32(service)}}}
	if err := c.begin(addr, sizes); err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

// begin connects and makes the files.
func (c *Client) begin(addr *sock.Address, sizes [fileCount]int) error {
	for {
		err := sock.Connect(c.fd, addr)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("connect", err)
		}
		break
	}
	s := &c.opening.setup
	for i := range s.paths {
		var err error
		if s.paths[i], c.maps[i], err = shm.CreateTemp(clientDirs, prefixes[i], sizes[i]); err != nil {
			return err
		}
		s.sizes[i] = uint64(sizes[i])
	}
	c.ctl, _ = newControl(c.maps[fileControl])
	c.ctl.init()
	c.opening.request = s.append(nil)
	c.opening.answer = make([]byte, 0, answerBytes)
	return nil
}

// Wants is what Fd must be polled for before the next Step.
func (c *Client) Wants() int16 {
	if o := c.opening; o != nil && len(o.request) > 0 {
		return unix.POLLOUT
	}
	return unix.POLLIN
}

// Step sends the setup request and looks for the answer, without waiting. EAGAIN: call again when the socket is ready for
// what Wants says. Any other error is the end of the attempt, with everything released.
func (c *Client) Step() error {
	err := c.step()
	if e, bare := err.(unix.Errno); bare && e == unix.EAGAIN {
		return e
	}
	if err != nil {
		c.Abort()
		return err
	}
	c.opening = nil // the server has unlinked the files
	return nil
}

func (c *Client) step() error {
	o := c.opening
	for len(o.request) > 0 {
		n, errno := sock.Send(c.fd, o.request)
		switch errno {
		case 0:
			o.request = o.request[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return unix.EAGAIN
		default:
			return os.NewSyscallError("send", errno)
		}
	}
	// Exactly 8 bytes: those of events may follow at once.
	for len(o.answer) < answerBytes {
		n, errno := sock.Recv(c.fd, o.answer[len(o.answer):answerBytes])
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return unix.EAGAIN
		case errno != 0:
			return os.NewSyscallError("recv", errno)
		case n == 0:
			return os.NewSyscallError("recv", unix.ENOTCONN)
		default:
			o.answer = o.answer[:len(o.answer)+n]
		}
	}
	switch e := parseAnswer(o.answer); e {
	case cserr.OK:
		return nil
	case cserr.TryAgain:
		return os.NewSyscallError("connect", unix.EAGAIN)
	case cserr.NotExist:
		return os.NewSyscallError("connect", unix.ENOSYS)
	case cserr.NoResources:
		return os.NewSyscallError("connect", unix.EMFILE)
	case cserr.Security:
		return os.NewSyscallError("connect", unix.EACCES)
	default:
		return e
	}
}

// Abort releases an attempt that Step has not ended, files included.
func (c *Client) Abort() {
	for _, p := range c.opening.setup.paths {
		if p != "" {
			unix.Unlink(p)
		}
	}
	unix.Close(c.fd)
	c.closeWake()
	c.unmap()
}

// State describes the connection for Adopt.
func (c *Client) State() State { return State{Socket: c.fd, Service: c.service, Maps: c.maps} }

// Adopt makes a client of a connection that another client in this memory, or in that of the parent before a fork,
// has made. As both may go on using it in turn, the cursor is read again before each use, and it is the caller who knows
// whether a request is under way.
func Adopt(s State) (*Client, error) {
	c := &Client{fd: s.Socket, service: s.Service, maps: s.Maps, shared: true}
	var ok bool
	if c.ctl, ok = newControl(c.maps[fileControl]); !ok || len(c.maps[fileResponse]) < responseHeader || len(c.maps[fileDispatch]) < responseHeader {
		return nil, os.NewSyscallError("adopt", unix.EBADMSG)
	}
	return c, nil
}

// Share makes the client as one who was adopted. It may have had no conversation yet. Those who share do what makes others run
// or takes time themselves: after Send, and after events were taken while FlowControlled, they post Work; after Shutdown they hang up the
// socket; and after Close they close it and unmap the buffers.
func (c *Client) Share() { c.shared = true }

// Sems are the semaphores that count answers and events, for a caller who waits for the first himself. Both are posted once
// more at the end of the server.
func (c *Client) Sems() (reply, event ring.Sem) { return c.ctl.response, c.ctl.dispatch }

// Work is the semaphore on which the server waits.
func (c *Client) Work() ring.Sem { return c.ctl.work }

// Reply returns the answer without waiting, a view that is valid until the next Send. taken says that the caller has already
// taken the count from the semaphore of answers. EAGAIN: none yet; ENOTCONN; EBADMSG.
func (c *Client) Reply(taken bool) ([]byte, error) {
	if !taken && !c.ctl.response.Try() {
		if c.Connected() {
			return nil, unix.EAGAIN
		}
		if !c.ctl.response.Try() {
			return nil, unix.ENOTCONN
		}
	}
	return c.answered()
}

// ReleaseReply does nothing: there is room for one answer.
func (c *Client) ReleaseReply() {}

// EventOnly returns the oldest event without waiting, and leaves the byte that came with it in the socket to the caller.
// EAGAIN says nothing about the server. The view is valid until ReleaseEvent.
func (c *Client) EventOnly() ([]byte, error) {
	if c.down.Load() {
		return nil, unix.ENOTCONN
	}
	if !c.waiting() {
		return nil, unix.EAGAIN
	}
	if err := c.find(); err != nil {
		return nil, err
	}
	return c.event(), nil
}
