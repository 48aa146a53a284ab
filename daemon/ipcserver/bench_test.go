package ipcserver

import (
	"context"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// benchClient is what both protocols' clients have.
type benchClient interface {
	Send(flowLimit int, iov [][]byte) error
	Receive(ctx context.Context, dst []byte) ([]byte, error)
	Close() error
}

// BenchmarkProtocols compares the two protocols through the server: a request with its answer, and the multicast, which has
// an answer over coroipc only.
func BenchmarkProtocols(b *testing.B) {
	for _, p := range []struct {
		name string
		dial func(w *world) (benchClient, error)
	}{
		{"qb", func(w *world) (benchClient, error) { return qbipc.Dial(context.Background(), w.svc.Short, maxMessage) }},
		{"coroipc", func(w *world) (benchClient, error) {
			return coroipc.DialAt(context.Background(), w.svc.Short+"-1x", cpg3x, maxMessage)
		}},
	} {
		for _, k := range []struct {
			name     string
			function uint32
			answered bool
		}{{"request", 0, true}, {"multicast", 2, p.name == "coroipc"}} {
			b.Run(k.name+"/"+p.name, func(b *testing.B) {
				w := newCoroWorld(b, Config{})
				w.do(func() { w.quiet = true })
				c, err := p.dial(w)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				iov := [][]byte{message(k.function, 1)}
				reply := make([]byte, 0, 100)
				b.ResetTimer()
				for range b.N {
					err := c.Send(2, iov)
					for err == unix.EAGAIN && !k.answered {
						runtime.Gosched()
						err = c.Send(2, iov)
					}
					if err != nil {
						b.Fatal(err)
					}
					if !k.answered {
						continue
					}
					if _, err := c.Receive(context.Background(), reply[:0]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
