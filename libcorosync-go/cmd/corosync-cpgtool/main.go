// Command corosync-cpgtool: see package cpgtool.
package main

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/cpgtool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-cpgtool", "display process groups and their members", func(ctx context.Context, env *tool.Env) int {
		return cpgtool.Run(ctx, env, tool.Daemon())
	})
}
