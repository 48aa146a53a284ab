package cmap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// fakeStats is a statistics map.
type fakeStats map[string]icmap.Value

func (s fakeStats) Get(key string) (icmap.Value, bool) { v, ok := s[key]; return v, ok }

func (s fakeStats) Keys(prefix string) (list []string) {
	for k := range s {
		if strings.HasPrefix(k, prefix) {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

// OnKeys keeps fn apart: the map is replaced after the engine was made.
func (s fakeStats) OnKeys(fn func()) { onKeys = fn }

var onKeys func()

func (s fakeStats) Set(key string) bool { return key == "stats.clear.all" }

// testClient is a connection with the requests of this service.
type testClient struct {
	*servicetest.Conn
	t *testing.T
	n *servicetest.Node
}

func connect(t *testing.T, n *servicetest.Node) *testClient {
	return &testClient{n.Connect(service.CMAP), t, n}
}

func newNode(t *testing.T) *servicetest.Node {
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(New()) })
	c.Form(1)
	n := c.Node(1)
	n.Host.Statistics = fakeStats{}
	return n
}

func (c *testClient) status(req []byte) cserr.Error {
	c.t.Helper()
	h, err := ipcmsg.ParseResponseHeader(c.Call(req))
	if err != nil {
		c.t.Fatal(err)
	}
	return h.Error
}

func (c *testClient) set(key string, v icmap.Value) cserr.Error {
	c.t.Helper()
	return c.status(ipcmsg.CmapSetRequest{Key: []byte(key), Type: uint8(v.Type), Value: v.Data}.Append(nil))
}

func (c *testClient) remove(key string) cserr.Error {
	c.t.Helper()
	return c.status(ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqDelete, Key: []byte(key)}.Append(nil))
}

func (c *testClient) adjust(key string, step int32) cserr.Error {
	c.t.Helper()
	return c.status(ipcmsg.CmapAdjustRequest{Key: []byte(key), Step: step}.Append(nil))
}

func (c *testClient) get(key string, room uint64) ([]byte, ipcmsg.CmapGetResponse) {
	c.t.Helper()
	b := c.Call(ipcmsg.CmapGetRequest{Key: []byte(key), ValueLen: room}.Append(nil))
	r, err := ipcmsg.ParseCmapGetResponse(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return b, r
}

func (c *testClient) handle(req []byte) ipcmsg.CmapHandleResponse {
	c.t.Helper()
	r, err := ipcmsg.ParseCmapHandleResponse(c.Call(req))
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *testClient) iterate(prefix string) uint64 {
	c.t.Helper()
	r := c.handle(ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqIterInit, Key: []byte(prefix)}.Append(nil))
	if r.Error != cserr.OK {
		c.t.Fatalf("iterating %q: %v", prefix, r.Error)
	}
	return r.Handle
}

func (c *testClient) next(h uint64) (string, cserr.Error) {
	c.t.Helper()
	r, err := ipcmsg.ParseCmapIterNextResponse(c.Call(ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterNext, Handle: h}.Append(nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(r.Key), r.Error
}

func (c *testClient) rest(h uint64) (list []string) {
	c.t.Helper()
	for {
		key, err := c.next(h)
		if err != cserr.OK {
			c.check("end", err, cserr.NoSections)
			return list
		}
		list = append(list, key)
	}
}

func (c *testClient) finalize(h uint64) cserr.Error {
	c.t.Helper()
	return c.status(ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterFinalize, Handle: h}.Append(nil))
}

func (c *testClient) track(key string, kind int32, instance uint64) ipcmsg.CmapHandleResponse {
	c.t.Helper()
	return c.handle(ipcmsg.CmapTrackAddRequest{Key: []byte(key), TrackType: kind, Instance: instance}.Append(nil))
}

func (c *testClient) untrack(h uint64) ipcmsg.CmapHandleResponse {
	c.t.Helper()
	return c.handle(ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqTrackDelete, Handle: h}.Append(nil))
}

func (c *testClient) selectMap(n int32) cserr.Error {
	c.t.Helper()
	return c.status(ipcmsg.CmapSetCurrentMapRequest{Map: n}.Append(nil))
}

func (c *testClient) check(what string, got, want cserr.Error) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// events prints what was sent: instance, event, key, new and old value.
func (c *testClient) events() (list []string) {
	c.t.Helper()
	for _, b := range c.TakeEvents() {
		e, err := ipcmsg.ParseCmapNotifyEvent(b)
		if err != nil {
			c.t.Fatal(err)
		}
		show := func(v ipcmsg.CmapValue) string {
			_, text, _ := strings.Cut(icmap.Value{Type: icmap.Type(v.Type), Data: v.Data}.String(), " = ")
			return text
		}
		if e.Old.Type == 0 && len(e.Old.Data) == 0 {
			list = append(list, fmt.Sprintf("%d %d %s %s", e.Instance, e.Event, e.Key, show(e.New)))
		} else if e.New.Type == 0 {
			list = append(list, fmt.Sprintf("%d %d %s was %s", e.Instance, e.Event, e.Key, show(e.Old)))
		} else {
			list = append(list, fmt.Sprintf("%d %d %s %s was %s", e.Instance, e.Event, e.Key, show(e.New), show(e.Old)))
		}
	}
	return list
}

func (c *testClient) wantEvents(what string, want ...string) {
	c.t.Helper()
	if got := c.events(); !slices.Equal(got, want) {
		c.t.Errorf("%s: events %q, want %q", what, got, want)
	}
}

func TestSetGet(t *testing.T) {
	c := connect(t, newNode(t))
	long := strings.Repeat("x", icmap.ValueMaxLen)
	for _, tc := range []struct {
		key  string
		v    icmap.Value
		want cserr.Error
		size uint64
	}{
		{"t.u8", icmap.Uint8(200), cserr.OK, 1},
		{"t.u64", icmap.Uint64(1 << 40), cserr.OK, 8},
		{"t.str", icmap.Value{Type: icmap.TypeString, Data: []byte("abc")}, cserr.OK, 4},
		{"t.str0", icmap.Value{Type: icmap.TypeString, Data: []byte("abc\x00")}, cserr.OK, 4},
		{"t.str2", icmap.Value{Type: icmap.TypeString, Data: []byte("a\x00c\x00")}, cserr.InvalidParam, 0},
		{"t.empty", icmap.Value{Type: icmap.TypeString}, cserr.OK, 1},
		{"t.long", icmap.Value{Type: icmap.TypeString, Data: []byte(long)}, cserr.OK, icmap.ValueMaxLen + 1},
		{"t.bin", icmap.Binary([]byte{0, 1}), cserr.OK, 2},
		{"t.bin0", icmap.Binary(nil), cserr.OK, 0},
		{"t.u32", icmap.Value{Type: icmap.TypeUint32, Data: []byte{1}}, cserr.InvalidParam, 0},
		{"t.type", icmap.Value{Type: 99}, cserr.OK, 0},
		{"t.type1", icmap.Value{Type: 99, Data: []byte{1}}, cserr.InvalidParam, 0},
		{"t", icmap.Uint8(1), cserr.NameTooLong, 0},
		{"t.ü", icmap.Uint8(1), cserr.NameTooLong, 0},
		{strings.Repeat("n", 255), icmap.Uint8(1), cserr.OK, 1},
	} {
		c.check("set "+tc.key, c.set(tc.key, tc.v), tc.want)
		_, r := c.get(tc.key, 0)
		if tc.want != cserr.OK {
			c.check("get "+tc.key, r.Error, cserr.NotExist)
			continue
		}
		if r.Error != cserr.OK || r.ValueLen != tc.size || r.Type != uint8(tc.v.Type) {
			t.Errorf("%s: %+v, want length %d", tc.key, r, tc.size)
		}
	}
	// The answer is as long as the room the client has.
	b, r := c.get("t.str", 10)
	if len(b) != 50 || !bytes.Equal(r.Value, []byte("abc\x00")) {
		t.Errorf("with room to spare: %d bytes, %+v", len(b), r)
	}
	if b, r = c.get("t.str", 4); len(b) != 44 || r.ValueLen != 4 {
		t.Errorf("with just enough room: %d bytes, %+v", len(b), r)
	}
	if b, r = c.get("t.str", 3); len(b) != 40 || r.Error != cserr.InvalidParam {
		t.Errorf("without room: %d bytes, %+v", len(b), r)
	}
	if b, r = c.get("t.none", 10); len(b) != 40 || r.Error != cserr.NotExist {
		t.Errorf("unknown: %d bytes, %+v", len(b), r)
	}
	if _, r = c.get("t.str", 1<<40); r.Error != cserr.InvalidParam {
		t.Errorf("endless room: %+v", r)
	}
	c.check("delete", c.remove("t.str"), cserr.OK)
	c.check("delete again", c.remove("t.str"), cserr.NotExist)
	c.check("impossible name", c.remove("%"), cserr.NotExist)
	// A set may change the type.
	c.check("other type", c.set("t.u8", icmap.Uint64(1)), cserr.OK)
	if _, r := c.get("t.u8", 8); r.Type != ipcmsg.CmapUint64 {
		t.Errorf("%+v", r)
	}
}

func TestAdjust(t *testing.T) {
	c := connect(t, newNode(t))
	c.set("a.u8", icmap.Uint8(255))
	c.set("a.i16", icmap.Int16(-1))
	c.set("a.str", icmap.String("1"))
	c.set("a.flt", icmap.Float(1))
	c.check("wrap", c.adjust("a.u8", 3), cserr.OK)
	c.check("negative", c.adjust("a.i16", -2), cserr.OK)
	c.check("string", c.adjust("a.str", 1), cserr.InvalidParam)
	c.check("float", c.adjust("a.flt", 1), cserr.InvalidParam)
	c.check("missing", c.adjust("a.none", 1), cserr.NotExist)
	if _, r := c.get("a.u8", 1); r.Value[0] != 2 {
		t.Errorf("u8 is %v", r.Value)
	}
	if _, r := c.get("a.i16", 2); int16(binary.NativeEndian.Uint16(r.Value)) != -3 {
		t.Errorf("i16 is %v", r.Value)
	}
}

func TestReadOnly(t *testing.T) {
	n := newNode(t)
	c := connect(t, n)
	if err := n.DB.SetReadOnly("ro.", true, true); err != nil {
		t.Fatal(err)
	}
	c.check("set", c.set("ro.key", icmap.Uint8(1)), cserr.Access)
	c.check("set badly", c.set("ro.key", icmap.Value{Type: icmap.TypeUint32, Data: []byte{1}}), cserr.Access)
	c.check("delete", c.remove("ro.key"), cserr.Access)
	c.check("adjust", c.adjust("ro.key", 1), cserr.Access)
	if err := n.DB.SetUint8("ro.key", 1); err != nil {
		t.Errorf("the daemon itself: %v", err)
	}
}

func TestIteration(t *testing.T) {
	n := newNode(t)
	c := connect(t, n)
	// The order of bytes, a key before its extensions.
	order := []string{"o.a", "o.a-b", "o.a.b", "o.a/", "o.a10", "o.a9", "o.a:", "o.aB", "o.a_"}
	shuffled := slices.Clone(order)
	slices.Reverse(shuffled)
	for _, k := range shuffled {
		c.set(k, icmap.Uint8(1))
	}
	if got := c.rest(c.iterate("o.a")); !slices.Equal(got, order) {
		t.Errorf("order %q", got)
	}
	h := c.iterate("o.a1")
	if got := c.rest(h); !slices.Equal(got, []string{"o.a10"}) {
		t.Errorf("prefix: %q", got)
	}
	if _, err := c.next(h); err != cserr.NoSections {
		t.Errorf("after the end: %v", err)
	}
	c.check("finalize", c.finalize(h), cserr.OK)
	c.check("finalize twice", c.finalize(h), cserr.BadHandle)
	if _, err := c.next(h); err != cserr.BadHandle {
		t.Errorf("after finalize: %v", err)
	}
	if got := c.rest(c.iterate("nothing.like.it")); len(got) != 0 {
		t.Errorf("unknown prefix: %q", got)
	}
	if got := c.rest(c.iterate("")); !slices.IsSorted(got) || len(got) < len(order) {
		t.Errorf("everything: %q", got)
	}
	// What SAM does: delete the key it stands on. Keys ahead that are added meanwhile appear.
	h = c.iterate("o.a")
	var seen []string
	for {
		key, err := c.next(h)
		if err != cserr.OK {
			break
		}
		seen = append(seen, key)
		c.check("delete "+key, c.remove(key), cserr.OK)
		if key == "o.a" {
			c.set("o.aa", icmap.Uint8(1))
		}
	}
	if want := append(slices.Clone(order), "o.aa"); !slices.Equal(seen, want) {
		t.Errorf("deleting: %q", seen)
	}
	// Another connection does not see the handle.
	other := connect(t, n)
	if _, err := other.next(c.iterate("")); err != cserr.BadHandle {
		t.Errorf("foreign handle: %v", err)
	}
}

func TestTracking(t *testing.T) {
	const del, mod, add, prefix = ipcmsg.CmapTrackDelete, ipcmsg.CmapTrackModify, ipcmsg.CmapTrackAdd, ipcmsg.CmapTrackPrefix
	const all = del | mod | add
	n := newNode(t)
	c := connect(t, n)
	c.check("unknown bit", c.track("t.", 16, 0).Error, cserr.InvalidParam)
	c.check("negative", c.track("t.", -1, 0).Error, cserr.InvalidParam)
	one := c.track("t.key", all, 1)
	c.check("track", one.Error, cserr.OK)
	c.track("t.", all|prefix, 2)
	c.track("", all|prefix, 3)
	c.track("", all, 4) // never fires
	c.track("t.key", all|prefix, 5)
	c.track("t.key", mod, 6)

	// Events are in the queue before the answer.
	c.Replies = nil
	c.Request(ipcmsg.CmapSetRequest{Key: []byte("t.key"), Type: ipcmsg.CmapUint8, Value: []byte{1}}.Append(nil))
	if len(c.Events) == 0 || len(c.Replies) != 1 {
		t.Errorf("%d events, %d answers", len(c.Events), len(c.Replies))
	}
	c.wantEvents("add", "1 4 t.key 1", "5 4 t.key 1", "2 4 t.key 1", "3 4 t.key 1")
	c.set("t.key", icmap.Uint8(1))
	c.wantEvents("equal set")
	c.set("t.key", icmap.Uint8(2))
	c.wantEvents("modify", "6 2 t.key 2 was 1", "1 2 t.key 2 was 1", "5 2 t.key 2 was 1", "2 2 t.key 2 was 1", "3 2 t.key 2 was 1")
	c.set("t.keys", icmap.String("x"))
	c.wantEvents("extension", "5 4 t.keys x", "2 4 t.keys x", "3 4 t.keys x")

	if r := c.untrack(one.Handle); r.Error != cserr.OK || r.Handle != 1 {
		t.Errorf("untrack: %+v", r)
	}
	c.check("untrack twice", c.untrack(one.Handle).Error, cserr.BadHandle)
	c.adjust("t.key", 1)
	c.wantEvents("adjust", "6 2 t.key 3 was 2", "5 2 t.key 3 was 2", "2 2 t.key 3 was 2", "3 2 t.key 3 was 2")
	c.remove("t.key")
	c.wantEvents("delete", "5 1 t.key was 3", "2 1 t.key was 3", "3 1 t.key was 3")

	other := connect(t, n)
	other.track("t.", all|prefix, 9)
	c.Disconnect()
	other.set("t.last", icmap.Uint8(1))
	other.wantEvents("to another client", "9 4 t.last 1")
	if len(c.Events) != 0 {
		t.Error("events after disconnect")
	}
	// Counters of the daemon give the new value only.
	counter, err := n.DB.Counter("t.last")
	if err != nil {
		t.Fatal(err)
	}
	counter.Inc()
	n.DB.Flush()
	other.wantEvents("counter", "9 2 t.last 2")
}

func TestHandleBounds(t *testing.T) {
	c := connect(t, newNode(t))
	for i := range maxHandles {
		if r := c.track("a.b", 7, 0); r.Error != cserr.OK {
			t.Fatalf("tracker %d: %v", i, r.Error)
		}
		c.iterate("x")
	}
	c.check("trackers", c.track("a.b", 7, 0).Error, cserr.NoMemory)
	c.check("iterators", c.handle(ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqIterInit}.Append(nil)).Error, cserr.NoMemory)
}

func TestStatsMap(t *testing.T) {
	n := newNode(t)
	c := connect(t, n)
	stats := fakeStats{
		"stats.srp.mcast_tx": icmap.Uint64(5), "stats.pg.msg_reserved": icmap.Uint32(1), "stats.schedmiss.0.delay": icmap.Float(1),
	}
	n.Host.Statistics = stats
	h := c.iterate("")
	c.check("busy with an iterator", c.selectMap(1), cserr.Busy)
	c.finalize(h)
	tr := c.track("a.b", 7, 0)
	c.check("busy with a tracker", c.selectMap(1), cserr.Busy)
	c.untrack(tr.Handle)
	c.check("unknown map", c.selectMap(2), cserr.NotExist)
	c.check("statistics", c.selectMap(1), cserr.OK)

	if _, r := c.get("stats.srp.mcast_tx", 8); r.Error != cserr.OK || binary.NativeEndian.Uint64(r.Value) != 5 {
		t.Errorf("%+v", r)
	}
	if _, r := c.get("stats.srp.mcast_tx", 4); r.Error != cserr.InvalidParam {
		t.Errorf("without room: %+v", r)
	}
	if _, r := c.get("totem.version", 4); r.Error != cserr.NotExist {
		t.Errorf("key of the other map: %+v", r)
	}
	if got := c.rest(c.iterate("stats.p")); !slices.Equal(got, []string{"stats.pg.msg_reserved"}) {
		t.Errorf("keys %q", got)
	}
	h = c.iterate("stats.s")
	c.next(h)
	delete(stats, "stats.srp.mcast_tx") // the rest of the iteration
	if got := c.rest(h); len(got) != 0 {
		t.Errorf("vanished keys: %q", got)
	}
	for _, tc := range []struct {
		key            string
		set, otherwise cserr.Error
	}{
		{"stats.clear.all", cserr.OK, cserr.NotSupported},
		{"stats.clear.nothing", cserr.NotSupported, cserr.NotSupported},
		{"stats.pg.msg_reserved", cserr.Access, cserr.Access},
		{"anything", cserr.Access, cserr.Access},
	} {
		c.check("set "+tc.key, c.set(tc.key, icmap.String("1")), tc.set)
		c.check("delete "+tc.key, c.remove(tc.key), tc.otherwise)
		c.check("adjust "+tc.key, c.adjust(tc.key, 1), tc.otherwise)
	}
}

func TestStatsTracking(t *testing.T) {
	n := newNode(t)
	c := connect(t, n)
	stats := fakeStats{"stats.a.x": icmap.Uint32(1), "stats.b.x": icmap.Uint32(1)}
	n.Host.Statistics = stats
	c.selectMap(1)
	c.check("prefix without delete", c.track("stats.", 4|8, 0).Error, cserr.NotSupported)
	c.check("prefix", c.track("stats.a.", 1|4|8, 1).Error, cserr.OK)
	value := c.track("stats.b.x", 2, 2)
	c.check("value", value.Error, cserr.OK)
	clock := n.Cluster
	clock.Advance(1500 * time.Millisecond)
	c.wantEvents("nothing happened")
	stats["stats.a.y"] = icmap.Uint32(7)
	stats["stats.b.x"] = icmap.Uint32(2)
	clock.Advance(1500 * time.Millisecond)
	c.wantEvents("came and changed", "1 4 stats.a.y 7 was 7", "2 2 stats.b.x 2 was 2")
	// What the owner of the keys announces is told at once, however short it lasts.
	stats["stats.a.z"] = icmap.Uint32(8)
	onKeys()
	delete(stats, "stats.a.z")
	onKeys()
	c.wantEvents("came and went", "1 4 stats.a.z 8 was 8", "1 1 stats.a.z 8 was 8")
	stats["stats.b.x"] = icmap.Uint32(3)
	delete(stats, "stats.a.x")
	clock.Advance(1500 * time.Millisecond)
	if got := c.events(); len(got) != 2 || !strings.HasPrefix(got[0], "1 1 stats.a.x") {
		t.Errorf("went and changed: %q", got)
	}
	c.untrack(value.Handle)
	stats["stats.b.x"] = icmap.Uint32(4)
	clock.Advance(3 * time.Second)
	c.wantEvents("untracked")
}

func TestShortRequests(t *testing.T) {
	n := newNode(t)
	c := connect(t, n)
	for fn := range New().Lib() {
		got := c.status(ipcmsg.AppendRequest(nil, int32(fn)))
		want := cserr.InvalidParam
		switch int32(fn) {
		case ipcmsg.CmapReqIterNext, ipcmsg.CmapReqIterFinalize, ipcmsg.CmapReqTrackDelete:
			want = cserr.BadHandle
		}
		c.check(fmt.Sprint("function ", fn), got, want)
	}
}
