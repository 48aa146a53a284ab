// Package shm is the shared memory of local connections: files under /dev/shm with libqb's names, owners and modes,
// their mappings, and sleeping and waking on a process-shared semaphore in them.
//
// It owns memory and files, and knows nothing of messages; ring gives the bytes their meaning, qbipc decides what is
// created and when it goes away. The functions of the creating side never block and run on the daemon's owner loop;
// Wait blocks an operating-system thread and is for clients. It answers to libqb's unix.c, the file parts of
// ringbuffer.c and ipc_setup.c, and to the waiting half of glibc's semaphores.
package shm
