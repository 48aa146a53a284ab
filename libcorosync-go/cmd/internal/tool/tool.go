package tool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/getopt"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// Version is the corosync release whose tools these are drop-ins for.
const Version = "3.1.7"

// Env is the surroundings of a tool.
type Env struct {
	Program string   // as it was called; goes into messages
	Args    []string // without the program
	Stdin   io.Reader
	// Stdout is buffered. A tool flushes before it waits for something; what is
	// left is flushed at the end.
	Stdout *bufio.Writer
	Stderr io.Writer
	Posix  bool // options end at the first operand (POSIXLY_CORRECT)
	// Sleep waits between repetitions of a refused request.
	Sleep func(context.Context, time.Duration)
}

// Exit codes.
const (
	Success = 0
	Failure = 1
)

// Main runs a tool with the surroundings of the process and exits with what it
// returns. Options are read by the tool itself, with getopt, since scripts rely
// on the habits of the C library; cli gives the frame.
func Main(name, usage string, run func(context.Context, *Env) int) {
	code := Success
	app := &cli.App{
		Name:            name,
		Usage:           usage,
		Version:         Version,
		HideHelp:        true,
		HideVersion:     true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			_, posix := os.LookupEnv("POSIXLY_CORRECT")
			env := &Env{
				Program: os.Args[0],
				Args:    c.Args().Slice(),
				Stdin:   os.Stdin,
				Stdout:  bufio.NewWriter(os.Stdout),
				Stderr:  os.Stderr,
				Posix:   posix,
				Sleep:   sleep,
			}
			code = run(c.Context, env)
			return env.Stdout.Flush()
		},
	}
	if err := app.Run(os.Args); err != nil && code == Success {
		code = Failure
	}
	os.Exit(code)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Options returns a parser of the command line.
func (e *Env) Options(short string, long []getopt.Long) *getopt.Parser {
	return getopt.New(e.Program, e.Args, short, long, e.Posix, e.Stderr)
}

// Printf writes to standard output.
func (e *Env) Printf(format string, args ...any) { fmt.Fprintf(e.Stdout, format, args...) }

// Errorf writes to standard error.
func (e *Env) Errorf(format string, args ...any) { fmt.Fprintf(e.Stderr, format, args...) }

// Retry repeats f, a second apart, while it answers [cserr.TryAgain], at most
// tries times in all.
func (e *Env) Retry(ctx context.Context, tries int, f func() error) error {
	var err error
	for range tries {
		if err = f(); cserr.From(err) != cserr.TryAgain {
			return err
		}
		e.Stdout.Flush()
		e.Sleep(ctx, time.Second)
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// Code returns the number of an error as the tools print it.
func Code(err error) int { return int(cserr.From(err)) }

// Text returns the name of an error as the tools print it.
func Text(err error) string { return cserr.From(err).String() }

// ParseInt reads the whole of s as strtoll does in base 10 and checks the
// range; blanks may precede the number.
func ParseInt(s string, low, high int64) (int64, bool) {
	v, rest, overflow, ok := scanInt(s)
	if !ok || rest != "" || overflow || v < low || v > high {
		return 0, false
	}
	return v, true
}

// Strerror returns the text of an error of the operating system as the C
// library prints it.
func Strerror(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := errno.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
