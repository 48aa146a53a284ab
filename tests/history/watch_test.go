package history

import (
	"strings"
	"testing"
)

const watched = `10 I 1
20 Q 0 1.5 1
21 N 1.5 1 1 -
30 N 1.9 1,2 2 -
31 Q 1 1.9 1,2
40 N 1.13 1,2,3 3 -
41 Q 1 1.13 1,2,3
`

const watchedToo = `12 I 2
30 N 1.9 1,2 1 -
32 Q 1 1.9 1,2
33 E 2
34 I 2
41 N 1.13 1,2,3 - -
42 Q 1 1.13 1,2,3
43 N 1.1`

func watches(t *testing.T, texts ...string) (out []*Watch) {
	t.Helper()
	for _, s := range texts {
		ws, err := ParseWatch("test", strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ws...)
	}
	return out
}

func TestWatches(t *testing.T) {
	if vs := CheckWatches(watches(t, watched, watchedToo), 3, true); len(vs) > 0 {
		t.Error(Report(vs))
	}
	for _, tc := range []struct {
		old, new string
		property Property
		settled  bool
	}{
		{"Q 0 1.5 1", "Q 1 1.5 1", Votes, false},
		{"Q 1 1.9 1,2", "Q 1 1.9 1,3", RingIdentity, false},
		{"Q 1 1.9 1,2", "Q 1 2.9 2,3", QuorumView, false},
		{"N 1.9 1,2 2 -", "N 1.9 1,2 - -", QuorumView, false},
		{"N 1.13 1,2,3 3 -", "N 1.13 1,2,3 3 2", QuorumView, false},
		{"N 1.13 1,2,3 3 -", "N 1.4 1,2,3 3 -", RingIdentity, false},
		{"Q 1 1.13 1,2,3", "Q 0 1.13 1,2,3", Votes, true},
		{"40 N 1.13 1,2,3 3 -\n41 Q 1 1.13 1,2,3\n", "", Votes, true},
		{watched, "10 I 1\n", QuorumOnce, true},
	} {
		broken := strings.Replace(watched, tc.old, tc.new, 1)
		if broken == watched {
			t.Fatalf("%q is not there", tc.old)
		}
		vs := CheckWatches(watches(t, broken, watchedToo), 3, tc.settled)
		found := false
		for _, v := range vs {
			found = found || v.Property == tc.property
		}
		if !found {
			t.Errorf("%q for %q: %v, wanted %v", tc.new, tc.old, vs, tc.property)
		}
	}
	if vs := CheckWatches(watches(t, watched+"50 E 2\n"), 3, true); len(vs) == 0 {
		t.Error("nobody watches at the end, and nothing is wrong")
	}
}

func TestParseWatchRefuses(t *testing.T) {
	for _, s := range []string{"10 Q 1 1.5 1\n", "x I 1\n", "10 I 1\n11 Q 1 15 1\n", "10 I 1\n11 Q 1 1.5\n", "10 I 1\n11 N 1.5 1,x - -\n", "10 I 1\n11 Z\n", "\n"} {
		if _, err := ParseWatch("test", strings.NewReader(s)); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
