package cmap

import (
	"errors"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Lib returns the client functions in the order of their numbers.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{
		ipcmsg.CmapReqSet:           {Call: e.set},
		ipcmsg.CmapReqDelete:        {Call: e.remove},
		ipcmsg.CmapReqGet:           {Call: e.get},
		ipcmsg.CmapReqAdjustInt:     {Call: e.adjust},
		ipcmsg.CmapReqIterInit:      {Call: e.iterInit},
		ipcmsg.CmapReqIterNext:      {Call: e.iterNext},
		ipcmsg.CmapReqIterFinalize:  {Call: e.iterFinalize},
		ipcmsg.CmapReqTrackAdd:      {Call: e.trackAdd},
		ipcmsg.CmapReqTrackDelete:   {Call: e.trackDelete},
		ipcmsg.CmapReqSetCurrentMap: {Call: e.setCurrentMap},
	}
}

// result names the error of the map as clients know it.
func result(err error) cserr.Error {
	switch {
	case err == nil:
		return cserr.OK
	case errors.Is(err, icmap.ErrNotExist):
		return cserr.NotExist
	case errors.Is(err, icmap.ErrName):
		return cserr.NameTooLong
	case errors.Is(err, icmap.ErrExist):
		return cserr.Exist
	case errors.Is(err, icmap.ErrFull):
		return cserr.NoMemory
	}
	return cserr.InvalidParam
}

func (e *Engine) reply(c service.Conn, id int32, res cserr.Error) {
	e.scratch = ipcmsg.AppendResponse(e.scratch[:0], id, res)
	c.Reply(e.scratch)
}

func (e *Engine) replyHandle(c service.Conn, id int32, res cserr.Error, h uint64) {
	e.scratch = ipcmsg.CmapHandleResponse{ID: id, Error: res, Handle: h}.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

func of(c service.Conn) *client { return c.Data().(*client) }

func (e *Engine) set(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapSetRequest(req)
	if err != nil {
		e.reply(c, ipcmsg.CmapResSet, cserr.InvalidParam)
		return
	}
	key := string(r.Key)
	var res cserr.Error
	switch {
	case of(c).stats:
		res = e.statsSet(key)
	case e.api.DB().IsReadOnly(key):
		res = cserr.Access
	default:
		res = result(e.api.DB().Set(key, icmap.Value{Type: icmap.Type(r.Type), Data: r.Value}))
	}
	e.reply(c, ipcmsg.CmapResSet, res)
}

// statsClear is the prefix of the keys of the statistics map that may be written: writing clears counters.
const statsClear = "stats.clear."

func (e *Engine) statsSet(key string) cserr.Error {
	if !strings.HasPrefix(key, statsClear) {
		return cserr.Access
	}
	if !e.api.Host().Stats().Set(key) {
		return cserr.NotSupported
	}
	return cserr.OK
}

// statsChange is the answer to a change of the statistics map other than by set.
func statsChange(key string) cserr.Error {
	if strings.HasPrefix(key, statsClear) {
		return cserr.NotSupported
	}
	return cserr.Access
}

func (e *Engine) remove(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapKeyRequest(req)
	e.change(c, ipcmsg.CmapResDelete, string(r.Key), err, e.api.DB().Delete)
}

func (e *Engine) adjust(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapAdjustRequest(req)
	e.change(c, ipcmsg.CmapResAdjustInt, string(r.Key), err, func(key string) error {
		return e.api.DB().Adjust(key, r.Step)
	})
}

// change answers a request that changes an existing key: fn does it, unless the request is malformed or the key is not the
// client's to change.
func (e *Engine) change(c service.Conn, id int32, key string, malformed error, fn func(key string) error) {
	var res cserr.Error
	switch {
	case malformed != nil:
		res = cserr.InvalidParam
	case of(c).stats:
		res = statsChange(key)
	case e.api.DB().IsReadOnly(key):
		res = cserr.Access
	default:
		res = result(fn(key))
	}
	e.reply(c, id, res)
}

// value reads the map that the connection has selected.
func (e *Engine) value(cl *client, key string) (icmap.Value, bool) {
	if cl.stats {
		return e.api.Host().Stats().Get(key)
	}
	return e.api.DB().Get(key)
}

// get answers with the whole value, or without room for it with type and length. The answer is as long as the room the
// client has, as its library reads it into a buffer of that size.
func (e *Engine) get(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapGetRequest(req)
	v, ok := icmap.Value{}, false
	if err == nil {
		v, ok = e.value(of(c), string(r.Key))
	}
	res := ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: uint64(len(v.Data)), Type: uint8(v.Type)}
	switch {
	case err != nil:
		res = ipcmsg.CmapGetResponse{Error: cserr.InvalidParam}
	case !ok:
		res = ipcmsg.CmapGetResponse{Error: cserr.NotExist}
	case r.ValueLen != 0 && r.ValueLen < res.ValueLen, r.ValueLen > ipcmsg.MaxMessageSize-ipcmsg.CmapGetResponseFixed:
		res = ipcmsg.CmapGetResponse{Error: cserr.InvalidParam}
	case r.ValueLen != 0:
		res.Value = v.Data
	}
	e.scratch = res.Append(e.scratch[:0], int(min(r.ValueLen, ipcmsg.MaxMessageSize)))
	c.Reply(e.scratch)
}

func (e *Engine) setCurrentMap(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapSetCurrentMapRequest(req)
	cl := of(c)
	res := cserr.OK
	switch {
	case err != nil:
		res = cserr.InvalidParam
	case len(cl.iterators) > 0 || len(cl.trackers) > 0:
		res = cserr.Busy
	case r.Map == ipcmsg.CmapMapIcmap:
		cl.stats = false
	case r.Map == ipcmsg.CmapMapStats:
		cl.stats = true
	default:
		res = cserr.NotExist
	}
	e.reply(c, ipcmsg.CmapResSetCurrentMap, res)
}

// iterator walks one of the maps. Its start is found at the first step.
type iterator struct {
	icmap  *icmap.Iter
	prefix string
	// keys is the rest of the statistics map, listed at the first step: keys that go away meanwhile are passed over.
	keys   []string
	listed bool
}

func (e *Engine) iterInit(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapKeyRequest(req)
	cl := of(c)
	switch {
	case err != nil:
		e.replyHandle(c, ipcmsg.CmapResIterInit, cserr.InvalidParam, 0)
		return
	case len(cl.iterators) >= maxHandles:
		e.replyHandle(c, ipcmsg.CmapResIterInit, cserr.NoMemory, 0)
		return
	}
	it := &iterator{prefix: string(r.Key)}
	if !cl.stats {
		it.icmap = e.api.DB().Iter(it.prefix)
	}
	h := cl.handle()
	cl.iterators[h] = it
	e.replyHandle(c, ipcmsg.CmapResIterInit, cserr.OK, h)
}

func (e *Engine) next(it *iterator) (string, icmap.Value, bool) {
	if it.icmap != nil {
		return it.icmap.Next()
	}
	stats := e.api.Host().Stats()
	if !it.listed {
		it.keys, it.listed = stats.Keys(it.prefix), true
	}
	for len(it.keys) > 0 {
		key := it.keys[0]
		it.keys = it.keys[1:]
		if v, ok := stats.Get(key); ok {
			return key, v, true
		}
	}
	return "", icmap.Value{}, false
}

func (e *Engine) iterNext(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapHandleRequest(req)
	it := of(c).iterators[r.Handle]
	var res ipcmsg.CmapIterNextResponse
	if err != nil || it == nil {
		res.Error = cserr.BadHandle
	} else if key, v, ok := e.next(it); ok {
		res = ipcmsg.CmapIterNextResponse{
			Error: cserr.OK, Key: []byte(key), ValueLen: uint64(len(v.Data)), Type: uint8(v.Type),
		}
	} else {
		res.Error = cserr.NoSections
	}
	e.scratch = res.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

func (e *Engine) iterFinalize(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCmapHandleRequest(req)
	cl := of(c)
	res := cserr.OK
	if err != nil || cl.iterators[r.Handle] == nil {
		res = cserr.BadHandle
	}
	delete(cl.iterators, r.Handle)
	e.reply(c, ipcmsg.CmapResIterFinalize, res)
}
