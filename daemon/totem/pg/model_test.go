package pg

import (
	"encoding/binary"

	"github.com/corosync-go/corosync/daemon/totem"
)

// The models here are deliberately dumb versions of what the C daemon does, written from the protocol description.

// cPacker packs like a C sender, without queue bounds.
type cPacker struct {
	mtu      int
	buf      []byte
	lens     []int // complete pieces in buf
	fragCont uint8
	nextFrag uint8
	out      [][]byte
}

func (c *cPacker) emit(frag uint8) {
	f := []byte{0, 0, 0, 0, frag, c.fragCont}
	f = binary.NativeEndian.AppendUint16(f, uint16(len(c.lens)))
	for _, n := range c.lens {
		f = binary.NativeEndian.AppendUint16(f, uint16(n))
	}
	c.out = append(c.out, append(f, c.buf...))
	c.buf, c.lens = nil, nil
	c.fragCont = frag
}

func (c *cPacker) flush() {
	if len(c.lens) > 0 {
		c.emit(0)
	}
}

func (c *cPacker) message(slices ...[]byte) {
	var nonEmpty [][]byte
	for _, s := range slices {
		if len(s) > 0 {
			nonEmpty = append(nonEmpty, s)
		}
	}
	limit := c.mtu - 8 - 2*(len(c.lens)+1)
	piece := 0
	for i, s := range nonEmpty {
		for rest := s; len(rest) > 0; {
			if len(s)+len(c.buf) < limit-2 {
				c.buf = append(c.buf, rest...)
				piece += len(rest)
				c.nextFrag = 1
				break
			}
			n := min(len(rest), limit-len(c.buf))
			c.buf = append(c.buf, rest[:n]...)
			c.lens = append(c.lens, piece+n)
			piece = 0
			rest = rest[n:]
			frag := uint8(0)
			if i < len(nonEmpty)-1 || len(rest) > 0 {
				if c.nextFrag == 0 {
					c.nextFrag = 1
				}
				frag = c.nextFrag
				c.nextFrag++
			}
			c.emit(frag)
			limit = c.mtu - 8 - 2
		}
	}
	if piece > 0 {
		c.lens = append(c.lens, piece)
	}
}

// cReceiver puts messages together like a C receiver, for one sender and one set, with its faulty way of throwing away.
type cReceiver struct {
	data      []byte
	last      uint8
	throwAway bool
	got       func(msg []byte)
}

func (c *cReceiver) frame(f []byte) {
	frag, cont := f[4], f[5]
	n := int(binary.NativeEndian.Uint16(f[6:]))
	var lens []int
	for i := range n {
		lens = append(lens, int(binary.NativeEndian.Uint16(f[8+2*i:])))
	}
	kept := len(c.data)
	all := append(c.data, f[8+2*n:]...)
	complete := n
	if frag != 0 {
		complete--
	}
	at, size := 0, kept+lens[0]
	if c.throwAway {
		if frag <= 1 {
			c.throwAway = false
			at = kept + lens[0]
		}
	} else if cont == c.last {
		c.last = frag
		for i := range complete {
			c.got(all[at : at+size])
			at += size
			if i < n-1 {
				size = lens[i+1]
			}
		}
	} else {
		c.throwAway = true
	}
	switch {
	case frag == 0:
		c.data, c.last, c.throwAway = nil, 0, false
	case n > 1:
		c.data = append([]byte(nil), all[at:min(len(all), at+lens[n-1])]...)
	default:
		c.data = append([]byte(nil), all[:kept+lens[n-1]]...)
	}
}

// message is one delivered message.
type message struct {
	group string
	from  totem.NodeID
	data  string
}

// collector is a Handler that keeps everything.
type collector struct{ got []message }

func (c *collector) Deliver(group string, from totem.NodeID, msg []byte, _ bool) {
	c.got = append(c.got, message{group, from, string(msg)})
}
