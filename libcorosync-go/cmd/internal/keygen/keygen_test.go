package keygen

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
)

func run(line string) tooltest.Result {
	var d tooltest.Daemon
	return d.Run(func(ctx context.Context, env *tool.Env, _ tool.Services) int { return Run(ctx, env) }, line, "")
}

func TestKey(t *testing.T) {
	dir := t.TempDir()
	random, key := filepath.Join(dir, "random"), filepath.Join(dir, "key")
	source := bytes.Repeat([]byte("0123456789"), 20)
	if err := os.WriteFile(random, source, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run("/sbin/keygen -k " + key + " --random=" + random + " -s 130")
	want := "Corosync Cluster Engine Authentication key generator.\nGathering 1040 bits for key from " + random + ".\nWriting corosync key to " + key + ".\n"
	if r != (tooltest.Result{Stdout: want}) {
		t.Errorf("%+v", r)
	}
	got, err := os.ReadFile(key)
	st, _ := os.Stat(key)
	if err != nil || !bytes.Equal(got, source[:130]) || st.Mode().Perm() != 0o400 {
		t.Error(len(got), err, st.Mode())
	}
}

// A source that ends too soon ends the tool.
func TestShortSource(t *testing.T) {
	random := filepath.Join(t.TempDir(), "random")
	if err := os.WriteFile(random, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run("/sbin/keygen -k /nonexistent -r " + random)
	if r.Code != 1 || !strings.HasPrefix(r.Stderr, "keygen: Could not read /dev/random: ") ||
		!strings.Contains(r.Stdout, "(1248 bits still needed)") {
		t.Errorf("%+v", r)
	}
}
