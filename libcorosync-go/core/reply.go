package main

/*
#include "core.h"
*/
import "C"

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

var ne = binary.NativeEndian

//export csgo_reply
func csgo_reply(r *C.struct_core_record, k *C.struct_core_call, taken C.int) C.int {
	c := of(r)
	if c == nil {
		return C.int(syscall.ENOTCONN)
	}
	b, err := c.t.Reply(taken != 0)
	if err != nil {
		return errno(err)
	}
	if k != nil {
		code, err := decode(k, b)
		if err != nil {
			code = cserr.Library
		}
		k.status = C.uint32_t(code)
	}
	c.t.ReleaseReply()
	return 0
}

// put copies b into an out buffer and tells its length; more than there is room for is cut.
func put(v *C.struct_iovec, b []byte) {
	if n := min(uint64(v.iov_len), uint64(len(b))); v.iov_base != nil { // the caller may say of its room what no slice can be
		copy(unsafe.Slice((*byte)(v.iov_base), int(n)), b)
	}
	v.iov_len = C.size_t(len(b))
}

// decode turns a reply into results.
func decode(k *C.struct_core_call, b []byte) (cserr.Error, error) {
	if k.op < C.CORE_VALUE_OPS || k.op == C.OP_CPG_MCAST {
		h, err := ipcmsg.ParseResponseHeader(b)
		return h.Error, err
	}
	r := &k.r
	out := &k.out[0]
	switch k.op {
	case C.OP_CPG_MEMBERSHIP:
		v, err := ipcmsg.ParseCPGMembershipResponse(b)
		room := int(out.iov_len) / cAddressSize
		n := min(len(v.Members), room)
		if n > 0 {
			putAddresses(unsafe.Slice((*byte)(out.iov_base), n*cAddressSize), v.Members[:n])
		}
		r[0] = C.uint64_t(n)
		return v.Error, err
	case C.OP_CPG_LOCAL_GET:
		v, err := ipcmsg.ParseCPGLocalGetResponse(b)
		r[0] = C.uint64_t(v.NodeID)
		return v.Error, err
	case C.OP_CPG_ITER_INIT:
		v, err := ipcmsg.ParseCPGIterInitResponse(b)
		r[0] = C.uint64_t(v.Handle)
		return v.Error, err
	case C.OP_CPG_ITER_NEXT:
		v, err := ipcmsg.ParseCPGIterNextResponse(b)
		r[0], r[1] = C.uint64_t(v.NodeID), C.uint64_t(v.PID)
		put(out, v.Group)
		return v.Error, err

	case C.OP_CMAP_GET:
		v, err := ipcmsg.ParseCmapGetResponse(b)
		r[0], r[1] = C.uint64_t(v.ValueLen), C.uint64_t(v.Type)
		put(out, v.Value)
		return v.Error, err
	case C.OP_CMAP_ITER_NEXT:
		v, err := ipcmsg.ParseCmapIterNextResponse(b)
		r[0], r[1] = C.uint64_t(v.ValueLen), C.uint64_t(v.Type)
		put(out, v.Key)
		return v.Error, err
	case C.OP_CMAP_ITER_INIT, C.OP_CMAP_TRACK_ADD, C.OP_CMAP_TRACK_DELETE:
		v, err := ipcmsg.ParseCmapHandleResponse(b)
		r[0] = C.uint64_t(v.Handle)
		return v.Error, err

	case C.OP_QUORUM_GETQUORATE, C.OP_QUORUM_GETTYPE, C.OP_QUORUM_MODEL_GETTYPE:
		v, err := ipcmsg.ParseQuorumValueResponse(b)
		r[0] = C.uint64_t(v.Value)
		return v.Error, err
	case C.OP_VQ_GETINFO:
		v, err := ipcmsg.ParseVotequorumInfo(b)
		for i, w := range []uint32{v.NodeID, v.State, v.Votes, v.ExpectedVotes, v.HighestExpected, v.TotalVotes, v.Quorum,
			v.Flags, v.QdeviceVotes} {
			r[i] = C.uint64_t(w)
		}
		put(out, v.QdeviceName)
		return v.Error, err
	}
	return decodeCfg(k, b)
}

func decodeCfg(k *C.struct_core_call, b []byte) (cserr.Error, error) {
	r, out := &k.r, &k.out[0]
	switch k.op {
	case C.OP_CFG_RING_STATUS:
		v, err := ipcmsg.ParseCfgRingStatusResponse(b)
		r[0] = C.uint64_t(len(v.Interfaces))
		var text []byte
		for _, i := range v.Interfaces {
			text = append(append(text, i.Name...), 0)
			text = append(append(text, i.Status...), 0)
		}
		put(out, text)
		return v.Error, err
	case C.OP_CFG_NODE_STATUS:
		v, err := ipcmsg.ParseCfgNodeStatus(b)
		if v.Error == cserr.OK && err == nil {
			// What follows the header is the C structure.
			r[0] = C.uint64_t(v.Version)
			put(out, b[ipcmsg.ResponseHeaderSize:ipcmsg.CfgNodeStatusV1ResponseSize])
		}
		return v.Error, err
	case C.OP_CFG_GET_NODE_ADDRS:
		v, err := ipcmsg.ParseCfgNodeAddrsResponse(b)
		r[0], r[1] = C.uint64_t(len(v.Addrs)), syscall.AF_INET
		room := unsafe.Slice((*byte)(out.iov_base), int(out.iov_len))
		for _, a := range v.Addrs {
			if a.Is6() {
				r[1] = syscall.AF_INET6
			}
			if len(room) < 16 {
				break
			}
			clear(room[:16])
			copy(room, a.AsSlice())
			room = room[16:]
		}
		return v.Error, err
	case C.OP_CFG_LOCAL_GET:
		v, err := ipcmsg.ParseCfgLocalGetResponse(b)
		r[0] = C.uint64_t(v.NodeID)
		return v.Error, err
	}
	panic("unknown operation")
}

// cAddressSize is sizeof(struct cpg_address).
const cAddressSize = 12

// putAddresses writes struct cpg_address.
func putAddresses(dst []byte, list []ipcmsg.CPGAddress) {
	for i, a := range list {
		ne.PutUint32(dst[cAddressSize*i:], a.NodeID)
		ne.PutUint32(dst[cAddressSize*i+4:], a.PID)
		ne.PutUint32(dst[cAddressSize*i+8:], a.Reason)
	}
}
