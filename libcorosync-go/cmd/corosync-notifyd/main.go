// Command corosync-notifyd: see package notifyd.
package main

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/notifyd"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-notifyd", "report what happens in the cluster", func(ctx context.Context, env *tool.Env) int {
		return notifyd.Run(ctx, env, tool.Daemon(), notifyd.Host())
	})
}
