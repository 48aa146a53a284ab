// libcpg as everybody would write it first in Go: exported functions around the Go client, which wait and call back from Go.
// Only what testdata/hazards/hazards.c calls; for tests only.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../../../../include
#include <sys/uio.h>
#include <corosync/cpg.h>

typedef const struct iovec const_iovec;
typedef const struct cpg_name const_name;

static void deliver(cpg_deliver_fn_t f, cpg_handle_t h, struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n)
{
	if (f != NULL)
		f(h, g, node, pid, m, n);
}

static void confchg(cpg_confchg_fn_t f, cpg_handle_t h, struct cpg_name *g)
{
	if (f != NULL)
		f(h, g, NULL, 0, NULL, 0, NULL, 0);
}
*/
import "C"

import (
	"context"
	"sync"
	"unsafe"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
)

var (
	mu      sync.Mutex
	clients = map[C.cpg_handle_t]*cpg.Client{}
	last    C.cpg_handle_t
)

func of(h C.cpg_handle_t) *cpg.Client {
	mu.Lock()
	defer mu.Unlock()
	return clients[h]
}

func result(err error) C.cs_error_t {
	if err == nil {
		return C.CS_OK
	}
	return C.cs_error_t(conn.Code(err))
}

//export cpg_initialize
func cpg_initialize(h *C.cpg_handle_t, cb *C.cpg_callbacks_t) C.cs_error_t {
	var call C.cpg_callbacks_t
	if cb != nil {
		call = *cb
	}
	mu.Lock()
	last++
	handle := last
	mu.Unlock()
	name := func(g []byte) C.struct_cpg_name {
		n := C.struct_cpg_name{length: C.uint32_t(len(g))}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&n.value)), len(n.value)), g)
		return n
	}
	c, err := cpg.Dial(context.Background(), cpg.Options{Callbacks: cpg.Callbacks{
		Deliver: func(g []byte, node, pid uint32, m []byte) {
			n := name(g)
			C.deliver(call.cpg_deliver_fn, handle, &n, C.uint32_t(node), C.uint32_t(pid), unsafe.Pointer(unsafe.SliceData(m)), C.size_t(len(m)))
		},
		Confchg: func(g []byte, _, _, _ []cpg.Address) {
			n := name(g)
			C.confchg(call.cpg_confchg_fn, handle, &n)
		},
	}})
	if err != nil {
		return result(err)
	}
	mu.Lock()
	clients[handle] = c
	mu.Unlock()
	*h = handle
	return C.CS_OK
}

//export cpg_finalize
func cpg_finalize(h C.cpg_handle_t) C.cs_error_t {
	mu.Lock()
	c := clients[h]
	delete(clients, h)
	mu.Unlock()
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	return result(c.Close(context.Background()))
}

//export cpg_join
func cpg_join(h C.cpg_handle_t, g *C.const_name) C.cs_error_t {
	c := of(h)
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	return result(c.Join(context.Background(), C.GoBytes(unsafe.Pointer(&g.value), C.int(g.length))))
}

//export cpg_mcast_joined
func cpg_mcast_joined(h C.cpg_handle_t, guarantee C.cpg_guarantee_t, iov *C.const_iovec, n C.uint) C.cs_error_t {
	c := of(h)
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	var parts [][]byte
	for _, v := range unsafe.Slice(iov, int(n)) {
		parts = append(parts, unsafe.Slice((*byte)(v.iov_base), int(v.iov_len)))
	}
	return result(c.Mcast(context.Background(), cpg.Guarantee(guarantee), parts...))
}

//export cpg_dispatch
func cpg_dispatch(h C.cpg_handle_t, mode C.cs_dispatch_flags_t) C.cs_error_t {
	c := of(h)
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	return result(c.Dispatch(context.Background(), conn.Mode(mode)))
}

//export cpg_fd_get
func cpg_fd_get(h C.cpg_handle_t, fd *C.int) C.cs_error_t {
	c := of(h)
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	*fd = C.int(c.Fd())
	return C.CS_OK
}

//export cpg_local_get
func cpg_local_get(h C.cpg_handle_t, node *C.uint) C.cs_error_t {
	c := of(h)
	if c == nil {
		return C.CS_ERR_BAD_HANDLE
	}
	n, err := c.LocalNode(context.Background())
	*node = C.uint(n)
	return result(err)
}

func main() {}
