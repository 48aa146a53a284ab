package blackbox

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/cmapctl"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

// Dump is the link to the newest file.
const Dump = "/var/lib/corosync/fdata"

// Run executes the tool on the file at path and returns its exit code. A daemon
// that does not answer is reported, and what it left before is printed: that is
// when one wants to see it.
func Run(ctx context.Context, env *tool.Env, services tool.Services, path string, now func() time.Time) int {
	for _, key := range []string{"runtime.blackbox.dump_state", "runtime.blackbox.dump_flight_data"} {
		set := *env
		set.Args = []string{"-s", key, "str", fmt.Sprint(now().Unix())}
		cmapctl.Run(ctx, &set, services)
	}
	env.Printf("Dumping the contents of %s\n", path)
	f, err := os.Open(path)
	if err != nil {
		env.Stdout.Flush()
		env.Errorf("[error] %s: %s\n", path, tool.Strerror(cause(err)))
		return tool.Success
	}
	defer f.Close()
	if err := print(env.Stdout, f, time.Local); err != nil {
		env.Stdout.Flush()
		env.Errorf("[error] %s: %s\n", path, err)
	}
	return tool.Success
}

func cause(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}
