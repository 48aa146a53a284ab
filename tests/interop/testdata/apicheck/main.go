// Command apicheck calls every function of the Go client packages on the local
// daemon and checks the answers, those to wrong calls too. It prints a line per
// check that fails and ends with their number. It expects a ring of two nodes
// with votequorum and a configured quorum device that nobody registered.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// suite collects failures.
type suite struct {
	name   string
	failed int
}

func (s *suite) errorf(format string, args ...any) {
	s.failed++
	fmt.Printf("%s: %s\n", s.name, fmt.Sprintf(format, args...))
}

// ok checks that a call succeeded.
func (s *suite) ok(what string, err error) bool {
	if err != nil {
		s.errorf("%s: %v", what, err)
	}
	return err == nil
}

// is checks that a call failed with a cs_error_t.
func (s *suite) is(what string, err error, want cserr.Error) {
	if got := cserr.From(err); err == nil || got != want {
		s.errorf("%s: %v (%d), want %v", what, err, got, want)
	}
}

// same checks a value.
func same[T comparable](s *suite, what string, got, want T) {
	if got != want {
		s.errorf("%s: %v, want %v", what, got, want)
	}
}

// dispatcher is what every client has.
type dispatcher interface {
	Dispatch(context.Context, conn.Mode) error
}

// until dispatches until done, for a bounded time.
func (s *suite) until(ctx context.Context, what string, d dispatcher, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !done() {
		if err := d.Dispatch(ctx, conn.One); err != nil {
			s.errorf("%s: dispatch: %v", what, err)
			return
		}
	}
}

// modes checks the dispatch modes of a client without events.
func (s *suite) modes(ctx context.Context, d dispatcher) {
	s.ok("dispatch all", d.Dispatch(ctx, conn.All))
	s.is("dispatch one nonblocking", d.Dispatch(ctx, conn.OneNonblocking), cserr.TryAgain)
	s.is("dispatch unknown mode", d.Dispatch(ctx, 9), cserr.InvalidParam)
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := d.Dispatch(short, conn.Blocking); !errors.Is(err, context.DeadlineExceeded) {
		s.errorf("dispatch until deadline: %v", err)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	failed := 0
	for _, c := range []struct {
		name string
		f    func(context.Context, *suite)
	}{{"cmap", checkCmap}, {"cpg", checkCPG}, {"cfg", checkCfg}, {"quorum", checkQuorum}, {"votequorum", checkVotequorum}} {
		s := &suite{name: c.name}
		c.f(ctx, s)
		failed += s.failed
	}
	os.Exit(min(failed, 99))
}
