package logsys

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Level is the severity of a message: the syslog numbers, and Trace below debug.
type Level int8

// The levels.
const (
	Emerg   Level = 0
	Alert   Level = 1
	Crit    Level = 2
	Error   Level = 3
	Warning Level = 4
	Notice  Level = 5
	Info    Level = 6
	Debug   Level = 7
	Trace   Level = 8
)

var levelNames = [...]string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "trace"}

// String returns the name as it stands in log lines.
func (l Level) String() string {
	if l < Emerg {
		return levelNames[0]
	}
	if l > Trace {
		return levelNames[Trace]
	}
	return levelNames[l]
}

// ParseLevel understands the values of syslog_priority and logfile_priority:
// alert crit debug emerg err info notice warning.
func ParseLevel(s string) (Level, bool) {
	switch s {
	case "emerg":
		return Emerg, true
	case "alert":
		return Alert, true
	case "crit":
		return Crit, true
	case "err", "error":
		return Error, true
	case "warning":
		return Warning, true
	case "notice":
		return Notice, true
	case "info":
		return Info, true
	case "debug":
		return Debug, true
	}
	return 0, false
}

// Logger writes messages of one subsystem. It is safe for all goroutines and
// never blocks. Where making the arguments costs something, ask Enabled first.
type Logger interface {
	// Enabled says whether a message of that level would reach any target.
	Enabled(Level) bool
	// Log writes a message, formatted as by fmt.Sprintf.
	Log(level Level, format string, args ...any)

	Critf(format string, args ...any)
	Errorf(format string, args ...any)
	Warningf(format string, args ...any)
	Noticef(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
	Tracef(format string, args ...any)
}

// Factory hands out loggers by subsystem: MAIN SERV CFG CPG CMAP QUORUM VOTEQ
// YKD PLOAD MON WD TOTEM KNET QB SYNC STATS APIDEF.
type Factory interface {
	Logger(subsys string) Logger
}

// Record is one message.
type Record struct {
	Time   time.Time
	Subsys string
	Level  Level
	Text   string
	PC     uintptr // of the caller of the Logger; 0 if unknown
}

// where resolves the caller: base name of the file, line, bare function name.
func (r *Record) where() (file string, line int, function string) {
	if r.PC == 0 {
		return "-", 0, "-"
	}
	f, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	file, function = f.File, f.Function
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		file = file[i+1:]
	}
	if i := strings.LastIndexByte(function, '.'); i >= 0 {
		function = function[i+1:]
	}
	return file, f.Line, function
}

// sink is what stands behind a handle.
type sink interface {
	enabled(Level) bool
	write(level Level, pc uintptr, format string, args []any)
}

// handle implements Logger over a sink. Each method captures the caller itself,
// so that the number of frames to skip is the same everywhere.
type handle struct{ sink sink }

func (h handle) Enabled(l Level) bool { return h.sink.enabled(l) }

func (h handle) emit(l Level, format string, args []any) {
	if !h.sink.enabled(l) {
		return
	}
	var pc [1]uintptr
	runtime.Callers(3, pc[:]) // Callers, emit, the method of Logger
	h.sink.write(l, pc[0], format, args)
}

func (h handle) Log(l Level, format string, args ...any) { h.emit(l, format, args) }
func (h handle) Critf(format string, args ...any)        { h.emit(Crit, format, args) }
func (h handle) Errorf(format string, args ...any)       { h.emit(Error, format, args) }
func (h handle) Warningf(format string, args ...any)     { h.emit(Warning, format, args) }
func (h handle) Noticef(format string, args ...any)      { h.emit(Notice, format, args) }
func (h handle) Infof(format string, args ...any)        { h.emit(Info, format, args) }
func (h handle) Debugf(format string, args ...any)       { h.emit(Debug, format, args) }
func (h handle) Tracef(format string, args ...any)       { h.emit(Trace, format, args) }

type discard struct{}

func (discard) enabled(Level) bool                  { return false }
func (discard) write(Level, uintptr, string, []any) {}

type discardFactory struct{}

func (discardFactory) Logger(string) Logger { return handle{discard{}} }

// Discard returns a logger that is never enabled.
func Discard() Logger { return handle{discard{}} }

// DiscardAll is a Factory of Discard loggers.
func DiscardAll() Factory { return discardFactory{} }

// funcFactory hands every record to a function.
type funcFactory struct {
	max Level
	fn  func(Record)
	now func() time.Time
}

type funcSink struct {
	f      *funcFactory
	subsys string
}

func (s funcSink) enabled(l Level) bool { return l <= s.f.max }

func (s funcSink) write(l Level, pc uintptr, format string, args []any) {
	s.f.fn(Record{s.f.now(), s.subsys, l, text(format, args), pc})
}

func (f *funcFactory) Logger(subsys string) Logger { return handle{funcSink{f, subsys}} }

// ToFunc returns a Factory whose loggers call fn at once, on the goroutine that
// logs, for messages up to max. now gives the time of records and may be nil
// for none. It is for transcripts and simulation.
func ToFunc(max Level, now func() time.Time, fn func(Record)) Factory {
	if now == nil {
		now = func() time.Time { return time.Time{} }
	}
	return &funcFactory{max, fn, now}
}

// ToTest returns a Factory that writes to the log of a test. Nothing may be
// logged after the test has ended.
func ToTest(t testing.TB, max Level) Factory {
	return ToFunc(max, nil, func(r Record) {
		t.Helper()
		t.Logf("%-7s [%-6s] %s", r.Level, r.Subsys, r.Text)
	})
}

// maxText bounds one message in bytes. libqb cuts at 512, which loses the end of
// membership lists.
const maxText = 8192

// text formats a message, without a line feed at the end.
func text(format string, args []any) string {
	s := strings.TrimSuffix(fmt.Sprintf(format, args...), "\n")
	if len(s) > maxText {
		s = s[:maxText-3] + "..."
	}
	return s
}
