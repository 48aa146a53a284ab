package service

import "encoding/binary"

// Verdict is what became of a request.
type Verdict uint8

// The verdicts.
const (
	// Done: the handler has run.
	Done Verdict = iota
	// Invalid and Overload: refused. Where the function has an answer, it has been sent: a bare header with the error
	// INVALID_PARAM or TRY_AGAIN.
	Invalid
	Overload
	// Later: nothing has been done. The request has no answer that could refuse it, so it stays where it is; OnFlow is
	// called when it is worth another try.
	Later
)

// Numbers of cs_error_t in the answers that the router makes itself.
const (
	csTryAgain     = 6
	csInvalidParam = 7
)

// execOverhead is by how many bytes an exec message may exceed the request that caused it, group name included: cpg puts
// a group name and a source into it, 144 bytes. The reservation covers it, so that a handler's Mcast does not fail.
const execOverhead = 160

// Request admits one request of a client of s and runs its handler. req begins with the header and may be longer than
// the message; it may lie in memory that the client can write.
func (r *Router) Request(s *Loaded, c Conn, req []byte) Verdict {
	if len(req) < headerSize {
		return r.refuse(c, Invalid, false)
	}
	fn := binary.NativeEndian.Uint32(req)
	size := binary.NativeEndian.Uint32(req[8:])
	known := fn < uint32(len(s.Lib))
	silent := known && s.Lib[fn].NoReply && !Acknowledges(c)
	if !known || size < headerSize || uint64(size) > uint64(len(req)) || int(size)+len(GroupExec) >= r.cfg.Ring.MaxSize() {
		return r.refuse(c, Invalid, silent)
	}
	req = req[:size:size]
	f := &s.Lib[fn]
	if !r.quorum.Quorate && !s.AllowInquorate {
		return r.refuse(c, Overload, silent)
	}
	if !f.FlowControl {
		f.Call(c, req)
		return Done
	}
	need := min(int(size)+execOverhead, r.cfg.Ring.MaxSize()-1)
	if r.syncing || !r.cfg.Ring.Reserve(need) {
		if silent {
			r.waiting = !r.syncing
			return Later
		}
		return r.refuse(c, Overload, false)
	}
	// The level is looked at with the reservation in it, as the C daemon does: the word turns before a request comes
	// that does not fit.
	r.updateLevel()
	f.Call(c, req)
	r.cfg.Ring.Release(need)
	return Done
}

// bareReply is the answer to a request that no handler saw: id 0, size 24, error.
var bareReply = func() (t [256][]byte) {
	for _, e := range []byte{csTryAgain, csInvalidParam} {
		b := make([]byte, 24)
		binary.NativeEndian.PutUint32(b[8:], 24)
		binary.NativeEndian.PutUint32(b[16:], uint32(e))
		t[e] = b
	}
	return t
}()

func (r *Router) refuse(c Conn, v Verdict, silent bool) Verdict {
	if silent {
		return v
	}
	e := csTryAgain
	if v == Invalid {
		e = csInvalidParam
	}
	c.Reply(bareReply[e])
	return v
}
