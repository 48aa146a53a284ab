package votequorum

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// votesUnset marks quorum.device.votes that is not configured.
const votesUnset = -1

// nodelistVotes is what the nodelist says of votes.
type nodelistVotes struct {
	present bool // there is a nodelist and this node is in it
	own     uint32
	total   uint32
	nodes   uint32
}

// readNodelist sums up the votes of the nodelist; a node without quorum_votes has one.
func (e *Engine) readNodelist() nodelistVotes {
	db := e.api.DB()
	ownPos, err := db.GetUint32("nodelist.local_node_pos")
	if err != nil {
		e.log.Debugf("No nodelist defined or our node is not in the nodelist")
		return nodelistVotes{}
	}
	v := nodelistVotes{present: true}
	const prefix = "nodelist.node."
	seen := make(map[uint32]bool)
	for key := range db.All(prefix) {
		pos, rest, ok := strings.Cut(key[len(prefix):], ".")
		n, err := strconv.ParseUint(pos, 10, 32)
		if !ok || err != nil || rest == "" || seen[uint32(n)] {
			continue
		}
		seen[uint32(n)] = true
		votes, err := db.GetUint32(prefix + pos + ".quorum_votes")
		if err != nil {
			votes = 1
		}
		v.nodes++
		v.total += votes
		if uint32(n) == ownPos {
			v.own = votes
		}
	}
	return v
}

// readQdevice reads quorum.device. Without a model no device is configured.
func (e *Engine) readQdevice() (configured bool, votes int64) {
	db := e.api.DB()
	if model, err := db.GetString("quorum.device.model"); err != nil || model == "" {
		return false, 0
	}
	votes = votesUnset
	if v, err := db.GetUint32("quorum.device.votes"); err == nil {
		votes = int64(v)
	}
	e.qdeviceTimeout = e.readMillis("quorum.device.timeout", defaultQdeviceTimeout)
	e.qdeviceSyncTimeout = e.readMillis("quorum.device.sync_timeout", defaultQdeviceSyncTimeout)
	e.setQdeviceCanOperate(true)
	return true, votes
}

func (e *Engine) readMillis(key string, def time.Duration) time.Duration {
	if v, err := e.api.DB().GetUint32(key); err == nil {
		return time.Duration(v) * time.Millisecond
	}
	return def
}

func (e *Engine) readFlag(key string) bool {
	v, err := e.api.DB().GetUint8(key)
	return err == nil && v != 0
}

// configError ends the start with text; at run time it is logged and the device switched off instead.
func (e *Engine) configError(runtime bool, text string) error {
	text = "configuration error: " + text
	if !runtime {
		return errors.New(text)
	}
	e.log.Critf("%s", text)
	e.log.Critf("disabling quorum device operations")
	e.setQdeviceCanOperate(false)
	return nil
}

// readConfig reads the keys of votequorum(5) and applies them. At start (not runtime) a contradiction is an error; later
// it is logged, and what can go on does. Only votes, expected votes, two_node and the device change at run time.
func (e *Engine) readConfig(runtime bool) error {
	e.log.Debugf("Reading configuration (runtime: %d)", b2u8(runtime))
	db := e.api.DB()
	if runtime {
		// A tie breaker switched off for an odd number of votes may be usable again.
		e.tie = e.configuredTie
		e.publish32("atb_type", uint32(e.tie))
	}
	expected, err := db.GetUint32("quorum.expected_votes")
	if err != nil {
		expected = 0
	}
	list := e.readNodelist()
	haveDevice, deviceVotes := e.readQdevice()
	e.twoNode = e.readFlag("quorum.two_node")

	if !list.present && expected == 0 {
		const text = "configuration error: nodelist or quorum.expected_votes must be configured!"
		if !runtime {
			return errors.New(text)
		}
		e.log.Critf("%s", text)
		e.log.Critf("will continue with current runtime data")
		return nil
	}
	if e.twoNode && haveDevice {
		const text = "configuration error: two_node and quorum device cannot be configured at the same time!"
		if !runtime {
			return errors.New(text)
		}
		e.log.Critf("%s", text)
		if e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) {
			e.log.Critf("quorum device is registered, disabling two_node")
			e.twoNode = false
		} else {
			e.log.Critf("quorum device is not registered, allowing two_node")
			e.setQdeviceCanOperate(false)
		}
	}
	if !runtime {
		if err := e.readStartModes(); err != nil {
			return err
		}
	}
	if e.waitForAllAutoset {
		e.waitForAll = e.twoNode
	}
	if e.twoNode && e.tie != atbNone {
		e.log.Critf("two_node and auto_tie_breaker are both specified but are not compatible.")
		e.log.Critf("two_node has been disabled, please fix your corosync.conf")
		e.twoNode = false
	}
	if stop, err := e.checkOddTie(list, runtime); stop || err != nil {
		return err
	}
	if haveDevice {
		if err := e.checkDevice(list, expected, deviceVotes, runtime); err != nil {
			return err
		}
		if deviceVotes == votesUnset && expected == 0 && list.present && list.nodes == list.total {
			// One vote less than the nodes have: the last node standing with the device keeps quorum.
			deviceVotes = int64(list.total) - 1
			list.total += uint32(deviceVotes)
		}
	}
	if e.evTracking {
		expected = e.evTrackingBarrier
	}
	e.applyVotes(list, expected, haveDevice, deviceVotes)
	e.setBarrier(e.us.expected)
	e.publish8("two_node", e.twoNode)
	switch {
	case e.waitForAll && !runtime:
		e.setWaitForAllStatus(true)
	case !e.waitForAll && e.waitForAllAutoset && e.waitForAllStatus:
		e.setWaitForAllStatus(false)
	}
	return nil
}

// readStartModes reads what is read once, at start.
func (e *Engine) readStartModes() error {
	db := e.api.DB()
	e.allowDownscale = e.readFlag("quorum.allow_downscale")
	if v, err := db.GetUint8("quorum.wait_for_all"); err == nil {
		e.waitForAll = v != 0
	} else {
		e.waitForAllAutoset = true
	}
	e.lastManStanding = e.readFlag("quorum.last_man_standing")
	e.lmsWindow = e.readMillis("quorum.last_man_standing_window", defaultLastManStandingWindow)
	e.evTracking = e.readFlag("quorum.expected_votes_tracking") || e.allowDownscale
	text, err := db.GetString("quorum.auto_tie_breaker_node")
	haveText := err == nil
	if e.readFlag("quorum.auto_tie_breaker") {
		e.tie = atbLowest
		if haveText {
			e.parseTieBreaker(text)
		}
		e.publish32("atb_type", uint32(e.tie))
	} else if haveText {
		e.log.Warningf("auto_tie_breaker_node: is meaningless if auto_tie_breaker is set to 0")
	}
	e.configuredTie = e.tie
	if e.evTracking {
		if e.store != nil {
			v, err := e.store.Load()
			if err != nil {
				return fmt.Errorf("Unable to load ev_tracking file!: %w", err) //nolint:staticcheck // shown to the user as 3.1 does
			}
			e.evTrackingBarrier = v
		}
		e.setTrackingBarrier(e.evTrackingBarrier)
	}
	return nil
}

// parseTieBreaker reads auto_tie_breaker_node: lowest, highest or node ids in order of preference.
func (e *Engine) parseTieBreaker(text string) {
	e.tie = atbNone
	switch text {
	case "lowest":
		e.tie = atbLowest
	case "highest":
		e.tie = atbHighest
	default:
		e.tieList = e.tieList[:0]
		for len(e.tieList) < totem.MaxNodes {
			// The list ends at the first thing that is not a number, as "2 4,6" does after 4.
			text = strings.TrimLeft(text, " \t")
			end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
			if end < 0 {
				end = len(text)
			}
			id, err := strconv.ParseUint(text[:end], 10, 32)
			if err != nil || id == 0 {
				break
			}
			text = text[end:]
			e.log.Debugf("ATB nodelist[%d] = %d", len(e.tieList), id)
			e.tieList = append(e.tieList, totem.NodeID(id))
		}
		if len(e.tieList) > 0 {
			e.tie = atbList
		}
	}
	e.log.Debugf("ATB type = %d", e.tie)
	if e.tie == atbNone {
		e.log.Warningf("auto_tie_breaker_nodes is not valid. It must be 'lowest', 'highest' or a space-separated list of node IDs. auto_tie_breaker is disabled")
	}
}

// checkOddTie refuses a tie breaker for an odd number of votes without wait_for_all: an isolated half plus one without
// the tie breaker node would be quorate after a restart. stop ends the reading of the configuration.
func (e *Engine) checkOddTie(list nodelistVotes, runtime bool) (stop bool, err error) {
	if e.tie == atbNone || list.total%2 == 0 || e.waitForAll {
		return false, nil
	}
	if e.lastManStanding {
		e.log.Critf("auto_tie_breaker is set, the cluster has an odd number of nodes")
		e.log.Critf("and last_man_standing is also set. With this situation a better")
		e.log.Critf("solution would be to disable LMS, leave ATB enabled, and also")
		e.log.Critf("enable wait_for_all (mandatory for ATB in odd-numbered clusters).")
		e.log.Critf("Due to this ambiguity, corosync will fail to start. Please fix your corosync.conf")
		if runtime {
			return true, nil
		}
		return true, errors.New("configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster")
	}
	e.log.Critf("auto_tie_breaker is set and the cluster has an odd number of nodes.")
	e.log.Critf("wait_for_all needs to be set for this configuration but it is missing")
	e.log.Critf("Therefore auto_tie_breaker has been disabled. Please fix your corosync.conf")
	e.tie = atbNone
	e.publish32("atb_type", uint32(e.tie))
	return false, nil
}

// checkDevice looks for options that a quorum device excludes, and for votes that make no sense.
func (e *Engine) checkDevice(list nodelistVotes, expected uint32, votes int64, runtime bool) error {
	for _, c := range []struct {
		bad  bool
		text string
	}{
		{e.lastManStanding, "quorum.device is not compatible with last_man_standing"},
		{e.tie != atbNone, "quorum.device is not compatible with auto_tie_breaker"},
		{e.allowDownscale, "quorum.device is not compatible with allow_downscale"},
		{expected != 0 && votes == votesUnset, "quorum.device.votes must be specified when quorum.expected_votes is set"},
		{votes == votesUnset && list.present && list.nodes != list.total,
			"quorum.device.votes must be specified when not all nodes votes 1"},
		{votes > 0 && expected != 0 && int64(expected)-votes < 2,
			"quorum.device.votes is too high or expected_votes is too low"},
	} {
		if c.bad {
			if err := e.configError(runtime, c.text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) applyVotes(list nodelistVotes, expected uint32, haveDevice bool, deviceVotes int64) {
	e.log.Debugf("ev_tracking=%d, ev_tracking_barrier = %d: expected_votes = %d",
		b2u8(e.evTracking), e.evTrackingBarrier, expected)
	if list.present {
		e.us.votes, e.us.expected = list.own, list.total
	} else {
		e.us.votes = 1
		if v, err := e.api.DB().GetUint32("quorum.votes"); err == nil {
			e.us.votes = v
		}
	}
	if expected != 0 {
		e.us.expected = expected
	}
	if !haveDevice {
		e.qdevice.votes = 0
	} else if deviceVotes != votesUnset {
		e.qdevice.votes = uint32(deviceVotes)
	}
}

// protectKeys keeps clients from writing what is read only at start.
func (e *Engine) protectKeys() {
	for _, k := range []string{
		"allow_downscale", "wait_for_all", "last_man_standing", "last_man_standing_window", "expected_votes_tracking",
		"auto_tie_breaker", "auto_tie_breaker_node",
	} {
		// The only error is that the rule exists.
		_ = e.api.DB().SetReadOnly("quorum."+k, false, true)
	}
}

const (
	keyReloading = "config.totemconfig_reload_in_progress"
	keyCancelWFA = "quorum.cancel_wait_for_all"
)

// watchConfig follows the keys that matter. The trackers are called inside the setter, because whether a reload is in
// progress is asked at the time of each change.
func (e *Engine) watchConfig() error {
	for _, w := range []struct {
		key  string
		kind icmap.Event
	}{
		{"nodelist.", icmap.EventAny | icmap.EventPrefix},
		{"quorum.", icmap.EventAny | icmap.EventPrefix},
		{keyReloading, icmap.EventAdd | icmap.EventModify},
	} {
		t, err := e.api.DB().TrackNow(w.key, w.kind, e.configChanged)
		if err != nil {
			return err
		}
		e.config = append(e.config, t)
	}
	return nil
}

// configChanged reads the configuration again and tells the others, once at the end of a reload and at each change
// otherwise. quorum.cancel_wait_for_all is a command in the form of a key.
func (e *Engine) configChanged(_ icmap.Event, key string, _, _ icmap.Value) {
	db := e.api.DB()
	if e.readFlag(keyReloading) {
		return
	}
	if status, err := db.GetInt32("config.reload_status"); key == keyReloading && err == nil && status != int32(cserr.OK) {
		return
	}
	if key == keyCancelWFA && e.readFlag(keyCancelWFA) {
		_ = db.SetUint8(keyCancelWFA, 0)
		if err := e.sendReconfigure(ipcmsg.VotequorumParamCancelWFA, e.us.id, 0); err != nil {
			e.log.Errorf("Failed to send Cancel WFA message to other nodes: %v", err)
		}
		return
	}
	votes, expected := e.us.votes, e.us.expected
	// At run time readConfig logs what is wrong and returns nil.
	_ = e.readConfig(true)
	e.sendNodeInfo(e.us)
	e.sendNodeInfo(e.qdevice)
	if e.us.votes != votes {
		if err := e.sendReconfigure(ipcmsg.VotequorumParamNodeVotes, e.us.id, e.us.votes); err != nil {
			e.log.Errorf("Failed to send new votes message to other nodes: %v", err)
		}
	}
	if e.us.expected != expected {
		if err := e.sendReconfigure(ipcmsg.VotequorumParamExpectedVotes, e.us.id, e.us.expected); err != nil {
			e.log.Errorf("Failed to send expected votes message to other nodes: %v", err)
		}
	}
}
