package ipcmsg

import "encoding/binary"

// CFG exec functions.
const (
	ExecCfgRingReenable   = 0 // never sent
	ExecCfgKillNode       = 1
	ExecCfgShutdown       = 2 // header only
	ExecCfgReloadConfig   = 3
	ExecCfgCryptoReconfig = 4
)

// Sizes in bytes of CFG exec messages.
const (
	ExecCfgRingReenableSize   = 32
	ExecCfgKillNodeSize       = 288
	ExecCfgShutdownSize       = 16
	ExecCfgReloadConfigSize   = 32
	ExecCfgCryptoReconfigSize = 24
)

// Phases of [ExecCfgCryptoReconfigMsg].
const (
	CfgCryptoPhaseActivate = 1
	CfgCryptoPhaseCleanup  = 2
)

func execCfg(function uint16) ExecID { return MakeExecID(ServiceCfg, function) }

// ExecCfgKillNodeMsg ends the daemon of a node: nodeid @16, reason (mar_name_t:
// length u16 @24, value[256] @32).
type ExecCfgKillNodeMsg struct {
	NodeID uint32
	Reason []byte // without terminator
}

// ParseExecCfgKillNode reads a KILLNODE message. The reason ends at its NUL or
// at its length, whichever comes first.
func ParseExecCfgKillNode(b []byte, order binary.ByteOrder) (ExecCfgKillNodeMsg, error) {
	const what = "cfg exec killnode"
	if err := atLeast(b, ExecCfgKillNodeSize, what); err != nil {
		return ExecCfgKillNodeMsg{}, err
	}
	reason, err := getMarNameExec(b, 24, order, what)
	if err != nil {
		return ExecCfgKillNodeMsg{}, err
	}
	return ExecCfgKillNodeMsg{NodeID: order.Uint32(b[16:]), Reason: cstring(reason)}, nil
}

// Append appends the message; a reason of more than 255 bytes is cut. The
// length counts the terminator.
func (x ExecCfgKillNodeMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execCfg(ExecCfgKillNode), ExecCfgKillNodeSize, order)
	order.PutUint32(m[16:], x.NodeID)
	n := copy(m[32:32+CfgReasonMax-1], x.Reason)
	order.PutUint16(m[24:], uint16(n+1))
	return dst
}

// AppendExecCfgShutdown appends a SHUTDOWN message, which is a header only.
func AppendExecCfgShutdown(dst []byte, order binary.ByteOrder) []byte {
	dst, _ = extendExec(dst, execCfg(ExecCfgShutdown), ExecCfgShutdownSize, order)
	return dst
}

// ExecCfgReloadConfigMsg makes every node reload its configuration: source @16.
type ExecCfgReloadConfigMsg struct {
	Source Source // the client to answer
}

// ParseExecCfgReloadConfig reads a RELOAD_CONFIG message.
func ParseExecCfgReloadConfig(b []byte, order binary.ByteOrder) (ExecCfgReloadConfigMsg, error) {
	if err := atLeast(b, ExecCfgReloadConfigSize, "cfg exec reload config"); err != nil {
		return ExecCfgReloadConfigMsg{}, err
	}
	return ExecCfgReloadConfigMsg{Source: parseSource(b, 16, order)}, nil
}

// Append appends the message.
func (x ExecCfgReloadConfigMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execCfg(ExecCfgReloadConfig), ExecCfgReloadConfigSize, order)
	x.Source.put(m, 16, order)
	return dst
}

// ExecCfgRingReenableMsg is defined, but no daemon of 3.x sends it: source @16.
type ExecCfgRingReenableMsg struct {
	Source Source
}

// ParseExecCfgRingReenable reads a RINGREENABLE message.
func ParseExecCfgRingReenable(b []byte, order binary.ByteOrder) (ExecCfgRingReenableMsg, error) {
	if err := atLeast(b, ExecCfgRingReenableSize, "cfg exec ring reenable"); err != nil {
		return ExecCfgRingReenableMsg{}, err
	}
	return ExecCfgRingReenableMsg{Source: parseSource(b, 16, order)}, nil
}

// Append appends the message.
func (x ExecCfgRingReenableMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execCfg(ExecCfgRingReenable), ExecCfgRingReenableSize, order)
	x.Source.put(m, 16, order)
	return dst
}

// ExecCfgCryptoReconfigMsg moves the sender's own transport to new keys: phase
// @16.
type ExecCfgCryptoReconfigMsg struct {
	Phase uint32 // CfgCryptoPhase...
}

// ParseExecCfgCryptoReconfig reads a CRYPTO_RECONFIG message.
func ParseExecCfgCryptoReconfig(b []byte, order binary.ByteOrder) (ExecCfgCryptoReconfigMsg, error) {
	if err := atLeast(b, ExecCfgCryptoReconfigSize, "cfg exec crypto reconfig"); err != nil {
		return ExecCfgCryptoReconfigMsg{}, err
	}
	return ExecCfgCryptoReconfigMsg{Phase: order.Uint32(b[16:])}, nil
}

// Append appends the message.
func (x ExecCfgCryptoReconfigMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execCfg(ExecCfgCryptoReconfig), ExecCfgCryptoReconfigSize, order)
	order.PutUint32(m[16:], x.Phase)
	return dst
}
