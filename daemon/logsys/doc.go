// Package logsys is the log of the daemon: subsystems, levels, and the targets
// stderr, file, syslog and blackbox, in the line formats of corosync 3.1.
//
// It owns the decision which message goes where, and the writing. It does not
// own the text of messages, nor the meaning of configuration keys: daemon/config
// makes Settings out of them.
//
//	Logger.Log ── level? ──▶ text ──▶ blackbox (memory)
//	 (any goroutine)          │
//	                          └── bounded queue ──▶ writer ──▶ logrus ──▶ stderr, files, /dev/log
//
// Logging never blocks the caller: the text is made at once, and one goroutine,
// started by New and ended by Close, writes it. When that goroutine cannot keep
// up, messages are dropped, counted, and the number is written later.
//
// It answers to exec/logsys.c and to the log of libqb beneath it.
package logsys
