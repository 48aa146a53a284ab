package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// stage is a testing.TB for a program: the harness builds its clusters for tests. Failures end the program's part with
// their text.
type stage struct {
	testing.TB // never set: only the methods below are used by the harness
	cleanups   []func()
	failed     bool
}

// onStage runs f and what it registered for its end, and returns the exit code.
func onStage(f func(*stage)) int {
	s := &stage{}
	done := make(chan struct{})
	// Fatal ends the goroutine, as in a test.
	go func() {
		defer close(done)
		defer s.clean()
		f(s)
	}()
	<-done
	if s.failed {
		return 1
	}
	fmt.Println("\nDone.")
	return 0
}

func (s *stage) clean() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

func (s *stage) title(format string, args ...any) {
	fmt.Printf("\n== "+format+"\n", args...)
}
func (s *stage) line(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }
func (s *stage) text(t string)                   { fmt.Println(indent(t)) }

// await returns the rest of the first line of the process's output that starts with prefix.
func (s *stage) await(p *netns.Proc, prefix string, d time.Duration) string {
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		for l := bufio.NewScanner(strings.NewReader(p.Output())); l.Scan(); {
			if rest, ok := strings.CutPrefix(l.Text(), prefix); ok {
				return rest
			}
		}
		select {
		case <-p.Done():
			s.Fatalf("the member has ended: %s", p.Output())
		case <-time.After(time.Millisecond):
		}
	}
	s.Fatalf("no line %q within %v: %s", prefix, d, p.Output())
	return ""
}

func (s *stage) Helper()          {}
func (s *stage) Name() string     { return "demo" }
func (s *stage) Failed() bool     { return s.failed }
func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Log and Logf hide what the harness says of itself: the demonstration speaks for it.
func (s *stage) Log(...any)          {}
func (s *stage) Logf(string, ...any) {}

func (s *stage) Error(args ...any) {
	s.failed = true
	fmt.Fprintln(os.Stderr, append([]any{"demo:"}, args...)...)
}
func (s *stage) Errorf(format string, args ...any) { s.Error(fmt.Sprintf(format, args...)) }

func (s *stage) Fatal(args ...any) {
	s.Error(args...)
	runtime.Goexit()
}
func (s *stage) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }

func (s *stage) Skip(args ...any)                 { s.Fatal(args...) }
func (s *stage) Skipf(format string, args ...any) { s.Fatalf(format, args...) }
