package logsys

// Timestamp is the setting logging.timestamp.
type Timestamp int8

// Timestamp settings.
const (
	TimestampHires Timestamp = iota // to the millisecond; default
	TimestampOn                     // to the second
	TimestampOff
)

// DebugMode is the setting debug: it overrides the priorities of a subsystem.
type DebugMode int8

// Debug settings.
const (
	DebugOff DebugMode = iota
	DebugOn
	DebugTrace
)

// Target says where the messages of the daemon or of one subsystem go.
type Target struct {
	// Stderr, Syslog and File switch the targets (to_stderr, to_syslog,
	// to_logfile). For one subsystem only File matters: libqb knows the other two
	// for the whole process, and so do we.
	Stderr, Syslog, File bool
	// Logfile is the path written if File; empty means none.
	Logfile string
	// LogfilePriority is the least severe level for file and stderr,
	// SyslogPriority for syslog.
	LogfilePriority, SyslogPriority Level
	// Debug raises both priorities to debug or trace.
	Debug DebugMode
}

// thresholds returns the levels for file and stderr, and for syslog.
func (t *Target) thresholds() (file, syslog Level) {
	switch t.Debug {
	case DebugOn:
		return Debug, Debug
	case DebugTrace:
		return Trace, Trace
	}
	return t.LogfilePriority, t.SyslogPriority
}

// Settings is the whole configuration of the log. The zero value is not useful;
// start from DefaultSettings.
type Settings struct {
	Timestamp    Timestamp
	FileLine     bool // write file:line of the caller
	FunctionName bool // write the caller's name
	Blackbox     bool // keep recent messages, debug included, in memory
	Facility     int  // syslog facility, 0..23; see ParseFacility
	Target            // for all subsystems that are not in Subsys
	Subsys       map[string]Target
}

// DefaultSettings are those of a configuration file without logging section.
func DefaultSettings() Settings {
	return Settings{
		Timestamp: TimestampHires,
		Blackbox:  true,
		Facility:  3, // daemon
		Target: Target{
			Stderr: true, Syslog: true,
			LogfilePriority: Info, SyslogPriority: Info,
		},
	}
}

// EarlySettings are those before the configuration file was read: errors of
// the file go to stderr without a time, and to syslog.
func EarlySettings() Settings {
	s := DefaultSettings()
	s.Timestamp = TimestampOff
	s.Blackbox = false
	return s
}

// target returns what holds for one subsystem.
func (s *Settings) target(subsys string) *Target {
	if t, ok := s.Subsys[subsys]; ok {
		return &t
	}
	return &s.Target
}

var facilities = map[string]int{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7,
	"uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19,
	"local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// ParseFacility returns the number of a syslog facility.
func ParseFacility(name string) (int, bool) {
	n, ok := facilities[name]
	return n, ok
}
