// Command corosync-cfgtool: see package cfgtool.
package main

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/cfgtool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-cfgtool", "display and configure a running corosync", func(ctx context.Context, env *tool.Env) int {
		return cfgtool.Run(ctx, env, tool.Daemon())
	})
}
