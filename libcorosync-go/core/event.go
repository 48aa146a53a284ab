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

const eventHead = C.sizeof_struct_core_event

// cpgNameSize and cmapNameSize are the longest names with what their C types fill up.
const (
	cpgNameSize  = 128
	cmapNameSize = 256
)

//export csgo_events
func csgo_events(r *C.struct_core_record, room unsafe.Pointer, size, most C.uint64_t, batch *C.struct_core_batch) C.int {
	c := of(r)
	batch.used, batch.count, batch.need = 0, 0, 0
	if c == nil {
		return C.int(syscall.ENOTCONN)
	}
	left := unsafe.Slice((*byte)(room), int(size))
	for batch.count < most {
		b, err := c.t.EventOnly()
		if err != nil {
			if batch.count > 0 {
				return 0
			}
			return errno(err)
		}
		used, need := c.deliver(left, b)
		if need > 0 { // it stays in the ring
			batch.need = C.uint64_t(need)
			return 0
		}
		c.t.ReleaseEvent()
		left = left[used:]
		batch.used += C.uint64_t(used)
		batch.count++
	}
	return 0
}

// writer builds one struct core_event.
type writer struct {
	e    *C.struct_core_event
	data []byte
}

// event begins an event with n bytes of data in room, or says what room it needs.
func event(room []byte, id uint32, n int) (w writer, used, need int) {
	size := (eventHead + n + 1 + 15) &^ 15 // with a NUL, see core.h
	if size > len(room) {
		return writer{}, 0, size
	}
	e := (*C.struct_core_event)(unsafe.Pointer(unsafe.SliceData(room)))
	e.id, e.size, e.name_length = C.uint32_t(id), C.uint32_t(size), 0
	e.n = [3]C.uint64_t{}
	room[eventHead+n] = 0
	return writer{e, room[eventHead:size]}, size, 0
}

func (w writer) words(v ...uint64) {
	for i, x := range v {
		w.e.w[i] = C.uint64_t(x)
	}
}

func (w writer) counts(v ...int) {
	for i, x := range v {
		w.e.n[i] = C.uint64_t(x)
	}
}

// name writes a name, filled up with zeros to full bytes.
func (w writer) name(b []byte, full int) {
	field := unsafe.Slice((*byte)(unsafe.Pointer(&w.e.name)), len(w.e.name))
	n := copy(field[:full], b)
	clear(field[n : full+1])
	w.e.name_length = C.uint32_t(n)
}

func (w writer) u32s(lists ...[]uint32) {
	off := 0
	for _, l := range lists {
		for _, v := range l {
			ne.PutUint32(w.data[off:], v)
			off += 4
		}
	}
}

// deliver writes the event b into room: used bytes, or none if it needs more. Nothing the daemon can send fails here:
// what is malformed becomes an unknown event, which ends the dispatch with an error as in C.
func (c *client) deliver(room, b []byte) (used, need int) {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err == nil {
		var ok bool
		switch c.service {
		case C.CORE_CPG:
			used, need, ok = cpgEvent(room, h.ID, b)
		case C.CORE_CMAP:
			used, need, ok = cmapEvent(room, h.ID, b)
		case C.CORE_QUORUM:
			used, need, ok = quorumEvent(room, h.ID, b)
		case C.CORE_VOTEQUORUM:
			used, need, ok = votequorumEvent(room, h.ID, b)
		case C.CORE_CFG:
			used, need, ok = cfgEvent(room, h.ID, b)
		}
		if ok {
			return used, need
		}
	}
	_, used, need = event(room, C.EV_UNKNOWN, 0)
	return used, need
}

func cpgEvent(room []byte, id int32, b []byte) (used, need int, ok bool) {
	var w writer
	switch id {
	case ipcmsg.CPGEventDeliver:
		e, err := ipcmsg.ParseCPGDeliverEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_CPG_DELIVER, len(e.Payload)); need == 0 {
			w.e.w[0], w.e.w[1] = C.uint64_t(e.NodeID), C.uint64_t(e.PID)
			w.e.n[0] = C.uint64_t(len(e.Payload))
			w.name(e.Group, cpgNameSize)
			copy(w.data, e.Payload)
		}
	case ipcmsg.CPGEventPartialDeliver:
		e, err := ipcmsg.ParseCPGPartialDeliverEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_CPG_PARTIAL, len(e.Payload)); need == 0 {
			w.words(uint64(e.NodeID), uint64(e.PID), uint64(e.TotalLen), uint64(e.Type))
			w.counts(len(e.Payload))
			w.name(e.Group, cpgNameSize)
			copy(w.data, e.Payload)
		}
	case ipcmsg.CPGEventConfchg:
		e, err := ipcmsg.ParseCPGConfchgEvent(b)
		if err != nil {
			return 0, 0, false
		}
		n := len(e.Members) + len(e.Left) + len(e.Joined)
		if w, used, need = event(room, C.EV_CPG_CONFCHG, n*cAddressSize); need == 0 {
			w.counts(len(e.Members), len(e.Left), len(e.Joined))
			w.name(e.Group, cpgNameSize)
			putAddresses(w.data, e.Members)
			putAddresses(w.data[cAddressSize*len(e.Members):], e.Left)
			putAddresses(w.data[cAddressSize*(len(e.Members)+len(e.Left)):], e.Joined)
		}
	case ipcmsg.CPGEventTotemConfchg:
		e, err := ipcmsg.ParseCPGTotemConfchgEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_CPG_TOTEM, 4*len(e.Members)); need == 0 {
			w.words(uint64(e.RingID.NodeID), e.RingID.Seq)
			w.counts(len(e.Members))
			w.u32s(e.Members)
		}
	default:
		return 0, 0, false
	}
	return used, need, true
}

func cmapEvent(room []byte, id int32, b []byte) (used, need int, ok bool) {
	if id != ipcmsg.CmapEventNotify {
		return 0, 0, false
	}
	e, err := ipcmsg.ParseCmapNotifyEvent(b)
	if err != nil {
		return 0, 0, false
	}
	w, used, need := event(room, C.EV_CMAP_NOTIFY, len(e.New.Data)+len(e.Old.Data))
	if need == 0 {
		w.words(e.Instance, uint64(uint32(e.Event)), uint64(e.New.Type), uint64(e.Old.Type))
		w.counts(len(e.New.Data), len(e.Old.Data))
		w.name(e.Key, cmapNameSize)
		copy(w.data[copy(w.data, e.New.Data):], e.Old.Data)
	}
	return used, need, true
}

func quorumEvent(room []byte, id int32, b []byte) (used, need int, ok bool) {
	var w writer
	switch id {
	case ipcmsg.QuorumEventNotification:
		e, err := ipcmsg.ParseQuorumNotification(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_QUORUM_V0, 4*len(e.View)); need == 0 {
			w.words(bit(e.Quorate), e.RingSeq)
			w.counts(len(e.View))
			w.u32s(e.View)
		}
	case ipcmsg.QuorumEventV1Quorum:
		e, err := ipcmsg.ParseQuorumV1QuorumEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_QUORUM_V1, 4*len(e.View)); need == 0 {
			w.words(bit(e.Quorate), uint64(e.RingID.NodeID), e.RingID.Seq)
			w.counts(len(e.View))
			w.u32s(e.View)
		}
	case ipcmsg.QuorumEventV1NodeList:
		e, err := ipcmsg.ParseQuorumV1NodeListEvent(b)
		if err != nil {
			return 0, 0, false
		}
		n := len(e.Members) + len(e.Joined) + len(e.Left)
		if w, used, need = event(room, C.EV_QUORUM_NODELIST, 4*n); need == 0 {
			w.words(0, uint64(e.RingID.NodeID), e.RingID.Seq)
			w.counts(len(e.Members), len(e.Joined), len(e.Left))
			w.u32s(e.Members, e.Joined, e.Left)
		}
	default:
		return 0, 0, false
	}
	return used, need, true
}

func votequorumEvent(room []byte, id int32, b []byte) (used, need int, ok bool) {
	var w writer
	switch id {
	case ipcmsg.VotequorumEventQuorum:
		e, err := ipcmsg.ParseVotequorumQuorumEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_VQ_QUORUM, 8*len(e.Nodes)); need == 0 {
			w.words(e.Context, bit(e.Quorate))
			w.counts(len(e.Nodes))
			for i, n := range e.Nodes {
				ne.PutUint32(w.data[8*i:], n.NodeID)
				ne.PutUint32(w.data[8*i+4:], n.State)
			}
		}
	case ipcmsg.VotequorumEventExpectedVotes:
		e, err := ipcmsg.ParseVotequorumExpectedVotesEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_VQ_EXPECTED, 0); need == 0 {
			w.words(e.Context, uint64(e.ExpectedVotes))
		}
	case ipcmsg.VotequorumEventNodeList:
		e, err := ipcmsg.ParseVotequorumNodeListEvent(b)
		if err != nil {
			return 0, 0, false
		}
		if w, used, need = event(room, C.EV_VQ_NODELIST, 4*len(e.Members)); need == 0 {
			w.words(e.Context, uint64(e.RingID.NodeID), e.RingID.Seq)
			w.counts(len(e.Members))
			w.u32s(e.Members)
		}
	default:
		return 0, 0, false
	}
	return used, need, true
}

func cfgEvent(room []byte, id int32, b []byte) (used, need int, ok bool) {
	if id != ipcmsg.CfgEventTestShutdown {
		return 0, 0, false
	}
	e, err := ipcmsg.ParseCfgTestShutdownEvent(b)
	if err != nil {
		return 0, 0, false
	}
	w, used, need := event(room, C.EV_CFG_SHUTDOWN, 0)
	if need == 0 {
		w.words(uint64(e.Flags))
	}
	return used, need, true
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
