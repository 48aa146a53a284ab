// Package driver joins the parts of totem that only compute (srp, pg) with a transport and the owner loop, and is the
// ring as the service layer sees it.
//
// It owns the machine of the single ring protocol, the packing layer, the transport, and the file with the ring sequence
// number. Its work is to execute what the machine wants done, in order:
//
//	transport ─▶ Receive ─┐                          ┌─▶ packets, collected ─▶ transport.Send
//	loop ─▶ alarm ────────┼─▶ one input of srp ──▶ outputs, in order ─▶ ring id file
//	own frames ───────────┘                          ├─▶ pg ─▶ RingHandler.Deliver, Confchg
//	                                                 └─▶ own frames, for the next turn
//
// Packets are collected and leave as one batch when an output of another kind follows, so the token is on its way before
// the messages it came with are delivered.
//
// What the application does while outputs are executed (queue a message, acknowledge a configuration) becomes an input of
// the machine only when the list has been worked off.
//
// Frames to this node itself never touch the network: they are handed to the machine in the next turn, after what has
// become readable by then. So a ring of one runs without a system call for its token, and leaves clients their turn
// between two rotations.
//
// All calls are made on the owner goroutine. The package answers to exec/totemnet.c, to the callbacks of exec/totemsrp.c
// and exec/totempg.c, and to the ring id functions of exec/main.c.
package driver
