package logsys

import (
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
)

// recordKey is the logrus field under which a sink's formatter finds the Record.
const recordKey = "record"

// layout says how lines of one target look. The C daemon describes them with
// libqb format strings; these are the same lines:
//
//	stderr  %T %7p [%6g] %b
//	file    %T [%P] %H %N %7p [%6g] %b
//	syslog  (blanks left over from %T and %7p)[%6g] %b
type layout struct {
	kind      sinkKind
	timestamp Timestamp
	fileLine  bool
	function  bool
	ident     string // "[pid] host corosync" of file lines
}

type sinkKind int8

const (
	kindStderr sinkKind = iota
	kindFile
	kindSyslog
)

// Format implements logrus.Formatter.
func (l *layout) Format(e *logrus.Entry) ([]byte, error) {
	r, ok := e.Data[recordKey].(*Record)
	if !ok {
		r = &Record{Time: e.Time, Subsys: "MAIN", Level: Info, Text: e.Message}
	}
	return append(l.append(make([]byte, 0, 96+len(r.Text)), r), '\n'), nil
}

// append writes the line of r without a line feed.
func (l *layout) append(b []byte, r *Record) []byte {
	if l.kind == kindSyslog {
		// syslog adds the time itself; the format string loses its time and
		// priority but keeps the blank after each.
		if l.timestamp != TimestampOff {
			b = append(b, ' ')
		}
		b = append(b, ' ')
	} else {
		switch l.timestamp {
		case TimestampHires:
			b = appendTime(b, r.Time, true)
		case TimestampOn:
			b = appendTime(b, r.Time, false)
		}
		if l.timestamp != TimestampOff {
			b = append(b, ' ')
		}
		if l.kind == kindFile {
			b = append(b, l.ident...)
			// Without a time the C daemon loses the blank between its name and
			// the priority; log parsers have learnt both forms.
			if l.timestamp != TimestampOff {
				b = append(b, ' ')
			}
		}
		b = appendPadded(b, r.Level.String(), 7)
		b = append(b, ' ')
	}
	b = append(b, '[')
	b = appendPadded(b, r.Subsys, 6)
	b = append(b, ']', ' ')
	if l.fileLine || l.function {
		file, line, function := r.where()
		switch {
		case l.fileLine && l.function:
			b = append(append(append(append(b, file...), ':'), function...), ':')
			b = strconv.AppendInt(b, int64(line), 10)
		case l.fileLine:
			b = append(append(b, file...), ':')
			b = strconv.AppendInt(b, int64(line), 10)
		default:
			b = append(b, function...)
		}
		b = append(b, ' ')
	}
	return append(b, r.Text...)
}

// appendTime writes `Nov 20 12:42:38`, with milliseconds if hires. Unlike
// syslog's, the day has a leading zero.
func appendTime(b []byte, t time.Time, hires bool) []byte {
	if hires {
		return t.AppendFormat(b, "Jan 02 15:04:05.000")
	}
	return t.AppendFormat(b, "Jan 02 15:04:05")
}

// appendPadded writes s with exactly width bytes, as %7p and %6g do.
func appendPadded(b []byte, s string, width int) []byte {
	if len(s) > width {
		s = s[:width]
	}
	b = append(b, s...)
	for n := len(s); n < width; n++ {
		b = append(b, ' ')
	}
	return b
}
