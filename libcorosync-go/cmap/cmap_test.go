package cmap

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

var ctx = context.Background()

func roundTrip[T Scalar](t *testing.T, want Type, v T) {
	t.Helper()
	value := Of(v)
	got, err := As[T](value)
	if value.Type != want || err != nil || got != v {
		t.Errorf("%v: %v, %v, %v", v, value, got, err)
	}
	if _, err := As[T](Value{}); err != cserr.InvalidParam {
		t.Errorf("%v from nothing: %v", v, err)
	}
	value.Data = append(value.Data, 0)
	if _, err := As[T](value); want != TypeString && err != cserr.InvalidParam {
		t.Errorf("%v from too much: %v", v, err)
	}
}

func TestValues(t *testing.T) {
	roundTrip(t, TypeInt8, int8(-128))
	roundTrip(t, TypeUint8, uint8(255))
	roundTrip(t, TypeInt16, int16(-32768))
	roundTrip(t, TypeUint16, uint16(65535))
	roundTrip(t, TypeInt32, int32(math.MinInt32))
	roundTrip(t, TypeUint32, uint32(math.MaxUint32))
	roundTrip(t, TypeInt64, int64(math.MinInt64))
	roundTrip(t, TypeUint64, uint64(math.MaxUint64))
	roundTrip(t, TypeFloat, float32(1.5))
	roundTrip(t, TypeDouble, math.Pi)
	roundTrip(t, TypeString, "text")
	for name, want := range map[Type]string{TypeInt8: "i8", TypeBinary: "bin", 0: "", 13: "", 255: ""} {
		if name.String() != want {
			t.Errorf("%d: %s", name, name)
		}
	}
}

// daemon is a map of strings with one iteration.
type daemon struct {
	*conntest.Daemon
	keys  map[string]Value
	left  []string // of the iteration
	rooms []uint64 // asked for by GET
}

func newDaemon() *daemon {
	d := &daemon{keys: map[string]Value{}}
	d.Daemon = conntest.New(d.answer)
	return d
}

func (d *daemon) answer(b []byte) []byte {
	h, _ := ipcmsg.ParseRequestHeader(b)
	status := cserr.OK
	switch h.ID {
	case ipcmsg.CmapReqSetCurrentMap:
		if r, _ := ipcmsg.ParseCmapSetCurrentMapRequest(b); r.Map > 1 {
			status = cserr.NotExist
		}
	case ipcmsg.CmapReqSet:
		r, _ := ipcmsg.ParseCmapSetRequest(b)
		d.keys[string(r.Key)] = Value{Type(r.Type), r.Value}
	case ipcmsg.CmapReqDelete:
		r, _ := ipcmsg.ParseCmapKeyRequest(b)
		delete(d.keys, string(r.Key))
	case ipcmsg.CmapReqGet:
		r, _ := ipcmsg.ParseCmapGetRequest(b)
		d.rooms = append(d.rooms, r.ValueLen)
		v, ok := d.keys[string(r.Key)]
		reply := ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: uint64(len(v.Data)), Type: uint8(v.Type)}
		switch {
		case !ok:
			reply.Error = cserr.NotExist
		case r.ValueLen > 0 && r.ValueLen < uint64(len(v.Data)):
			reply.Error = cserr.InvalidParam
		case r.ValueLen > 0:
			reply.Value = v.Data
		}
		return reply.Append(nil, int(r.ValueLen))
	case ipcmsg.CmapReqIterInit:
		r, _ := ipcmsg.ParseCmapKeyRequest(b)
		for k := range d.keys {
			if strings.HasPrefix(k, string(r.Key)) {
				d.left = append(d.left, k)
			}
		}
		slices.Sort(d.left)
		return ipcmsg.CmapHandleResponse{ID: ipcmsg.CmapResIterInit, Error: cserr.OK, Handle: 9}.Append(nil)
	case ipcmsg.CmapReqIterNext:
		if len(d.left) == 0 {
			return ipcmsg.CmapIterNextResponse{Error: cserr.NoSections}.Append(nil)
		}
		k := d.left[0]
		d.left = d.left[1:]
		v := d.keys[k]
		return ipcmsg.CmapIterNextResponse{Error: cserr.OK, Key: []byte(k), Type: uint8(v.Type), ValueLen: uint64(len(v.Data))}.Append(nil)
	case ipcmsg.CmapReqTrackAdd:
		r, _ := ipcmsg.ParseCmapTrackAddRequest(b)
		// The event overtakes the response.
		d.Push(ipcmsg.CmapNotifyEvent{Instance: r.Instance, Key: r.Key, Event: ipcmsg.CmapTrackAdd,
			New: ipcmsg.CmapValue{Type: ipcmsg.CmapUint8, Data: []byte{5}}}.Append(nil))
		return ipcmsg.CmapHandleResponse{ID: ipcmsg.CmapResTrackAdd, Error: cserr.OK, Handle: 100 + r.Instance}.Append(nil)
	case ipcmsg.CmapReqTrackDelete:
		r, _ := ipcmsg.ParseCmapHandleRequest(b)
		return ipcmsg.CmapHandleResponse{ID: ipcmsg.CmapResTrackDelete, Error: cserr.OK, Handle: r.Handle - 100}.Append(nil)
	}
	return ipcmsg.AppendResponse(nil, h.ID, status)
}

func newClient(t *testing.T, d *daemon) *Client {
	c, err := New(ctx, d.Dial(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGetAsksAgainForLongValues(t *testing.T) {
	d := newDaemon()
	c := newClient(t, d)
	for _, n := range []int{0, firstRoom - 1, firstRoom, 5000} {
		want := strings.Repeat("x", n)
		if err := Set(ctx, c, "key", want); err != nil {
			t.Fatal(err)
		}
		d.rooms = nil
		got, err := Get[string](ctx, c, "key")
		if err != nil || got != want {
			t.Errorf("%d: %d bytes, %v", n, len(got), err)
		}
		if wantTrips := 1 + 2*min(1, (n+1)/(firstRoom+1)); len(d.rooms) != wantTrips {
			t.Errorf("%d: asked %v", n, d.rooms)
		}
	}
	if _, err := Get[uint8](ctx, c, "key"); err != cserr.InvalidParam {
		t.Error(err)
	}
	if _, err := c.Get(ctx, "none"); err != cserr.NotExist {
		t.Error(err)
	}
}

func TestKeysAreChecked(t *testing.T) {
	c := newClient(t, newDaemon())
	long := strings.Repeat("x", 256)
	for _, err := range []error{
		Set(ctx, c, long, uint8(1)), c.Delete(ctx, long), c.Inc(ctx, long),
		func() error { _, err := c.Get(ctx, long); return err }(),
		func() error { _, err := c.Iterate(ctx, long); return err }(),
		func() error { _, err := c.Track(ctx, long, Added, func(Notification) {}); return err }(),
	} {
		if err != cserr.NameTooLong {
			t.Error(err)
		}
	}
	if err := c.Delete(ctx, "a\x00b"); err != cserr.InvalidParam {
		t.Error(err)
	}
	if _, err := c.Track(ctx, "a", Added, nil); err != cserr.InvalidParam {
		t.Error(err)
	}
}

func TestUnknownMapClosesTheConnection(t *testing.T) {
	d := newDaemon()
	if _, err := New(ctx, d.Dial(), Options{Map: 7}); err != cserr.NotExist || !d.Closed() {
		t.Error(err, d.Closed())
	}
}

func TestIteration(t *testing.T) {
	d := newDaemon()
	c := newClient(t, d)
	for _, k := range []string{"b.2", "a.1", "b.1"} {
		Set(ctx, c, k, uint32(1))
	}
	var got []string
	for e, err := range c.All(ctx, "b.") {
		got = append(got, fmt.Sprintf("%s %v %d %v", e.Key, e.Type, e.Len, err))
	}
	if s := fmt.Sprint(got); s != "[b.1 u32 4 <nil> b.2 u32 4 <nil>]" {
		t.Error(s)
	}
	d.Die()
	for _, err := range c.All(ctx, "") {
		if cserr.From(err) != cserr.Library {
			t.Error(err)
		}
	}
}

func TestTrack(t *testing.T) {
	d := newDaemon()
	c := newClient(t, d)
	var got []string
	track, err := c.Track(ctx, "tr.k", Added, func(n Notification) {
		got = append(got, fmt.Sprintf("%d %s %v %v", n.Event, n.Key, n.New.Data, n.Old.Data))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Dispatch(ctx, conn.One); err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(got); s != "[4 tr.k [5] []]" {
		t.Error(s)
	}
	if err := track.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	d.Push(ipcmsg.CmapNotifyEvent{Instance: track.instance, Key: []byte("late")}.Append(nil))
	if err := c.Dispatch(ctx, conn.All); err != nil || len(got) != 1 {
		t.Error(err, got)
	}
	d.Push(ipcmsg.AppendResponse(nil, 3, cserr.OK))
	if err := c.Dispatch(ctx, conn.All); !errors.Is(err, cserr.Library) {
		t.Error(err)
	}
}
