// Command corosync-cmapctl: see package cmapctl.
package main

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/cmapctl"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-cmapctl", "view and change the map of keys", func(ctx context.Context, env *tool.Env) int {
		return cmapctl.Run(ctx, env, tool.Daemon())
	})
}
