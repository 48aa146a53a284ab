package ipcserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// conn is one client. It implements service.Conn.
type conn struct {
	server *Server
	e      *endpoint
	link   link
	coro   *coroLink // link, if it is one of the 1.x protocol
	id     uint64
	creds  qbipc.Credentials
	data   any

	handle func(req []byte) qbipc.Verdict // the method request, bound once
	watch  *loop.Watch
	mask   uint32 // events polled for

	word      int32 // flow control
	paused    bool  // in Server.paused
	isClosing bool  // to be disconnected at the end of the turn, or gone
	gone      bool
	dirty     bool // in Server.dirty
	queueing  bool // in Server.queued
	later     bool // the request shown last stays in the ring

	out      queue
	reader   *loop.Watch // while out is in use
	readerFD int

	throttled bool          // out is long: no requests
	oneMore   bool          // out is long, but one request may pass
	progress  clock.Instant // while throttled: when the client was last seen to read, or let go on
	patience  time.Duration // while throttled: how long it may read nothing

	lastAsked uint64 // Server.asked at the last request

	procname                 string
	sent                     uint32 // events since the queue was last empty
	invalid, overload, drops uint64
	base                     qbipc.Counters // values at the last ClearStats
}

var _ service.Conn = (*conn)(nil)

func (c *conn) ID() uint64    { return c.id }
func (c *conn) PID() int      { return int(c.creds.PID) }
func (c *conn) UID() int      { return int(c.creds.UID) }
func (c *conn) GID() int      { return int(c.creds.GID) }
func (c *conn) Data() any     { return c.data }
func (c *conn) SetData(v any) { c.data = v }

// Acknowledges says that the client waits for an answer to every request.
func (c *conn) Acknowledges() bool { return c.coro != nil }

// Close disconnects the client at the end of the turn.
func (c *conn) Close() {
	if !c.isClosing {
		c.isClosing = true
		c.server.closing = append(c.server.closing, c)
	}
}

// ready handles the events of the client's descriptor.
func (c *conn) ready(events uint32) {
	if c.isClosing {
		return
	}
	if events&loop.Writable != 0 {
		c.flush()
		c.updateEvents()
	}
	if events&loop.Readable != 0 && !c.paused {
		switch {
		case c.coro != nil:
			if c.coro.ReadSocket() != nil {
				c.Close()
			}
		case c.word == service.FlowOpen:
			c.serve()
		case c.link.HungUp():
			c.Close()
		default:
			// Not before now: a word that turns for a moment only costs nothing unless the client sends meanwhile.
			c.server.pause(c)
		}
	}
	if events&loop.HungUp != 0 && events&loop.Readable == 0 || events&loop.HungUp != 0 && c.paused {
		c.Close()
	}
}

// serve reads one batch of requests.
func (c *conn) serve() {
	c.later = false
	limit := max(c.e.batch, 1)
	if c.oneMore {
		limit = 1
	}
	n, err := c.link.ReadRequests(limit, c.handle)
	if c.oneMore && n > 0 {
		c.throttle()
	}
	if n > 0 {
		if n > 1 || c.lastAsked == c.server.asked {
			c.server.pipelining = true
		}
		c.lastAsked = c.server.asked
	}
	switch {
	case err != nil && !isTemporary(err):
		c.Close()
	case c.coro != nil:
		if n == limit {
			c.server.cfg.Loop.Next(c.serveMore)
		}
	case c.later, c.word != service.FlowOpen:
		c.server.pause(c)
	}
}

// serveMore goes on where the last batch ended.
func (c *conn) serveMore() {
	if !c.isClosing {
		c.serve()
	}
}

// request handles one request.
func (c *conn) request(req []byte) qbipc.Verdict {
	if c.isClosing {
		return qbipc.Stop
	}
	if c.coro != nil && c.throttled && c.tooMuch(req) {
		return qbipc.Stop
	}
	switch c.server.cfg.Router.Request(c.e.s, c, req) {
	case service.Later:
		c.later = true
		return qbipc.Leave
	case service.Invalid:
		c.invalid++
		c.refused("invalid message", req)
		return qbipc.Stop
	case service.Overload:
		c.overload++
		return qbipc.Stop
	}
	return qbipc.Next
}

// refused logs the first refusals of a connection, and then ever fewer.
func (c *conn) refused(what string, req []byte) {
	if n := c.invalid; n&(n-1) == 0 {
		c.server.log.Infof("*** %s() %s! size:%d error:%d", c.e.s.Short, what, len(req), 7)
	}
}

// Reply answers a request. A response ring without room belongs to a client that does not take its answers; like the C
// daemon, the answer is dropped.
func (c *conn) Reply(parts ...[]byte) {
	if c.isClosing {
		return
	}
	switch err := c.link.Respond(parts...); {
	case err == nil:
	case isTemporary(err), errors.Is(err, unix.EMSGSIZE):
		c.drops++
	default:
		c.Close()
	}
}

// Event sends an event now or, behind others that wait, later.
func (c *conn) Event(parts ...[]byte) {
	if c.isClosing {
		return
	}
	if c.out.count > 0 {
		c.enqueue(parts)
		return
	}
	switch err := c.link.Event(parts...); {
	case err == nil:
		c.sent++
		c.markDirty()
	case isTemporary(err):
		c.sent = 0
		c.enqueue(parts)
	case errors.Is(err, unix.EMSGSIZE):
		c.drops++
		c.server.log.Errorf("event for pid %d on %s exceeds the message size of the connection", c.creds.PID, c.e.s.Short)
	default:
		c.Close()
	}
}

func (c *conn) enqueue(parts [][]byte) {
	s := c.server
	size := lengthBytes
	for _, p := range parts {
		size += len(p)
	}
	if c.out.bytes+size > s.cfg.MaxQueueBytes {
		s.overrun++
		s.log.Errorf("client %s (pid %d) on %s does not read its events: %d queued, %d bytes; disconnecting it",
			c.procname, c.creds.PID, c.e.s.Short, c.out.count, c.out.bytes)
		c.Close()
		return
	}
	c.out.push(parts)
	if c.out.bytes >= throttleBytes && !c.throttled && !c.oneMore {
		c.patience = throttleFirst
		c.throttle()
	}
	if !c.queueing {
		c.queueing = true
		s.queued = append(s.queued, c)
		s.queueTimer.Set(s.cfg.Loop.Now().Add(s.queueWait))
		c.watchReader()
	}
}

// tooMuch refuses a multicast of a client that reads less than it sends: over libqb the flow control word says so before.
func (c *conn) tooMuch(req []byte) bool {
	fn := binary.NativeEndian.Uint32(req)
	if fn >= uint32(len(c.e.s.Lib)) || !c.e.s.Lib[fn].Bulk {
		return false
	}
	c.overload++
	c.Reply(tryAgain)
	return true
}

// tryAgain is a bare header with that error.
var tryAgain = ipcmsg.AppendResponse(nil, 0, cserr.TryAgain)

// throttle holds up the requests of a client whose events pile up.
func (c *conn) throttle() {
	c.throttled, c.oneMore = true, false
	c.progress = c.server.cfg.Loop.Now()
	c.updateFlow()
}

// relieve ends the throttling of a client that has caught up, or lets one request of a client pass that does not read at
// all. read says that it has read something.
func (c *conn) relieve(read bool) {
	if !c.throttled && !c.oneMore {
		return
	}
	now := c.server.cfg.Loop.Now()
	switch {
	case c.out.bytes <= throttleBytes/2:
		c.throttled, c.oneMore = false, false
		c.updateFlow()
		c.server.retry = true
	case read:
		c.progress = now
		c.patience = throttleFirst
	case c.throttled && now.Sub(c.progress) >= c.patience:
		c.patience = min(2*c.patience, throttleLast)
		c.throttled, c.oneMore = false, true
		c.updateFlow()
		c.server.retry = true
	}
}

// watchReader makes the loop turn when the client takes an event. The protocol has no message for that, but the client
// also takes a byte off its socket, which the kernel reports to an edge-triggered poll for writing. It needs a descriptor
// of its own, as the other one is level-triggered. Failing this, the timer has to do.
func (c *conn) watchReader() {
	fd, err := unix.FcntlInt(uintptr(c.link.Fd()), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return
	}
	w, err := c.server.cfg.Loop.Watch(fd, loop.Writable|unix.EPOLLET, loop.Medium, func(uint32) {})
	if err != nil {
		unix.Close(fd)
		return
	}
	c.reader, c.readerFD = w, fd
}

func (c *conn) unwatchReader() {
	if c.reader != nil {
		c.reader.Remove()
		unix.Close(c.readerFD)
		c.reader = nil
	}
}

// drain moves waiting events into the ring.
func (c *conn) drain() (n int, empty bool) {
	for c.out.count > 0 {
		err := c.link.Event(c.out.front())
		if isTemporary(err) {
			break
		}
		switch {
		case err == nil:
			c.sent++
			n++
		case errors.Is(err, unix.EMSGSIZE):
			c.drops++
		default:
			c.Close()
			return n, true
		}
		c.out.pop()
	}
	if n > 0 {
		c.markDirty()
	}
	if c.out.count == 0 {
		if c.coro != nil {
			c.coro.Drained()
		}
		if c.server.log.Enabled(logsys.Debug) {
			c.server.log.Debugf("Q empty, queued:%d sent:%d.", 0, c.sent)
		}
		c.sent = 0
		return n, true
	}
	return n, false
}

func (c *conn) markDirty() {
	if !c.dirty {
		c.dirty = true
		c.server.dirty = append(c.server.dirty, c)
	}
}

// flush sends the wake-ups for events.
func (c *conn) flush() {
	if c.gone {
		return
	}
	if err := c.link.Flush(); err != nil {
		c.Close()
		return
	}
	c.updateEvents()
}

// updateFlow sets the word that the client reads before it sends: that of its service, or what its own queue makes of it.
func (c *conn) updateFlow() {
	word := c.e.word
	if word == service.FlowOpen && c.throttled {
		word = service.FlowOffBulk
	}
	if c.word == word || c.isClosing || c.coro != nil {
		return // over coroipc requests are refused one by one
	}
	c.word = word
	if c.link.SetFlowControl(int(word)) != nil {
		c.Close()
	}
}

// updateEvents polls for what can be handled now. A hang-up is always reported.
func (c *conn) updateEvents() {
	var m uint32
	if !c.paused {
		m |= loop.Readable
	}
	if c.link.WantWrite() {
		m |= loop.Writable
	}
	if m == c.mask || c.gone {
		return
	}
	if err := c.watch.SetEvents(m); err != nil {
		c.Close()
		return
	}
	c.mask = m
}

// statsPrefix is the prefix of the connection's statistics keys.
func (c *conn) statsPrefix() string {
	return fmt.Sprintf("stats.ipcs.service%d.%d.%#x.", c.e.s.ID, c.creds.PID, c.id)
}
