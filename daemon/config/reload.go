package config

import (
	"errors"
	"fmt"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
)

// Candidate is a configuration file that was read for a reload, with every
// name in it resolved.
type Candidate struct {
	m      *icmap.Map
	origin Origin
	env    *remember
	err    error
}

// Prepare reads path for a reload. It reads files and resolves names, and
// touches no map of the daemon, so it may run on any goroutine. Errors are kept
// in the Candidate: they belong into the sequence of events of Commit.
func Prepare(path string, env Env) *Candidate {
	c := &Candidate{m: icmap.New(), env: newRemember(env)}
	if c.origin, c.err = ParseFile(path, c.env, c.m); c.err != nil {
		return c
	}
	// What Commit will ask is asked here, on a copy, and remembered.
	scratch := icmap.New()
	if c.m.CopyTo(scratch) == nil {
		// Errors turn up again in Commit.
		_, _ = Read(scratch, c.env, nil)
	}
	_, _ = findLocal(scratch, c.env)
	for key := range c.m.All("nodelist.node.") {
		if _, word, ok := nodeKey(key); ok {
			if _, ok := ringAddr(word); ok {
				if s, err := c.m.GetString(key); err == nil {
					for _, v := range []string{"ipv4", "ipv6"} {
						_, _ = resolve(c.env, s, v)
					}
				}
			}
		}
	}
	return c
}

// Reload values of config.reload_status (cs_error_t).
const (
	statusOK      = 1
	statusInvalid = 7
)

// ErrReload says that a reload was refused; its text is for the log, and was
// logged already.
var ErrReload = errors.New("config: reload refused")

// Commit makes a candidate live: it follows the sequence of keys and events of
// the C daemon (message_handler_req_exec_cfg_reload_config), with m the live map
// and old the running configuration. apply, called once the new values are in m,
// puts them into the running totem; its error makes the reload fail. On success
// the new configuration is returned; on failure ErrReload, and the deletions of
// vanished keys stay, as in the C daemon.
//
// config.reload_status gets 1 or 7. Unlike the C daemon, an unreadable file
// clears config.totemconfig_reload_in_progress again.
func (c *Candidate) Commit(m *icmap.Map, old *Config, log logsys.Logger, apply func(next *Config) error) (*Config, error) {
	const totemFlag, flag = "config.totemconfig_reload_in_progress", "config.reload_in_progress"
	_ = m.SetUint8(totemFlag, 1)
	if c.err != nil {
		var list Errors
		if errors.As(c.err, &list) {
			for _, e := range list {
				log.Errorf("Unable to reload config file: %s", e)
			}
		} else {
			log.Errorf("Unable to reload config file: %s", c.err)
		}
		_ = m.SetUint8(totemFlag, 0)
		return nil, ErrReload
	}
	_ = m.SetUint8(flag, 1)
	m.DeleteMissing(c.m, reloadPrefixes...)
	for _, key := range m.DropChanged(c.m, fixedKeys) {
		log.Noticef("Modified entry '%s' in corosync.conf cannot be changed at run-time", key)
	}
	next, err := c.compute(m, old, log)
	if err == nil {
		if err = c.m.CopyTo(m); err != nil {
			log.Errorf("Error making new config live. cmap database may be inconsistent")
		}
	}
	if err == nil && apply != nil {
		if err = apply(next); err != nil {
			log.Errorf("Cannot apply new configuration: %s", err)
		}
	}
	status := int32(statusOK)
	if err != nil {
		status = statusInvalid
	}
	_ = m.SetInt32("config.reload_status", status)
	_ = m.SetUint8(totemFlag, 0)
	_ = m.SetUint8(flag, 0)
	if err != nil {
		return nil, ErrReload
	}
	return next, nil
}

// compute derives the new configuration in the temporary map.
func (c *Candidate) compute(live *icmap.Map, old *Config, log logsys.Logger) (*Config, error) {
	next := *old
	next.env, next.origin, next.Warnings = c.env, c.origin, nil
	next.Links = [MaxLinks]Link{}
	if old.Totem.Transport != Knet {
		// Link 0 of udp and udpu is static but for its members.
		next.Links[0] = old.Links[0]
	}
	fail := func(what string, err error) (*Config, error) {
		log.Errorf("%s: %s", what, err)
		return nil, err
	}
	const links = "Cannot configure new interface definitions"
	if err := next.readInterfaces(c.m, true); err != nil {
		return fail(links, err)
	}
	pos, found := findLocal(c.m, c.env)
	if err := next.readMembers(c.m, pos); err != nil {
		return fail(links, err)
	}
	if err := next.sameAddresses(old, log); err != nil {
		return fail(links, err)
	}
	next.Totem.Params.read(c.m, len(next.Links[0].Members), "")
	// The C daemon computes ping timers from the token before the reload here; that
	// was mended after 3.1.7.
	next.pingTimers(c.m)
	if err := next.Crypto.read(c.m, c.env); err != nil {
		return fail("Crypto configuration is not valid", err)
	}
	if err := errors.Join(next.validateLive(c.m)...); err != nil {
		return fail("Configuration is not valid", err)
	}
	next.Totem.ConfigVersion, _ = c.m.GetUint64("totem.config_version")
	if s, err := c.m.GetString("totem.link_mode"); err == nil {
		switch s {
		case "active", "passive", "rr":
			next.Totem.LinkMode = s
		default:
			log.Errorf("The Knet link mode \"%s\" specified is invalid.  It must be active, passive or rr.", s)
		}
	} else {
		next.Totem.LinkMode = "passive"
	}
	next.Nodes = readNodes(c.m)
	next.Quorum.Device = readQuorum(c.m).Device
	if found {
		next.LocalNo = pos
	}
	return &next, nil
}

// sameAddresses refuses a new address of a node on a link that stays.
func (c *Config) sameAddresses(old *Config, log logsys.Logger) error {
	changed := false
	for i := range c.Links {
		a, b := &c.Links[i], &old.Links[i]
		if !a.Configured || !b.Configured {
			continue
		}
		if a.KnetTransport != b.KnetTransport {
			log.Errorf("New config has different knet transport for link %d. Internal value was NOT changed.", i)
			changed = true
		}
		was := make(map[uint32]Member, len(b.Members))
		for _, m := range b.Members {
			was[m.NodeID] = m
		}
		for _, m := range a.Members {
			if o, ok := was[m.NodeID]; ok && o.Addr != m.Addr {
				log.Errorf("new config has different address for link %d (addr changed from %s to %s). Internal value was NOT changed.",
					i, o.Addr, m.Addr)
				changed = true
			}
		}
	}
	if changed {
		return errors.New("To reconfigure an interface it must be deleted and recreated. A working interface needs to be available to corosync at all times")
	}
	return nil
}

// LinkChange is what a reload changes on one link.
type LinkChange struct {
	Link           int
	Added, Removed []Member
	Params         bool // priority or ping parameters differ
	New, Gone      bool // the link itself
}

// Changes compares two configurations for the transport: removed members are to
// be taken out before the added ones come in.
func Changes(old, next *Config) []LinkChange {
	var list []LinkChange
	for i := range next.Links {
		a, b := &old.Links[i], &next.Links[i]
		if !a.Configured && !b.Configured {
			continue
		}
		ch := LinkChange{Link: i, New: !a.Configured, Gone: !b.Configured}
		ch.Removed = without(a.Members, b.Members)
		if b.Configured {
			ch.Added = without(b.Members, a.Members)
		}
		ch.Params = a.Priority != b.Priority || a.PingIntervalMs != b.PingIntervalMs || a.PingTimeoutMs != b.PingTimeoutMs ||
			a.PingPrecision != b.PingPrecision || a.PongCount != b.PongCount
		if ch.New || ch.Gone || ch.Params || len(ch.Added)+len(ch.Removed) > 0 {
			list = append(list, ch)
		}
	}
	return list
}

// without returns the members of a that are not in b.
func without(a, b []Member) []Member {
	in := make(map[Member]bool, len(b))
	for _, m := range b {
		in[m] = true
	}
	var rest []Member
	for _, m := range a {
		if !in[m] {
			rest = append(rest, m)
		}
	}
	return rest
}

// String prints a member for the log.
func (m Member) String() string { return fmt.Sprintf("%d:%s", m.NodeID, m.Addr) }
