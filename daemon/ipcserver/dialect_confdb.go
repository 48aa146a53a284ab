package ipcserver

import (
	"strconv"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// confdb1x is as much of 1.4's object database as its tools ask for: finding objects by name and reading their keys. It
// answers from the map without an engine: an object is a prefix of keys, so that there is one of a name. Everything else is
// refused.
type confdb1x struct {
	same1x
	server  *Server
	objects []string // by the lower half of their handle
}

// maxObjects bounds the handles of one connection.
const maxObjects = 4096

// objectTag is the upper half of handles.
const objectTag = 1 << 32

func (d *confdb1x) request(req []byte) (engine, answer []byte) {
	switch idOf(req) {
	case ipcmsg.Confdb1xReqObjectFind:
		return nil, d.find(req).Append(nil)
	case ipcmsg.Confdb1xReqKeyGet:
		return nil, d.get(req).Append(nil)
	case ipcmsg.Confdb1xReqObjectFindDestroy:
		return nil, short(ipcmsg.Confdb1xResObjectFindDestroy, cserr.OK)
	}
	return nil, short(0, cserr.NotSupported)
}

// path is the prefix of an object's keys.
func (d *confdb1x) path(handle uint64) (string, bool) {
	if handle == ipcmsg.Confdb1xRoot {
		return "", true
	}
	i := handle - objectTag
	if i >= uint64(len(d.objects)) {
		return "", false
	}
	return d.objects[i], true
}

func (d *confdb1x) find(req []byte) ipcmsg.Confdb1xFound {
	r, err := ipcmsg.ParseConfdb1xFind(req)
	if err != nil {
		return ipcmsg.Confdb1xFound{Error: cserr.InvalidParam}
	}
	parent, ok := d.path(r.Parent)
	object := parent + string(r.Name) + "."
	if ok && r.Find == 0 {
		_, _, ok = d.server.cfg.DB.Iter(object).Next()
	}
	if !ok || r.Find != 0 {
		return ipcmsg.Confdb1xFound{Error: cserr.Access} // how 1.4 says that there is none, or no more
	}
	i := 0
	for i < len(d.objects) && d.objects[i] != object {
		i++
	}
	if i == len(d.objects) {
		if i == maxObjects {
			return ipcmsg.Confdb1xFound{Error: cserr.NoMemory}
		}
		d.objects = append(d.objects, object)
	}
	return ipcmsg.Confdb1xFound{Error: cserr.OK, Object: objectTag + uint64(i), Find: 1}
}

func (d *confdb1x) get(req []byte) ipcmsg.Confdb1xValue {
	r, err := ipcmsg.ParseConfdb1xKeyGet(req)
	if err != nil {
		return ipcmsg.Confdb1xValue{Error: cserr.InvalidParam}
	}
	object, ok := d.path(r.Object)
	v, found := d.server.cfg.DB.Get(object + string(r.Key))
	if !ok || !found {
		return ipcmsg.Confdb1xValue{Error: cserr.Access}
	}
	return ipcmsg.Confdb1xValue{Error: cserr.OK, Value: []byte(text1x(v))}
}

// text1x is a value as a text, which is what the values of 1.4's configuration are.
func text1x(v icmap.Value) string {
	if s, ok := v.Str(); ok {
		return s
	}
	if n, ok := v.Uint(); ok {
		return strconv.FormatUint(n, 10)
	}
	if n, ok := v.Int(); ok {
		return strconv.FormatInt(n, 10)
	}
	if f, ok := v.Float64(); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return string(v.Data)
}
