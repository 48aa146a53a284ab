// A host written in Go that links the C libraries: two runtimes in one process.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../../../include
#cgo LDFLAGS: -lcpg -lcmap -lcorosync_common
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <corosync/cpg.h>
#include <corosync/cmap.h>

static int got;
static void on_message(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n) { got++; }

static int begin(cpg_handle_t *h)
{
	cpg_callbacks_t cb = { on_message, NULL };
	struct cpg_name group = { 6, "gohost" };
	int e = cpg_initialize(h, &cb);

	if (e != CS_OK)
		return e;
	while ((e = cpg_join(*h, &group)) == CS_ERR_TRY_AGAIN) // the node is young: it may be in a synchronisation
		usleep(1000);
	return e;
}

static int turn(cpg_handle_t h)
{
	struct iovec iov = { "x", 1 };
	int before = got, e;

	while ((e = cpg_mcast_joined(h, CPG_TYPE_AGREED, &iov, 1)) == CS_ERR_TRY_AGAIN)
		;
	while (e == CS_OK && got == before)
		e = cpg_dispatch(h, CS_DISPATCH_ONE);
	return e;
}
*/
import "C"

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func main() {
	signals := make(chan os.Signal, 1000)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGCHLD)
	var h C.cpg_handle_t
	if e := C.begin(&h); e != C.CS_OK {
		fail("begin", e)
	}
	for range 300 {
		if e := C.turn(h); e != C.CS_OK {
			fail("turn", e)
		}
		runtime.GC()
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var c C.cmap_handle_t
			for range 100 {
				if e := C.cmap_initialize(&c); e != C.CS_OK {
					fail("cmap_initialize", C.int(e))
				}
				if e := C.cmap_finalize(c); e != C.CS_OK {
					fail("cmap_finalize", C.int(e))
				}
			}
		})
	}
	wg.Wait()
	// The host's own fault handling works: a nil pointer is a panic that can be recovered.
	func() {
		defer func() {
			if recover() == nil {
				fail("recover", 0)
			}
		}()
		var p *int
		*p = 1
	}()
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	select {
	case <-signals:
	case <-time.After(20 * time.Second):
		fail("signal", 0)
	}
	if e := C.cpg_finalize(h); e != C.CS_OK {
		fail("finalize", C.int(e))
	}
}

func fail(what string, e C.int) {
	fmt.Println(what, e)
	os.Exit(1)
}
