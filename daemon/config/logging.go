package config

import (
	"fmt"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
)

// ReadLogging makes the settings of the log from the logging keys of m
// (corosync_log_config_read). warnings name obsolete keys that are set. The
// error is the text of the C daemon. Whether the log file can be opened turns
// out in logsys.System.Apply; wrap its error with LoggingError.
func ReadLogging(m *icmap.Map) (s logsys.Settings, warnings []string, err error) {
	s = logsys.DefaultSettings()
	onOff := func(key string, to *bool) {
		v, e := m.GetString("logging." + key)
		switch {
		case e != nil || err != nil:
		case v == "on":
			*to = true
		case v == "off":
			*to = false
		default:
			err = fmt.Errorf("unknown value for %s", key)
		}
	}
	onOff("fileline", &s.FileLine)
	onOff("function_name", &s.FunctionName)
	if v, e := m.GetString("logging.timestamp"); e == nil && err == nil {
		switch v {
		case "on":
			s.Timestamp = logsys.TimestampOn
		case "hires":
			s.Timestamp = logsys.TimestampHires
		case "off":
			s.Timestamp = logsys.TimestampOff
		default:
			err = fmt.Errorf("unknown value for timestamp")
		}
	}
	onOff("blackbox", &s.Blackbox)
	if err == nil {
		err = readTarget(m, "logging.", &s.Target, &s.Facility, &warnings)
	}
	if err != nil {
		return s, warnings, LoggingError(err)
	}
	for key := range m.All("logging.logger_subsys.") {
		name, word, ok := strings.Cut(strings.TrimPrefix(key, "logging.logger_subsys."), ".")
		if !ok || word != "subsys" || name == "" {
			continue
		}
		t := s.Target
		t.Debug = logsys.DebugOff // a subsystem does not inherit debug
		// A facility in a subsystem changes the one of all, as in the C daemon.
		if err := readTarget(m, "logging.logger_subsys."+name+".", &t, &s.Facility, &warnings); err != nil {
			return s, warnings, LoggingError(err)
		}
		if s.Subsys == nil {
			s.Subsys = make(map[string]logsys.Target)
		}
		s.Subsys[name] = t
	}
	return s, warnings, nil
}

// LoggingError wraps an error of the logging section as the C daemon does.
func LoggingError(err error) error { return fmt.Errorf("parse error in config: %w.", err) }

// readTarget reads the keys that the top level and subsystems have in common.
func readTarget(m *icmap.Map, prefix string, t *logsys.Target, facility *int, warnings *[]string) error {
	destination := func(key string, to *bool, replacement string) error {
		v, err := m.GetString(prefix + key)
		if err != nil {
			return nil
		}
		if replacement != "" {
			*warnings = append(*warnings, fmt.Sprintf("Warning: the %s config parameter has been obsoleted."+
				" See corosync.conf man page %s directive.", key, replacement))
		}
		switch v {
		case "yes", "on":
			*to = true
		case "no", "off":
			*to = false
		default:
			return fmt.Errorf("unknown value for %s", key)
		}
		return nil
	}
	priority := func(key, what string, to *logsys.Level) error {
		v, err := m.GetString(prefix + key)
		if err != nil {
			return nil
		}
		l, ok := logsys.ParseLevel(v)
		if !ok {
			return fmt.Errorf("unknown %s specified", what)
		}
		*to = l
		return nil
	}
	if err := destination("to_stderr", &t.Stderr, ""); err != nil {
		return err
	}
	if err := destination("to_syslog", &t.Syslog, ""); err != nil {
		return err
	}
	if v, err := m.GetString(prefix + "syslog_facility"); err == nil {
		f, ok := logsys.ParseFacility(v)
		if !ok {
			return fmt.Errorf("unknown syslog facility specified")
		}
		*facility = f
	} else {
		*facility, _ = logsys.ParseFacility("daemon")
	}
	if m.Has(prefix + "syslog_level") {
		*warnings = append(*warnings, "Warning: the syslog_level config parameter has been obsoleted."+
			" See corosync.conf man page syslog_priority directive.")
	}
	if err := priority("syslog_level", "syslog level", &t.SyslogPriority); err != nil {
		return err
	}
	if err := priority("syslog_priority", "syslog priority", &t.SyslogPriority); err != nil {
		return err
	}
	if v, err := m.GetString(prefix + "logfile"); err == nil {
		t.Logfile = v
	}
	if err := destination("to_file", &t.File, "to_logfile"); err != nil {
		return err
	}
	if err := destination("to_logfile", &t.File, ""); err != nil {
		return err
	}
	if err := priority("logfile_priority", "logfile priority", &t.LogfilePriority); err != nil {
		return err
	}
	if v, err := m.GetString(prefix + "debug"); err == nil {
		switch v {
		case "trace":
			t.Debug = logsys.DebugTrace
		case "on":
			t.Debug = logsys.DebugOn
		case "off":
			t.Debug = logsys.DebugOff
		default:
			return fmt.Errorf("unknown value for debug")
		}
	}
	return nil
}
