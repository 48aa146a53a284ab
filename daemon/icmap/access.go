package icmap

import (
	"slices"
	"strings"
)

// roRule forbids clients to write a key or all keys with a prefix.
type roRule struct {
	key    string
	prefix bool
}

// SetReadOnly adds (on) or removes a rule that clients may not write key, or
// with prefix any key that starts with it. It binds clients only: engine/cmap
// asks IsReadOnly, the daemon's own writes do not. Errors: ErrExist for a rule
// that is there already, ErrNotExist for one to remove that is not.
func (m *Map) SetReadOnly(key string, prefix, on bool) error {
	r := roRule{key, prefix}
	i := slices.Index(m.ro, r)
	switch {
	case on && i >= 0:
		return ErrExist
	case on:
		m.ro = append(m.ro, r)
	case i < 0:
		return ErrNotExist
	default:
		m.ro = slices.Delete(m.ro, i, i+1)
	}
	return nil
}

// IsReadOnly says whether a client may not write, adjust or delete key.
func (m *Map) IsReadOnly(key string) bool {
	for _, r := range m.ro {
		if r.key == key || r.prefix && strings.HasPrefix(key, r.key) {
			return true
		}
	}
	return false
}

// daemonReadOnly lists what the daemon itself protects at start; a trailing '*'
// marks a prefix. Votequorum adds its own.
var daemonReadOnly = []string{
	"internal_configuration.*", "runtime.services.*", "runtime.config.*", "runtime.totem.*",
	"uidgid.config.*", "system.*", "nodelist.*",
	"totem.crypto_cipher", "totem.crypto_hash", "totem.crypto_model", "totem.keyfile", "totem.key",
	"totem.secauth", "totem.ip_version", "totem.ip_dscp", "totem.rrp_mode", "totem.transport", "totem.cluster_name",
	"totem.netmtu", "totem.threads", "totem.version", "totem.nodeid", "totem.clear_node_high_bit",
	"config.reload_in_progress", "config.totemconfig_reload_in_progress",
}

// ProtectDaemonKeys makes the keys read-only that every daemon protects
// (exec/main.c set_icmap_ro_keys_flag).
func (m *Map) ProtectDaemonKeys() {
	for _, k := range daemonReadOnly {
		name, prefix := strings.CutSuffix(k, "*")
		// ErrExist only: protecting twice is harmless.
		_ = m.SetReadOnly(name, prefix, true)
	}
}
