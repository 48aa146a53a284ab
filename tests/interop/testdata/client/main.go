// Command client puts state into a daemon that tools can show: it joins the
// process groups named on its command line, or with "qdevice NAME" acts as a
// voting quorum device. It says "ready" when the state is there and keeps it
// until it is killed. It uses the Go client packages.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

func main() {
	ctx := context.Background()
	var err error
	if len(os.Args) == 3 && os.Args[1] == "qdevice" {
		err = device(ctx, os.Args[2])
	} else {
		err = groups(ctx, os.Args[1:])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// groups joins each group by a connection of its own.
func groups(ctx context.Context, names []string) error {
	clients := make([]*cpg.Client, len(names))
	for i, name := range names {
		joined := false
		c, err := cpg.Dial(ctx, cpg.Options{PID: uint32(1000 + i), Callbacks: cpg.Callbacks{
			Confchg: func(_ []byte, _, _, list []cpg.Address) { joined = joined || len(list) > 0 },
		}})
		if err != nil {
			return err
		}
		if err := c.Join(ctx, []byte(name)); err != nil {
			return fmt.Errorf("join %q: %w", name, err)
		}
		for !joined {
			if err := c.Dispatch(ctx, conn.One); err != nil {
				return err
			}
		}
		clients[i] = c
	}
	fmt.Println("ready")
	return clients[0].Dispatch(ctx, conn.Blocking)
}

// device registers, waits for the configuration, and votes four times a second.
func device(ctx context.Context, name string) error {
	var ring votequorum.RingID
	v, err := votequorum.Dial(ctx, votequorum.Options{Callbacks: votequorum.Callbacks{
		NodeList: func(_ uint64, r votequorum.RingID, _ []uint32) { ring = r },
	}})
	if err != nil {
		return err
	}
	if err := v.QdeviceRegister(ctx, name); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if err := v.TrackStart(ctx, 0, votequorum.TrackChanges); err != nil {
		return err
	}
	for ready := false; ; {
		if err := v.Dispatch(ctx, conn.All); err != nil {
			return err
		}
		if ring.NodeID != 0 {
			if err := v.QdevicePoll(ctx, name, true, ring); err != nil {
				return fmt.Errorf("poll: %w", err)
			}
			info, err := v.Info(ctx, 0)
			if err != nil {
				return err
			}
			if !ready && info.Flags&votequorum.QdeviceCastVote != 0 {
				fmt.Println("ready")
				ready = true
			}
		}
		time.Sleep(250 * time.Millisecond)
	}
}
