package pg

import (
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
)

type counter struct{ messages, bytes int }

func (c *counter) Deliver(_ string, _ totem.NodeID, msg []byte, _ bool) {
	c.messages++
	c.bytes += len(msg)
}

// roundTrip queues a message, and takes frames from the queue and to the receiver whenever a window has gathered.
func roundTrip(p *PG, parts [][]byte, window int, buf []byte, h Handler) {
	for p.Queue(GroupExec, totem.Agreed, parts) != nil {
		pump(p, buf, h)
	}
	if p.Pending(false) >= window {
		pump(p, buf, h)
	}
}

func pump(p *PG, buf []byte, h Handler) {
	p.Flush()
	for {
		n, _, ok := p.Next(buf, false)
		if !ok {
			return
		}
		p.Receive(1, buf[:n], false, h)
	}
}

func benchmark(b *testing.B, mtu, size int) {
	p := newPG(b, mtu)
	p.SetTransitional(false)
	buf := make([]byte, mtu)
	// The header of a cpg message goes in front, as a part of its own.
	parts := [][]byte{make([]byte, 184), make([]byte, size)}
	var h counter
	roundTrip(p, parts, 50, buf, &h)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		roundTrip(p, parts, 50, buf, &h)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkUDP64(b *testing.B)  { benchmark(b, udpMTU, 64) }
func BenchmarkUDP1M(b *testing.B)  { benchmark(b, udpMTU, 1<<20-1000) }
func BenchmarkKnet64(b *testing.B) { benchmark(b, knetMTU, 64) }
func BenchmarkKnet1M(b *testing.B) { benchmark(b, knetMTU, 1<<20-1000) }

func BenchmarkSendOnlyUDP1M(b *testing.B) {
	p := newPG(b, udpMTU)
	p.SetTransitional(false)
	buf := make([]byte, udpMTU)
	parts := [][]byte{make([]byte, 1<<20-1000)}
	b.SetBytes(int64(len(parts[0])))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Queue(GroupExec, 0, parts); err != nil {
			b.Fatal(err)
		}
		for p.Flush(); ; {
			if _, _, ok := p.Next(buf, false); !ok {
				break
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, mtu := range []int{udpMTU, knetMTU} {
		for _, size := range []int{10, 300, 5000, 1 << 20} {
			p := newPG(t, mtu)
			p.SetTransitional(false)
			buf := make([]byte, mtu)
			parts := [][]byte{make([]byte, 20), make([]byte, size)}
			var h counter
			run := func() {
				for range 10 {
					roundTrip(p, parts, 5, buf, &h)
				}
				pump(p, buf, &h)
			}
			run() // the assembly buffer grows
			if n := testing.AllocsPerRun(5, run); n != 0 {
				t.Errorf("mtu %d, %d bytes: %v allocations", mtu, size, n)
			}
			if h.messages != 10*7 || h.bytes != h.messages*(20+size) {
				t.Errorf("mtu %d, %d bytes: delivered %+v", mtu, size, h)
			}
		}
	}
}
