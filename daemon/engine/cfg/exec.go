package cfg

import (
	"encoding/binary"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// exitKilled is the status of a daemon that another node has killed (-1 as the shell shows it).
const exitKilled = 255

// Exec returns the handlers of ordered messages in the order of their numbers.
func (e *Engine) Exec() []service.ExecFunc {
	return []service.ExecFunc{
		ipcmsg.ExecCfgRingReenable:   e.execRingReenable,
		ipcmsg.ExecCfgKillNode:       e.execKillNode,
		ipcmsg.ExecCfgShutdown:       e.execShutdown,
		ipcmsg.ExecCfgReloadConfig:   e.execReloadConfig,
		ipcmsg.ExecCfgCryptoReconfig: e.execCryptoReconfig,
	}
}

func (e *Engine) malformed(from totem.NodeID, err error) {
	e.api.Log().Warningf("Discarding a message from node %d: %v", from, err)
}

// execRingReenable takes a message that no 3.x node sends.
func (e *Engine) execRingReenable(totem.NodeID, []byte, bool) {}

func (e *Engine) execKillNode(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecCfgKillNode(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.api.Log().Debugf("request to kill node %d (us=%d)", m.NodeID, e.api.NodeID())
	if totem.NodeID(m.NodeID) == e.api.NodeID() {
		e.api.Log().Noticef("Killed by node %d : %s", from, m.Reason)
		e.api.Host().Exit(exitKilled)
	}
}

func (e *Engine) execShutdown(from totem.NodeID, _ []byte, _ bool) {
	e.api.Log().Noticef("Node %d was shut down by sysadmin", from)
	if from == e.api.NodeID() {
		e.api.Host().Shutdown("shutdown requested by a client")
	}
}

// execReloadConfig reloads, and answers the client if the request came from here.
func (e *Engine) execReloadConfig(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecCfgReloadConfig(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.api.Log().Noticef("Config reload requested by node %d", from)
	e.api.Host().Reload(func(crypto bool, err error) {
		res := cserr.OK
		if err != nil {
			// The host has logged what was wrong, line by line.
			res = cserr.InvalidParam
		}
		if crypto {
			e.sendCryptoPhase(ipcmsg.CfgCryptoPhaseActivate)
		}
		if from != e.api.NodeID() {
			return
		}
		if cl := e.clients[m.Source.Conn]; cl != nil {
			e.reply(cl.conn, ipcmsg.CfgResReloadConfig, res)
		}
	})
}

func (e *Engine) sendCryptoPhase(phase uint32) {
	m := ipcmsg.ExecCfgCryptoReconfigMsg{Phase: phase}
	if err := e.mcast(m.Append(e.scratch[:0], binary.NativeEndian)); err != nil {
		e.api.Log().Errorf("Unable to announce crypto reconfiguration phase %d: %v", phase, err)
	}
}

// execCryptoReconfig applies a phase when this node's own message comes back: by then all members have the new key.
func (e *Engine) execCryptoReconfig(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecCfgCryptoReconfig(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	if from != e.api.NodeID() {
		return
	}
	e.api.Log().Debugf("Crypto reconfiguration phase %d", m.Phase)
	if err := e.api.Host().CryptoPhase(int(m.Phase)); err != nil {
		e.api.Log().Errorf("Crypto reconfiguration phase %d failed: %v", m.Phase, err)
	}
	if m.Phase == ipcmsg.CfgCryptoPhaseActivate {
		e.sendCryptoPhase(ipcmsg.CfgCryptoPhaseCleanup)
	}
}
