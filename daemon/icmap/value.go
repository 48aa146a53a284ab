package icmap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Type is the type of a value. The numbers are those of cmap_value_types_t and
// travel to clients.
type Type uint8

// The value types.
const (
	TypeInt8   Type = 1
	TypeUint8  Type = 2
	TypeInt16  Type = 3
	TypeUint16 Type = 4
	TypeInt32  Type = 5
	TypeUint32 Type = 6
	TypeInt64  Type = 7
	TypeUint64 Type = 8
	TypeFloat  Type = 9
	TypeDouble Type = 10
	TypeString Type = 11
	TypeBinary Type = 12
)

// Size returns the stored length in bytes of a numeric type, and 0 for
// strings, binary data and unknown types.
func (t Type) Size() int {
	switch t {
	case TypeInt8, TypeUint8:
		return 1
	case TypeInt16, TypeUint16:
		return 2
	case TypeInt32, TypeUint32, TypeFloat:
		return 4
	case TypeInt64, TypeUint64, TypeDouble:
		return 8
	}
	return 0
}

// String returns the short name that corosync-cmapctl prints.
func (t Type) String() string {
	switch t {
	case TypeInt8:
		return "i8"
	case TypeUint8:
		return "u8"
	case TypeInt16:
		return "i16"
	case TypeUint16:
		return "u16"
	case TypeInt32:
		return "i32"
	case TypeUint32:
		return "u32"
	case TypeInt64:
		return "i64"
	case TypeUint64:
		return "u64"
	case TypeFloat:
		return "flt"
	case TypeDouble:
		return "dbl"
	case TypeString:
		return "str"
	case TypeBinary:
		return "bin"
	}
	return "type" + strconv.Itoa(int(t))
}

// Value is a typed value. Data holds it as clients get it: numbers in native
// byte order, strings with their terminating NUL. The zero Value (type 0, no
// data) stands for "no value" in events.
//
// Data of a Value that came out of a Map belongs to the map: it is read-only
// and holds until the next change of that key. Copy to keep.
type Value struct {
	Type Type
	Data []byte
}

// Int8 makes an i8 value.
func Int8(v int8) Value { return Value{TypeInt8, []byte{byte(v)}} }

// Uint8 makes a u8 value.
func Uint8(v uint8) Value { return Value{TypeUint8, []byte{v}} }

// Int16 makes an i16 value.
func Int16(v int16) Value {
	return Value{TypeInt16, binary.NativeEndian.AppendUint16(nil, uint16(v))}
}

// Uint16 makes a u16 value.
func Uint16(v uint16) Value {
	return Value{TypeUint16, binary.NativeEndian.AppendUint16(nil, v)}
}

// Int32 makes an i32 value.
func Int32(v int32) Value {
	return Value{TypeInt32, binary.NativeEndian.AppendUint32(nil, uint32(v))}
}

// Uint32 makes a u32 value.
func Uint32(v uint32) Value {
	return Value{TypeUint32, binary.NativeEndian.AppendUint32(nil, v)}
}

// Int64 makes an i64 value.
func Int64(v int64) Value {
	return Value{TypeInt64, binary.NativeEndian.AppendUint64(nil, uint64(v))}
}

// Uint64 makes a u64 value.
func Uint64(v uint64) Value {
	return Value{TypeUint64, binary.NativeEndian.AppendUint64(nil, v)}
}

// Float makes a flt value.
func Float(v float32) Value {
	return Value{TypeFloat, binary.NativeEndian.AppendUint32(nil, math.Float32bits(v))}
}

// Double makes a dbl value.
func Double(v float64) Value {
	return Value{TypeDouble, binary.NativeEndian.AppendUint64(nil, math.Float64bits(v))}
}

// String makes a str value. Text after a NUL byte is dropped when it is stored.
func String(v string) Value {
	return Value{TypeString, append([]byte(v), 0)}
}

// Binary makes a bin value that shares v.
func Binary(v []byte) Value { return Value{TypeBinary, v} }

// IsZero says whether v is the "no value" of events.
func (v Value) IsZero() bool { return v.Type == 0 && len(v.Data) == 0 }

// Equal compares type and bytes.
func (v Value) Equal(o Value) bool { return v.Type == o.Type && bytes.Equal(v.Data, o.Data) }

// Clone returns v with data of its own.
func (v Value) Clone() Value { return Value{v.Type, bytes.Clone(v.Data)} }

// Uint returns the value of any integer type that is not negative.
func (v Value) Uint() (uint64, bool) {
	if n, ok := v.Int(); ok && n >= 0 {
		return uint64(n), true
	}
	if v.Type == TypeUint64 && len(v.Data) == 8 {
		return binary.NativeEndian.Uint64(v.Data), true
	}
	return 0, false
}

// Int returns the value of any integer type that fits an int64.
func (v Value) Int() (int64, bool) {
	if len(v.Data) != v.Type.Size() {
		return 0, false
	}
	switch v.Type {
	case TypeInt8:
		return int64(int8(v.Data[0])), true
	case TypeUint8:
		return int64(v.Data[0]), true
	case TypeInt16:
		return int64(int16(binary.NativeEndian.Uint16(v.Data))), true
	case TypeUint16:
		return int64(binary.NativeEndian.Uint16(v.Data)), true
	case TypeInt32:
		return int64(int32(binary.NativeEndian.Uint32(v.Data))), true
	case TypeUint32:
		return int64(binary.NativeEndian.Uint32(v.Data)), true
	case TypeInt64:
		return int64(binary.NativeEndian.Uint64(v.Data)), true
	case TypeUint64:
		if n := binary.NativeEndian.Uint64(v.Data); n <= math.MaxInt64 {
			return int64(n), true
		}
	}
	return 0, false
}

// Float64 returns the value of a flt or dbl.
func (v Value) Float64() (float64, bool) {
	switch {
	case v.Type == TypeFloat && len(v.Data) == 4:
		return float64(math.Float32frombits(binary.NativeEndian.Uint32(v.Data))), true
	case v.Type == TypeDouble && len(v.Data) == 8:
		return math.Float64frombits(binary.NativeEndian.Uint64(v.Data)), true
	}
	return 0, false
}

// Str returns the text of a str without its terminating NUL.
func (v Value) Str() (string, bool) {
	if v.Type != TypeString {
		return "", false
	}
	return string(textOf(v.Data)), true
}

// String prints the value for people: `u32 = 5`.
func (v Value) String() string {
	switch v.Type {
	case TypeString:
		return "str = " + string(textOf(v.Data))
	case TypeBinary:
		return fmt.Sprintf("bin = %x", v.Data)
	case TypeFloat, TypeDouble:
		f, _ := v.Float64()
		return fmt.Sprintf("%s = %f", v.Type, f)
	case TypeUint64:
		n, _ := v.Uint()
		return fmt.Sprintf("u64 = %d", n)
	}
	if n, ok := v.Int(); ok {
		return fmt.Sprintf("%s = %d", v.Type, n)
	}
	return fmt.Sprintf("%s %x", v.Type, v.Data)
}

// textOf cuts b at its first NUL.
func textOf(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
