// Package votequorum is the client of corosync's vote quorum service: votes,
// expected votes and the quorum device.
//
//	application ── Info, SetVotes, Qdevice... ──▶ Client ──▶ conn ──▶ daemon
//	            ◀── Quorum, ExpectedVotes, NodeList ── Dispatch ◀── events
//
// The service exists only while corosync_votequorum is the quorum provider;
// otherwise Dial fails with the error of a missing daemon. Methods may be
// called from any goroutine; callbacks run on the goroutine that calls
// Dispatch. Errors carry the number that C programs see: cserr.From. It answers
// to lib/votequorum.c.
package votequorum
