package qbipc

import (
	"errors"
	"syscall"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
)

// The handshake. Integers are in host order, padding is written as zero and ignored.
//
//	request, 24 bytes                  response, 12328 bytes
//	 0  int32  id, -1                     0  int32   id, -1
//	 8  int32  size, 24                   8  int32   size, 12328
//	16  uint32 max_msg_size              16  int32   error, 0 or -errno
//	                                     24  int32   connection_type
//	                                     28  uint32  max_msg_size, negotiated
//	                                     32  intptr  connection, opaque
//	                                     40  char[4096]  request ring's name
//	                                   4136  char[4096]  response ring's name
//	                                   8232  char[4096]  event ring's name
const (
	requestBytes  = 24
	responseBytes = 12328
	nameBytes     = 4096
	nameMax       = 254 // longest string libqb puts into a name field

	idAuthenticate = -1
	// IDDisconnect as id of a request asks the server to hang up. 2.x clients never send it.
	IDDisconnect = -3

	typeSocket = 0
	typeSHM    = 1

	// messageHeaderBytes is the common head of requests: id at 0, size at 8.
	messageHeaderBytes = 16
)

var errHandshake = errors.New("qbipc: not a libqb handshake")

type authRequest struct {
	maxMessage uint32 // bytes
}

func (r authRequest) append(dst []byte) []byte {
	w := cabi.NewWriter(dst)
	w.I32(idAuthenticate)
	w.Align(8)
	w.I32(requestBytes)
	w.Align(8)
	w.U32(r.maxMessage)
	w.Align(8)
	return w.Result()
}

// parseAuthRequest ignores the size field, as libqb does.
func parseAuthRequest(b []byte) (authRequest, error) {
	if len(b) != requestBytes || cabi.I32(b, 0) != idAuthenticate {
		return authRequest{}, errHandshake
	}
	return authRequest{maxMessage: cabi.U32(b, 16)}, nil
}

type authResponse struct {
	errno      syscall.Errno
	kind       int32
	maxMessage uint32
	connection uint64
	request    string
	response   string
	event      string
}

func (r authResponse) append(dst []byte) []byte {
	w := cabi.NewWriter(dst)
	w.I32(idAuthenticate)
	w.Align(8)
	w.I32(responseBytes)
	w.Align(8)
	w.I32(-int32(r.errno))
	w.Align(8)
	w.I32(r.kind)
	w.U32(r.maxMessage)
	w.U64(r.connection)
	for _, s := range []string{r.request, r.response, r.event} {
		w.FixedString(s[:min(len(s), nameMax)], nameBytes)
	}
	return w.Result()
}

func parseAuthResponse(b []byte) (authResponse, error) {
	if len(b) != responseBytes || cabi.I32(b, 0) != idAuthenticate {
		return authResponse{}, errHandshake
	}
	e := cabi.I32(b, 16)
	if e > 0 || e < -4095 {
		return authResponse{}, errHandshake
	}
	name := func(off int) string { return string(cabi.CString(b[off : off+nameBytes])) }
	return authResponse{
		errno:      syscall.Errno(-e),
		kind:       cabi.I32(b, 24),
		maxMessage: cabi.U32(b, 28),
		connection: cabi.U64(b, 32),
		request:    name(40),
		response:   name(40 + nameBytes),
		event:      name(40 + 2*nameBytes),
	}, nil
}
