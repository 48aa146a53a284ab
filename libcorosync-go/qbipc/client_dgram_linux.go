package qbipc

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// clientDgram is what a Client of the socket transport has instead of rings.
type clientDgram struct {
	request, event int
	ctl            control
	ctlPath        string
	out            dgramIO      // requester's
	in             dgramIO      // dispatcher's
	wake           atomic.Int32 // eventfd+1 that ends a wait for a reply, made when first needed
	held           []byte       // the event shown last
	reply          []byte       // the reply shown last

}

// openDgram takes up a connection of the socket transport.
func (c *Client) openDgram(res authResponse) error {
	c.max = int(res.maxMessage)
	if c.max <= 0 || res.maxMessage > MessageCap {
		return os.NewSyscallError("handshake", unix.EBADMSG)
	}
	d := &clientDgram{request: -1, event: -1, ctlPath: res.request}
	c.dg = d
	mem, err := shm.Open(res.request, controlBytes)
	if err != nil {
		return err
	}
	d.ctl = mem
	if d.request, err = c.joinDgram(res.response+"-response", res.response+"-request"); err != nil {
		return err
	}
	d.event, err = c.joinDgram(res.response+"-event", res.response+"-event-tx")
	return err
}

func (c *Client) joinDgram(local, remote string) (int, error) {
	fd, err := newDgram(local, c.max)
	if err != nil {
		return -1, err
	}
	addr, err := abstractAddr(remote)
	if err == nil {
		err = connect(fd, addr)
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

func (d *clientDgram) send(c *Client, flowLimit int, iov [][]byte) error {
	if fc := atomic.LoadInt32(d.ctl.fc()); fc > 0 && fc <= int32(flowLimit) {
		return unix.EAGAIN
	}
	size := 0
	for _, b := range iov {
		size += len(b)
	}
	if size > c.max {
		return unix.EMSGSIZE
	}
	for {
		switch errno := d.out.send(d.request, iov); errno {
		case 0:
			d.ctl.add(ctlRequest, 1)
			return nil
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			if !c.Connected() {
				return unix.ENOTCONN
			}
			return unix.EAGAIN
		case unix.EMSGSIZE, unix.E2BIG:
			return errno
		default:
			c.lost.Store(true)
			return unix.ENOTCONN
		}
	}
}

// next receives one datagram, appended to dst, waiting for it up to timeout.
func (d *clientDgram) next(ctx context.Context, c *Client, io *dgramIO, fd, channel int, wake *atomic.Int32, dst []byte, timeout time.Duration) ([]byte, error) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	wakeFd := -1
	for first := true; ; first = false {
		n, errno := io.recv(fd, nil, unix.MSG_PEEK, nil)
		if errno == 0 {
			if n > c.max {
				c.lost.Store(true)
				return nil, unix.EBADMSG
			}
			have := len(dst)
			if cap(dst)-have < n {
				dst = append(make([]byte, 0, have+n), dst...)
			}
			dst = dst[:have+n]
			if n, errno = io.recv(fd, dst[have:], 0, nil); errno == 0 {
				d.ctl.add(channel, -1)
				return dst[:have+n], nil
			}
			dst = dst[:have]
		}
		if errno != unix.EAGAIN && errno != unix.EINTR {
			c.lost.Store(true)
			return nil, unix.ENOTCONN
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !c.Connected() {
			return nil, unix.ENOTCONN
		}
		if timeout == 0 {
			return nil, unix.EAGAIN
		}
		if !deadline.IsZero() && !first {
			if timeout = time.Until(deadline); timeout <= 0 {
				return nil, unix.EAGAIN
			}
		}
		if first && ctx.Done() != nil {
			fd, stop, err := wakeOn(ctx, wake)
			if err != nil {
				return nil, err
			}
			defer stop()
			wakeFd = fd
		}
		waitAny(fd, c.fd, wakeFd, timeout)
	}
}

// waitAny waits until one of the descriptors (negative ones do not count) can be read, at most timeout. The last one is an
// eventfd and is cleared.
func waitAny(a, b, wake int, timeout time.Duration) {
	p := [...]unix.PollFd{{Fd: int32(a), Events: unix.POLLIN}, {Fd: int32(b)}, {Fd: int32(wake), Events: unix.POLLIN}}
	if ppoll(p[:], timeout) && p[2].Revents != 0 {
		var b [8]byte
		unix.Read(wake, b[:])
	}
}

func (d *clientDgram) shutdown() {
	unix.Shutdown(d.request, unix.SHUT_RDWR)
	unix.Shutdown(d.event, unix.SHUT_RDWR)
}

// close releases the sockets, and removes the control file as libqb's clients do.
func (d *clientDgram) close(remove bool) {
	for _, fd := range []int{d.request, d.event, int(d.wake.Load()) - 1} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if remove {
		shm.RemoveFiles(d.ctlPath)
	}
	shm.Unmap(d.ctl)
}
