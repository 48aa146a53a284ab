package cmapctl

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func daemon() *tooltest.Daemon {
	return &tooltest.Daemon{Keys: map[string]cmap.Value{
		"a.i8":   cmap.Of(int8(-1)),
		"a.u64":  cmap.Of(uint64(math.MaxUint64)),
		"b.flt":  cmap.Of(float32(math.Inf(-1))),
		"b.dbl":  cmap.Of(2.5),
		"c.str":  cmap.Of("two words"),
		"c.bin":  {Type: cmap.TypeBinary, Data: []byte("a\\\x00\xff")},
		"c.none": {Type: 13},
	}}
}

func TestPrint(t *testing.T) {
	for _, test := range []struct {
		line, want string
		code       int
	}{
		{"cmapctl a.", "a.i8 (i8) = -1\na.u64 (u64) = 18446744073709551615\n", 0},
		{"cmapctl b. nosuch", "b.dbl (dbl) = 2.500000\nb.flt (flt) = -inf\n", 0},
		{"cmapctl nosuch none", "", 1},
		{"cmapctl -g c.str a.i8", "c.str (str) = two words\na.i8 (i8) = -1\n", 0},
		{"cmapctl -qg c.str a.i8", "two words\n-1\n", 0},
		{"cmapctl c.bin", "c.bin (bin)\n", 0},
		{"cmapctl -b c.bin", "c.bin (bin) = a\\\\\\x00\\xFFFFFFFF\n", 0},
		{"cmapctl -q c.bin", "bin)\n", 0},
		{"cmapctl c.none", "c.none (\n", 0},
		{"cmapctl -q c.none", "\n", 0},
	} {
		if r := daemon().Run(Run, test.line, ""); r != (tooltest.Result{Stdout: test.want, Code: test.code}) {
			t.Errorf("%s: %+v", test.line, r)
		}
	}
	if r := daemon().Run(Run, "cmapctl", ""); strings.Count(r.Stdout, "\n") != 7 || r.Code != 0 {
		t.Error(r)
	}
	if r := daemon().Run(Run, "cmapctl -g a.i8 nosuch b.dbl", ""); r.Code != 1 || r.Stderr != "Can't get key nosuch. Error CS_ERR_NOT_EXIST\n" ||
		r.Stdout != "a.i8 (i8) = -1\n" {
		t.Error(r)
	}
}

func TestConnectIsRepeated(t *testing.T) {
	d := daemon()
	d.Refuse = map[string][]cserr.Error{"cmap": slices.Repeat([]cserr.Error{cserr.TryAgain}, 10)}
	if r := d.Run(Run, "cmapctl -g a.i8", ""); r.Code != 0 {
		t.Error(r)
	}
	d.Refuse = map[string][]cserr.Error{"cmap": slices.Repeat([]cserr.Error{cserr.TryAgain}, 11)}
	if r := d.Run(Run, "cmapctl -g a.i8", ""); r.Stderr != "Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN\n" || r.Code != 1 {
		t.Error(r)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings")
	for _, test := range []struct {
		text, requests, stderr string
		code                   int
	}{
		{"# comment\n\n \t\nk.a u8 1\n", "cmap 0", "", 0},
		{"k.a u8 1 rest of line\n^k.b\nk.c str x", "cmap 0 cmap 1 cmap 0", "", 0},
		{"^^a.\n", "cmap 1 cmap 1", "", 0},
		{"k.a u8\nk.b u8 1\n", "", "Both type and value for key k.a are required\n", 1},
		{"k.a\tu8\t1\n", "", "Both type and value for key k.a\tu8\t1 are required\n", 1},
		{"k.a u8 x\nk.b u8 1\n", "", "x is not valid u8 type value\n", 1},
		{"k.a str " + strings.Repeat("x", 1100) + "\n", "cmap 0", "Both type and value for key " + strings.Repeat("x", 85) + " are required\n", 1},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		d := daemon()
		r := d.Run(Run, "cmapctl -p "+file, "")
		if r != (tooltest.Result{Stderr: test.stderr, Code: test.code}) || strings.Join(d.Requests, " ") != test.requests {
			t.Errorf("%.20q: %+v, requests %v", test.text, r, d.Requests)
		}
	}
}

func TestSetBinary(t *testing.T) {
	d := daemon()
	if r := d.Run(Run, "cmapctl -s k.a bin -", "bytes"); r != (tooltest.Result{}) || len(d.Requests) != 1 {
		t.Error(r, d.Requests)
	}
	if r := d.Run(Run, "cmapctl -s k.a bin -", ""); r.Stderr != "Failed to set key k.a. Error CS_ERR_INVALID_PARAM\n" || r.Code != 1 || len(d.Requests) != 1 {
		t.Error(r, d.Requests)
	}
}

// TestTrack feeds events while standard input is open, and ends it by "q".
func TestTrack(t *testing.T) {
	d := daemon()
	in, quit := io.Pipe()
	value := func(v cmap.Value) ipcmsg.CmapValue { return ipcmsg.CmapValue{Type: uint8(v.Type), Data: v.Data} }
	run := func(ctx context.Context, env *tool.Env, s tool.Services) int {
		env.Stdin = in
		dial := s.Cmap
		s.Cmap = func(ctx context.Context, m cmap.Map) (*cmap.Client, error) {
			c, err := dial(ctx, m)
			for _, e := range []ipcmsg.CmapNotifyEvent{
				{Event: ipcmsg.CmapTrackAdd, New: value(cmap.Of(uint8(1)))},
				{Event: ipcmsg.CmapTrackModify, New: value(cmap.Of("new")), Old: value(cmap.Of(uint8(1)))},
				{Event: ipcmsg.CmapTrackDelete, Old: value(cmap.Of("new"))},
				{Event: ipcmsg.CmapTrackAdd, New: ipcmsg.CmapValue{Type: ipcmsg.CmapUint8}}, // without bytes: read from the daemon
				{Event: 99},
			} {
				e.Instance, e.Key = 1, []byte("a.k")
				d.NotifyCmap(e)
			}
			return c, err
		}
		return Run(ctx, env, s)
	}
	go func() {
		quit.Write([]byte("x\n"))
		quit.Write([]byte("quit\n"))
	}()
	r := d.Run(run, "cmapctl -T a.", "")
	want := tooltest.Result{
		Stdout: "Type \"q\" to finish\ncreate> a.k (u8) = 1\nmodify> a.k (str) = new\ndelete> a.k (str) = new\ncreate> unknown change> ",
		Stderr: "Can't get value of a.k. Error CS_ERR_NOT_EXIST\n",
	}
	if r != want {
		t.Errorf("%+v", r)
	}
}

func FuzzApply(f *testing.F) {
	f.Add("k.a u8 1\n")
	f.Add("^^x\n")
	f.Add("# x")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "bin") {
			return // would open files
		}
		d := daemon()
		d.Run(func(ctx context.Context, env *tool.Env, s tool.Services) int {
			keys, err := s.Cmap(ctx, cmap.Icmap)
			if err != nil {
				return 1
			}
			(&run{Env: env, keys: keys}).apply(ctx, line)
			return 0
		}, "cmapctl", "")
	})
}
