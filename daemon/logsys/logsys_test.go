package logsys

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTime = time.Date(2026, 11, 5, 12, 42, 38, 766e6, time.Local)

// buffer is a writer for two goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func newTest(t *testing.T) (*System, *buffer) {
	t.Helper()
	out := &buffer{}
	s := New(Options{
		Stderr: out, Syslog: filepath.Join(t.TempDir(), "nolog"), Host: "node1", PID: 2202,
		Now: func() time.Time { return testTime },
	})
	t.Cleanup(func() { s.Close(5 * time.Second) })
	return s, out
}

// The lines are those of the C daemon 3.1.7 (config.md 10).
func TestLineFormats(t *testing.T) {
	r := &Record{Time: testTime, Subsys: "MAIN", Level: Notice, Text: "Corosync Cluster Engine 3.1.7 starting up"}
	const body = "Corosync Cluster Engine 3.1.7 starting up"
	for _, tc := range []struct {
		l    layout
		want string
	}{
		{layout{kind: kindStderr}, "Nov 05 12:42:38.766 notice  [MAIN  ] " + body},
		{layout{kind: kindStderr, timestamp: TimestampOn}, "Nov 05 12:42:38 notice  [MAIN  ] " + body},
		{layout{kind: kindStderr, timestamp: TimestampOff}, "notice  [MAIN  ] " + body},
		{layout{kind: kindFile}, "Nov 05 12:42:38.766 [2202] node1 corosync notice  [MAIN  ] " + body},
		{layout{kind: kindFile, timestamp: TimestampOff}, "[2202] node1 corosyncnotice  [MAIN  ] " + body},
		{layout{kind: kindSyslog}, "  [MAIN  ] " + body},
		{layout{kind: kindSyslog, timestamp: TimestampOff}, " [MAIN  ] " + body},
		{layout{kind: kindStderr, timestamp: TimestampOff, fileLine: true}, "notice  [MAIN  ] -:0 " + body},
		{layout{kind: kindStderr, timestamp: TimestampOff, fileLine: true, function: true}, "notice  [MAIN  ] -:-:0 " + body},
		{layout{kind: kindStderr, timestamp: TimestampOff, function: true}, "notice  [MAIN  ] - " + body},
	} {
		tc.l.ident = "[2202] node1 corosync"
		if got := string(tc.l.append(nil, r)); got != tc.want {
			t.Errorf("got  %q\nwant %q", got, tc.want)
		}
	}
	long := layout{kind: kindStderr, timestamp: TimestampOff}
	if got := string(long.append(nil, &Record{Subsys: "VOTEQUORUM", Level: Warning, Text: "x"})); got != "warning [VOTEQU] x" {
		t.Errorf("long subsystem: %q", got)
	}
}

func TestLevelsAndSubsystems(t *testing.T) {
	s, out := newTest(t)
	main, cpg, totem := s.Logger("MAIN"), s.Logger("CPG"), s.Logger("TOTEM")
	set := DefaultSettings()
	set.Timestamp, set.Blackbox = TimestampOff, false
	quiet, loud := set.Target, set.Target
	quiet.LogfilePriority, quiet.SyslogPriority = Error, Error
	loud.Debug = DebugTrace
	set.Subsys = map[string]Target{"CPG": quiet, "TOTEM": loud}
	if err := s.Apply(set); err != nil {
		t.Fatal(err)
	}
	for _, l := range []Logger{main, cpg, totem} {
		l.Errorf("e %d\n", 1)
		l.Infof("i")
		l.Debugf("d")
		l.Tracef("t")
	}
	if main.Enabled(Debug) || !main.Enabled(Info) || cpg.Enabled(Warning) || !totem.Enabled(Trace) {
		t.Error("Enabled")
	}
	s.Flush(5 * time.Second)
	want := "error   [MAIN  ] e 1\ninfo    [MAIN  ] i\nerror   [CPG   ] e 1\n" +
		"error   [TOTEM ] e 1\ninfo    [TOTEM ] i\ndebug   [TOTEM ] d\ntrace   [TOTEM ] t\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestCaller(t *testing.T) {
	s, out := newTest(t)
	set := DefaultSettings()
	set.Timestamp, set.FileLine, set.FunctionName = TimestampOff, true, true
	if err := s.Apply(set); err != nil {
		t.Fatal(err)
	}
	l := s.Logger("MAIN")
	l.Noticef("one")
	l.Log(Notice, "two")
	s.Flush(5 * time.Second)
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, word := range []string{"one", "two"} {
		if !strings.HasPrefix(got[i], "notice  [MAIN  ] logsys_test.go:TestCaller:") || !strings.HasSuffix(got[i], " "+word) {
			t.Errorf("line %d: %q", i, got[i])
		}
	}
}

func TestLogfile(t *testing.T) {
	s, out := newTest(t)
	path := filepath.Join(t.TempDir(), "corosync.log")
	set := DefaultSettings()
	set.Stderr, set.File, set.Logfile = false, true, path
	if err := s.Apply(set); err != nil {
		t.Fatal(err)
	}
	l := s.Logger("QUORUM")
	l.Noticef("before")
	s.Flush(5 * time.Second)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Noticef("to the old file")
	s.Flush(5 * time.Second)
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Noticef("to the new file")
	s.Close(5 * time.Second)
	l.Noticef("after Close")
	pre := "Nov 05 12:42:38.766 [2202] node1 corosync notice  [QUORUM] "
	if b, _ := os.ReadFile(path + ".1"); string(b) != pre+"before\n"+pre+"to the old file\n" {
		t.Errorf("old file: %q", b)
	}
	if b, _ := os.ReadFile(path); string(b) != pre+"to the new file\n" {
		t.Errorf("new file: %q", b)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm()&^0o644 != 0 {
		t.Errorf("mode %v %v", st.Mode(), err)
	}
	if out.String() != "" {
		t.Errorf("stderr: %q", out.String())
	}
}

func TestLogfileError(t *testing.T) {
	s, _ := newTest(t)
	set := DefaultSettings()
	set.Logfile = "/nonexistent/corosync.log"
	err := s.Apply(set)
	if err == nil || err.Error() != "Can't open logfile '/nonexistent/corosync.log' for reason: No such file or directory (2)" {
		t.Fatal(err)
	}
	if s.Settings().Logfile != "" {
		t.Error("settings changed")
	}
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := New(Options{Stderr: &buffer{}, Syslog: path, Now: func() time.Time { return testTime }})
	defer s.Close(5 * time.Second)
	set := DefaultSettings()
	set.Facility, _ = ParseFacility("local7")
	set.Target.Debug = DebugTrace
	if err := s.Apply(set); err != nil {
		t.Fatal(err)
	}
	l := s.Logger("CPG")
	for lv := Emerg; lv <= Trace; lv++ {
		l.Log(lv, "m%d", lv)
	}
	b := make([]byte, 1000)
	for lv := Emerg; lv <= Trace; lv++ {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		prio := lv
		if lv > Info {
			prio--
		}
		want := fmt.Sprintf("<%d>Nov  5 12:42:38 corosync[%d]:   [CPG   ] m%d", 23*8+int(prio), os.Getpid(), lv)
		if string(b[:n]) != want {
			t.Errorf("got  %q\nwant %q", b[:n], want)
		}
	}
}

// A target that hangs costs messages, not time, and the loss is told.
func TestSlowWriter(t *testing.T) {
	gate := make(chan struct{})
	out := &buffer{}
	s := New(Options{Stderr: writerFunc(func(p []byte) (int, error) { <-gate; return out.Write(p) }), Syslog: "/nonexistent"})
	l := s.Logger("MAIN")
	for i := range queueLen + 100 {
		l.Noticef("%d", i)
	}
	lost := s.Dropped()
	if lost == 0 || lost > 100 {
		t.Fatalf("lost %d", lost)
	}
	if s.Flush(time.Millisecond) {
		t.Error("flushed through a closed gate")
	}
	close(gate)
	s.Close(10 * time.Second)
	if want := fmt.Sprintf("warning [MAIN  ] %d log messages were dropped because the log was too slow", lost); !strings.Contains(out.String(), want) {
		t.Errorf("loss not told")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestConcurrentUse(t *testing.T) {
	s, _ := newTest(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				s.Logger(fmt.Sprint("S", g)).Noticef("%d", i)
				if i%50 == 0 {
					set := DefaultSettings()
					set.FileLine = g%2 == 0
					_ = s.Apply(set)
				}
			}
		})
	}
	wg.Wait()
	s.Flush(5 * time.Second)
}

func TestParse(t *testing.T) {
	if l, ok := ParseLevel("err"); !ok || l != Error {
		t.Error("err")
	}
	if _, ok := ParseLevel("loud"); ok {
		t.Error("loud")
	}
	if f, ok := ParseFacility("daemon"); !ok || f != 3 {
		t.Error("daemon")
	}
	if _, ok := ParseFacility(""); ok {
		t.Error("empty facility")
	}
	if Level(-3).String() != "emerg" || Level(99).String() != "trace" {
		t.Error("String")
	}
}

func TestFactories(t *testing.T) {
	var got []Record
	f := ToFunc(Info, nil, func(r Record) { got = append(got, r) })
	f.Logger("CPG").Infof("100%% of %s", "x")
	f.Logger("CPG").Debugf("no")
	if len(got) != 1 || got[0].Text != "100% of x" || got[0].Subsys != "CPG" || got[0].Level != Info {
		t.Fatal(got)
	}
	if Discard().Enabled(Emerg) || DiscardAll().Logger("x").Enabled(Emerg) {
		t.Error("Discard")
	}
	ToTest(t, Trace).Logger("MAIN").Tracef("seen with -v")
}

// The dump is read by libqb's printer.
func TestBlackboxWithPrinter(t *testing.T) {
	printer, err := exec.LookPath("qb-blackbox")
	if err != nil {
		t.Skip("needs qb-blackbox of libqb-tools")
	}
	bb := newBlackbox(1 << 16)
	const n = 3000 // several laps
	for i := range n {
		bb.add(&Record{Time: testTime, Subsys: "CPG", Level: Debug, Text: fmt.Sprintf("message %d %s", i, strings.Repeat("x", i%7))})
	}
	path := filepath.Join(t.TempDir(), "fdata")
	var b bytes.Buffer
	if err := bb.writeTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(printer, path).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var last string
	count := 0
	for _, l := range lines {
		if strings.Contains(l, ": message ") {
			last = l
			count++
		}
	}
	if count < 400 || !strings.HasSuffix(last, fmt.Sprintf("message %d %s", n-1, strings.Repeat("x", (n-1)%7))) || !strings.HasPrefix(last, "debug   Nov 05 12:42:38") {
		t.Fatalf("%d messages, last %q, %v\n%.500s", count, last, err, out)
	}
}

func BenchmarkDisabled(b *testing.B) {
	l := Discard()
	b.ReportAllocs()
	for b.Loop() {
		if l.Enabled(Trace) {
			l.Tracef("x")
		}
	}
}
