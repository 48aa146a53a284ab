// Package quorum is the client of corosync's quorum service: whether this
// partition is quorate, and who is in it.
//
//	application ── Quorate, TrackStart ──▶ Client ──▶ conn ──▶ daemon
//	            ◀── OnQuorum, OnNodeList ── Dispatch ◀── events
//
// It owns the choice of the model at connect and the decoding of events; it
// does not own votes (package votequorum). Methods may be called from any
// goroutine; callbacks run on the goroutine that calls Dispatch. Errors carry
// the number that C programs see: cserr.From. It answers to lib/quorum.c.
package quorum
