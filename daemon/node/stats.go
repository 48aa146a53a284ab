package node

import (
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/ipcserver"
	"github.com/corosync-go/corosync/daemon/stats"
)

// newStats registers the readers of the statistics map.
func (n *Node) newStats() *stats.Registry {
	r := stats.New()
	r.Register(stats.PrefixPG, func(o *stats.Out) {
		free, reserved := n.driver.Queue()
		stats.PG(o, uint32(free), uint32(reserved))
	})
	r.Register(stats.PrefixSRP, func(o *stats.Out) {
		s := n.driver.Stats()
		stats.SRP(o, &s.SRP, uint32(s.Transport.MulticastErrors))
	})
	r.OnClear("totem", n.driver.ClearStats)
	if n.ipc != nil {
		r.Register(stats.PrefixIPC, func(o *stats.Out) { ipcStats(o, n.ipc) })
		r.OnClear("ipc", n.ipc.ClearStats)
	}
	return r
}

// watchSchedule looks every third of the token timeout whether the loop came round in time. A turn that is late by more
// than 0.8 of the token timeout is logged and recorded: other nodes may have declared this one failed.
func (n *Node) watchSchedule() {
	const late = 0.8
	wall := n.env.Wall
	if wall == nil {
		wall = time.Now
	}
	last := n.env.Turns.Now()
	token := n.config.Totem.Token() // when the alarm was set: a reload changes it
	var alarm clock.Alarm
	alarm = n.env.Turns.NewAlarm(func() {
		now := n.env.Turns.Now()
		if limit := time.Duration(late * float64(token)); now.Sub(last) > limit {
			delay := now.Sub(last)
			n.log.Warningf("Corosync main process was not scheduled (@%d) for %.4f ms (threshold is %.4f ms). Consider token timeout increase.",
				wall().UnixMilli(), millis(delay), millis(limit))
			n.stats.ScheduleMiss(wall(), delay)
		}
		last, token = now, n.config.Totem.Token()
		alarm.Set(now.Add(token / 3))
	})
	alarm.Set(last.Add(token / 3))
}

// What 3.1 takes for a fault of the network, and how often it looks.
const (
	// maxSendFailures is the number of multicasts refused in a row after which the operator is told (MAX_NO_CONT_SENDMSG_FAILURES).
	maxSendFailures   = 30
	formationInterval = 1500 * time.Millisecond
)

// watchFormation tells the operator, as long as it lasts, that no ring forms: some packets arrive and some do not, or none
// can be sent.
func (n *Node) watchFormation() {
	var alarm clock.Alarm
	alarm = n.env.Turns.NewAlarm(func() {
		s := n.driver.Stats()
		if why := formationFault(s.SRP.FirewallEnabledOrNICFailure, s.Transport.MulticastErrors); why != "" {
			n.log.Warningf("Totem is unable to form a cluster because of an operating system or network fault (reason: %s). "+
				"The most common cause of this message is that the local firewall is configured improperly.", why)
		}
		alarm.Set(n.env.Turns.Now().Add(formationInterval))
	})
	alarm.Set(n.env.Turns.Now().Add(formationInterval))
}

// formationFault says why no ring can form, or nothing.
func formationFault(gathering bool, sendFailures uint64) string {
	switch {
	case gathering:
		return "totem is continuously in gather state"
	case sendFailures > maxSendFailures:
		return "number of multicast sendmsg failures is above threshold"
	}
	return ""
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ipcStats emits the statistics of the server and of each connection.
func ipcStats(o *stats.Out, s *ipcserver.Server) {
	if o.Under("global.") {
		t := s.Totals()
		o.Uint64("active", t.Active)
		o.Uint64("closed", t.Closed)
	}
	for _, c := range s.Conns() {
		if !o.Under(strings.TrimPrefix(c.Prefix, stats.PrefixIPC)) {
			continue
		}
		o.Int32("queueing", c.Queueing)
		o.Uint32("queued", c.Queued)
		o.Uint64("invalid_request", c.InvalidRequest)
		o.Uint64("overload", c.Overload)
		o.Uint32("sent", c.Sent)
		o.String("procname", c.Procname)
		o.Uint64("requests", c.Requests)
		o.Uint64("responses", c.Responses)
		o.Uint64("dispatched", c.Dispatched)
		o.Uint64("send_retries", c.SendRetries)
		o.Uint64("recv_retries", c.RecvRetries)
		o.Uint32("flow_control", c.FlowControl)
		o.Uint64("flow_control_count", c.FlowChanges)
	}
}
