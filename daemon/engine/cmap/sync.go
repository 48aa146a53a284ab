package cmap

import (
	"encoding/binary"
	"fmt"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

const keyConfigVersion = "totem.config_version"

// versionCheck is the comparison of configuration versions. Zero is no version.
type versionCheck struct {
	own, highest uint64
	alone        bool // nobody came along from the previous ring
	// checked is set by the first synchronisation with others; what comes later is the administrator's doing.
	checked bool
}

// SyncInit starts the comparison with this node's own version.
func (e *Engine) SyncInit(transitional, _ []totem.NodeID, _ totem.RingID) {
	own, err := e.api.DB().GetUint64(keyConfigVersion)
	if err != nil {
		own = 0
	}
	e.config.own, e.config.highest = own, own
	e.config.alone = len(transitional) == 0
}

// SyncProcess tells this node's version; without room in the send queue it is tried again after the next token.
func (e *Engine) SyncProcess() bool { return e.sendVersion(ipcmsg.CmapReasonSync) == nil }

// SyncActivate stops this node if it came to others with an older configuration.
func (e *Engine) SyncActivate() {
	c := &e.config
	log := e.api.Log()
	switch {
	case c.alone:
		log.Debugf("Single node sync -> no action")
		return
	case c.checked:
		log.Debugf("Not first sync -> no action")
		return
	}
	c.checked = true
	switch {
	case c.own == 0:
		log.Debugf("My config version is 0 -> no action")
	case c.own != c.highest:
		log.Errorf("Received config version (%d) is different than my config version (%d)! Exiting", c.highest, c.own)
		e.api.Host().Shutdown(fmt.Sprintf("config version %d is older than %d", c.own, c.highest))
	}
}

// SyncAbort keeps what was heard: the next SyncInit starts over.
func (e *Engine) SyncAbort() {}

// versionChanged tells the others about a new configuration version.
func (e *Engine) versionChanged(icmap.Event, string, icmap.Value, icmap.Value) {
	if err := e.sendVersion(ipcmsg.CmapReasonNewConfigVersion); err != nil {
		e.api.Log().Errorf("Can't inform other nodes about new config version: %v", err)
	}
}

func (e *Engine) sendVersion(reason uint8) error {
	item := ipcmsg.ExecCmapItem{Key: []byte(keyConfigVersion)}
	if v, ok := e.api.DB().Get(keyConfigVersion); ok {
		item.Value = ipcmsg.CmapValue{Type: uint8(v.Type), Data: v.Data}
	}
	e.scratch = ipcmsg.ExecCmapMcastMsg{Reason: reason, Items: []ipcmsg.ExecCmapItem{item}}.
		Append(e.scratch[:0], binary.NativeEndian)
	e.one[0] = e.scratch
	return e.api.Mcast(totem.Agreed, e.one[:]...)
}

// execMcast takes another node's version, or this node's own.
func (e *Engine) execMcast(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecCmapMcast(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.api.Log().Warningf("Discarding a message from node %d: %v", from, err)
		return
	}
	for _, it := range m.Items {
		if string(it.Key) != keyConfigVersion {
			continue
		}
		var version uint64
		if v, ok := (icmap.Value{Type: icmap.Type(it.Value.Type), Data: it.Value.Data}).Uint(); ok &&
			it.Value.Type == ipcmsg.CmapUint64 {
			version = v
		}
		if from != e.api.NodeID() && version > e.config.highest {
			e.config.highest = version
		}
		// The key is valid for every node id. Nodes of which nothing else is kept get none.
		if e.api.DB().Has(fmt.Sprintf("runtime.members.%d.status", from)) {
			_ = e.api.DB().SetUint64(fmt.Sprintf("runtime.members.%d.config_version", from), version)
		}
		return
	}
}
