package notifyd

import (
	"bytes"
	"strconv"
	"strings"
)

// States as they are reported.
const (
	quorate      = "quorate"
	notQuorate   = "not quorate"
	connected    = "connected"
	disconnected = "disconnected"
	operational  = "operational"
)

// Prefixes of the keys that are watched.
const (
	membersPrefix = "runtime.members."
	clientsPrefix = "stats.ipcs."
	linksPrefix   = "stats.knet."
)

// memberKey reads runtime.members.NODE.status.
func memberKey(key string) (node uint32, ok bool) {
	f, ok := fields(key, membersPrefix, 2)
	if !ok || f[1] != "status" {
		return 0, false
	}
	return number(f[0], "")
}

func memberAddrKey(node uint32) string {
	return membersPrefix + strconv.FormatUint(uint64(node), 10) + ".ip"
}

// memberAddr takes the last address out of "r(0) ip(192.168.100.92)".
func memberAddr(s string) (string, bool) {
	i := strings.LastIndexByte(s, '(')
	if i < 0 {
		return "", false
	}
	addr, _, ok := strings.Cut(s[i+1:], ")")
	return addr, ok
}

// clientKey reads stats.ipcs.serviceN.PID.POINTER.procname and returns the
// connection as POINTER.PID.
func clientKey(key string) (conn string, ok bool) {
	f, ok := fields(key, clientsPrefix, 4)
	if !ok || f[3] != "procname" {
		return "", false
	}
	if _, ok := number(f[0], "service"); !ok {
		return "", false
	}
	return f[2] + "." + f[1], true
}

// linkKey reads stats.knet.nodeN.linkM.connected.
func linkKey(key string) (node, link uint32, ok bool) {
	f, ok := fields(key, linksPrefix, 3)
	if !ok || f[2] != "connected" {
		return 0, 0, false
	}
	node, okNode := number(f[0], "node")
	link, okLink := number(f[1], "link")
	return node, link, okNode && okLink
}

// fields cuts a key behind prefix into n parts at its dots.
func fields(key, prefix string, n int) ([]string, bool) {
	rest, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return nil, false
	}
	f := strings.Split(rest, ".")
	return f, len(f) == n
}

func number(s, prefix string) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 10, 32)
	return uint32(v), err == nil
}

// text is the value of a string key, which ends with NUL.
func text(data []byte) string {
	s, _, _ := bytes.Cut(data, []byte{0})
	return string(s)
}
