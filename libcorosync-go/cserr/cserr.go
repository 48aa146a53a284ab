package cserr

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
)

// Error is a cs_error_t. OK is a value of the type too, because the number travels in responses; use Err to turn
// it into a Go error that is nil on success.
type Error uint32

// The values of cs_error_t. 29 was never assigned.
const (
	OK                Error = 1
	Library           Error = 2
	Version           Error = 3
	Init              Error = 4
	Timeout           Error = 5
	TryAgain          Error = 6
	InvalidParam      Error = 7
	NoMemory          Error = 8
	BadHandle         Error = 9
	Busy              Error = 10
	Access            Error = 11
	NotExist          Error = 12
	NameTooLong       Error = 13
	Exist             Error = 14
	NoSpace           Error = 15
	Interrupt         Error = 16
	NameNotFound      Error = 17
	NoResources       Error = 18
	NotSupported      Error = 19
	BadOperation      Error = 20
	FailedOperation   Error = 21
	MessageError      Error = 22
	QueueFull         Error = 23
	QueueNotAvailable Error = 24
	BadFlags          Error = 25
	TooBig            Error = 26
	NoSections        Error = 27
	ContextNotFound   Error = 28
	TooManyGroups     Error = 30
	// InShutdown exists in the 1.x header only; cs_strerror of 3.x does not know it.
	InShutdown Error = 31
	Security   Error = 100
)

var names = [...]string{
	OK:                "success",
	Library:           "CS_ERR_LIBRARY",
	Version:           "CS_ERR_VERSION",
	Init:              "CS_ERR_INIT",
	Timeout:           "CS_ERR_TIMEOUT",
	TryAgain:          "CS_ERR_TRY_AGAIN",
	InvalidParam:      "CS_ERR_INVALID_PARAM",
	NoMemory:          "CS_ERR_NO_MEMORY",
	BadHandle:         "CS_ERR_BAD_HANDLE",
	Busy:              "CS_ERR_BUSY",
	Access:            "CS_ERR_ACCESS",
	NotExist:          "CS_ERR_NOT_EXIST",
	NameTooLong:       "CS_ERR_NAME_TOO_LONG",
	Exist:             "CS_ERR_EXIST",
	NoSpace:           "CS_ERR_NO_SPACE",
	Interrupt:         "CS_ERR_INTERRUPT",
	NameNotFound:      "CS_ERR_NAME_NOT_FOUND",
	NoResources:       "CS_ERR_NO_RESOURCES",
	NotSupported:      "CS_ERR_NOT_SUPPORTED",
	BadOperation:      "CS_ERR_BAD_OPERATION",
	FailedOperation:   "CS_ERR_FAILED_OPERATION",
	MessageError:      "CS_ERR_MESSAGE_ERROR",
	QueueFull:         "CS_ERR_QUEUE_FULL",
	QueueNotAvailable: "CS_ERR_QUEUE_NOT_AVAILABLE",
	BadFlags:          "CS_ERR_BAD_FLAGS",
	TooBig:            "CS_ERR_TOO_BIG",
	NoSections:        "CS_ERR_NO_SECTIONS",
	ContextNotFound:   "CS_ERR_CONTEXT_NOT_FOUND",
	TooManyGroups:     "CS_ERR_TOO_MANY_GROUPS",
}

// String returns exactly what cs_strerror prints: "success" for OK, the C enumerator name for the other values,
// "unknown error" for numbers the 3.x table does not hold.
func (e Error) String() string {
	if e == Security {
		return "CS_ERR_SECURITY"
	}
	if e < Error(len(names)) && names[e] != "" {
		return names[e]
	}
	return "unknown error"
}

// Error implements error with the text of String; a number without a name is shown.
func (e Error) Error() string {
	s := e.String()
	if s == "unknown error" {
		return s + " " + strconv.FormatUint(uint64(e), 10)
	}
	return s
}

// Err returns nil for OK and e otherwise.
func (e Error) Err() error {
	if e == OK {
		return nil
	}
	return e
}

// FromErrno maps the errno of a transport operation, as qb_to_cs_error does for its negative. Zero is OK; every
// errno without a row of its own (ECONNREFUSED, ENOTCONN, EPIPE, EMFILE, ...) is Library.
func FromErrno(errno syscall.Errno) Error {
	switch errno {
	case 0:
		return OK
	case syscall.EBADF:
		return BadHandle
	case syscall.ENOMEM:
		return NoMemory
	case syscall.ENOMSG, syscall.ENOBUFS, syscall.ETIMEDOUT, syscall.EAGAIN:
		return TryAgain
	case syscall.EBADE:
		return FailedOperation
	case syscall.ETIME:
		return Timeout
	case syscall.EINVAL:
		return InvalidParam
	case syscall.EBUSY:
		return Busy
	case syscall.EACCES:
		return Access
	case syscall.EOVERFLOW:
		return NameTooLong
	case syscall.EEXIST:
		return Exist
	case syscall.ENOSPC:
		return NoSpace
	case syscall.EINTR:
		return Interrupt
	case syscall.ENOENT, syscall.ENODEV:
		return NotExist
	case syscall.ENOSYS, syscall.ENOTSUP:
		return NotSupported
	case syscall.EBADMSG:
		return MessageError
	case syscall.EMSGSIZE, syscall.E2BIG:
		return TooBig
	}
	return Library
}

// FromHandleErrno maps the errno of a handle table operation, as hdb_error_to_cs does.
func FromHandleErrno(errno syscall.Errno) Error {
	switch errno {
	case 0:
		return OK
	case syscall.EBADF:
		return BadHandle
	case syscall.ENOMEM:
		return NoMemory
	case syscall.EMFILE:
		return NoResources
	case syscall.EACCES:
		return Access
	}
	return Library
}

// From finds the result code in an error chain: an Error as it is, an errno through FromErrno, an expired context
// as Timeout, a cancelled one as Interrupt. nil is OK; anything else is Library.
func From(err error) Error {
	if err == nil {
		return OK
	}
	var e Error
	if errors.As(err, &e) {
		return e
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return FromErrno(errno)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Interrupt
	}
	return Library
}

// Errno is the way back: the errno that names e best, 0 for OK. Where FromErrno reaches e,
// FromErrno(e.Errno()) == e; the values no errno reaches answer with one that FromErrno calls Library.
func (e Error) Errno() syscall.Errno {
	switch e {
	case OK:
		return 0
	case Version:
		return syscall.EPROTO
	case Timeout:
		return syscall.ETIME
	case TryAgain:
		return syscall.EAGAIN
	case InvalidParam:
		return syscall.EINVAL
	case NoMemory:
		return syscall.ENOMEM
	case BadHandle:
		return syscall.EBADF
	case Busy:
		return syscall.EBUSY
	case Access:
		return syscall.EACCES
	case NotExist:
		return syscall.ENOENT
	case NameTooLong:
		return syscall.EOVERFLOW
	case Exist:
		return syscall.EEXIST
	case NoSpace:
		return syscall.ENOSPC
	case Interrupt:
		return syscall.EINTR
	case NoResources:
		return syscall.EMFILE
	case NotSupported:
		return syscall.ENOTSUP
	case FailedOperation:
		return syscall.EBADE
	case MessageError:
		return syscall.EBADMSG
	case TooBig:
		return syscall.EMSGSIZE
	case Security:
		return syscall.EPERM
	case InShutdown:
		return syscall.ESHUTDOWN
	}
	return syscall.ENOTCONN
}
