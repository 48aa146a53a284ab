package ipcmsg

import (
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// CONFDB requests of 1.4 that read.
const (
	Confdb1xReqObjectFind        = 2
	Confdb1xReqKeyGet            = 4
	Confdb1xReqObjectFindDestroy = 14
)

// CONFDB responses of 1.4.
const (
	Confdb1xResObjectFind        = 2
	Confdb1xResKeyGet            = 4
	Confdb1xResObjectFindDestroy = 17
)

// Confdb1xRoot is the handle of the root of the object tree.
const Confdb1xRoot = 0xFFFFFFFF00000000

const (
	confdb1xNameMax    = 256
	confdb1xFindSize   = 296
	confdb1xFindAnswer = 40
	confdb1xGetSize    = 288
)

// name1x reads a mar_name_t: length u16 at off, value[256] 8 bytes later.
func name1x(b []byte, off int, what string) ([]byte, error) {
	n := int(getu16(b, off))
	if n > confdb1xNameMax {
		return nil, fmt.Errorf("%s: %w: %d bytes", what, ErrNameTooLong, n)
	}
	return b[off+8 : off+8+n], nil
}

func putName1x[T ~string | ~[]byte](b []byte, off int, s T) {
	putu16(b, off, uint16(copy(b[off+8:off+8+confdb1xNameMax], s)))
}

// Confdb1xFind asks for the next object of a name below another: parent u64 @16, name @24, find u64 @288.
type Confdb1xFind struct {
	Parent uint64
	Name   []byte
	Find   uint64 // 0 begins
}

// ParseConfdb1xFind reads an OBJECT_FIND request.
func ParseConfdb1xFind(b []byte) (Confdb1xFind, error) {
	const what = "confdb 1.x object find"
	if err := atLeast(b, confdb1xFindSize, what); err != nil {
		return Confdb1xFind{}, err
	}
	name, err := name1x(b, 24, what)
	return Confdb1xFind{Parent: getu64(b, 16), Name: name, Find: getu64(b, 288)}, err
}

// Append appends the request.
func (r Confdb1xFind) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, Confdb1xReqObjectFind, confdb1xFindSize)
	putu64(m, 16, r.Parent)
	putName1x(m, 24, r.Name)
	putu64(m, 288, r.Find)
	return dst
}

// Confdb1xFound is the answer: object u64 @24, find u64 @32.
type Confdb1xFound struct {
	Error        cserr.Error
	Object, Find uint64
}

// ParseConfdb1xFound reads an OBJECT_FIND response.
func ParseConfdb1xFound(b []byte) (Confdb1xFound, error) {
	if err := atLeast(b, confdb1xFindAnswer, "confdb 1.x object find response"); err != nil {
		return Confdb1xFound{}, err
	}
	return Confdb1xFound{Error: cserr.Error(getu32(b, 16)), Object: getu64(b, 24), Find: getu64(b, 32)}, nil
}

// Append appends the response.
func (r Confdb1xFound) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, Confdb1xResObjectFind, confdb1xFindAnswer, r.Error)
	putu64(m, 24, r.Object)
	putu64(m, 32, r.Find)
	return dst
}

// Confdb1xKeyGet asks for a key of an object: object u64 @16, key @24.
type Confdb1xKeyGet struct {
	Object uint64
	Key    []byte
}

// ParseConfdb1xKeyGet reads a KEY_GET request.
func ParseConfdb1xKeyGet(b []byte) (Confdb1xKeyGet, error) {
	const what = "confdb 1.x key get"
	if err := atLeast(b, confdb1xGetSize, what); err != nil {
		return Confdb1xKeyGet{}, err
	}
	key, err := name1x(b, 24, what)
	return Confdb1xKeyGet{Object: getu64(b, 16), Key: key}, err
}

// Append appends the request.
func (r Confdb1xKeyGet) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, Confdb1xReqKeyGet, confdb1xGetSize)
	putu64(m, 16, r.Object)
	putName1x(m, 24, r.Key)
	return dst
}

// Confdb1xValue is the answer: value @24.
type Confdb1xValue struct {
	Error cserr.Error
	Value []byte // at most 256 bytes
}

// ParseConfdb1xValue reads a KEY_GET response.
func ParseConfdb1xValue(b []byte) (Confdb1xValue, error) {
	const what = "confdb 1.x key get response"
	if err := atLeast(b, confdb1xGetSize, what); err != nil {
		return Confdb1xValue{}, err
	}
	value, err := name1x(b, 24, what)
	return Confdb1xValue{Error: cserr.Error(getu32(b, 16)), Value: value}, err
}

// Append appends the response.
func (r Confdb1xValue) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, Confdb1xResKeyGet, confdb1xGetSize, r.Error)
	putName1x(m, 24, r.Value)
	return dst
}
