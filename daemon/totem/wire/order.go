package wire

import (
	"encoding/binary"
	"math/bits"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// Integers are read and written in this machine's byte order, or swapped when the frame is foreign.

func u32(b []byte, foreign bool) uint32 {
	v := binary.NativeEndian.Uint32(b)
	if foreign {
		return bits.ReverseBytes32(v)
	}
	return v
}

func u64(b []byte, foreign bool) uint64 {
	v := binary.NativeEndian.Uint64(b)
	if foreign {
		return bits.ReverseBytes64(v)
	}
	return v
}

func num(b []byte, foreign bool) seq.Num { return seq.New(u32(b, foreign)) }

func ringID(b []byte, foreign bool) totem.RingID {
	return totem.RingID{Rep: totem.NodeID(u32(b, foreign)), Seq: u64(b[4:], foreign)}
}

func put32(b []byte, v uint32, foreign bool) {
	if foreign {
		v = bits.ReverseBytes32(v)
	}
	binary.NativeEndian.PutUint32(b, v)
}

func put64(b []byte, v uint64, foreign bool) {
	if foreign {
		v = bits.ReverseBytes64(v)
	}
	binary.NativeEndian.PutUint64(b, v)
}

func putRing(b []byte, r totem.RingID, foreign bool) {
	put32(b, uint32(r.Rep), foreign)
	put64(b[4:], r.Seq, foreign)
}

func append32(dst []byte, v uint32, foreign bool) []byte {
	if foreign {
		v = bits.ReverseBytes32(v)
	}
	return binary.NativeEndian.AppendUint32(dst, v)
}

func append64(dst []byte, v uint64, foreign bool) []byte {
	if foreign {
		v = bits.ReverseBytes64(v)
	}
	return binary.NativeEndian.AppendUint64(dst, v)
}

func appendRing(dst []byte, r totem.RingID, foreign bool) []byte {
	return append64(append32(dst, uint32(r.Rep), foreign), r.Seq, foreign)
}

func appendNodes(dst []byte, nodes []totem.NodeID, foreign bool) []byte {
	for _, n := range nodes {
		dst = append32(dst, uint32(n), foreign)
	}
	return dst
}

// nodes replaces the content of list by the n node ids at b, which the caller has checked to be there.
func nodes(list []totem.NodeID, b []byte, n int, foreign bool) []totem.NodeID {
	list = list[:0]
	for i := range n {
		list = append(list, totem.NodeID(u32(b[4*i:], foreign)))
	}
	return list
}
