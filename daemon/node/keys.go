package node

import (
	"errors"
	"strings"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/icmap"
)

// Keys of the map that are commands to the daemon: a value other than the "no" they begin with is the command.
const (
	keyForceGather = "runtime.force_gather"
	keyDumpFlight  = "runtime.blackbox.dump_flight_data"
	keyDumpState   = "runtime.blackbox.dump_state"
)

// watchKeys publishes the command keys and follows all keys that the daemon as such acts on.
func (n *Node) watchKeys() error {
	var err error
	for _, k := range []string{keyForceGather, keyDumpFlight, keyDumpState} {
		err = errors.Join(err, n.db.SetString(k, "no"))
	}
	watch := func(key string, kind icmap.Event, fn icmap.Func) {
		_, e := n.db.Track(key, kind, fn)
		err = errors.Join(err, e)
	}
	watch(keyForceGather, icmap.EventAny, func(icmap.Event, string, icmap.Value, icmap.Value) {
		if n.command(keyForceGather) {
			n.driver.ForceGather()
		}
	})
	// The value stays as it was written. Inside the setter: who sets it looks for the file next.
	for k, dump := range map[string]func(){keyDumpFlight: n.env.DumpBlackbox, keyDumpState: n.env.DumpState} {
		if dump == nil {
			continue
		}
		_, e := n.db.TrackNow(k, icmap.EventAny, func(icmap.Event, string, icmap.Value, icmap.Value) { dump() })
		err = errors.Join(err, e)
	}
	// Inside the setter: whether a reload is in progress is asked at the time of the change.
	if _, e := n.db.TrackNow("totem.", icmap.EventAny|icmap.EventPrefix, n.totemChanged); e != nil {
		err = errors.Join(err, e)
	}
	watch("logging.", icmap.EventAny|icmap.EventPrefix, n.loggingChanged)
	watch("config.reload_in_progress", icmap.EventAny, n.loggingChanged)
	return err
}

// command reports whether the key holds a command, and takes it back.
func (n *Node) command(key string) bool {
	v, err := n.db.GetString(key)
	if err == nil && v == "no" {
		return false
	}
	_ = n.db.SetString(key, "no")
	return err == nil
}

func (n *Node) flag(key string) bool {
	v, err := n.db.GetUint8(key)
	return err == nil && v != 0
}

// totemChanged applies a protocol parameter that a client has written. What is wrong with it is logged, and it is in force
// all the same, as in 3.1.
func (n *Node) totemChanged(ev icmap.Event, key string, _, _ icmap.Value) {
	if n.flag("config.totemconfig_reload_in_progress") || !config.IsParam(key) {
		return
	}
	deleted := ""
	if ev == icmap.EventDelete {
		deleted = key
	}
	if err := n.config.Update(n.db, deleted); err != nil {
		n.env.Logs.Logger("TOTEM").Errorf("%v", err)
	}
	n.driver.Reconfigure(n.protocol(n.config))
}

// loggingChanged applies changed logging keys, once at the end of a reload.
func (n *Node) loggingChanged(_ icmap.Event, key string, _, _ icmap.Value) {
	if n.env.ApplyLogging == nil || n.flag("config.reload_in_progress") ||
		!strings.HasPrefix(key, "logging.") && key != "config.reload_in_progress" {
		return
	}
	set, warnings, err := config.ReadLogging(n.db)
	for _, w := range warnings {
		n.log.Warningf("%s", w)
	}
	if err == nil {
		err = n.env.ApplyLogging(set)
	}
	if err != nil {
		n.log.Errorf("%v", config.LoggingError(err))
	}
}
