package srp

import "github.com/corosync-go/corosync/daemon/totem/wire"

// Frames are kept in buffers of a few sizes. A free buffer is used again, so that steady traffic allocates nothing.
//
// The sizes are chosen for what is common: short control messages of the services, full frames of udp and udpu (1455 bytes,
// 1500 when encapsulated), and those of knet.
var bufferSizes = [...]int{256, 512, 1024, 1536, 4096, 16384, 32768, wire.MaxFrame + wire.McastHeaderLen}

// freeBytesMax bounds the memory in free buffers of one size. It is several windows of any transport; what a recovery
// needs beyond is left to the collector.
const freeBytesMax = 4 << 20

type bufferPool struct {
	free [len(bufferSizes)][][]byte
	// limbo holds buffers that are free but may be referred to by outputs.
	limbo [][]byte
}

// get returns a buffer of n bytes, at most the largest of bufferSizes; its content is undefined.
func (p *bufferPool) get(n int) []byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		if k := len(p.free[i]); k > 0 {
			b := p.free[i][k-1]
			p.free[i] = p.free[i][:k-1]
			return b[:n]
		}
		return make([]byte, n, size)
	}
	return make([]byte, n)
}

// put frees a buffer that no output refers to.
func (p *bufferPool) put(b []byte) {
	for i, size := range bufferSizes {
		if cap(b) == size {
			if len(p.free[i])*size < freeBytesMax {
				p.free[i] = append(p.free[i], b)
			}
			return
		}
	}
}

// retire frees a buffer when the outputs of the current input have been executed.
func (p *bufferPool) retire(b []byte) { p.limbo = append(p.limbo, b) }

// reclaim ends the limbo of retired buffers.
func (p *bufferPool) reclaim() {
	for i, b := range p.limbo {
		p.put(b)
		p.limbo[i] = nil
	}
	p.limbo = p.limbo[:0]
}
