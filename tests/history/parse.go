package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ErrFormat is wrapped by errors about lines that are no recording.
var ErrFormat = errors.New("history: bad line")

// maxLine bounds a line of a recording: a view of 128 members three times.
const maxLine = 64 << 10

// Parse reads a recording as written by tests/netns/testdata/recorder.c. One
// recording holds several processes if the program connected several times. A
// last line without line end is ignored: the writer was killed in it.
func Parse(name string, r io.Reader) ([]*Process, error) {
	var out []*Process
	var cur *Process
	err := eachLine(name, r, func(p *fields, t int64, kind byte) {
		switch {
		case kind == 'I':
			cur = &Process{Name: name, ID: Member{uint32(p.num(2)), uint32(p.num(3))}, Incarnation: p.num(4)}
			out = append(out, cur)
		case cur == nil: // an event before the connection
			p.bad = true
		case kind == 'E':
			cur.End = p.str(2)
		default:
			e := Event{Kind: Kind(kind), Time: t}
			p.event(&e, cur)
			cur.Events = append(cur.Events, e)
		}
	})
	return out, err
}

// eachLine calls a function for each whole line of a recording: a time in microseconds, the letter of its kind, and what follows.
// It ends at the first that is bad.
func eachLine(name string, r io.Reader, do func(p *fields, t int64, kind byte)) error {
	br := bufio.NewReaderSize(r, maxLine)
	for no := 1; ; no++ {
		line, err := br.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, no, err)
		}
		p := &fields{f: strings.Fields(string(line))}
		if t, kind := p.num(0), p.str(1); len(kind) == 1 {
			do(p, int64(t), kind[0])
		} else {
			p.bad = true
		}
		if p.bad {
			return fmt.Errorf("%s:%d: %w: %q", name, no, ErrFormat, line)
		}
	}
}

// fields reads the words of one line and remembers the first failure.
type fields struct {
	f   []string
	bad bool
}

func (p *fields) str(i int) string {
	if i >= len(p.f) {
		p.bad = true
		return ""
	}
	return p.f[i]
}

func (p *fields) num(i int) uint64 { return p.parse(p.str(i)) }

func (p *fields) parse(s string) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		p.bad = true
	}
	return v
}

func (p *fields) event(e *Event, self *Process) {
	switch e.Kind {
	case Send:
		e.Msg = MsgID{self.Incarnation, p.num(2)}
		e.Size, e.Flags = int(p.num(3)), uint32(p.num(4))
	case Unsent:
		e.Msg = MsgID{self.Incarnation, p.num(2)}
	case Deliver:
		e.Sender = Member{uint32(p.num(2)), uint32(p.num(3))}
		e.Msg = MsgID{p.num(4), p.num(5)}
		e.Size, e.Flags = int(p.num(6)), uint32(p.num(7))
		e.Damaged = p.num(8) != 1
	case View:
		for _, c := range p.changes(2, false) {
			e.Members = append(e.Members, c.Member)
		}
		slices.SortFunc(e.Members, compareMembers)
		e.Left, e.Joined = p.changes(3, true), p.changes(4, true)
	case Ring:
		e.Ring, e.Nodes = p.ring(2), p.nodes(3)
	case Accepted:
	default:
		p.bad = true
	}
}

func (p *fields) changes(i int, reason bool) []Change {
	s := p.str(i)
	if s == "-" || p.bad {
		return nil
	}
	var out []Change
	for w := range strings.SplitSeq(s, ",") {
		part := strings.Split(w, ":")
		if (reason && len(part) != 3) || (!reason && len(part) != 2) {
			p.bad = true
			return nil
		}
		c := Change{Member: Member{uint32(p.parse(part[0])), uint32(p.parse(part[1]))}}
		if reason {
			c.Reason = uint32(p.parse(part[2]))
		}
		out = append(out, c)
	}
	return out
}
