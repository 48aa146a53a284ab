package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func scalar[T cmap.Scalar](ctx context.Context, s *suite, c *cmap.Client, values ...T) {
	for _, v := range values {
		key := fmt.Sprintf("ac.%T", v)
		if !s.ok("set "+key, cmap.Set(ctx, c, key, v)) {
			continue
		}
		got, err := cmap.Get[T](ctx, c, key)
		s.ok("get "+key, err)
		same(s, key, got, v)
	}
}

func checkCmap(ctx context.Context, s *suite) {
	c, err := cmap.Dial(ctx, cmap.Options{})
	if !s.ok("dial", err) {
		return
	}
	defer c.Close()
	scalar(ctx, s, c, int8(-128), 127)
	scalar(ctx, s, c, uint8(255))
	scalar(ctx, s, c, int16(-32768))
	scalar(ctx, s, c, uint16(65535))
	scalar(ctx, s, c, int32(-1<<31))
	scalar(ctx, s, c, uint32(1<<32-1))
	scalar(ctx, s, c, int64(-1<<63))
	scalar(ctx, s, c, uint64(1<<64-1))
	scalar(ctx, s, c, float32(1.5))
	scalar(ctx, s, c, math.Pi)
	scalar(ctx, s, c, "", "text", strings.Repeat("long", 2000))

	blob := bytes.Repeat([]byte{0, 1, 255}, 5000)
	s.ok("set binary", c.Set(ctx, "ac.bin", cmap.Value{Type: cmap.TypeBinary, Data: blob}))
	v, err := c.Get(ctx, "ac.bin")
	s.ok("get binary", err)
	same(s, "binary", v.Type == cmap.TypeBinary && bytes.Equal(v.Data, blob), true)
	typ, n, err := c.Stat(ctx, "ac.bin")
	s.ok("stat", err)
	same(s, "stat", fmt.Sprint(typ, n), "bin 15000")

	_, err = cmap.Get[uint16](ctx, c, "ac.uint8")
	s.is("get with another type", err, cserr.InvalidParam)
	_, err = c.Get(ctx, "ac.none")
	s.is("get missing", err, cserr.NotExist)
	s.is("set read-only", cmap.Set(ctx, c, "totem.version", uint32(3)), cserr.Access)
	s.is("set short name", cmap.Set(ctx, c, "ab", uint32(3)), cserr.NameTooLong)
	s.is("set bad name", cmap.Set(ctx, c, "a b", uint32(3)), cserr.NameTooLong)
	s.is("set long name", cmap.Set(ctx, c, strings.Repeat("x", 256), uint32(3)), cserr.NameTooLong)
	s.is("set wrong length", c.Set(ctx, "ac.x", cmap.Value{Type: cmap.TypeUint32, Data: []byte{1}}), cserr.InvalidParam)
	s.is("delete missing", c.Delete(ctx, "ac.none"), cserr.NotExist)

	s.ok("inc", c.Inc(ctx, "ac.uint8"))
	u8, _ := cmap.Get[uint8](ctx, c, "ac.uint8")
	same(s, "255 + 1", u8, 0)
	s.ok("dec", c.Dec(ctx, "ac.uint8"))
	s.ok("adjust", c.Adjust(ctx, "ac.uint8", -5))
	u8, _ = cmap.Get[uint8](ctx, c, "ac.uint8")
	same(s, "255 - 5", u8, 250)
	s.is("inc string", c.Inc(ctx, "ac.string"), cserr.InvalidParam)

	checkIteration(ctx, s, c)
	checkTracking(ctx, s, c)

	// An abandoned request must not confuse the next one.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Get(gone, "totem.version"); !errors.Is(err, context.Canceled) {
		s.errorf("get with ended context: %v", err)
	}
	version, err := cmap.Get[uint32](ctx, c, "totem.version")
	s.ok("get afterwards", err)
	same(s, "totem.version", version, 2)

	_, err = cmap.Dial(ctx, cmap.Options{Map: 7})
	s.is("unknown map", err, cserr.NotExist)
	st, err := cmap.Dial(ctx, cmap.Options{Map: cmap.Stats})
	if s.ok("dial stats", err) {
		defer st.Close()
		_, err := cmap.Get[uint64](ctx, st, "stats.srp.mcast_tx")
		s.ok("statistics", err)
		s.is("set statistics", cmap.Set(ctx, st, "stats.srp.mcast_tx", uint64(1)), cserr.Access)
		s.ok("clear statistics", cmap.Set(ctx, st, "stats.clear.totem", uint32(1)))
		_, err = st.Track(ctx, "stats.", cmap.Added|cmap.Prefix, func(cmap.Notification) {})
		s.is("track additions only", err, cserr.NotSupported)
	}
	for e, err := range c.All(ctx, "ac.") {
		if s.ok("cleanup", err) {
			s.ok("delete", c.Delete(ctx, e.Key))
		}
	}
	s.modes(ctx, c)
}

func checkIteration(ctx context.Context, s *suite, c *cmap.Client) {
	for _, k := range []string{"it.b", "it.a", "it.a.b", "it.a-b", "it.A"} {
		s.ok("set", cmap.Set(ctx, c, k, uint8(1)))
	}
	var keys []string
	for e, err := range c.All(ctx, "it.") {
		s.ok("iterate", err)
		keys = append(keys, e.Key)
		same(s, "entry", fmt.Sprint(e.Type, e.Len), "u8 1")
		s.ok("delete while iterating", c.Delete(ctx, e.Key))
	}
	same(s, "order", fmt.Sprint(keys), "[it.A it.a it.a-b it.a.b it.b]")
	it, err := c.Iterate(ctx, "it.")
	if !s.ok("iterate", err) {
		return
	}
	_, err = it.Next(ctx)
	s.is("next without keys", err, cserr.NoSections)
	s.ok("close iteration", it.Close(ctx))
	s.is("close again", it.Close(ctx), cserr.BadHandle)
	_, err = it.Next(ctx)
	s.is("next after close", err, cserr.BadHandle)
}

func checkTracking(ctx context.Context, s *suite, c *cmap.Client) {
	var log []string
	note := func(name string) func(cmap.Notification) {
		return func(n cmap.Notification) {
			log = append(log, fmt.Sprintf("%s%d%s %v%d>%v%d", name, n.Event, n.Key, n.Old.Type, len(n.Old.Data), n.New.Type, len(n.New.Data)))
		}
	}
	all := cmap.Added | cmap.Modified | cmap.Deleted
	exact, err := c.Track(ctx, "tr.k", all, note("e"))
	s.ok("track key", err)
	_, err = c.Track(ctx, "tr.", all|cmap.Prefix, note("p"))
	s.ok("track prefix", err)
	_, err = c.Track(ctx, "tr.k", 0x10, note("x"))
	s.is("track unknown bit", err, cserr.InvalidParam)
	s.ok("set", cmap.Set(ctx, c, "tr.k", uint8(1)))
	s.ok("set equal", cmap.Set(ctx, c, "tr.k", uint8(1)))
	s.ok("set other type", cmap.Set(ctx, c, "tr.k", "text"))
	s.ok("set longer key", cmap.Set(ctx, c, "tr.kk", uint8(1)))
	if exact != nil {
		s.ok("track delete", exact.Delete(ctx))
		s.is("track delete again", exact.Delete(ctx), cserr.BadHandle)
	}
	s.ok("delete", c.Delete(ctx, "tr.k"))
	s.ok("delete", c.Delete(ctx, "tr.kk"))
	s.until(ctx, "notifications", c, func() bool { return len(log) >= 5 })
	same(s, "notifications", strings.Join(log, ", "),
		"p4tr.k 0>u81, p2tr.k u81>str5, p4tr.kk 0>u81, p1tr.k str5>0, p1tr.kk u81>0")
}
