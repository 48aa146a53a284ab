package notifyd

import (
	"context"
	"os"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

const usage = `usage:
        -c     : SNMP Community name.
        -f     : Start application in foreground.
        -l     : Log all events.
        -o     : Print events to stdout (turns on -l).
        -s     : Send SNMP traps on all events.
        -m     : Set the SNMP Manager IP address (defaults to localhost).
        -n     : No reverse DNS lookup on cmap member change events.
        -d     : Send DBUS signals on all events.
        -h     : Print this help.

`

// longest is how much of an argument is looked at (CS_MAX_NAME_LENGTH and the
// byte that ends a C string).
const longest = 255

// options are those of the command line.
type options struct {
	foreground, log, stderr, noDNS bool
	snmp, dbus                     bool
	manager, community             string
}

// System is what the tool needs of its machine.
type System struct {
	// Detach starts the program again in the background. In that second process
	// it returns false and does nothing.
	Detach func() (parent bool, err error)
	// Syslog takes messages with the severity of syslog(3).
	Syslog func(severity int, text string)
	// Stop is closed, or sent to, when the process shall end.
	Stop <-chan os.Signal
	// Ready tells the service manager that events are being watched.
	Ready func()
	// Hostname names this node, LookupAddr another one by its address.
	Hostname   func() (string, error)
	LookupAddr func(ctx context.Context, addr string) ([]string, error)
	Now        func() time.Time
}

// Run executes the tool and returns its exit code.
func Run(ctx context.Context, env *tool.Env, services tool.Services, sys System) int {
	o, ok := parse(env)
	if !ok {
		env.Errorf("%s", usage)
		return tool.Failure
	}
	log := &logger{syslog: sys.Syslog}
	if o.stderr {
		log.stderr = env.Stderr
	}
	if !o.check(log) {
		return tool.Failure
	}
	if !o.foreground {
		parent, err := sys.Detach()
		if err != nil {
			env.Errorf("daemon() failed: %s\n", tool.Strerror(err))
			return tool.Failure
		}
		if parent {
			return tool.Success
		}
	}
	w := &watcher{services: services, sys: sys, log: log, errors: env.Stderr, noDNS: o.noDNS, sleep: env.Sleep}
	defer w.close()
	if o.log {
		w.sinks = append(w.sinks, logSink{log})
	}
	if !w.connect(ctx) {
		return tool.Failure
	}
	if o.dbus {
		s := newDBus(log)
		defer s.close()
		w.sinks = append(w.sinks, s)
	}
	if o.snmp {
		s := newSNMP(o.manager, o.community, log, sys.Now)
		defer s.close()
		w.sinks = append(w.sinks, s)
	}
	sys.Ready()
	return w.run(ctx)
}

func parse(env *tool.Env) (options, bool) {
	o := options{manager: "localhost"}
	p := env.Options("c:floshdnm:", nil)
	for {
		opt, ok := p.Next()
		if !ok {
			return o, true
		}
		switch opt {
		case 'c':
			o.community = cut(p.Arg)
		case 'f':
			o.foreground = true
		case 'l':
			o.log = true
		case 'm':
			o.snmp, o.manager = true, cut(p.Arg)
		case 'n':
			o.noDNS = true
		case 'o':
			o.log, o.stderr = true, true
		case 's':
			o.snmp = true
		case 'd':
			o.dbus = true
		default:
			return o, false
		}
	}
}

func cut(s string) string { return s[:min(len(s), longest)] }

// check returns false after a message if the options make no sense together.
func (o *options) check(log *logger) bool {
	switch {
	case !o.log && !o.snmp && !o.dbus:
		log.errorf("no event type enabled, see corosync-notifyd -h, exiting.")
		return false
	case o.stderr && !o.foreground:
		log.errorf("configured to print to stdout and run in the background, exiting")
		return false
	case len(o.community) > longestCommunity:
		log.errorf("SNMP community is longer than %d bytes, exiting", longestCommunity)
		return false
	case o.snmp && o.dbus:
		log.errorf("configured to send snmp traps and dbus signals - are you sure?.")
	}
	return true
}
