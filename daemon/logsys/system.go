package logsys

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// queueLen is how many messages may wait for the writer: some seconds of debug
// output to a slow disk. At a few hundred bytes each this is a few MB.
const queueLen = 16384

// Options of New. The zero value is that of the daemon.
type Options struct {
	Stderr io.Writer        // nil: os.Stderr
	Syslog string           // socket path; "": /dev/log
	Host   string           // host name in file lines; "": os.Hostname
	PID    int              // process id in file lines; 0: os.Getpid
	Now    func() time.Time // nil: time.Now
}

// System is the log of one process. Its methods may be called by any goroutine.
type System struct {
	opt Options
	cfg atomic.Pointer[config]

	mu      sync.Mutex // guards what follows
	loggers map[string]*source
	files   map[string]*logfile
	closed  bool

	queue   chan any // *Record, or a func() to run in order
	dropped atomic.Uint64
	done    chan struct{}

	blackbox atomic.Pointer[blackbox]
}

// config is an immutable, applied configuration.
type config struct {
	set    Settings
	stderr *logrus.Logger // nil: off
	syslog *logrus.Logger
	sysout *syslogSink
	files  map[string]*logrus.Logger // by path
}

// source is the sink behind the loggers of one subsystem.
type source struct {
	sys    *System
	subsys string
	max    atomic.Int32 // least severe level that any target wants; -1 none
}

// New starts a log with EarlySettings. Close ends it.
func New(opt Options) *System {
	if opt.Stderr == nil {
		opt.Stderr = os.Stderr
	}
	if opt.Syslog == "" {
		opt.Syslog = "/dev/log"
	}
	if opt.Host == "" {
		opt.Host, _ = os.Hostname()
		if opt.Host == "" {
			opt.Host = "localhost"
		}
	}
	if opt.PID == 0 {
		opt.PID = os.Getpid()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &System{
		opt:     opt,
		loggers: make(map[string]*source),
		files:   make(map[string]*logfile),
		queue:   make(chan any, queueLen),
		done:    make(chan struct{}),
	}
	// Early settings name no file, so they cannot fail.
	_ = s.Apply(EarlySettings())
	go s.writer() // ends when Close closes the queue's last message
	return s
}

// Logger implements Factory. The same subsystem gets the same logger.
func (s *System) Logger(subsys string) Logger {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.loggers[subsys]
	if src == nil {
		src = &source{sys: s, subsys: subsys}
		src.max.Store(s.threshold(s.cfg.Load(), subsys))
		s.loggers[subsys] = src
	}
	return handle{src}
}

// Apply puts settings into force for messages logged from now on. It opens log
// files; on error (`Can't open logfile '/x' for reason: ... (2)`) the old
// settings stay.
func (s *System) Apply(set Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &config{set: set, files: make(map[string]*logrus.Logger)}
	lay := func(k sinkKind) *layout {
		return &layout{
			kind: k, timestamp: set.Timestamp, fileLine: set.FileLine, function: set.FunctionName,
			ident: fmt.Sprintf("[%d] %s %s", s.opt.PID, s.opt.Host, Ident),
		}
	}
	opened := make(map[string]*logfile)
	open := func(t *Target) error {
		if t.Logfile == "" || opened[t.Logfile] != nil {
			return nil
		}
		f := s.files[t.Logfile]
		if f == nil {
			var err error
			if f, err = openLogfile(t.Logfile); err != nil {
				return err
			}
		}
		opened[t.Logfile] = f
		c.files[t.Logfile] = newLogrus(f, lay(kindFile))
		return nil
	}
	err := open(&set.Target)
	for _, t := range set.Subsys {
		if err == nil {
			err = open(&t)
		}
	}
	if err != nil {
		for p, f := range opened {
			if s.files[p] == nil {
				_ = f.f.Close()
			}
		}
		return err
	}
	if set.Stderr {
		c.stderr = newLogrus(quiet{s.opt.Stderr}, lay(kindStderr))
	}
	if set.Syslog {
		c.sysout = newSyslogSink(s.opt.Syslog, set.Facility)
		c.syslog = newLogrus(c.sysout, lay(kindSyslog))
	}
	old := s.files
	s.files = opened
	prev := s.cfg.Swap(c)
	if set.Blackbox && s.blackbox.Load() == nil {
		s.blackbox.Store(newBlackbox(blackboxBytes))
	} else if !set.Blackbox {
		s.blackbox.Store(nil)
	}
	for name, src := range s.loggers {
		src.max.Store(s.threshold(c, name))
	}
	if prev != nil {
		// What is queued already was decided with prev and may still use its
		// files, so they are closed behind it.
		s.enqueueControl(func() {
			for p, f := range old {
				if opened[p] != f {
					_ = f.f.Close()
				}
			}
			if prev.sysout != nil {
				prev.sysout.close()
			}
		})
	}
	return nil
}

// Reopen opens all log files anew, after logrotate has moved them
// (corosync-cfgtool -L).
func (s *System) Reopen() error {
	s.mu.Lock()
	set := s.cfg.Load().set
	old := s.files
	s.files = make(map[string]*logfile)
	s.mu.Unlock()
	err := s.Apply(set)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.files = old
		return err
	}
	s.enqueueControl(func() {
		for _, f := range old {
			_ = f.f.Close()
		}
	})
	return nil
}

// Settings returns what is in force.
func (s *System) Settings() Settings { return s.cfg.Load().set }

// Dropped returns how many messages were lost because the writer was slow.
func (s *System) Dropped() uint64 { return s.dropped.Load() }

// threshold returns the least severe level of subsys that has a target.
func (s *System) threshold(c *config, subsys string) int32 {
	t := c.set.target(subsys)
	file, syslog := t.thresholds()
	lim := Level(-1)
	if c.stderr != nil || t.File && t.Logfile != "" {
		lim = max(lim, file)
	}
	if c.syslog != nil {
		lim = max(lim, syslog)
	}
	if c.set.Blackbox {
		lim = max(lim, Debug)
	}
	return int32(lim)
}

func (src *source) enabled(l Level) bool { return int32(l) <= src.max.Load() }

func (src *source) write(l Level, pc uintptr, format string, args []any) {
	s := src.sys
	r := &Record{s.opt.Now(), src.subsys, l, text(format, args), pc}
	if bb := s.blackbox.Load(); bb != nil {
		bb.add(r)
	}
	c := s.cfg.Load()
	file, syslog := c.set.target(src.subsys).thresholds()
	if l > file && l > syslog {
		return // for the blackbox only
	}
	select {
	case s.queue <- r:
	default:
		s.dropped.Add(1)
	}
}

// enqueueControl runs fn on the writer after what is queued now. It is called
// with mu held and must not wait: with a full queue fn runs on a goroutine of
// its own, which ends as soon as the writer has taken it.
func (s *System) enqueueControl(fn func()) {
	if s.closed {
		fn()
		return
	}
	select {
	case s.queue <- fn:
	default:
		go func() {
			select {
			case s.queue <- fn:
			case <-s.done:
			}
		}()
	}
}

// Flush waits until everything logged before is written, or the time is over.
func (s *System) Flush(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	written := make(chan struct{})
	select {
	case s.queue <- func() { close(written) }:
	case <-s.done:
		return true
	case <-t.C:
		return false
	}
	select {
	case <-written:
		return true
	case <-s.done:
		return true
	case <-t.C:
		return false
	}
}

// stop is the queue's last message.
type stop struct{}

// Close writes what is queued, waiting at most that long, and closes all
// targets. Messages logged later are lost.
func (s *System) Close(wait time.Duration) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	for _, src := range s.loggers {
		src.max.Store(-1)
	}
	s.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case s.queue <- stop{}:
	case <-t.C:
		return
	}
	select {
	case <-s.done:
	case <-t.C:
	}
}

// writer is the goroutine that writes. It ends at the stop message.
func (s *System) writer() {
	defer close(s.done)
	var told uint64
	for m := range s.queue {
		switch m := m.(type) {
		case *Record:
			s.deliver(m)
		case func():
			m()
		case stop:
			s.mu.Lock()
			for _, f := range s.files {
				_ = f.f.Close()
			}
			if c := s.cfg.Load(); c.sysout != nil {
				c.sysout.close()
			}
			s.mu.Unlock()
			return
		}
		if n := s.dropped.Load(); n != told && len(s.queue) < queueLen/2 {
			s.deliver(&Record{Time: s.opt.Now(), Subsys: "MAIN", Level: Warning,
				Text: fmt.Sprintf("%d log messages were dropped because the log was too slow", n-told)})
			told = n
		}
	}
}

// deliver writes one record to the targets that want it.
func (s *System) deliver(r *Record) {
	c := s.cfg.Load()
	t := c.set.target(r.Subsys)
	file, syslog := t.thresholds()
	emit := func(lr *logrus.Logger) {
		e := logrus.Entry{Logger: lr, Time: r.Time, Data: logrus.Fields{recordKey: r}}
		e.Log(logrusLevel(r.Level), r.Text)
	}
	if r.Level <= file {
		if c.stderr != nil {
			emit(c.stderr)
		}
		if t.File {
			if lr := c.files[t.Logfile]; lr != nil {
				emit(lr)
			}
		}
	}
	if r.Level <= syslog && c.syslog != nil {
		c.sysout.level, c.sysout.time = r.Level, r.Time
		emit(c.syslog)
	}
}
