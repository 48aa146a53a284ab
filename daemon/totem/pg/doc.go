// Package pg is the process-group layer of totem: it packs messages into frames and takes them out again, in order, at
// every member.
//
// Small messages share a frame, large ones are cut into fragments; both may happen in one frame. The layer owns the send
// queues with their slot arithmetic, which clients see as back-pressure, and the partial messages of all senders. It does
// not own the token, sequence numbers or retransmission (srp, which pulls frames through Pending, Next and Flush), and knows
// nothing of what is in a message but the name of the group in front of it.
//
// There are two streams, ordinary and transitional. From the moment a configuration change begins until the application
// has synchronised, messages go through the transitional one, so that a message cut in the ordinary stream may continue
// afterwards. Senders switch queues, receivers switch sets of partial messages.
//
// The package is pure and not safe for concurrent use; the driver calls it on the owner goroutine. It answers to
// exec/totempg.c and the new-message queues of exec/totemsrp.c.
package pg
