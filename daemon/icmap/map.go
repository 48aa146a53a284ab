package icmap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
)

// Limits of keys and values; the first three are those of the C daemon.
const (
	KeyMinLen   = 3         // shortest key name in bytes
	KeyMaxLen   = 255       // longest key name in bytes
	ValueMaxLen = 16 * 1024 // longest value given to Set, in bytes (a string is stored one longer)

	// MaxKeys bounds what clients may fill: with the smallest values about 200 MB.
	MaxKeys = 1 << 20
)

// Errors of this package. engine/cmap maps them to cs_error_t.
var (
	ErrNotExist = errors.New("icmap: no such key")                     // CS_ERR_NOT_EXIST
	ErrInvalid  = errors.New("icmap: type or length of value invalid") // CS_ERR_INVALID_PARAM
	ErrName     = errors.New("icmap: key name invalid")                // CS_ERR_NAME_TOO_LONG
	ErrExist    = errors.New("icmap: exists already")                  // CS_ERR_EXIST
	ErrFull     = errors.New("icmap: too many keys")                   // CS_ERR_NO_MEMORY
)

// item is one key and its value. data is replaced by Set, never written, save
// by AddFast, which changes a number in place.
type item struct {
	key      string
	typ      Type
	data     []byte
	deleting bool // inside the TrackNow callbacks of its own deletion
	gone     bool // deleted: a Counter that holds it finds out here

	// watchers caches who tracks this key; valid while watchGen is Map.trackGen.
	watchers []*Tracker
	watchGen uint64

	fastTurn uint64 // turn in which a Counter event of this item was queued
}

func (it *item) value() Value { return Value{it.typ, it.data} }

// Map is a key map. Use New. All methods are for the owner's goroutine only.
type Map struct {
	// Wake, if set, is called when the first event is queued after a Flush:
	// the owner then arranges for Flush at the end of its turn.
	Wake func()

	items map[string]*item
	order order
	ro    []roRule

	tracks   map[string]*bucket
	nullKey  []*Tracker
	trackGen uint64

	queue []event
	turn  uint64
	busy  bool
}

// New returns an empty map.
func New() *Map {
	return &Map{
		items:    make(map[string]*item),
		tracks:   make(map[string]*bucket),
		trackGen: 1,
		turn:     1,
	}
}

// Len returns the number of keys.
func (m *Map) Len() int { return len(m.items) }

// ValidKey says whether name may become a key: 3 to 255 of a-z A-Z 0-9 . _ - / :
func ValidKey(name string) bool {
	if len(name) < KeyMinLen || len(name) > KeyMaxLen {
		return false
	}
	for i := 0; i < len(name); i++ {
		if !validKeyByte(name[i]) {
			return false
		}
	}
	return true
}

// CleanKey replaces each byte that may not stand in a key by '_'.
func CleanKey(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && validKeyByte(byte(r)) {
			return r
		}
		return '_'
	}, name)
}

func validKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == '-' || c == '/' || c == ':'
}

// normalize checks type against length and returns the data as stored: strings
// are cut at their first NUL and get one. The result may share v.Data.
func normalize(v Value) ([]byte, error) {
	if len(v.Data) > ValueMaxLen+1 || len(v.Data) > ValueMaxLen && v.Type != TypeString {
		return nil, ErrInvalid
	}
	switch v.Type {
	case TypeString:
		text := textOf(v.Data)
		// A NUL may stand only as the last byte; the length limit is that of the
		// text with an optional NUL given by a client.
		if len(v.Data) > len(text)+1 || len(text) > ValueMaxLen {
			return nil, ErrInvalid
		}
		if len(v.Data) == len(text)+1 {
			return v.Data, nil
		}
		return append(text[:len(text):len(text)], 0), nil
	case TypeBinary:
		return v.Data, nil
	}
	// Types unknown here have size 0: the C daemon stores them without data.
	if len(v.Data) != v.Type.Size() {
		return nil, ErrInvalid
	}
	return v.Data, nil
}

// Set stores a copy of v under key. An equal value of the same type changes
// nothing and notifies nobody; a value of another type replaces the old one.
// Errors: ErrInvalid (length does not fit the type), ErrName (only for new
// keys), ErrFull.
func (m *Map) Set(key string, v Value) error {
	data, err := normalize(v)
	if err != nil {
		return err
	}
	it := m.items[key]
	if it != nil {
		if it.typ == v.Type && bytes.Equal(it.data, data) {
			return nil
		}
		old := it.value()
		it.typ, it.data = v.Type, bytes.Clone(data)
		m.changed(it, EventModify, it.value(), old)
		return nil
	}
	if !ValidKey(key) {
		return ErrName
	}
	if len(m.items) >= MaxKeys {
		return ErrFull
	}
	key = strings.Clone(key)
	it = &item{key: key, typ: v.Type, data: bytes.Clone(data)}
	m.items[key] = it
	m.order.insert(key)
	m.changed(it, EventAdd, it.value(), Value{})
	return nil
}

// Get returns the value of key. See Value for how long its data may be used.
func (m *Map) Get(key string) (Value, bool) {
	it := m.items[key]
	if it == nil {
		return Value{}, false
	}
	return it.value(), true
}

// Has says whether key exists.
func (m *Map) Has(key string) bool { return m.items[key] != nil }

// Delete removes key, or returns ErrNotExist. TrackNow callbacks run before the
// key is gone, so they still read the old value, as in the C daemon.
func (m *Map) Delete(key string) error {
	it := m.items[key]
	if it == nil || it.deleting {
		return ErrNotExist
	}
	it.deleting = true
	m.changed(it, EventDelete, Value{}, it.value())
	it.gone = true
	delete(m.items, it.key)
	m.order.remove(it.key)
	return nil
}

// Adjust adds step to an integer, modulo the width of its type. It notifies as
// a Set does. Errors: ErrNotExist, ErrInvalid (not an integer).
func (m *Map) Adjust(key string, step int32) error {
	it := m.items[key]
	if it == nil {
		return ErrNotExist
	}
	data := bytes.Clone(it.data)
	if !addInPlace(it.typ, data, int64(step)) {
		return ErrInvalid
	}
	return m.Set(key, Value{it.typ, data})
}

// Inc adds one; see Adjust.
func (m *Map) Inc(key string) error { return m.Adjust(key, 1) }

// Dec subtracts one; see Adjust.
func (m *Map) Dec(key string) error { return m.Adjust(key, -1) }

// addInPlace adds step to the integer in data and says whether it was one.
func addInPlace(t Type, data []byte, step int64) bool {
	if len(data) != t.Size() {
		return false
	}
	switch t {
	case TypeInt8, TypeUint8:
		data[0] += byte(step)
	case TypeInt16, TypeUint16:
		binary.NativeEndian.PutUint16(data, binary.NativeEndian.Uint16(data)+uint16(step))
	case TypeInt32, TypeUint32:
		binary.NativeEndian.PutUint32(data, binary.NativeEndian.Uint32(data)+uint32(step))
	case TypeInt64, TypeUint64:
		binary.NativeEndian.PutUint64(data, binary.NativeEndian.Uint64(data)+uint64(step))
	default:
		return false
	}
	return true
}

// Counter is a number of the map that is counted often: it is looked up once
// and changed in place without allocating. Deleting the key makes the counter
// idle.
type Counter struct {
	m  *Map
	it *item
}

// Counter returns the counter under an existing integer key.
func (m *Map) Counter(key string) (*Counter, error) {
	it := m.items[key]
	if it == nil {
		return nil, ErrNotExist
	}
	switch it.typ {
	case TypeFloat, TypeDouble, TypeString, TypeBinary, 0:
		return nil, ErrInvalid
	}
	return &Counter{m, it}, nil
}

// Add adds step. Trackers get a modify event with the new value and no old one
// (as for icmap_fast_inc), one per key and turn: the C daemon sends one per
// step, which lets one tracking client slow the whole node.
func (c *Counter) Add(step int32) {
	it := c.it
	if it.gone || !addInPlace(it.typ, it.data, int64(step)) {
		return
	}
	c.m.changedFast(it)
}

// Inc adds one.
func (c *Counter) Inc() { c.Add(1) }

// FastInc is Counter(key).Inc for callers that count seldom.
func (m *Map) FastInc(key string) error {
	c, err := m.Counter(key)
	if err == nil {
		c.Add(1)
	}
	return err
}

// Typed setters. The key names that the daemon uses are valid, so callers may
// ignore the error where the name is a constant.

// SetInt8 stores an i8.
func (m *Map) SetInt8(key string, v int8) error { return m.Set(key, Int8(v)) }

// SetUint8 stores a u8.
func (m *Map) SetUint8(key string, v uint8) error { return m.Set(key, Uint8(v)) }

// SetInt16 stores an i16.
func (m *Map) SetInt16(key string, v int16) error { return m.Set(key, Int16(v)) }

// SetUint16 stores a u16.
func (m *Map) SetUint16(key string, v uint16) error { return m.Set(key, Uint16(v)) }

// SetInt32 stores an i32.
func (m *Map) SetInt32(key string, v int32) error { return m.Set(key, Int32(v)) }

// SetUint32 stores a u32.
func (m *Map) SetUint32(key string, v uint32) error { return m.Set(key, Uint32(v)) }

// SetInt64 stores an i64.
func (m *Map) SetInt64(key string, v int64) error { return m.Set(key, Int64(v)) }

// SetUint64 stores a u64.
func (m *Map) SetUint64(key string, v uint64) error { return m.Set(key, Uint64(v)) }

// SetFloat stores a flt.
func (m *Map) SetFloat(key string, v float32) error { return m.Set(key, Float(v)) }

// SetDouble stores a dbl.
func (m *Map) SetDouble(key string, v float64) error { return m.Set(key, Double(v)) }

// SetString stores a str; text after a NUL byte is dropped.
func (m *Map) SetString(key, v string) error {
	if i := strings.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return m.Set(key, String(v))
}

// SetBinary stores a bin.
func (m *Map) SetBinary(key string, v []byte) error { return m.Set(key, Binary(v)) }

// get returns the data of key if it has type t.
func (m *Map) get(key string, t Type) ([]byte, error) {
	it := m.items[key]
	if it == nil {
		return nil, ErrNotExist
	}
	if it.typ != t {
		return nil, ErrInvalid
	}
	return it.data, nil
}

// Typed getters return ErrNotExist, or ErrInvalid if the key has another type.

// GetUint8 reads a u8.
func (m *Map) GetUint8(key string) (uint8, error) {
	d, err := m.get(key, TypeUint8)
	if err != nil {
		return 0, err
	}
	return d[0], nil
}

// GetUint16 reads a u16.
func (m *Map) GetUint16(key string) (uint16, error) {
	d, err := m.get(key, TypeUint16)
	if err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint16(d), nil
}

// GetInt32 reads an i32.
func (m *Map) GetInt32(key string) (int32, error) {
	d, err := m.get(key, TypeInt32)
	if err != nil {
		return 0, err
	}
	return int32(binary.NativeEndian.Uint32(d)), nil
}

// GetUint32 reads a u32.
func (m *Map) GetUint32(key string) (uint32, error) {
	d, err := m.get(key, TypeUint32)
	if err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint32(d), nil
}

// GetUint64 reads a u64.
func (m *Map) GetUint64(key string) (uint64, error) {
	d, err := m.get(key, TypeUint64)
	if err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint64(d), nil
}

// GetDouble reads a dbl.
func (m *Map) GetDouble(key string) (float64, error) {
	d, err := m.get(key, TypeDouble)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.NativeEndian.Uint64(d)), nil
}

// GetString reads a str.
func (m *Map) GetString(key string) (string, error) {
	d, err := m.get(key, TypeString)
	if err != nil {
		return "", err
	}
	return string(textOf(d)), nil
}
