// Package dgram moves batches of datagrams between the frames of a transport and UDP sockets, with as few system calls
// as the kernel allows: sendmmsg with segmentation offload (UDP_SEGMENT) one way, recvmmsg with coalescing (UDP_GRO)
// the other.
//
// It owns the arrays the kernel reads and writes, and the decision whether segmentation works. It does not own sockets,
// addresses of peers, or any knowledge of frames. One goroutine uses a [Sender] or a [Receiver].
//
// The calls never wait, so they are made without telling the Go scheduler; see RawSyscall in x/sys/unix.
//
// This package is unsafe where it builds message headers for the kernel. The arrays are Go memory on the heap, which
// does not move; they are referenced by typed pointers, so the collector sees them.
package dgram
