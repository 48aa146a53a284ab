// Package capi tests the C interface: the headers, and the libraries
// libcpg.so.4, libcmap.so.4, libquorum.so.5, libvotequorum.so.8, libcfg.so.7,
// libsam.so.4 and libcorosync_common.so.4.
//
//	headers   ours and Debian's give the same declarations, macros, sizes and
//	          offsets
//	symbols   every symbol and version that Debian's libraries have is found
//	          in ours by the loader
//	api       one C program per exported function makes every call that can be
//	          right or wrong, and prints what came of it
//
// A program of the last kind is compiled once, against Debian's libraries, and
// runs as the same file with theirs and with ours; what it prints has to be the
// same. So the reference is what the C libraries do, not what anybody thinks
// they do:
//
//	               C daemon        our daemon
//	Debian's libs  reference       the daemon is as good
//	our libs       libs as good    both, over either protocol
//
// What the hazards of a Go runtime in a program that knows nothing of Go do to a plain c-shared build, as TestPlainBuild sees it with
// Go 1.26 each time, and what cures them (the loader is libcorosync-go/shim/loader.c):
//
//	signals awaited in one thread  runtime threads block nothing          loaded with all signals blocked
//	storm of signals               SIGSEGV or fatal error at once         signals blocked around calls
//	handlers of the program        Go's own are there before main         overlay: signal table emptied
//	a fault and its core dump      two signals; address and code lost     the same
//	started with SCHED_RR          runtime threads are SCHED_RR too       a thread of its own loads
//	privileges given up before     runtime threads keep them              loaded at the first call
//	pthread_cancel while waiting   never ends                             waiting in C
//	longjmp, pthread_exit, dispatch in callbacks
//	                               the next dispatch is refused           callbacks from C
//	threads of an idle program     5                                      overlay: one processor, no watching thread
//	exec, daemon: merely loaded    has threads                            loaded at the first call
//	fork before the first call     hangs in most children                 loaded at the first call
//	mlockall                       0.3 to 1.6 GB of the account           overlay: small arenas and tables
//	RLIMIT_AS                      fatal error while it is loaded         overlay, and room is asked for
//	limit of open files            raised to the hard one                 overlay: left alone
//
// A fork after the first call, with one thread, and with threads in the library at that moment: the first mostly works on a plain
// build, whose calls need no other thread until the collector runs; the second did not end within 20 s in any of ten runs by hand, but
// a thread of it was always awake, so that the test, which knows a hang by the rest of all threads, does not judge it. Closed descriptors and
// RLIMIT_MEMLOCK depend there on when the runtime has started, and on who runs the test. setuid (glibc changes all threads), stacks
// of 32 kB, close_range, dlopen and dlclose, and PR_SET_MDWE do a plain build no harm; and it leaves the mask of its caller's signals alone,
// whose handlers then run on the stacks of Go. With signals blocked around calls one for the process came to another thread than with
// the C libraries: therefore C does itself what comes and goes in shared memory (libcorosync-go/shim/direct.h).
//
// The package imports the harness of package netns for nodes and daemons.
package capi
