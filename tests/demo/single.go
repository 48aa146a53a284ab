package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"time"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/mon"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/driver"
	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
)

// singleMessages is how many messages go round the ring of one.
const singleMessages = 1000

// runSingle shows one node on the loopback interface, inside this process, on the configuration embedded in the daemon.
func runSingle() int {
	if err := single(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	fmt.Println("\nDone.")
	return 0
}

func single() error {
	fmt.Printf("== One node with this corosync.conf:\n%s\n", indent(config.DemoText))
	state, err := os.MkdirTemp("", "corosync-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	db := icmap.New()
	db.ProtectDaemonKeys()
	origin, err := config.Parse("demo.conf", []byte(config.DemoText), config.OS{}, db)
	if err != nil {
		return err
	}
	// An ordinary user may talk to the daemon that he runs.
	if err := db.SetUint8(fmt.Sprintf("uidgid.config.uid.%d", os.Geteuid()), 1); err != nil {
		return err
	}
	c, err := config.Read(db, config.OS{}, origin)
	if err != nil {
		return err
	}
	if err := c.Validate(db); err != nil {
		return err
	}
	logs := logsys.New(logsys.Options{Stderr: os.Stderr})
	defer logs.Close(time.Second)
	l, err := loop.New()
	if err != nil {
		return err
	}
	defer l.Close()
	ready := make(chan struct{})
	n, err := node.New(c, db, node.Env{
		Turns: l, Loop: l, Logs: logs, Files: config.OS{}, Rand: rand.New(rand.NewSource(time.Now().UnixNano())),
		Store:   driver.NewFileStore(state, totem.NodeID(c.NodeID)),
		Barrier: node.NewBarrierFile(state, logs.Logger("VOTEQ")),
		Sampler: mon.Proc{}, Platform: wd.Linux{},
		Offload: func(work, then func()) {
			go func() {
				work()
				_ = l.Post(then)
			}()
		},
		OnReady: func() { close(ready) },
		Exit:    func(int) { l.Stop() },
	})
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- l.Run() }()
	ctx, cancel := context.WithTimeout(context.Background(), waitForm)
	defer cancel()
	select {
	case <-ready:
	case <-ctx.Done():
		return errors.New("the node did not become ready")
	}
	err = talk(ctx)
	if perr := l.Post(func() { n.Shutdown("the demonstration is over") }); perr != nil {
		return errors.Join(err, perr)
	}
	return errors.Join(err, <-ended)
}

// talk asks for quorum and sends messages to itself.
func talk(ctx context.Context) error {
	q, err := quorum.Dial(ctx, quorum.Options{})
	if err != nil {
		return fmt.Errorf("quorum: %w", err)
	}
	defer q.Close()
	quorate, err := q.Quorate(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n== The node is up; quorate: %v\n", quorate)
	got := 0
	client, err := cpg.Dial(ctx, cpg.Options{Callbacks: cpg.Callbacks{
		Deliver: func([]byte, uint32, uint32, []byte) { got++ },
	}})
	if err != nil {
		return fmt.Errorf("cpg: %w", err)
	}
	defer client.Close(ctx)
	if err := client.Join(ctx, group); err != nil {
		return err
	}
	sent := make(chan error, 1)
	began := time.Now()
	go func() { sent <- send(ctx, client, singleMessages) }()
	for got < singleMessages {
		if err := client.Dispatch(ctx, conn.One); err != nil {
			return err
		}
	}
	fmt.Printf("  %d messages to a process group came back in order after %v\n", got, since(began))
	return <-sent
}
