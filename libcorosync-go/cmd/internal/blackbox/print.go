package blackbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"
)

// Numbers of the format.
const (
	chunkMagic   = 0xA1A1A1A1
	headerWords  = 2    // of a chunk: bytes, magic
	longestChunk = 1024 // bytes that the printer of libqb has room for
	longestText  = 512
	// leastChunk is four words, the level, a name of one byte and one of the
	// message, and the time in the older form.
	leastChunk  = 4*4 + 1 + 2 + 8
	ringVersion = 1
	// largestFile bounds what is read into memory; dumps have 8 MiB.
	largestFile = 256 << 20
)

// preciseMark begins a file whose times have nanoseconds.
var preciseMark = []uint32{0, 0xCCBBCCBB, 0xBBCCBBCC, 2, 0}

// levels are the names of priorities; what is beyond is as fine as it gets.
var levels = []string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "trace"}

// ring is a dumped ring buffer.
type ring struct {
	words       []uint32
	read, write uint32
	precise     bool
}

func load(r io.Reader) (*ring, error) {
	b, err := io.ReadAll(io.LimitReader(r, largestFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > largestFile {
		return nil, fmt.Errorf("larger than %d bytes, no flight data", largestFile)
	}
	ne := binary.NativeEndian
	word := func(i int) uint32 { return ne.Uint32(b[4*i:]) }
	rg := &ring{}
	if len(b) >= 4*len(preciseMark) {
		rg.precise = true
		for i, w := range preciseMark {
			rg.precise = rg.precise && word(i) == w
		}
		if rg.precise {
			b = b[4*len(preciseMark):]
		}
	}
	if len(b) < 5*4 {
		return nil, errors.New("no flight data: the file is too short")
	}
	size, write, read, version, sum := word(0), word(1), word(2), word(3), word(4)
	b = b[5*4:]
	switch {
	case sum != size+write+read+version:
		return nil, errors.New("Corrupt blackbox: the checksum of the header does not match")
	case version != ringVersion:
		return nil, fmt.Errorf("Wrong file header version. Expected %d got %d", ringVersion, version)
	case uint64(size)*4 > uint64(len(b)):
		return nil, fmt.Errorf("read %d bytes, but expected %d", len(b), uint64(size)*4)
	case size == 0 || read >= size || write >= size:
		return nil, errors.New("Invalid pointers read from blackbox header")
	}
	rg.words = make([]uint32, size)
	for i := range rg.words {
		rg.words[i] = word(i)
	}
	rg.read, rg.write = read, write
	return rg, nil
}

// space returns the bytes that are free and in use.
func (rg *ring) space() (free, used int) {
	size, w, r := len(rg.words), int(rg.write), int(rg.read)
	switch {
	case w > r:
		return 4 * (r - w + size - 1), 4 * (w - r)
	case w < r:
		return 4 * (r - w - 1), 4 * (w - r + size - 1)
	}
	return 4 * size, 0
}

// next takes the oldest chunk out; ok is false where none follows. The error is
// that of a chunk with an impossible length.
func (rg *ring) next() (chunk []byte, ok bool, err error) {
	size := uint32(len(rg.words))
	at := rg.read
	if rg.words[(at+1)%size] != chunkMagic {
		return nil, false, nil
	}
	n := rg.words[at]
	if n > longestChunk {
		return nil, false, fmt.Errorf("ERROR Corrupt file: chunk of %d bytes", n)
	}
	words := (n + 3) / 4
	if headerWords+words > size {
		return nil, false, fmt.Errorf("ERROR Corrupt file: chunk of %d bytes in a ring of %d", n, 4*size)
	}
	chunk = make([]byte, 0, 4*words)
	for i := range words {
		chunk = binary.NativeEndian.AppendUint32(chunk, rg.words[(at+headerWords+i)%size])
	}
	rg.words[at], rg.words[(at+1)%size] = 0, 0
	rg.read = (at + headerWords + words) % size
	return chunk[:n], true, nil
}

// print writes a dump as text. Errors within the messages are part of it.
func print(w io.Writer, r io.Reader, zone *time.Location) error {
	rg, err := load(r)
	if err != nil {
		return err
	}
	free, used := rg.space()
	fmt.Fprintf(w, "Ringbuffer: \n ->NORMAL\n ->write_pt [%d]\n ->read_pt [%d]\n ->size [%d words]\n =>free [%d bytes]\n =>used [%d bytes]\n",
		rg.write, rg.read, len(rg.words), free, used)
	for {
		chunk, ok, err := rg.next()
		if err == nil && ok {
			err = printChunk(w, chunk, rg.precise, zone)
		}
		if err != nil {
			fmt.Fprintln(w, err)
		}
		if err != nil || !ok {
			return nil
		}
	}
}

func printChunk(w io.Writer, chunk []byte, precise bool, zone *time.Location) error {
	if len(chunk) < leastChunk {
		return errors.New("ERROR Corrupt file: blackbox header too small.")
	}
	ne := binary.NativeEndian
	line, tags, level, nameLen := ne.Uint32(chunk), ne.Uint32(chunk[4:]), chunk[8], ne.Uint32(chunk[9:])
	if uint64(nameLen)+leastChunk > uint64(len(chunk)) {
		return fmt.Errorf("ERROR Corrupt file: fn_size way too big %d", nameLen)
	}
	if nameLen == 0 {
		return fmt.Errorf("ERROR Corrupt file: fn_size negative %d", nameLen)
	}
	name, rest := chunk[13:13+nameLen], chunk[13+nameLen:]
	need := 8 + 4
	if precise {
		need += 8
	}
	if len(rest) < need {
		return errors.New("ERROR Corrupt file: blackbox header too small.")
	}
	sec, nsec := int64(ne.Uint64(rest)), uint64(0)
	rest = rest[8:]
	if precise {
		nsec = ne.Uint64(rest)
		rest = rest[8:]
	}
	size := ne.Uint32(rest)
	rest = rest[4:]
	if size > longestText || size == 0 {
		return fmt.Errorf("ERROR Corrupt file: msg_len out of bounds %d", size)
	}
	// What the length says is not to be trusted further than the chunk.
	text := strings.TrimRight(expand(rest[:min(int(size), len(rest))]), "\n")
	fmt.Fprintf(w, "%-7s %s.%03d %s(%d):%d: %s\n", levels[min(int(level), len(levels)-1)],
		time.Unix(sec, 0).In(zone).Format("Jan 02 15:04:05"), nsec/1e6, cstring(name), line, tags, text)
	return nil
}

func cstring(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// Sizes of long, size_t and pointers in a dump of this machine.
const wordBytes = bits.UintSize / 8

// expand applies a printf format to the arguments behind it, in the binary form
// that libqb gives them. What is missing prints as nothing.
func expand(b []byte) string {
	format, args, _ := bytes.Cut(b, []byte{0})
	a := arguments(args)
	var out strings.Builder
	for len(format) > 0 {
		i := bytes.IndexByte(format, '%')
		if i < 0 {
			i = len(format)
		}
		out.Write(format[:i])
		format = format[i:]
		if len(format) == 0 {
			break
		}
		c, n := parse(format[1:], &a)
		if c.verb != '%' {
			out.WriteString(c.print(&a))
			format = format[1+n:]
			continue
		}
		out.WriteByte('%')
		format = format[1+n:]
		// libqb stores a byte for a doubled percent sign, and then takes the second one for the start of a conversion: an
		// argument that nobody gave is stored for what follows. It is in the way of the ones behind it.
		a.take(1)
		stray, _ := parse(format, &a)
		_ = stray.print(&a)
	}
	return out.String()
}

// conversion is what follows a percent sign.
type conversion struct {
	flags  string
	width  string
	prec   string // with its point
	long   bool   // of eight bytes
	verb   byte   // 0: the format ended
	hasLen bool
}

// parse reads a conversion and returns how many bytes it has. A star takes its
// number from the arguments.
func parse(s []byte, a *arguments) (c conversion, n int) {
	for n < len(s) {
		switch ch := s[n]; ch {
		case '#', '-', ' ', '+':
			c.flags += string(ch)
		case '0':
			switch {
			case c.prec != "":
				c.prec += "0"
			case c.width != "":
				c.width += "0"
			default:
				c.flags += "0"
			}
		case '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if c.prec != "" {
				c.prec += string(ch)
			} else {
				c.width += string(ch)
			}
		case '.':
			c.prec = "."
		case '*':
			v := fmt.Sprint(int32(a.number(false)))
			if c.prec != "" {
				c.prec += strings.TrimPrefix(v, "-")
			} else if strings.HasPrefix(v, "-") {
				c.flags, c.width = c.flags+"-", v[1:]
			} else {
				c.width = v
			}
		case 'l':
			if c.hasLen || wordBytes == 8 {
				c.long = true
			}
			c.hasLen = true
		case 'z', 't':
			c.long, c.hasLen = wordBytes == 8, true
		case 'j':
			c.long, c.hasLen = true, true
		case '\'', 'I': // of the locale, which is C
		default:
			c.verb = ch
			return c, n + 1
		}
		n++
	}
	return c, n
}

// longestField bounds widths and precisions: a format from a file may ask for
// anything.
const longestField = longestText

func (c conversion) print(a *arguments) string {
	width, prec := c.width, c.prec
	if len(width) > 3 || len(width) == 3 && width > fmt.Sprint(longestField) {
		width = fmt.Sprint(longestField)
	}
	if len(prec) > 4 || len(prec) == 4 && prec[1:] > fmt.Sprint(longestField) {
		prec = "." + fmt.Sprint(longestField)
	}
	spec := "%" + c.flags + width
	switch c.verb {
	case 'd', 'i':
		v := a.number(c.long)
		if !c.long {
			v = int64(int32(v))
		}
		return fmt.Sprintf(spec+prec+"d", v)
	case 'u', 'o', 'x', 'X':
		v := uint64(a.number(c.long))
		if !c.long {
			v = uint64(uint32(v))
		}
		verb := string(c.verb)
		if c.verb == 'u' {
			verb = "d"
		}
		if v == 0 {
			spec = "%" + strings.ReplaceAll(c.flags, "#", "") + width
		}
		return fmt.Sprintf(spec+prec+verb, v)
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		verb := string(c.verb)
		switch {
		case c.verb == 'a':
			verb = "x"
		case c.verb == 'A':
			verb = "X"
		case prec == "":
			prec = ".6"
		}
		return fmt.Sprintf(spec+prec+verb, a.float())
	case 'c':
		return fmt.Sprintf("%"+strings.Trim(c.flags, "#+ 0")+width+"s", string(a.take(1)))
	case 's':
		// The precision was applied when the message was stored, and is so again.
		s := a.text()
		if prec != "" {
			var n int
			_, _ = fmt.Sscan(prec[1:], &n) // a lone point is zero
			s = s[:min(n, len(s))]
		}
		return fmt.Sprintf("%"+strings.Trim(c.flags, "#+ 0")+width+"s", s)
	case 'p':
		v := uint64(a.number(wordBytes == 8))
		if v == 0 {
			return fmt.Sprintf(spec+"s", "(nil)")
		}
		return fmt.Sprintf(spec+"s", fmt.Sprintf("%#x", v))
	}
	return ""
}

// arguments are the bytes that are left of them.
type arguments []byte

func (a *arguments) take(n int) []byte {
	n = min(n, len(*a))
	b := (*a)[:n]
	*a = (*a)[n:]
	return b
}

func (a *arguments) number(long bool) int64 {
	n := 4
	if long {
		n = 8
	}
	b := a.take(n)
	switch {
	case len(b) < n:
		return 0
	case long:
		return int64(binary.NativeEndian.Uint64(b))
	}
	return int64(binary.NativeEndian.Uint32(b))
}

func (a *arguments) float() float64 {
	var v float64
	_, _ = binary.Decode(a.take(8), binary.NativeEndian, &v) // zero if cut
	return v
}

func (a *arguments) text() string {
	b, rest, _ := bytes.Cut(*a, []byte{0})
	*a = rest
	return string(b)
}
