// Package notifyd is corosync-notifyd: it watches the local daemon and reports
// nodes that come and go, quorum gained and lost, applications that connect and
// links that fail, to the log, as D-Bus signals and as SNMP traps.
//
//	cmap  runtime.members.  ──┐
//	stats stats.ipcs.       ──┤            ┌──▶ log (syslog, stderr)
//	stats stats.knet.       ──┼─▶ watcher ─┼──▶ D-Bus
//	quorum notifications    ──┘            └──▶ SNMP
//
// Each connection to the daemon has a goroutine that waits for its events; they
// take turns at reporting, so each connection's events keep their order. It owns options, texts and formats; what an event means is
// up to the daemon. It answers to corosync's tools/corosync-notifyd.c.
package notifyd
