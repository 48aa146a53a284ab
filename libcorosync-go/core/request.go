package main

/*
#include "core.h"
*/
import "C"

import (
	"syscall"
	"unsafe"

	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Levels of flow control up to which a message is held back: mcast, and everything else.
const (
	limitBulk     = 2
	limitOrdinary = 1
)

// view is the bytes of an iovec of the C side, valid during the call.
func view(v *C.struct_iovec) []byte {
	if v.iov_len == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.iov_base), int(v.iov_len))
}

// lengthMost is more bytes than any connection carries in a message.
const lengthMost = 1 << 30

// tooLong tells of lengths that are none: a caller may hand on the -1 of a read that failed.
func tooLong(k *C.struct_core_call) bool {
	if k.op != C.OP_CPG_MCAST {
		return k.in[0].iov_len > lengthMost || k.in[1].iov_len > lengthMost
	}
	for _, v := range unsafe.Slice(k.iov, int(k.iovcnt)) {
		if v.iov_len > lengthMost {
			return true
		}
	}
	return false
}

//export csgo_request
func csgo_request(r *C.struct_core_record, k *C.struct_core_call) C.int {
	c := of(r)
	if c == nil {
		return C.int(syscall.ENOTCONN)
	}
	if tooLong(k) {
		return C.int(syscall.EMSGSIZE)
	}
	limit := limitOrdinary
	var tail []byte
	c.parts = c.parts[:0]
	if k.op == C.OP_CPG_MCAST {
		limit = limitBulk
		total := 0
		c.parts = append(c.parts, nil)
		for _, v := range unsafe.Slice(k.iov, int(k.iovcnt)) {
			total += int(v.iov_len)
			c.parts = append(c.parts, view(&v))
		}
		c.head = ipcmsg.AppendCPGMcastHead(c.head[:0], uint32(k.a[0]), total)
		c.parts[0] = c.head
	} else {
		if c.head, tail = encode(c.head[:0], k); k.op == C.OP_CPG_PARTIAL {
			limit = limitBulk
		}
		if c.parts = append(c.parts, c.head); len(tail) > 0 {
			c.parts = append(c.parts, tail)
		}
	}
	err := c.t.Send(limit, c.parts)
	clear(c.parts)
	return errno(err)
}

// encode appends the request, but for a tail that may be long.
func encode(dst []byte, k *C.struct_core_call) (head, tail []byte) {
	a := &k.a
	first, second := view(&k.in[0]), view(&k.in[1])
	switch k.op {
	case C.OP_CPG_JOIN:
		return ipcmsg.CPGJoinRequest{Group: first, PID: uint32(a[0]), Flags: uint32(a[1])}.Append(dst), nil
	case C.OP_CPG_LEAVE:
		return ipcmsg.CPGLeaveRequest{Group: first, PID: uint32(a[0])}.Append(dst), nil
	case C.OP_CPG_FINALIZE:
		return ipcmsg.AppendRequest(dst, ipcmsg.CPGReqFinalize), nil
	case C.OP_CPG_ITER_FINALIZE:
		return ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationFinalize, Handle: uint64(a[0])}.Append(dst), nil
	case C.OP_CPG_PARTIAL:
		r := ipcmsg.CPGPartialMcastRequest{Guarantee: uint32(a[0]), TotalLen: uint32(a[1]), Type: uint32(a[2]), Payload: first}
		return r.AppendHead(dst), first
	case C.OP_CPG_MEMBERSHIP:
		return ipcmsg.CPGMembershipRequest{Group: first}.Append(dst), nil
	case C.OP_CPG_LOCAL_GET:
		return ipcmsg.AppendRequest(dst, ipcmsg.CPGReqLocalGet), nil
	case C.OP_CPG_ITER_INIT:
		return ipcmsg.CPGIterInitRequest{Group: first, Type: uint32(a[0])}.Append(dst), nil
	case C.OP_CPG_ITER_NEXT:
		return ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationNext, Handle: uint64(a[0])}.Append(dst), nil

	case C.OP_CMAP_SET_MAP:
		return ipcmsg.CmapSetCurrentMapRequest{Map: int32(a[0])}.Append(dst), nil
	case C.OP_CMAP_SET:
		return ipcmsg.CmapSetRequest{Key: first, Type: uint8(a[0]), Value: second}.Append(dst), nil
	case C.OP_CMAP_DELETE:
		return ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqDelete, Key: first}.Append(dst), nil
	case C.OP_CMAP_ADJUST:
		return ipcmsg.CmapAdjustRequest{Key: first, Step: int32(a[0])}.Append(dst), nil
	case C.OP_CMAP_GET:
		return ipcmsg.CmapGetRequest{Key: first, ValueLen: uint64(a[0])}.Append(dst), nil
	case C.OP_CMAP_ITER_INIT:
		return ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqIterInit, Key: first}.Append(dst), nil
	case C.OP_CMAP_ITER_NEXT:
		return ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterNext, Handle: uint64(a[0])}.Append(dst), nil
	case C.OP_CMAP_ITER_FINALIZE:
		return ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterFinalize, Handle: uint64(a[0])}.Append(dst), nil
	case C.OP_CMAP_TRACK_ADD:
		return ipcmsg.CmapTrackAddRequest{Key: first, TrackType: int32(a[0]), Instance: uint64(a[1])}.Append(dst), nil
	case C.OP_CMAP_TRACK_DELETE:
		return ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqTrackDelete, Handle: uint64(a[0])}.Append(dst), nil

	case C.OP_QUORUM_GETQUORATE:
		return ipcmsg.AppendRequest(dst, ipcmsg.QuorumReqGetQuorate), nil
	case C.OP_QUORUM_GETTYPE:
		return ipcmsg.AppendRequest(dst, ipcmsg.QuorumReqGetType), nil
	case C.OP_QUORUM_MODEL_GETTYPE:
		return ipcmsg.QuorumModelGetTypeRequest{Model: uint32(a[0])}.Append(dst), nil
	case C.OP_QUORUM_TRACKSTART:
		return ipcmsg.QuorumTrackStartRequest{TrackFlags: uint32(a[0])}.Append(dst), nil
	case C.OP_QUORUM_TRACKSTOP:
		return ipcmsg.AppendRequest(dst, ipcmsg.QuorumReqTrackStop), nil
	}
	return encodeMore(dst, k, first, second), nil
}

// encodeMore has the requests of votequorum and cfg.
func encodeMore(dst []byte, k *C.struct_core_call, first, second []byte) []byte {
	a := &k.a
	word := func(id int32) []byte { return ipcmsg.CfgWordRequest{ID: id, Value: uint32(a[0])}.Append(dst) }
	switch k.op {
	case C.OP_VQ_GETINFO:
		return ipcmsg.VotequorumGetInfoRequest{NodeID: uint32(a[0])}.Append(dst)
	case C.OP_VQ_SETEXPECTED:
		return ipcmsg.VotequorumSetExpectedRequest{ExpectedVotes: uint32(a[0])}.Append(dst)
	case C.OP_VQ_SETVOTES:
		return ipcmsg.VotequorumSetVotesRequest{NodeID: uint32(a[0]), Votes: uint32(a[1])}.Append(dst)
	case C.OP_VQ_TRACKSTART:
		return ipcmsg.VotequorumTrackStartRequest{Context: uint64(a[0]), TrackFlags: uint32(a[1])}.Append(dst)
	case C.OP_VQ_TRACKSTOP:
		return ipcmsg.AppendRequest(dst, ipcmsg.VotequorumReqTrackStop)
	case C.OP_VQ_QDEVICE_REGISTER:
		return ipcmsg.VotequorumQdeviceRequest{ID: ipcmsg.VotequorumReqQdeviceRegister, Name: first}.Append(dst)
	case C.OP_VQ_QDEVICE_UNREGISTER:
		return ipcmsg.VotequorumQdeviceRequest{ID: ipcmsg.VotequorumReqQdeviceUnregister, Name: first}.Append(dst)
	case C.OP_VQ_QDEVICE_UPDATE:
		return ipcmsg.VotequorumQdeviceUpdateRequest{OldName: first, NewName: second}.Append(dst)
	case C.OP_VQ_QDEVICE_POLL:
		ring := ipcmsg.RingID{NodeID: uint32(a[1]), Seq: uint64(a[2])}
		return ipcmsg.VotequorumQdevicePollRequest{Name: first, CastVote: a[0] != 0, RingID: ring}.Append(dst)
	case C.OP_VQ_QDEVICE_MASTER_WINS:
		return ipcmsg.VotequorumQdeviceMasterWinsRequest{Name: first, Allow: a[0] != 0}.Append(dst)

	case C.OP_CFG_RING_STATUS:
		return ipcmsg.AppendRequest(dst, ipcmsg.CfgReqRingStatusGet)
	case C.OP_CFG_NODE_STATUS:
		return ipcmsg.CfgNodeStatusRequest{NodeID: uint32(a[0]), Version: uint32(a[1])}.Append(dst)
	case C.OP_CFG_TRACKSTART:
		return ipcmsg.CfgTrackStartRequest{TrackFlags: uint8(a[0])}.Append(dst)
	case C.OP_CFG_TRACKSTOP:
		return ipcmsg.AppendRequest(dst, ipcmsg.CfgReqTrackStop)
	case C.OP_CFG_KILL_NODE:
		return ipcmsg.CfgKillNodeRequest{NodeID: uint32(a[0]), Reason: first}.Append(dst)
	case C.OP_CFG_TRY_SHUTDOWN:
		return word(ipcmsg.CfgReqTryShutdown)
	case C.OP_CFG_REPLY_SHUTDOWN:
		return word(ipcmsg.CfgReqReplyToShutdown)
	case C.OP_CFG_GET_NODE_ADDRS:
		return word(ipcmsg.CfgReqGetNodeAddrs)
	case C.OP_CFG_LOCAL_GET:
		return ipcmsg.AppendRequest(dst, ipcmsg.CfgReqLocalGet)
	case C.OP_CFG_RELOAD:
		return ipcmsg.AppendRequest(dst, ipcmsg.CfgReqReloadConfig)
	case C.OP_CFG_REOPEN_LOGS:
		return ipcmsg.AppendRequest(dst, ipcmsg.CfgReqReopenLogFiles)
	}
	panic("unknown operation") // both sides are built from one header
}
