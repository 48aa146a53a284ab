package notifyd

import (
	"fmt"
	"io"
)

// sink is a way to report events.
type sink interface {
	// member: a node joined or left.
	member(name string, node uint32, addr, state string)
	// quorum: this node's partition is "quorate" or "not quorate".
	quorum(name string, node uint32, state string)
	// application: a client "connected" or "disconnected".
	application(name string, node uint32, app, state string)
	// link: a link to a node is "operational" or "disconnected".
	link(name string, local, node, link uint32, state string)
}

// Severities of syslog(3) that are in use.
const (
	sevError   = 3
	sevWarning = 4
	sevNotice  = 5
)

var severityNames = map[int]string{sevError: "error", sevWarning: "warning", sevNotice: "notice"}

// logger writes what happens, and what goes wrong, to syslog, and to standard
// error with -o. The form of a line is the one that libqb gives to both.
type logger struct {
	syslog func(severity int, text string)
	stderr io.Writer // nil: not there
}

func (l *logger) errorf(format string, args ...any)   { l.write(sevError, format, args...) }
func (l *logger) warningf(format string, args ...any) { l.write(sevWarning, format, args...) }
func (l *logger) noticef(format string, args ...any)  { l.write(sevNotice, format, args...) }

func (l *logger) write(severity int, format string, args ...any) {
	line := "[" + severityNames[severity] + "] " + fmt.Sprintf(format, args...)
	l.syslog(severity, line)
	if l.stderr != nil {
		_, _ = io.WriteString(l.stderr, line+"\n") // nowhere to say that it failed
	}
}

// logSink reports to the log.
type logSink struct{ *logger }

func (l logSink) member(name string, node uint32, addr, state string) {
	l.noticef("%s[%d] ip:%s %s", name, node, addr, state)
}

func (l logSink) quorum(name string, node uint32, state string) {
	if state == quorate {
		l.noticef("%s[%d] is now %s", name, node, state)
	} else {
		l.noticef("%s[%d] has lost quorum", name, node)
	}
}

func (l logSink) application(name string, node uint32, app, state string) {
	preposition := "from"
	if state == connected {
		preposition = "to"
	}
	l.noticef("%s[%d] %s is now %s %s corosync", name, node, app, state, preposition)
}

func (l logSink) link(name string, local, node, link uint32, state string) {
	l.noticef("%s[%d] link %d to node %d is now %s", name, local, link, node, state)
}
