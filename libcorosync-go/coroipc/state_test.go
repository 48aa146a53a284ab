package coroipc

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// TestLastAnswer: a server that answers and ends at once has answered.
func TestLastAnswer(t *testing.T) {
	both(t, func(t *testing.T, service int) {
		s := newServer(t)
		c := s.connect(service, 4096)
		s.answer(func(c *ServerConn, _ []byte) {
			c.Respond(message(7, 24, nil))
			c.Disconnect()
		})
		if err := c.Send(1, [][]byte{request(service, 1, nil)}); err != nil {
			t.Fatal(err)
		}
		s.eventually("it ends", func() bool { return s.c.fd < 0 })
		if b, err := c.Receive(context.Background(), nil); err != nil || len(b) != 24 {
			t.Errorf("%x %v", b, err)
		}
		if err := c.Send(1, [][]byte{request(service, 1, nil)}); err != unix.ENOTCONN {
			t.Error(err)
		}
	})
}

// TestAdopt: two clients use one connection in turn, as a parent and its child do.
func TestAdopt(t *testing.T) {
	both(t, func(t *testing.T, service int) {
		s := newServer(t)
		first := s.connect(service, 4096)
		first.Share()
		second, err := Adopt(first.State())
		if err != nil {
			t.Fatal(err)
		}
		s.answer(func(c *ServerConn, req []byte) {
			c.Respond(message(7, 24, req[16:]))
			c.Event(message(9, 24, req[16:]))
			c.Flush()
		})
		for i := range 1000 { // the ring of events wraps some times
			c := []*Client{first, second}[i%2]
			body := make([]byte, i%700)
			for j := range body {
				body[j] = byte(i)
			}
			before := c.Work().Value() // the server can only take from it
			if err := c.Send(1, [][]byte{request(service, 1, body)}); err != nil {
				t.Fatal(i, err)
			}
			if c.Work().Value() > before {
				t.Fatal("one who shares has woken the server himself")
			}
			if c.Work().Post() {
				shm.Wake(c.Work())
			}
			var got []byte
			for err = unix.EAGAIN; err == unix.EAGAIN; {
				got, err = c.Reply(false)
			}
			if err != nil || len(got) != 24+len(body) || len(body) > 0 && got[24] != byte(i) {
				t.Fatal(i, len(got), err)
			}
			c.ReleaseReply()
			c = []*Client{first, second}[i/2%2]
			for err = unix.EAGAIN; err == unix.EAGAIN; {
				got, err = c.EventOnly()
			}
			if err != nil || len(got) != 24+len(body) || len(body) > 0 && got[24] != byte(i) {
				t.Fatal(i, len(got), err)
			}
			c.ReleaseEvent()
		}
		if _, err := second.EventOnly(); err != unix.EAGAIN {
			t.Error(err)
		}
		reply, event := second.Sems()
		if reply.Value() != 0 || event.Value() != 0 {
			t.Errorf("%d answers, %d events", reply.Value(), event.Value())
		}
		for _, bad := range []State{{}, {Maps: [4][]byte{first.maps[0], nil, nil, first.maps[3]}}, {Maps: [4][]byte{first.maps[0][:100], nil, first.maps[2], first.maps[3]}}} {
			if _, err := Adopt(bad); err == nil {
				t.Errorf("adopted %v", bad)
			}
		}
	})
}

// TestAbort: an attempt that is given up leaves nothing.
func TestAbort(t *testing.T) {
	before := files()
	s := newServer(t)
	c, err := start(s.name, ServiceCPG, sizesFor(4096))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Step(); err != unix.EAGAIN || c.Wants() != unix.POLLIN {
		t.Errorf("%v, wants %d", err, c.Wants())
	}
	if len(files()) == len(before) {
		t.Error("there is nothing to leave")
	}
	c.Abort()
	if now := files(); len(now) != len(before) {
		t.Errorf("files: %v, before: %v", now, before)
	}
}
