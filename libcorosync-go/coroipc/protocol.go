package coroipc

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
)

// SocketName is the name of the socket in the abstract namespace, before it is padded with NULs.
const SocketName = "corosync.ipc"

// Services of 1.x that this daemon has.
const (
	ServiceCFG        = 7
	ServiceCPG        = 8
	ServiceConfdb     = 11
	ServiceQuorum     = 12
	ServicePload      = 13
	ServiceVotequorum = 15
)

// Service3x is added to the number of a service of 3.x.
const Service3x = 32

const (
	// ServiceMax is how many numbers a setup request may name.
	ServiceMax = 64
	// BufferBytes is the size that the libraries of 1.4 give each of their buffers.
	BufferBytes = 1 << 20
	// BufferMax is the largest buffer that the server end takes.
	BufferMax = 64 << 20

	controlBytes    = 8192
	setupBytes      = 16432
	answerBytes     = 8
	pathBytes       = 4096
	requestHeader   = 16
	responseHeader  = 24
	messageMinBytes = requestHeader
)

// Credentials are what the kernel attached to the peer's setup request.
type Credentials = sock.Credentials

// The files of a connection, in the order of the setup request.
const (
	fileControl = iota
	fileRequest
	fileResponse
	fileDispatch
	fileCount
)

// prefixes begin the names of the files.
var prefixes = [fileCount]string{"control_buffer-", "request_buffer-", "response_buffer-", "dispatch_buffer-"}

// clientDirs are where libraries make the files: the second when the first refuses.
var clientDirs = []string{"/dev/shm", "/var/run"}

// serverDirs are where the server end takes them from.
var serverDirs = []string{"/dev/shm", "/var/run", "/run", "/var/lib/run"}

// setup is the request that opens a connection (mar_req_setup_t).
type setup struct {
	service int32
	paths   [fileCount]string
	sizes   [fileCount]uint64
}

func (s *setup) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, setupBytes)...)
	b := dst[start:]
	binary.NativeEndian.PutUint32(b, uint32(s.service))
	for i := range s.paths {
		copy(b[16+i*pathBytes:16+(i+1)*pathBytes-1], s.paths[i])
		binary.NativeEndian.PutUint64(b[16400+8*i:], s.sizes[i])
	}
	return dst
}

// parseSetup reads a setup request and checks all of it that needs no file.
func parseSetup(b []byte) (setup, error) {
	var s setup
	if len(b) != setupBytes {
		return s, unix.EBADMSG
	}
	s.service = int32(binary.NativeEndian.Uint32(b))
	for i := range s.paths {
		field := b[16+i*pathBytes : 16+(i+1)*pathBytes]
		n := bytes.IndexByte(field, 0)
		if n < 0 {
			return s, unix.EBADMSG
		}
		s.paths[i] = string(field[:n])
		s.sizes[i] = binary.NativeEndian.Uint64(b[16400+8*i:])
	}
	if s.service < 0 || s.service >= ServiceMax {
		return s, nil // no such service, whatever the sizes
	}
	page := uint64(unix.Getpagesize())
	for i, least := range [fileCount]uint64{controlUsed, messageMinBytes, responseHeader, page} {
		if s.sizes[i] < least || s.sizes[i] > BufferMax {
			return s, unix.EBADMSG
		}
	}
	if s.sizes[fileDispatch]%page != 0 {
		return s, unix.EBADMSG
	}
	return s, nil
}

// appendAnswer appends the answer to a setup request (mar_res_setup_t).
func appendAnswer(dst []byte, e cserr.Error) []byte {
	dst = binary.NativeEndian.AppendUint32(dst, uint32(e))
	return append(dst, 0, 0, 0, 0)
}

func parseAnswer(b []byte) cserr.Error { return cserr.Error(binary.NativeEndian.Uint32(b)) }

// is3x says whether the messages of a service have 3.x headers.
func is3x(service int) bool { return service >= Service3x }

// sizeAt is where a message of the service says how long it is.
func sizeAt(service int) int {
	if is3x(service) {
		return 8
	}
	return 0
}

// swapHeader turns the header of 1.x into that of 3.x, or back: size and number change places.
func swapHeader(b []byte) {
	size, id := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[8:])
	binary.NativeEndian.PutUint32(b, id)
	binary.NativeEndian.PutUint32(b[8:], size)
}
