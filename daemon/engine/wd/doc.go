// Package wd is service 7: it keeps a hardware watchdog alive as long as the resources under resources.system. and
// resources.process. report in time, and does what their recovery key says when one does not.
//
// Resources belong to others: daemon/engine/mon writes system ones, libsam process ones. The engine reads their keys and
// a device; it has neither clients nor ring messages, and runs on the owner goroutine. It answers to exec/wd.c of
// corosync 3.1.
package wd
