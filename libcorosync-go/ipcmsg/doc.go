// Package ipcmsg owns the formats of the messages that the corosync 3.x
// services exchange: requests, responses and events between a client library
// and the daemon, and the ordered ("exec") messages between daemons.
//
//	client package ── request ──▶ service engine ── exec message ──▶ engines of all nodes
//	               ◀─ response ──
//	               ◀── event ────
//
// Every message is a struct with a Parse function and an Append method, so
// both ends use the same definition: the daemon parses requests and appends
// responses and events, a client the other way round.
//
// # Conventions
//
// Offsets in comments count from the first byte of the message, header
// included. A message is always complete: Parse takes it from its header on,
// and Append writes the header with identifier and size. Padding and unused
// name bytes are written as zero and never read.
//
// Client messages are in the byte order of the host. Exec messages take the
// byte order as a parameter, because a foreign sender's order is known only
// from the totem frame.
//
// Parse functions are total: they return an error that wraps [ErrShort],
// [ErrLength], [ErrCount] or [ErrNameTooLong] for every input that is not a
// whole message, and never panic. Byte slices in parsed values (names, keys,
// payloads) are views of the input and valid only as long as it is; lists of
// numbers and addresses are copies. Parsing a message without such a list
// allocates nothing.
//
// What the package does not own: transport and flow control (package qbipc,
// coroipc), the 1.x formats, and the meaning of the messages (the engines).
//
// Functions may be called from any goroutine. The layouts answer to
// include/corosync/ipc_*.h and exec/*.c of corosync 3.1.7.
package ipcmsg
