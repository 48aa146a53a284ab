package cpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

var ctx = context.Background()

// daemon answers every request with a status, and writes down what came.
type daemon struct {
	*conntest.Daemon
	requests [][]byte
	status   func(id int32) cserr.Error
}

func newDaemon() *daemon {
	d := &daemon{status: func(int32) cserr.Error { return cserr.OK }}
	d.Daemon = conntest.New(func(request []byte) []byte {
		d.requests = append(d.requests, request)
		h, _ := ipcmsg.ParseRequestHeader(request)
		if h.ID == ipcmsg.CPGReqMcast {
			return nil
		}
		return ipcmsg.AppendResponse(nil, 0, d.status(h.ID))
	})
	return d
}

func TestJoinRepeatsWhileBusy(t *testing.T) {
	d := newDaemon()
	c := New(d.Dial(), Options{PID: 7, Flags: DeliverInitialTotemConf})
	tries := 0
	d.status = func(int32) cserr.Error {
		if tries++; tries < 4 {
			return cserr.Busy
		}
		return cserr.OK
	}
	if err := c.Join(ctx, []byte("group")); err != nil || tries != 4 {
		t.Fatal(err, tries)
	}
	r, err := ipcmsg.ParseCPGJoinRequest(d.requests[3])
	if err != nil || string(r.Group) != "group" || r.PID != 7 || r.Flags != 1 {
		t.Error(r, err)
	}
	d.status = func(int32) cserr.Error { return cserr.Busy }
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.Leave(short, []byte("group")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestMcastHonoursFlowControl(t *testing.T) {
	d := newDaemon()
	c := New(d.Dial(), Options{})
	level := 0
	d.SendError = func(limit int) error {
		if limit != 2 {
			t.Errorf("limit %d", limit)
		}
		if 0 < level && level <= limit {
			return syscall.EAGAIN
		}
		return nil
	}
	for level = range 3 {
		err := c.Mcast(ctx, Agreed, []byte("x"))
		if want := level > 0; errors.Is(err, syscall.EAGAIN) != want {
			t.Errorf("level %d: %v", level, err)
		}
	}
	if len(d.requests) != 1 {
		t.Error(len(d.requests))
	}
}

func TestMcastSplitsAtTheLimit(t *testing.T) {
	for _, test := range []struct {
		parts []int
		want  string
	}{
		{[]int{3, 0, 2}, "mcast 5"},
		{[]int{MaxAtomic}, fmt.Sprint("mcast ", MaxAtomic)},
		{[]int{MaxAtomic, 1}, fmt.Sprintf("1:%d 3:1", MaxAtomic)},
		{[]int{1, MaxAtomic}, fmt.Sprintf("1:1 3:%d", MaxAtomic)},
		{[]int{2*MaxAtomic + 5, 0, 7}, fmt.Sprintf("1:%d 2:%d 2:5 3:7", MaxAtomic, MaxAtomic)},
	} {
		d := newDaemon()
		c := New(d.Dial(), Options{})
		var parts [][]byte
		total := 0
		for i, n := range test.parts {
			parts = append(parts, bytes.Repeat([]byte{byte(i)}, n))
			total += n
		}
		if err := c.Mcast(ctx, Agreed, parts...); err != nil {
			t.Error(test.parts, err)
		}
		var got []string
		var sum []byte
		for _, b := range d.requests {
			if r, err := ipcmsg.ParseCPGMcastRequest(b); err == nil && int32(b[0]) == ipcmsg.CPGReqMcast {
				got = append(got, fmt.Sprint("mcast ", len(r.Payload)))
				sum = append(sum, r.Payload...)
				continue
			}
			r, err := ipcmsg.ParseCPGPartialMcastRequest(b)
			if err != nil || int(r.TotalLen) != total {
				t.Error(r.TotalLen, err)
			}
			got = append(got, fmt.Sprintf("%d:%d", r.Type, len(r.Payload)))
			sum = append(sum, r.Payload...)
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%v: %s, want %s", test.parts, s, test.want)
		}
		if !bytes.Equal(sum, bytes.Join(parts, nil)) {
			t.Errorf("%v: payload differs", test.parts)
		}
	}
}

func TestPieceIsRepeatedAndEndsAtAnError(t *testing.T) {
	d := newDaemon()
	c := New(d.Dial(), Options{})
	refused := 0
	d.SendError = func(int) error {
		if refused < 3 {
			refused++
			return syscall.EAGAIN
		}
		return nil
	}
	d.status = func(int32) cserr.Error { return cserr.Interrupt }
	err := c.Mcast(ctx, Agreed, make([]byte, 3*MaxAtomic))
	if cserr.From(err) != cserr.Interrupt || refused != 3 || len(d.requests) != 1 {
		t.Error(err, refused, len(d.requests))
	}
}

func TestMcastDoesNotAllocate(t *testing.T) {
	c := New(conn.New(discard{}), Options{})
	payload := [][]byte{make([]byte, 100), make([]byte, 20)}
	n := testing.AllocsPerRun(100, func() {
		if err := c.Mcast(ctx, Agreed, payload...); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// discard is a transport that takes everything.
type discard struct{ conn.Transport }

func (discard) Send(int, [][]byte) error { return nil }

func TestAssembly(t *testing.T) {
	piece := func(pid, kind uint32, total int, text string) []byte {
		return ipcmsg.CPGPartialDeliverEvent{Group: []byte("g"), NodeID: 1, PID: pid, Type: kind,
			TotalLen: uint32(total), Payload: []byte(text)}.Append(nil)
	}
	const first, more, last = ipcmsg.CPGPartialFirst, ipcmsg.CPGPartialContinued, ipcmsg.CPGPartialLast
	for _, test := range []struct {
		name   string
		events [][]byte
		want   string
	}{
		{"whole", [][]byte{piece(1, first, 6, "ab"), piece(1, more, 6, "cd"), piece(1, last, 6, "ef")}, "abcdef"},
		{"two senders", [][]byte{piece(1, first, 4, "ab"), piece(2, first, 4, "xy"), piece(1, last, 4, "cd"), piece(2, last, 4, "zz")}, "abcd xyzz"},
		{"begun again", [][]byte{piece(1, first, 4, "ab"), piece(1, first, 4, "xy"), piece(1, last, 4, "cd")}, "xycd"},
		{"without first", [][]byte{piece(1, more, 4, "ab"), piece(1, last, 4, "cd")}, ""},
		{"sender left", [][]byte{piece(1, first, 4, "ab"),
			ipcmsg.CPGConfchgEvent{Group: []byte("g"), Left: []Address{{NodeID: 1, PID: 1, Reason: ReasonProcDown}}}.Append(nil),
			piece(1, last, 4, "cd")}, ""},
		{"too long", [][]byte{piece(1, first, 3, "ab"), piece(1, last, 3, "cd"), piece(1, last, 3, "e")}, ""},
		{"huge claim", [][]byte{piece(1, first, 1<<32-1, "ab")}, ""},
	} {
		d := newDaemon()
		var got []string
		c := New(d.Dial(), Options{Callbacks: Callbacks{Deliver: func(_ []byte, _, _ uint32, p []byte) { got = append(got, string(p)) }}})
		for _, e := range test.events {
			d.Push(e)
		}
		if err := c.Dispatch(ctx, conn.All); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: %q, want %q", test.name, s, test.want)
		}
	}
}

func TestDispatchErrors(t *testing.T) {
	d := newDaemon()
	c := New(d.Dial(), Options{})
	d.Push(ipcmsg.AppendResponse(nil, 6, cserr.OK)) // flow control events were never sent, and are refused
	if err := c.Dispatch(ctx, conn.All); cserr.From(err) != cserr.Library {
		t.Error(err)
	}
	d.Push([]byte{1})
	if err := c.Dispatch(ctx, conn.All); cserr.From(err) != cserr.Library {
		t.Error(err)
	}
	d.Push(ipcmsg.CPGDeliverEvent{Payload: []byte("x")}.Append(nil))
	if err := c.Dispatch(ctx, conn.All); err != nil { // without a callback
		t.Error(err)
	}
	if err := c.Dispatch(ctx, conn.OneNonblocking); cserr.From(err) != cserr.TryAgain {
		t.Error(err)
	}
	d.Die()
	if err := c.Dispatch(ctx, conn.Blocking); cserr.From(err) != cserr.Library {
		t.Error(err)
	}
	if err := c.Join(ctx, []byte("g")); cserr.From(err) != cserr.Library {
		t.Error(err)
	}
	if err := c.Close(ctx); cserr.From(err) != cserr.Library { // the request fails, the connection is closed all the same
		t.Error(err)
	}
	if !d.Closed() {
		t.Error("connection not closed")
	}
}

func TestCloseInCallback(t *testing.T) {
	d := newDaemon()
	var c *Client
	c = New(d.Dial(), Options{Callbacks: Callbacks{Deliver: func([]byte, uint32, uint32, []byte) {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}}})
	d.Push(ipcmsg.CPGDeliverEvent{Payload: []byte("x")}.Append(nil))
	if err := c.Dispatch(ctx, conn.Blocking); cserr.From(err) != cserr.BadHandle {
		t.Error(err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(ipcmsg.CPGDeliverEvent{Group: []byte("g"), Payload: []byte("x")}.Append(nil))
	f.Add(ipcmsg.CPGPartialDeliverEvent{Type: 1, TotalLen: 9, Payload: []byte("x")}.Append(nil))
	f.Add(ipcmsg.CPGConfchgEvent{Members: []Address{{NodeID: 1}}}.Append(nil))
	f.Add(ipcmsg.CPGTotemConfchgEvent{Members: []uint32{1}}.Append(nil))
	c := New(newDaemon().Dial(), Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c.handle(b) // must return
	})
}
