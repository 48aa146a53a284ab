// Package cabi reads and writes C structures over byte slices: fields at their natural alignment, in the host's
// byte order or swapped, with every access inside bounds.
//
// It owns layout arithmetic only; what the fields mean is the business of ipcmsg and of the daemon's exec message
// codecs. It is pure and used from any goroutine. It answers to what a C compiler does with the structures of
// corosync's ipc_*.h, corotypes.h and swab.h.
package cabi
