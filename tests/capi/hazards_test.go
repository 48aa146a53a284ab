//go:build linux

package capi

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// hostTimeout bounds the life of one host program.
const hostTimeout = 60 * time.Second

// host runs a program with the libraries of dir, or the system's if dir is empty.
func host(t *testing.T, dir string, argv ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hostTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Env = os.Environ()
	if dir != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+dir)
	}
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.String(), err
}

// TestStockTools: Debian's tools print with our libraries what they print with Debian's.
func TestStockTools(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "corosync-cpgtool", "corosync-cfgtool", "corosync-cmapctl")
	dir := needLibraries(t)
	inProcessNode(t)
	varying := regexp.MustCompile(`(?m)^Date: .*|stats\.ipcs\..*|runtime\.connections.*|^.*(timestamp|latency|token_).*`)
	for _, line := range []string{
		"corosync-quorumtool -s", "corosync-quorumtool -l", "corosync-cfgtool -s", "corosync-cfgtool -n", "corosync-cpgtool",
		"corosync-cpgtool -e", "corosync-cmapctl", "corosync-cmapctl -g totem.cluster_name", "corosync-cmapctl -g no.such.key",
		"corosync-cmapctl -s capi.test str one", "corosync-cmapctl -d capi.test", "corosync-cfgtool -a 1", "corosync-cfgtool -k 9",
		"corosync-quorumtool -e 1", "corosync-quorumtool -v 1 -n 7", "corosync-cmapctl -m stats",
	} {
		argv := strings.Fields(line)
		set := []string{"corosync-cmapctl", "-s", "capi.test", "str", "one"} // the same to begin with
		host(t, "", set...)
		want, wantErr := host(t, "", argv...)
		host(t, "", set...)
		got, err := host(t, dir, argv...)
		got, want = varying.ReplaceAllString(got, ""), varying.ReplaceAllString(want, "")
		if line == "corosync-cmapctl -m stats" { // values move; the keys are compared
			value := regexp.MustCompile(`(?m) = .*$`)
			got, want = value.ReplaceAllString(got, ""), value.ReplaceAllString(want, "")
		}
		if got != want || netns.ExitCode(err) != netns.ExitCode(wantErr) {
			t.Errorf("%s: exit %v, want %v\ngot:\n%s\nwant:\n%s", line, err, wantErr, got, want)
		}
	}
}
