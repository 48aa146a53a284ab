package cmapctl

import (
	"context"
	"errors"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/conn"
)

// track prints changes until standard input gives a line that begins with q, or
// ends, or the daemon is gone. The latter is said, but is no failure.
func (r *run) track(ctx context.Context, keys []string) int {
	mask := cmap.Added | cmap.Deleted | cmap.Modified
	if r.trackPrefix {
		mask |= cmap.Prefix
	}
	for _, key := range keys {
		if _, err := r.keys.Track(ctx, key, mask, func(n cmap.Notification) { r.notify(ctx, n) }); err != nil {
			r.Errorf("Failed to add tracking function. Error %s\n", tool.Text(err))
			return tool.Failure
		}
	}
	r.Printf("Type \"q\" to finish\n")
	r.Stdout.Flush()

	waiting, quit := context.WithCancel(ctx)
	defer quit()
	go r.awaitQuit(quit)
	err := r.keys.Dispatch(waiting, conn.Blocking)
	if errors.Is(err, context.Canceled) {
		err = r.keys.Dispatch(ctx, conn.All) // what came before the end
	}
	if err != nil {
		r.Errorf("Dispatch error %s\n", tool.Text(err))
	}
	return tool.Success
}

// awaitQuit reads standard input until it is time to end. Its goroutine ends
// with the process: a read cannot be interrupted.
func (r *run) awaitQuit(quit func()) {
	defer quit()
	buf := make([]byte, 4096)
	for {
		n, err := r.Stdin.Read(buf)
		if n > 0 && buf[0] == 'q' || err != nil {
			return
		}
	}
}

// notify prints a change: the new value, or the old one of a deleted key. A
// value without bytes is read from the daemon, as ever.
func (r *run) notify(ctx context.Context, n cmap.Notification) {
	v := n.New
	switch n.Event {
	case cmap.Added:
		r.Printf("create> ")
	case cmap.Modified:
		r.Printf("modify> ")
	case cmap.Deleted:
		r.Printf("delete> ")
		v = n.Old
	default:
		r.Printf("unknown change> ")
		r.Stdout.Flush()
		return
	}
	if len(v.Data) == 0 {
		r.printKey(ctx, n.Key, v.Type)
	} else {
		r.printValue(n.Key, v)
	}
	r.Stdout.Flush()
}
