// Package cpg is the client of closed process groups: processes of the cluster
// that join a group by name, send to it in one total order, and learn of each
// other's coming and going in that same order.
//
//	application ── Join, Mcast ──▶ Client ──▶ conn ──▶ daemon ──▶ ring
//	            ◀── Deliver, Confchg ── Dispatch ◀── events ◀──
//
// It owns the splitting of messages that exceed one request and their
// reassembly; it does not own order or membership, which the daemon decides.
// Methods may be called from any goroutine; callbacks run on the goroutine that
// calls Dispatch, with views of shared memory. A multicast that fits one request
// allocates nothing. Errors carry the number that C programs see: cserr.From.
// It answers to lib/cpg.c.
package cpg
