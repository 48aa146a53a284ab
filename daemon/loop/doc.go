// Package loop is the owner loop: the one goroutine, locked to its thread, on which all daemon state lives.
//
// It owns the epoll descriptor, the registration of descriptors with their priorities, the heap of timers, the functions
// that other goroutines post, and the clock reading of the turn. It knows nothing of what it calls.
//
//	RunOnce: wait ─▶ descriptors, high priority first ─▶ timers ─▶ Next ─▶ Post ─▶ end-of-turn hooks
//
// Descriptors come before timers on purpose: after a stall of the whole process the token that waits in the socket is
// seen before the timeout that would have declared it lost.
//
// Post, Stop and Wake may be called from any goroutine; everything else belongs to the goroutine that calls Run. The
// simulator's twin, with virtual time, is loop/simloop.
//
// It answers to libqb's qb_loop as exec/main.c of corosync 3.1 uses it. The loop has no job levels: a turn runs all that
// is ready once, and each handler bounds what it does in one call.
package loop
