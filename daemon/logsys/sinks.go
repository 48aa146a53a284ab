package logsys

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// Ident is the program name in file and syslog lines.
const Ident = "corosync"

// newLogrus makes the logrus logger of one sink. The level decision was made
// before, so it lets everything through.
func newLogrus(out io.Writer, l *layout) *logrus.Logger {
	lr := logrus.New()
	lr.SetOutput(out)
	lr.SetFormatter(l)
	lr.SetLevel(logrus.TraceLevel)
	return lr
}

// logrusLevel maps levels for hooks that somebody adds; levels above error map
// to error because logrus panics or exits on its own ones.
func logrusLevel(l Level) logrus.Level {
	switch {
	case l <= Error:
		return logrus.ErrorLevel
	case l == Warning:
		return logrus.WarnLevel
	case l <= Info:
		return logrus.InfoLevel
	case l == Debug:
		return logrus.DebugLevel
	}
	return logrus.TraceLevel
}

// logfile is a log file, opened for append.
type logfile struct {
	path string
	f    *os.File
}

func openLogfile(path string) (*logfile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return nil, fmt.Errorf("Can't open logfile '%s' for reason: %s (%d)", path, errnoText(errno), int(errno))
		}
		return nil, fmt.Errorf("Can't open logfile '%s' for reason: %w", path, err)
	}
	return &logfile{path, f}, nil
}

// Write implements io.Writer; a full disk must not end the log, so errors are
// swallowed (logrus would print them to stderr, which may be a tty gone).
func (l *logfile) Write(b []byte) (int, error) {
	_, _ = l.f.Write(b)
	return len(b), nil
}

// errnoText is strerror: the runtime's texts, with a capital as in C.
func errnoText(e syscall.Errno) string {
	s := e.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// quiet swallows errors of stderr for the same reason.
type quiet struct{ w io.Writer }

func (q quiet) Write(b []byte) (int, error) {
	_, _ = q.w.Write(b)
	return len(b), nil
}

// syslogSink writes to /dev/log. It is used by the writer goroutine only.
type syslogSink struct {
	path     string
	facility int
	pid      string
	level    Level
	time     time.Time
	conn     net.Conn
	retryAt  time.Time
}

// syslogRetry is how long a missing syslog socket is left alone.
const syslogRetry = time.Second

func newSyslogSink(path string, facility int) *syslogSink {
	return &syslogSink{path: path, facility: facility, pid: strconv.Itoa(os.Getpid())}
}

// syslogLevel is the priority sent for a level: syslogd drops debug by
// default, so the C daemon sends debug as info, and trace as debug.
func syslogLevel(l Level) Level {
	if l > Info {
		l--
	}
	return max(l, Emerg)
}

// Write sends one line as a datagram; it is lost when nobody listens.
func (s *syslogSink) Write(line []byte) (int, error) {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	var b []byte
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(s.facility<<3|int(syslogLevel(s.level))), 10)
	b = append(b, '>')
	b = s.time.AppendFormat(b, time.Stamp)
	b = append(b, " "+Ident+"["+s.pid+"]: "...)
	b = append(b, line...)
	for range 2 {
		if s.conn == nil {
			now := time.Now()
			if now.Before(s.retryAt) {
				return n, nil
			}
			c, err := net.DialTimeout("unixgram", s.path, time.Second)
			if err != nil {
				s.retryAt = now.Add(syslogRetry)
				return n, nil
			}
			s.conn = c
		}
		// A syslogd that does not read must not hold the log up for long.
		_ = s.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := s.conn.Write(b); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return n, nil
		}
		s.close() // restarted: connect once more
	}
	return n, nil
}

func (s *syslogSink) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
