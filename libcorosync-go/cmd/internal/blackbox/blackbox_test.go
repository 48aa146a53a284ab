package blackbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
)

var ne = binary.NativeEndian

// entry is a chunk's payload.
func entry(line uint32, level byte, name string, precise bool, message []byte) []byte {
	b := ne.AppendUint32(nil, line)
	b = append(ne.AppendUint32(b, 3), level)
	b = append(append(ne.AppendUint32(b, uint32(len(name)+1)), name...), 0)
	b = ne.AppendUint64(b, 1000000000)
	if precise {
		b = ne.AppendUint64(b, 42_999_999)
	}
	return append(ne.AppendUint32(b, uint32(len(message))), message...)
}

// dump is a file with a ring of size words in which the chunks begin at start.
func dump(size, start uint32, precise bool, chunks ...[]byte) []byte {
	words := make([]uint32, size)
	at := start
	put := func(w uint32) { words[at%size] = w; at++ }
	for _, c := range chunks {
		put(uint32(len(c)))
		put(chunkMagic)
		for c = append(bytes.Clone(c), make([]byte, -len(c)&3)...); len(c) > 0; c = c[4:] {
			put(ne.Uint32(c))
		}
	}
	w := at % size
	head := []uint32{size, w, start, 1, size + w + start + 1}
	if precise {
		head = append(append([]uint32(nil), preciseMark...), head...)
	}
	out, err := binary.Append(nil, ne, append(head, words...))
	if err != nil {
		panic(err)
	}
	return out
}

func printed(t *testing.T, b []byte) string {
	t.Helper()
	var out strings.Builder
	if err := print(&out, bytes.NewReader(b), time.UTC); err != nil {
		return err.Error()
	}
	return out.String()
}

func TestPrint(t *testing.T) {
	const head = "Ringbuffer: \n ->NORMAL\n ->write_pt [%w]\n"
	first := entry(12, 5, "main", true, []byte("plain text\n\n\x00"))
	second := entry(7, 9, "f", true, []byte("%s\x00of ours\x00"))
	got := printed(t, dump(64, 60, true, first, second))
	want := strings.Replace(head, "%w", "25", 1) + " ->read_pt [60]\n ->size [64 words]\n =>free [136 bytes]\n =>used [112 bytes]\n" +
		"notice  Sep 09 01:46:40.042 main(12):3: plain text\n" +
		"trace   Sep 09 01:46:40.042 f(7):3: of ours\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	old := printed(t, dump(64, 0, false, entry(12, 3, "main", false, []byte("x\x00"))))
	if !strings.HasSuffix(old, "error   Sep 09 01:46:40.000 main(12):3: x\n") {
		t.Errorf("without nanoseconds: %s", old)
	}
	if got := printed(t, dump(16, 5, true)); !strings.HasSuffix(got, " =>free [64 bytes]\n =>used [0 bytes]\n") {
		t.Errorf("empty: %s", got)
	}
}

func TestExpand(t *testing.T) {
	number := func(v uint32) []byte { return ne.AppendUint32(nil, v) }
	long := func(v uint64) []byte { return ne.AppendUint64(nil, v) }
	double := func(v float64) []byte { b, _ := binary.Append(nil, ne, v); return b }
	for _, test := range []struct {
		format, want string
		args         [][]byte
	}{
		{"no arguments", "no arguments", nil},
		{"%d %i %u|%5d|%-5d|%05d|%+d", "-1 7 4294967295|   42|42   |00042|+1",
			[][]byte{number(0xffffffff), number(7), number(0xffffffff), number(42), number(42), number(42), number(1)}},
		{"%x %X %#x %#x %o", "ff FF 0xff 0 10", [][]byte{number(255), number(255), number(255), number(0), number(8)}},
		{"%ld %lu %llx %zu %jd %td", "-1 1 ff 2 -3 4", [][]byte{long(1<<64 - 1), long(1), long(255), long(2), long(1<<64 - 3), long(4)}},
		{"[%s] [%6s] [%-6s] [%.2s]", "[a] [     b] [c     ] [de]", [][]byte{[]byte("a\x00b\x00c\x00def\x00")}},
		{"%.*s|%*d|%-*d|", "ab|    7|7    |", [][]byte{number(2), []byte("ab\x00"), number(5), number(7), number(5), number(7)}},
		{"%c%c", "ok", [][]byte{[]byte("ok")}},
		{"%p %p", "0x1f (nil)", [][]byte{long(0x1f), long(0)}},
		{"%f %.1f %g %e", "1.500000 2.5 0.5 1.000000e+10", [][]byte{double(1.5), double(2.5), double(0.5), double(1e10)}},
		{"100%% sure", "100% sure", [][]byte{[]byte("%")}},
		{"%d%% of %d", "75% of 9", [][]byte{number(75), []byte("%"), number(0xdeadbeef), number(9)}},
		{"missing %d %s %p %f %c|", "missing 0  (nil) 0.000000 |", nil},
		{"ends %", "ends ", nil},
		{"ends %l", "ends ", nil},
		{"%q%d", "1", [][]byte{number(1)}},
		{"%99999999d|", strings.Repeat(" ", 511) + "1|", [][]byte{number(1)}},
	} {
		b := append([]byte(test.format), 0)
		for _, a := range test.args {
			b = append(b, a...)
		}
		if got := expand(b); got != test.want {
			t.Errorf("%q: %q, want %q", test.format, got, test.want)
		}
	}
}

func TestCorrupt(t *testing.T) {
	good := dump(64, 0, true, entry(1, 5, "f", true, []byte("x\x00")))
	flip := func(at int, v uint32) []byte { b := bytes.Clone(good); ne.PutUint32(b[at:], v); return b }
	const data = 40
	for _, test := range []struct {
		name, want string
		b          []byte
	}{
		{"empty", "too short", nil},
		{"header", "too short", good[:36]},
		{"cut", "read 100 bytes, but expected 256", good[:140]},
		{"sum", "checksum", flip(36, 0)},
		{"chunk", "chunk of 4294967295 bytes", flip(data, 0xffffffff)},
		{"large chunk", "chunk of 1000 bytes in a ring of 256", flip(data, 1000)},
		{"short chunk", "blackbox header too small", flip(data, 20)},
		{"name", "fn_size way too big 4278190085", flip(data+17, 0xff000005)},
		{"text", "msg_len out of bounds 16777216", flip(data+39, 1<<24)},
	} {
		if got := printed(t, test.b); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fdata")
	run := func(d *tooltest.Daemon) tooltest.Result {
		return d.Run(func(ctx context.Context, env *tool.Env, s tool.Services) int {
			return Run(ctx, env, s, file, func() time.Time { return time.Unix(77, 0) })
		}, "corosync-blackbox", "")
	}
	d := &tooltest.Daemon{}
	r := run(d)
	want := tooltest.Result{Stdout: "Dumping the contents of " + file + "\n", Stderr: "[error] " + file + ": No such file or directory\n"}
	if r != want || strings.Join(d.Requests, ",") != "cmap 0,cmap 0" {
		t.Errorf("%+v %q", r, d.Requests)
	}
	if err := os.WriteFile(file, dump(64, 0, true, entry(1, 5, "f", true, []byte("x\x00"))), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(&tooltest.Daemon{}); !strings.HasSuffix(r.Stdout, "f(1):3: x\n") || r.Stderr != "" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

func FuzzPrint(f *testing.F) {
	f.Add(dump(64, 60, true, entry(12, 5, "main", true, []byte("%d %s %5.2f%%\x00abcdabcdabcd"))))
	f.Add(dump(16, 0, false))
	f.Fuzz(func(t *testing.T, b []byte) { printed(t, b) })
}

func FuzzExpand(f *testing.F) {
	f.Add([]byte("%*.*lld %c%p%%%s\x00aaaabbbbccccccccd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := expand(b); len(s) > (len(b)+1)*(longestField+400) {
			t.Errorf("%d bytes from %d", len(s), len(b))
		}
	})
}
