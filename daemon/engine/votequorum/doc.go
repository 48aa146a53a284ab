// Package votequorum is service 5: the quorum provider that counts votes.
//
// Each node tells the others its votes, the votes it expects and its flags (NODEINFO); each computes the same quorum from
// the same ordered messages, so that partitions decide without talking to each other. The engine owns the node table,
// the calculation and its special modes (two_node, wait_for_all, last_man_standing, auto_tie_breaker, allow_downscale,
// expected_votes_tracking) and the calls of a quorum device. It does not tell quorum clients: what it decides goes
// through service.API.PublishQuorum to daemon/engine/quorum.
//
//	sync engine -> SyncInit, SyncProcess (NODEINFO out), SyncActivate -> publish
//	ring        -> exec.go  -> node table -> calc.go -> publish, events
//	clients     -> lib.go   -> RECONFIGURE, NODEINFO, QDEVICE_REG out
//	icmap       -> config.go: read at start, and again at each change
//
// Everything runs on the owner goroutine; the engine is driven by service.API alone and therefore runs in vqsim.
//
// It answers to exec/votequorum.c of corosync 3.1 and votequorum(5). The quorum value is kept in 32 bits; 3.1 cuts it to
// eight, which gives a cluster with more than 510 votes a quorum that is too small.
package votequorum
