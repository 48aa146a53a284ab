package cmap

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Tracked statistics are looked at every statsTick: for keys that came or went each time, for changed values every
// valueTicks-th time, which makes 1.5 s as in C.
const (
	statsTick  = 500 * time.Millisecond
	valueTicks = 3
)

// tracker is a client's interest in a key or a prefix.
type tracker struct {
	cl       *client
	instance uint64 // the client's name for it
	key      string
	kind     icmap.Event
	// icmap is the registration, nil for statistics.
	icmap *icmap.Tracker
	// keys (of a prefix) and last (of a key) are the statistics as last seen.
	keys map[string]icmap.Value
	last icmap.Value
}

func (t *tracker) prefix() bool { return t.kind&icmap.EventPrefix != 0 }

func (e *Engine) trackAdd(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapTrackAddRequest(req)
	cl := of(c)
	kind := icmap.Event(r.TrackType)
	switch {
	case err != nil || kind&^(icmap.EventAny|icmap.EventPrefix) != 0:
		e.replyHandle(c, ipcmsg.CmapResTrackAdd, cserr.InvalidParam, 0)
		return
	case len(cl.trackers) >= maxHandles:
		e.replyHandle(c, ipcmsg.CmapResTrackAdd, cserr.NoMemory, 0)
		return
	}
	t := &tracker{cl: cl, instance: r.Instance, key: string(r.Key), kind: kind}
	res := cserr.OK
	if cl.stats {
		res = e.trackStats(t)
	} else {
		// Inside the setter: the event has to be in the client's queue before the answer of the request that caused it.
		t.icmap, err = e.api.DB().TrackNow(t.key, kind, t.changed(e))
		res = result(err)
	}
	if res != cserr.OK {
		e.replyHandle(c, ipcmsg.CmapResTrackAdd, res, 0)
		return
	}
	h := cl.handle()
	cl.trackers[h] = t
	e.replyHandle(c, ipcmsg.CmapResTrackAdd, cserr.OK, h)
}

func (e *Engine) trackDelete(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapHandleRequest(req)
	cl := of(c)
	t := cl.trackers[r.Handle]
	if err != nil || t == nil {
		e.replyHandle(c, ipcmsg.CmapResTrackDelete, cserr.BadHandle, 0)
		return
	}
	e.untrack(t)
	delete(cl.trackers, r.Handle)
	e.replyHandle(c, ipcmsg.CmapResTrackDelete, cserr.OK, t.instance)
}

func (e *Engine) untrack(t *tracker) {
	if t.icmap != nil {
		e.api.DB().Untrack(t.icmap)
	}
}

// changed returns the callback that passes changes of the configuration map on.
func (t *tracker) changed(e *Engine) icmap.Func {
	return func(ev icmap.Event, key string, new, old icmap.Value) { e.notify(t, ev, key, new, old) }
}

func (e *Engine) notify(t *tracker, ev icmap.Event, key string, new, old icmap.Value) {
	e.scratch = ipcmsg.CmapNotifyEvent{
		Instance: t.instance, Key: []byte(key), Event: int32(ev),
		New: ipcmsg.CmapValue{Type: uint8(new.Type), Data: new.Data},
		Old: ipcmsg.CmapValue{Type: uint8(old.Type), Data: old.Data},
	}.Append(e.scratch[:0])
	t.cl.conn.Event(e.scratch)
}

// trackStats registers a tracker of the statistics map, whose values exist only when they are read: they are polled.
func (e *Engine) trackStats(t *tracker) cserr.Error {
	const comeAndGo = icmap.EventAdd | icmap.EventDelete
	if t.prefix() {
		if t.kind&comeAndGo != comeAndGo {
			return cserr.NotSupported
		}
		t.keys = make(map[string]icmap.Value)
		stats := e.api.Host().Stats()
		stats.OnKeys(e.statsKeysChanged)
		for _, k := range stats.Keys(t.key) {
			v, _ := stats.Get(k)
			t.keys[k] = v.Clone()
		}
	} else if v, ok := e.api.Host().Stats().Get(t.key); ok {
		t.last = v.Clone()
	}
	if e.statsPoll == nil {
		e.statsPoll = e.api.After(statsTick, e.pollStats)
	}
	return cserr.OK
}

// scheduleMissPrefix are the keys that come with each late turn of the main loop; 3.1 sends no events for them.
const scheduleMissPrefix = "stats.schedmiss."

func (e *Engine) pollStats() {
	e.statsPoll = nil
	e.pollTick++
	for cl := range e.clients {
		if !cl.stats {
			continue
		}
		for _, h := range slices.Sorted(maps.Keys(cl.trackers)) {
			t := cl.trackers[h]
			e.statsPoll = noTimer{} // somebody still tracks
			if t.prefix() {
				e.pollPrefix(t)
			} else if e.pollTick%valueTicks == 0 {
				e.pollValue(t)
			}
		}
	}
	if e.statsPoll != nil {
		e.statsPoll = e.api.After(statsTick, e.pollStats)
	}
}

// statsKeysChanged reports at once what has come or gone: a connection may not last until the next poll.
func (e *Engine) statsKeysChanged() {
	for cl := range e.clients {
		if !cl.stats {
			continue
		}
		for _, h := range slices.Sorted(maps.Keys(cl.trackers)) {
			if t := cl.trackers[h]; t.prefix() {
				e.pollPrefix(t)
			}
		}
	}
}

// noTimer stands in while the trackers are walked.
type noTimer struct{}

func (noTimer) Stop() {}

// pollPrefix reports keys that came or went, with the value as new and old as 3.1 does: a name that goes is wanted by
// corosync-notifyd. A key that is gone is reported with the value it came with.
func (e *Engine) pollPrefix(t *tracker) {
	stats := e.api.Host().Stats()
	now := make(map[string]icmap.Value)
	for _, k := range stats.Keys(t.key) {
		if strings.HasPrefix(k, scheduleMissPrefix) {
			continue
		}
		v, ok := t.keys[k]
		if !ok {
			v, _ = stats.Get(k)
			v = v.Clone()
			e.notify(t, icmap.EventAdd, k, v, v)
		}
		now[k] = v
	}
	for _, k := range slices.Sorted(maps.Keys(t.keys)) {
		if _, ok := now[k]; !ok && !strings.HasPrefix(k, scheduleMissPrefix) {
			e.notify(t, icmap.EventDelete, k, t.keys[k], t.keys[k])
		}
	}
	t.keys = now
}

func (e *Engine) pollValue(t *tracker) {
	v, ok := e.api.Host().Stats().Get(t.key)
	if !ok || v.Equal(t.last) {
		return
	}
	t.last = v.Clone()
	e.notify(t, icmap.EventModify, t.key, v, v)
}
