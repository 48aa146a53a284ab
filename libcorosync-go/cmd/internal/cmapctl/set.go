package cmapctl

import (
	"bufio"
	"context"
	"io"
	"math"
	"os"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func (r *run) set(ctx context.Context, args []string) int {
	if len(args) < 3 {
		r.Errorf("At least 3 parameters are expected for set\n")
		return tool.Failure
	}
	if !r.setKey(ctx, args[0], args[1], args[2]) {
		return tool.Failure
	}
	return tool.Success
}

// setKey returns false after a message.
func (r *run) setKey(ctx context.Context, key, typeName, text string) bool {
	v, ok := r.parse(typeName, text)
	if !ok {
		return false
	}
	var err error
	if v.Type == cmap.TypeBinary && len(v.Data) == 0 {
		err = cserr.InvalidParam // the C library refuses a value without bytes
	} else {
		err = r.keys.Set(ctx, key, v)
	}
	if err != nil {
		r.Errorf("Failed to set key %s. Error %s\n", key, tool.Text(err))
	}
	return err == nil
}

// ranges of the integer types, by name.
var ranges = map[string]struct {
	low  int64
	high uint64
	make func(int64, uint64) cmap.Value
}{
	"i8":  {math.MinInt8, math.MaxInt8, func(i int64, _ uint64) cmap.Value { return cmap.Of(int8(i)) }},
	"i16": {math.MinInt16, math.MaxInt16, func(i int64, _ uint64) cmap.Value { return cmap.Of(int16(i)) }},
	"i32": {math.MinInt32, math.MaxInt32, func(i int64, _ uint64) cmap.Value { return cmap.Of(int32(i)) }},
	"i64": {math.MinInt64, math.MaxInt64, func(i int64, _ uint64) cmap.Value { return cmap.Of(i) }},
	"u8":  {0, math.MaxUint8, func(_ int64, u uint64) cmap.Value { return cmap.Of(uint8(u)) }},
	"u16": {0, math.MaxUint16, func(_ int64, u uint64) cmap.Value { return cmap.Of(uint16(u)) }},
	"u32": {0, math.MaxUint32, func(_ int64, u uint64) cmap.Value { return cmap.Of(uint32(u)) }},
	"u64": {0, math.MaxUint64, func(_ int64, u uint64) cmap.Value { return cmap.Of(u) }},
}

// parse makes a value of what stands on the command line; false after a
// message. Numbers are read as sscanf does: what follows one is ignored.
func (r *run) parse(typeName, text string) (cmap.Value, bool) {
	if kind, ok := ranges[typeName]; ok {
		var i int64
		var u uint64
		var valid, inRange bool
		if typeName[0] == 'i' {
			i, valid = tool.ScanInt(text)
			inRange = i >= kind.low && (i < 0 || uint64(i) <= kind.high)
		} else {
			u, valid = tool.ScanUint(text)
			inRange = u <= kind.high
		}
		switch {
		case !valid:
			return r.invalid(typeName, text)
		case !inRange:
			r.Errorf("%s is not valid %s integer\n", text, typeName)
			return cmap.Value{}, false
		}
		return kind.make(i, u), true
	}
	switch typeName {
	case "flt":
		f, ok := tool.ScanFloat(text, 32)
		if !ok {
			return r.invalid(typeName, text)
		}
		return cmap.Of(float32(f)), true
	case "dbl":
		f, ok := tool.ScanFloat(text, 64)
		if !ok {
			return r.invalid(typeName, text)
		}
		return cmap.Of(f), true
	case "str":
		return cmap.Of(text), true
	case "bin":
		data, ok := r.readFile(text)
		return cmap.Value{Type: cmap.TypeBinary, Data: data}, ok
	}
	r.Errorf("Unknown type %s\n", typeName)
	return cmap.Value{}, false
}

func (r *run) invalid(typeName, text string) (cmap.Value, bool) {
	r.Errorf("%s is not valid %s type value\n", text, typeName)
	return cmap.Value{}, false
}

// maxFile is more than a request can carry, in bytes; what exceeds it is
// refused by its size without being read.
const maxFile = 2 << 20

// readFile reads the value of a binary key; "-" is standard input. Only opening
// can fail with a message; a read error ends the value, as in C.
func (r *run) readFile(name string) ([]byte, bool) {
	in := r.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			r.Errorf("Can't open input file: %s\n", tool.Strerror(err))
			return nil, false
		}
		defer f.Close()
		in = f
	}
	data, _ := io.ReadAll(io.LimitReader(in, maxFile))
	return data, true
}

// load applies a file of settings. A file that cannot be opened is no failure,
// nor is a key that cannot be deleted; a bad setting ends it.
func (r *run) load(ctx context.Context, _ []string) int {
	f, err := os.Open(r.settings)
	if err != nil {
		r.Errorf("Couldn't open file.: %s\n", tool.Strerror(err))
		return tool.Success
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		line, ok := readLine(in)
		if !ok {
			return tool.Success
		}
		if !r.apply(ctx, line) {
			return tool.Failure
		}
	}
}

// lineBytes is the longest line; what follows counts as the next one.
const lineBytes = 1023

func readLine(in *bufio.Reader) (string, bool) {
	var b []byte
	for len(b) < lineBytes {
		c, err := in.ReadByte()
		if err != nil {
			break
		}
		b = append(b, c)
		if c == '\n' {
			break
		}
	}
	return string(b), len(b) > 0
}

// apply executes a line: KEY TYPE VALUE, ^KEY, ^^PREFIX, # comment. Words are
// separated by blanks; a tab is part of a word. False after a message.
func (r *run) apply(ctx context.Context, line string) bool {
	line = strings.TrimLeft(line, " \t")
	if line == "" || line[0] == '#' || line[0] == '\n' {
		return true
	}
	words := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\n' })
	if len(words) == 0 {
		return true
	}
	key := words[0]
	if prefix, ok := strings.CutPrefix(key, "^^"); ok {
		return r.deletePrefix(ctx, prefix)
	}
	if name, ok := strings.CutPrefix(key, "^"); ok {
		r.deleteKey(ctx, name)
		return true
	}
	if len(words) < 3 {
		r.Errorf("Both type and value for key %s are required\n", key)
		return false
	}
	return r.setKey(ctx, key, words[1], words[2])
}
