package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asDaemon makes the test binary run as the program: tests of exit codes,
// working directories and daemonizing need a process of their own.
const asDaemon = "COROSYNC_TEST_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		os.Exit(run(append([]string{"corosync"}, os.Args[1:]...), os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program runs the daemon's program with args.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return execute(t, append(os.Environ(), asDaemon+"=1"), os.Args[0], args...)
}

func execute(t *testing.T, env []string, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	cmd.WaitDelay = 10 * time.Second
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestOptions(t *testing.T) {
	const none = "/nonexistent/corosync.conf"
	unreadable := "Can't read file " + none + ": No such file or directory\n"
	for _, tc := range []struct {
		args   []string
		stderr string
		code   int
	}{
		{[]string{"-h"}, "corosync: invalid option -- 'h'\n" + usage, 1},
		{[]string{"--help"}, "corosync: invalid option -- '-'\n" + usage, 1},
		{[]string{"-c"}, "corosync: option requires an argument -- 'c'\n" + usage, 1},
		{[]string{"-fx"}, "corosync: invalid option -- 'x'\n" + usage, 1},
		{[]string{"-t", "-c", none}, unreadable, 8},
		{[]string{"-c" + none, "-f"}, unreadable, 8},
		{[]string{"-ftc", none}, unreadable, 8},
		{[]string{"word", "-tc", none, "word"}, unreadable, 8},
		{[]string{"-t", "-c" + none, "--", "-x"}, unreadable, 8},
		{[]string{"-c", strings.Repeat("x", 5000)}, "Config file path too long.\n", 1},
	} {
		stdout, stderr, code := program(t, tc.args...)
		if stderr != tc.stderr || code != tc.code || stdout != "" {
			t.Errorf("%.60q: %d %q", tc.args, code, stderr)
		}
	}
	stdout, stderr, code := program(t, "-v", "-x")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "Corosync Cluster Engine, version '3.1.7'\nCopyright (c) 2006-2021 Red Hat, Inc.\n\nBuilt-in features:") {
		t.Errorf("-v: %d %q %q", code, stdout, stderr)
	}
}

var (
	stamp  = regexp.MustCompile(`(?m)^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d(\.\d{3})? `)
	place  = regexp.MustCompile(`(?m) at \w+\.(c|go):\d+\.$`)
	caller = regexp.MustCompile(`\] \w+\.(c|go):\w+:\d+ `) // fileline and function_name
	// Hints that one of the two gives and the other does not.
	chatter = regexp.MustCompile(`(?m)^(debug|warning) .*\n`)
)

// messages normalizes what -t wrote.
func messages(s string) []string {
	s = place.ReplaceAllString(stamp.ReplaceAllString(s, ""), " at X")
	s = caller.ReplaceAllString(s, "] ")
	return strings.Split(strings.TrimSpace(chatter.ReplaceAllString(s, "")), "\n")
}

// Every file of the corpus gets the same exit code and the same first message
// as from the C daemon; ours may go on with the place in the file.
func TestConfigTestLikeC(t *testing.T) {
	reference, err := exec.LookPath("corosync")
	if err != nil {
		t.Skip("needs Debian's corosync 3.1.7")
	}
	if out, _ := exec.Command(reference, "-v").Output(); !bytes.HasPrefix(out, []byte("Corosync Cluster Engine, version '3.1.7'")) {
		t.Skipf("needs corosync 3.1.7, %s is %.60q", reference, out)
	}
	if st, err := os.Stat("/var/lib/corosync"); err != nil || !st.IsDir() {
		t.Skip("needs the state directory /var/lib/corosync")
	}
	files, _ := filepath.Glob("../../config/testdata/[bg]*d/*.conf")
	if len(files) < 100 {
		t.Fatalf("corpus has %d files", len(files))
	}
	for _, f := range files {
		t.Run(filepath.Base(filepath.Dir(f))+"/"+filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			path, err := filepath.Abs(f)
			if err != nil {
				t.Fatal(err)
			}
			_, want, wantCode := execute(t, os.Environ(), reference, "-t", "-c", path)
			_, got, code := program(t, "-t", "-c", path)
			if code != wantCode {
				t.Errorf("exit code %d, C daemon %d", code, wantCode)
			}
			w, g := messages(want), messages(got)
			if !strings.HasPrefix(g[0], w[0]) || !strings.HasPrefix(g[len(g)-1], w[len(w)-1]) && len(w) > 1 {
				t.Errorf("\ngot  %q\nwant %q", g, w)
			}
		})
	}
}

// The example in the tree is one that both daemons take.
func TestExampleFile(t *testing.T) {
	b, err := os.ReadFile("../../../corosync.conf.example")
	if err != nil {
		t.Skip("no example in this tree")
	}
	if st, err := os.Stat("/var/lib/corosync"); err != nil || !st.IsDir() {
		t.Skip("needs the state directory /var/lib/corosync")
	}
	// Its addresses are examples, so the local node is made up.
	text := strings.NewReplacer("192.0.2.11", "127.0.0.1", "/var/log/cluster/corosync.log", filepath.Join(t.TempDir(), "log"),
		"/var/log/corosync/corosync.log", filepath.Join(t.TempDir(), "log")).Replace(string(b))
	path := filepath.Join(t.TempDir(), "corosync.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := program(t, "-t", "-c", path); code != 0 {
		t.Errorf("%d %s", code, stderr)
	}
	if reference, err := exec.LookPath("corosync"); err == nil {
		if _, stderr, code := execute(t, os.Environ(), reference, "-t", "-c", path); code != 0 {
			t.Errorf("C daemon: %d %s", code, stderr)
		}
	}
}

// The life of a daemon in the background: the starting process waits until it
// serves, a second one is refused, TERM ends it and takes the lock file along.
// In namespaces, because lock file, sockets and state directory are fixed.
func TestBackground(t *testing.T) {
	if os.Getuid() != 0 || exec.Command("unshare", "-n", "-m", "true").Run() != nil {
		t.Skip("needs root and unshare (network and mount namespaces)")
	}
	if st, err := os.Stat("/var/lib/corosync"); err != nil || !st.IsDir() {
		t.Skip("needs the state directory /var/lib/corosync")
	}
	conf := filepath.Join(t.TempDir(), "corosync.conf")
	logfile := filepath.Join(t.TempDir(), "log")
	text := "totem {\nversion: 2\ntransport: udpu\ntoken: 1000\n}\nnodelist {\nnode {\nring0_addr: 127.0.0.1\nnodeid: 1\nname: x\n}\n}\n" +
		"logging {\nto_syslog: no\nto_logfile: yes\nlogfile: " + logfile + "\n}\nsystem {\nsched_rr: no\n}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
mount -t tmpfs none /run && mount -t tmpfs none /var/lib/corosync && mount -t tmpfs none /dev/shm && ip link set lo up || exit 77
"$0" -c "$1"; echo first $?
pid=$(cat /run/corosync.pid); echo alive $(kill -0 $pid; echo $?) $(cat /proc/$pid/comm)
"$0" -c "$1" 2>/dev/null; echo second $?
"$0" -f -c "$1" 2>/dev/null; echo foreground $?
kill -HUP $pid; kill -USR2 $pid
kill -TERM $pid
for i in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
echo lock $(ls /run/corosync.pid 2>/dev/null | wc -l)
`
	out, stderr, code := execute(t, append(os.Environ(), asDaemon+"=1"), "unshare", "-n", "-m", "--propagation", "private", "sh", "-c", script, os.Args[0], conf)
	if code == 77 {
		t.Skipf("namespaces are restricted here: %s", stderr)
	}
	if want := "first 0\nalive 0 " + filepath.Base(os.Args[0]) + "\nsecond 18\nforeground 18\nlock 0\n"; out != want {
		b, _ := os.ReadFile(logfile)
		t.Errorf("got  %q\nwant %q\n%s\n%s", out, want, stderr, b)
	}
	b, _ := os.ReadFile(logfile)
	for _, line := range []string{"Another Corosync instance is already running.", "Config reload requested by signal",
		"Node was shut down by a signal", "Corosync Cluster Engine exiting normally"} {
		if !strings.Contains(string(b), line) {
			t.Errorf("log lacks %q:\n%s", line, b)
		}
	}
}

func TestNiceValue(t *testing.T) {
	for s, want := range map[string]int{"": 0, "max": -1 << 31, "min": 1<<31 - 1, "-5": -5, "19": 19} {
		if n, err := niceValue(s); err != nil || n != want {
			t.Errorf("%q: %d %v", s, n, err)
		}
	}
	for _, s := range []string{"x", "5x", "99999999999"} {
		if _, err := niceValue(s); err == nil || err.Error() != "Priority value "+s+" is invalid" {
			t.Errorf("%q: %v", s, err)
		}
	}
}
