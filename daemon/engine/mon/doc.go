// Package mon is service 6: it samples memory use and load average into the configuration map and marks a resource failed
// when it exceeds the configured maximum. The watchdog service (daemon/engine/wd) acts on that.
//
// Nothing is sampled until a maximum is set. It has neither clients nor ring messages, and runs on the owner goroutine. It
// answers to exec/mon.c of corosync 3.1.
package mon
