package cserr

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestString(t *testing.T) {
	for e, want := range map[Error]string{
		0: "unknown error", OK: "success", Library: "CS_ERR_LIBRARY", TryAgain: "CS_ERR_TRY_AGAIN",
		29: "unknown error", TooManyGroups: "CS_ERR_TOO_MANY_GROUPS", InShutdown: "unknown error",
		Security: "CS_ERR_SECURITY", 1 << 31: "unknown error",
	} {
		if got := e.String(); got != want {
			t.Errorf("%d: %q, want %q", uint32(e), got, want)
		}
	}
	if s := Error(77).Error(); s != "unknown error 77" {
		t.Error(s)
	}
	if OK.Err() != nil || Library.Err() != Library {
		t.Error("Err")
	}
}

func TestErrnoRoundTrip(t *testing.T) {
	reached := map[Error]bool{}
	for n := syscall.Errno(0); n < 140; n++ {
		reached[FromErrno(n)] = true
	}
	for e := OK; e <= Security; e++ {
		if got := FromErrno(e.Errno()); reached[e] && got != e {
			t.Errorf("%v -> %d -> %v", e, e.Errno(), got)
		} else if !reached[e] && got != Library {
			t.Errorf("unreachable %v comes back as %v", e, got)
		}
	}
	for n, want := range map[syscall.Errno]Error{
		syscall.ECONNREFUSED: Library, syscall.EMFILE: Library, syscall.ENOBUFS: TryAgain,
		syscall.ENODEV: NotExist, syscall.E2BIG: TooBig, syscall.ENOSYS: NotSupported,
	} {
		if got := FromErrno(n); got != want {
			t.Errorf("%v: %v", n, got)
		}
	}
	if FromHandleErrno(syscall.EMFILE) != NoResources || FromHandleErrno(syscall.EINVAL) != Library || FromHandleErrno(0) != OK {
		t.Error("handle errors")
	}
}

func TestFrom(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Error
	}{
		{nil, OK}, {TryAgain, TryAgain}, {fmt.Errorf("x: %w", Exist), Exist},
		{fmt.Errorf("x: %w", syscall.EACCES), Access}, {context.DeadlineExceeded, Timeout},
		{context.Canceled, Interrupt}, {errors.New("x"), Library},
	} {
		if got := From(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
