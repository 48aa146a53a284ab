// Package syncengine brings the services of all members to one state after each membership change: it agrees on the
// list of services, and runs them one by one through process, barrier and activate.
//
//	regular confchg ─▶ SERVICE_BUILD ─(from all)─▶ process ─▶ BARRIER ─(from all)─▶ activate ─┐
//	                                                  ▲                                        │
//	                                                  └──────────── next service ──────────────┴─▶ complete
//
// [Machine] is the protocol, pure: inputs are method calls, outputs a list that is executed in order. [Runner] executes
// it against the service layer. Both are called by the goroutine that owns the daemon.
//
// It does not own what a service exchanges in its process phase (daemon/engine), nor the two send queues that keep
// ordinary messages out of the synchronisation (daemon/totem/pg).
//
// It answers to exec/sync.c of corosync 3.1.
package syncengine
