// Command corosync-quorumtool: see package quorumtool.
package main

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/quorumtool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-quorumtool", "set and display quorum settings", func(ctx context.Context, env *tool.Env) int {
		return quorumtool.Run(ctx, env, tool.Daemon())
	})
}
