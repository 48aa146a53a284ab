// Package seq holds the 32-bit sequence numbers of the single ring protocol and the one rule by which they are compared
// when they wrap around.
//
// Messages (seq, aru) and tokens (token_seq) are counted with it. The package is pure and has no state; srp and wire use
// it. It answers to exec/totemsrp.c and include/corosync/sq.h, whose comparison is not the usual modular one and must be
// reproduced exactly, because all members of a ring have to agree on it.
package seq
