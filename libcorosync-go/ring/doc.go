// Package ring is libqb's ring buffer: a queue of messages in memory shared by one writer process and one reader
// process, with a counting semaphore of glibc's layout in its header.
//
// It works over byte slices that somebody else mapped (package shm) or allocated (tests), and neither waits nor makes
// a system call: what must wait or wake is told to the caller. The other process may write anything anywhere at any
// time, so sizes and the own cursor are private copies, each word of the peer's is read once and checked, and nothing
// here indexes by an unchecked value. A message that crosses the end is copied in two parts, so the second mapping
// that libqb makes behind the first is not needed. One goroutine at a time may write, one may read. It answers to
// ringbuffer.c and ringbuffer_helper.c of libqb, and to sem_post and sem_wait of glibc.
package ring
