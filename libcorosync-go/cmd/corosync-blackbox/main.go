// Command corosync-blackbox: see package blackbox.
package main

import (
	"context"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/blackbox"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-blackbox", "print the recent messages of the daemon", func(ctx context.Context, env *tool.Env) int {
		return blackbox.Run(ctx, env, tool.Daemon(), blackbox.Dump, time.Now)
	})
}
