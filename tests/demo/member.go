package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// group is the process group of the demonstration.
var group = []byte("demo")

// memberTimeout bounds the life of a member that nobody stops.
const memberTimeout = 2 * time.Minute

// runMember joins the group, sends when all members are there, and prints a line with the order in which it saw all
// messages, and one for every node that leaves the group.
func runMember(args []string) int {
	if err := member(args); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintln(os.Stderr, "member:", err)
		return 1
	}
	return 0
}

func member(args []string) error {
	if len(args) != 2 {
		return errors.New("want the number of members and of messages")
	}
	members, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	messages, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), memberTimeout)
	defer cancel()
	complete := make(chan struct{})
	r := recorder{want: members * messages}
	seen := 0
	client, err := cpg.Dial(ctx, cpg.Options{Callbacks: cpg.Callbacks{
		Deliver: func(_ []byte, node, _ uint32, payload []byte) { r.deliver(node, payload) },
		Confchg: func(_ []byte, list, left, _ []cpg.Address) {
			if seen < members && len(list) == members {
				close(complete)
			}
			seen = max(seen, len(list))
			for _, a := range left {
				fmt.Printf("left node %d has left the group, %d members remain\n", a.NodeID, len(list))
			}
		},
	}})
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	if err := client.Join(ctx, group); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	sent := make(chan error, 1)
	go func() {
		select {
		case <-complete:
			sent <- send(ctx, client, messages)
		case <-ctx.Done():
			sent <- ctx.Err()
		}
	}()
	if err := client.Dispatch(ctx, conn.Blocking); err != nil {
		return fmt.Errorf("dispatching: %w", err)
	}
	return <-sent
}

func send(ctx context.Context, c *cpg.Client, messages int) error {
	for i := 1; i <= messages; {
		err := c.Mcast(ctx, cpg.Agreed, []byte(strconv.Itoa(i)))
		switch {
		case err == nil:
			i++
		case errors.Is(err, cserr.TryAgain):
			// The send queue is full, or the membership is changing.
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return err
		}
	}
	return nil
}

// recorder remembers the order of messages by its digest and its beginning.
type recorder struct {
	want, got int
	head      []string
	all       []byte
}

const headLen = 8

func (r *recorder) deliver(node uint32, payload []byte) {
	r.got++
	m := fmt.Sprintf("%d:%s", node, payload)
	if len(r.head) < headLen {
		r.head = append(r.head, m)
	}
	r.all = append(append(r.all, m...), ' ')
	if r.got == r.want {
		fmt.Printf("order %s ... %s (%d messages as node:number, digest %x)\n",
			strings.Join(r.head, " "), m, r.got, sha256.Sum256(r.all))
	}
}
