package tool

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

// Services connects to the services of the local daemon.
type Services struct {
	Cfg        func(context.Context) (*cfg.Client, error)
	Cmap       func(context.Context, cmap.Map) (*cmap.Client, error)
	CPG        func(context.Context) (*cpg.Client, error)
	Quorum     func(context.Context, quorum.Callbacks) (*quorum.Client, error)
	Votequorum func(context.Context, votequorum.Callbacks) (*votequorum.Client, error)
}

// Daemon connects to the daemon of this machine.
func Daemon() Services {
	return Services{
		Cfg: func(ctx context.Context) (*cfg.Client, error) { return cfg.Dial(ctx, cfg.Options{}) },
		Cmap: func(ctx context.Context, m cmap.Map) (*cmap.Client, error) {
			return cmap.Dial(ctx, cmap.Options{Map: m})
		},
		CPG: func(ctx context.Context) (*cpg.Client, error) { return cpg.Dial(ctx, cpg.Options{}) },
		Quorum: func(ctx context.Context, c quorum.Callbacks) (*quorum.Client, error) {
			return quorum.Dial(ctx, quorum.Options{Callbacks: c})
		},
		Votequorum: func(ctx context.Context, c votequorum.Callbacks) (*votequorum.Client, error) {
			return votequorum.Dial(ctx, votequorum.Options{Callbacks: c})
		},
	}
}
