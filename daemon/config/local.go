package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// byName finds the nodelist entry whose name or ring0_addr is name; with
// noDomain, the part of it before the first dot.
func byName(m *icmap.Map, name string, noDomain bool) (int, bool) {
	for key := range m.All("nodelist.node.") {
		pos, word, ok := nodeKey(key)
		if !ok || word != "name" && word != "ring0_addr" {
			continue
		}
		s, err := m.GetString(key)
		if err != nil {
			continue
		}
		if noDomain {
			s, _, _ = strings.Cut(s, ".")
		}
		if s == name {
			return pos, true
		}
	}
	return -1, false
}

// findLocal finds this node in the nodelist and publishes its index. Not found,
// it returns what the C daemon goes on with: the last index looked at.
func findLocal(m *icmap.Map, env Env) (pos int, found bool) {
	if pos, found = searchLocal(m, env); found {
		_ = m.SetUint32("nodelist.local_node_pos", uint32(pos))
	}
	return pos, found
}

func searchLocal(m *icmap.Map, env Env) (int, bool) {
	host, err := env.Hostname()
	if err != nil {
		return -1, false
	}
	// The host name as it is, then shortened from the right at its dots, then
	// against names without their domain.
	short := host
	for {
		if pos, ok := byName(m, short, false); ok {
			return pos, true
		}
		i := strings.LastIndexByte(short, '.')
		if i < 0 {
			break
		}
		short = short[:i]
	}
	if pos, ok := byName(m, short, true); ok {
		return pos, true
	}
	if _, _, ok := m.Iter("nodelist.node.").Next(); !ok {
		return -1, false // nothing to find: ask no resolver
	}
	// Names and addresses of the local interfaces.
	local, err := env.InterfaceAddrs()
	if err != nil {
		return -1, false
	}
	// Numeric addresses first: they cost nothing, and an entry can only match
	// one of both.
	for _, a := range local {
		if pos, ok := byName(m, a.String(), false); ok {
			return pos, true
		}
	}
	for _, a := range local {
		for _, name := range env.Names(a) {
			if pos, ok := byName(m, name, false); ok {
				return pos, true
			}
			first, _, _ := strings.Cut(name, ".")
			if pos, ok := byName(m, first, false); ok {
				return pos, true
			}
		}
	}
	// Configured names that resolve to a local address: aliases in /etc/hosts.
	last := -1
	for key := range m.All("nodelist.node.") {
		pos, word, ok := nodeKey(key)
		if !ok {
			continue
		}
		last = pos
		if word != "name" && word != "ring0_addr" {
			continue
		}
		s, err := m.GetString(key)
		if err != nil {
			continue
		}
		list := []netip.Addr{}
		if a, err := netip.ParseAddr(s); err == nil {
			list = append(list, a)
		} else if list, err = env.Resolve(s); err != nil {
			continue
		}
		for _, a := range list {
			if slices.Contains(local, a) {
				return pos, true
			}
		}
	}
	return last, false
}
