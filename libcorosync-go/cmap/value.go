package cmap

import (
	"encoding/binary"
	"math"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Type of a value (cmap_value_types_t).
type Type uint8

const (
	TypeInt8   Type = ipcmsg.CmapInt8
	TypeUint8  Type = ipcmsg.CmapUint8
	TypeInt16  Type = ipcmsg.CmapInt16
	TypeUint16 Type = ipcmsg.CmapUint16
	TypeInt32  Type = ipcmsg.CmapInt32
	TypeUint32 Type = ipcmsg.CmapUint32
	TypeInt64  Type = ipcmsg.CmapInt64
	TypeUint64 Type = ipcmsg.CmapUint64
	TypeFloat  Type = ipcmsg.CmapFloat
	TypeDouble Type = ipcmsg.CmapDouble
	TypeString Type = ipcmsg.CmapString
	TypeBinary Type = ipcmsg.CmapBinary
)

var typeNames = [...]string{
	TypeInt8: "i8", TypeUint8: "u8", TypeInt16: "i16", TypeUint16: "u16",
	TypeInt32: "i32", TypeUint32: "u32", TypeInt64: "i64", TypeUint64: "u64",
	TypeFloat: "flt", TypeDouble: "dbl", TypeString: "str", TypeBinary: "bin",
}

// String returns the short name that corosync-cmapctl prints, such as "u32", or
// "" for a number that is no type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return ""
}

// Value is a typed value in the byte order of the host. Data of a string ends
// with NUL as the daemon stores it. The zero Value means "none".
type Value struct {
	Type Type
	Data []byte
}

// Scalar lists the Go types that have a value type of their own. Binary values
// are made as a [Value].
type Scalar interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64 | string
}

// Of makes a value from a scalar.
func Of[T Scalar](v T) Value {
	ne := binary.NativeEndian
	switch v := any(v).(type) {
	case int8:
		return Value{TypeInt8, []byte{byte(v)}}
	case uint8:
		return Value{TypeUint8, []byte{v}}
	case int16:
		return Value{TypeInt16, ne.AppendUint16(nil, uint16(v))}
	case uint16:
		return Value{TypeUint16, ne.AppendUint16(nil, v)}
	case int32:
		return Value{TypeInt32, ne.AppendUint32(nil, uint32(v))}
	case uint32:
		return Value{TypeUint32, ne.AppendUint32(nil, v)}
	case int64:
		return Value{TypeInt64, ne.AppendUint64(nil, uint64(v))}
	case uint64:
		return Value{TypeUint64, ne.AppendUint64(nil, v)}
	case float32:
		return Value{TypeFloat, ne.AppendUint32(nil, math.Float32bits(v))}
	case float64:
		return Value{TypeDouble, ne.AppendUint64(nil, math.Float64bits(v))}
	default:
		return Value{TypeString, append([]byte(any(v).(string)), 0)}
	}
}

// As returns the scalar in v, or [cserr.InvalidParam] if v is of another type.
func As[T Scalar](v Value) (T, error) {
	var out T
	ne := binary.NativeEndian
	var want Type
	size := 0
	switch any(out).(type) {
	case int8:
		want, size = TypeInt8, 1
	case uint8:
		want, size = TypeUint8, 1
	case int16:
		want, size = TypeInt16, 2
	case uint16:
		want, size = TypeUint16, 2
	case int32:
		want, size = TypeInt32, 4
	case uint32:
		want, size = TypeUint32, 4
	case int64:
		want, size = TypeInt64, 8
	case uint64:
		want, size = TypeUint64, 8
	case float32:
		want, size = TypeFloat, 4
	case float64:
		want, size = TypeDouble, 8
	case string:
		want, size = TypeString, len(v.Data)
	}
	if v.Type != want || len(v.Data) != size {
		return out, cserr.InvalidParam
	}
	switch p := any(&out).(type) {
	case *int8:
		*p = int8(v.Data[0])
	case *uint8:
		*p = v.Data[0]
	case *int16:
		*p = int16(ne.Uint16(v.Data))
	case *uint16:
		*p = ne.Uint16(v.Data)
	case *int32:
		*p = int32(ne.Uint32(v.Data))
	case *uint32:
		*p = ne.Uint32(v.Data)
	case *int64:
		*p = int64(ne.Uint64(v.Data))
	case *uint64:
		*p = ne.Uint64(v.Data)
	case *float32:
		*p = math.Float32frombits(ne.Uint32(v.Data))
	case *float64:
		*p = math.Float64frombits(ne.Uint64(v.Data))
	case *string:
		*p = text(v.Data)
	}
	return out, nil
}

// text returns b up to its first NUL.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
