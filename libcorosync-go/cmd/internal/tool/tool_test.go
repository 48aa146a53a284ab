package tool

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func TestParseInt(t *testing.T) {
	for _, test := range []struct {
		in   string
		want string
	}{
		{"5", "5 true"}, {" +7", "7 true"}, {"", "0 false"}, {"x", "0 false"}, {"5x", "0 false"}, {"0", "0 false"},
		{"-1", "0 false"}, {"101", "0 false"}, {"99999999999999999999", "0 false"}, {"5 ", "0 false"}, {"0x5", "0 false"},
	} {
		v, ok := ParseInt(test.in, 1, 100)
		if got := fmt.Sprint(v, ok); got != test.want {
			t.Errorf("%q: %s, want %s", test.in, got, test.want)
		}
	}
}

func TestScan(t *testing.T) {
	for _, test := range []struct{ in, i, u, f string }{
		{"12abc", "12 true", "12 true", "12.000000 true"},
		{"-1", "-1 true", "18446744073709551615 true", "-1.000000 true"},
		{"0x10", "0 true", "0 true", "16.000000 true"},
		{"0x", "0 true", "0 true", "0.000000 false"},
		{"-0xg", "0 true", "0 true", "0.000000 false"},
		{"abc", "0 false", "0 false", "0.000000 false"},
		{"", "0 false", "0 false", "0.000000 false"},
		{"  .5e1", "0 false", "0 false", "5.000000 true"},
		{"1e", "1 true", "1 true", "1.000000 true"},
		{"inf", "0 false", "0 false", "inf true"},
		{"-nan", "0 false", "0 false", "-nan true"},
		{"1e999", "1 true", "1 true", "inf true"},
		{"99999999999999999999", "9223372036854775807 true", "18446744073709551615 true", "100000000000000000000.000000 true"},
		{"3.14", "3 true", "3 true", "3.140000 true"},
	} {
		i, ok := ScanInt(test.in)
		if got := fmt.Sprint(i, ok); got != test.i {
			t.Errorf("int %q: %s, want %s", test.in, got, test.i)
		}
		u, ok := ScanUint(test.in)
		if got := fmt.Sprint(u, ok); got != test.u {
			t.Errorf("uint %q: %s, want %s", test.in, got, test.u)
		}
		f, ok := ScanFloat(test.in, 64)
		if got := fmt.Sprintf("%s %v", FormatFloat(f), ok); got != test.f {
			t.Errorf("float %q: %s, want %s", test.in, got, test.f)
		}
	}
}

func TestStrerror(t *testing.T) {
	_, err := os.Open("/nonexistent/file")
	if got := Strerror(err); got != "No such file or directory" {
		t.Error(got)
	}
}

func TestRetry(t *testing.T) {
	sleeps := 0
	env := &Env{Stdout: bufio.NewWriter(io.Discard), Sleep: func(context.Context, time.Duration) { sleeps++ }}
	calls := 0
	err := env.Retry(context.Background(), 3, func() error {
		calls++
		return cserr.TryAgain
	})
	if err != cserr.TryAgain || calls != 3 || sleeps != 3 {
		t.Error(err, calls, sleeps)
	}
	calls = 0
	err = env.Retry(context.Background(), 3, func() error {
		if calls++; calls == 2 {
			return nil
		}
		return cserr.TryAgain
	})
	if err != nil || calls != 2 {
		t.Error(err, calls)
	}
}
