package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func checkCfg(ctx context.Context, s *suite) {
	asked := []cfg.ShutdownFlags(nil)
	c, err := cfg.Dial(ctx, cfg.Options{Shutdown: func(f cfg.ShutdownFlags) { asked = append(asked, f) }})
	if !s.ok("dial", err) {
		return
	}
	defer c.Close()
	s.modes(ctx, c)
	local, err := c.LocalNode(ctx)
	s.ok("local node", err)
	same(s, "local node", local, 1)
	links, err := c.RingStatus(ctx)
	s.ok("ring status", err)
	same(s, "links", len(links), 1)
	status, err := c.NodeStatus(ctx, 2)
	s.ok("node status", err)
	same(s, "node status", fmt.Sprint(status.NodeID, status.Reachable, status.Links[0].Enabled, status.Links[1].Enabled), "2 true true false")
	addrs, err := c.NodeAddrs(ctx, 0)
	s.ok("addresses", err)
	same(s, "addresses", len(addrs), 1)
	_, err = c.NodeAddrs(ctx, 9)
	s.is("addresses of unknown node", err, cserr.NotExist)
	s.is("kill unknown node", c.KillNode(ctx, 9, "x"), cserr.NotExist)
	s.is("kill with long reason", c.KillNode(ctx, 9, strings.Repeat("x", 256)), cserr.NameTooLong)
	s.is("ring reenable", c.RingReenable(ctx), cserr.NotSupported)
	s.ok("reload", c.Reload(ctx))
	s.ok("reopen log files", c.ReopenLogFiles(ctx))

	// A tracker refuses a shutdown that another client asks for.
	s.ok("reply to nothing", c.ReplyToShutdown(ctx, true))
	s.ok("track", c.TrackStart(ctx, 1))
	s.ok("track again", c.TrackStart(ctx, 1))
	other, err := cfg.Dial(ctx, cfg.Options{})
	if !s.ok("dial", err) {
		return
	}
	defer other.Close()
	result := make(chan error, 1)
	go func() { result <- other.TryShutdown(ctx, cfg.ShutdownRequest) }()
	s.until(ctx, "question", c, func() bool { return len(asked) > 0 })
	s.ok("refuse", c.ReplyToShutdown(ctx, false))
	s.is("refused shutdown", <-result, cserr.Busy)
	same(s, "question", fmt.Sprint(asked), "[0]")
	s.ok("track stop", c.TrackStop(ctx))
	s.ok("track stop again", c.TrackStop(ctx))
}
