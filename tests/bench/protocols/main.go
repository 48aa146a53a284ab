// Command protocols measures the Go client over both local protocols on the daemon of this host: how many messages a second
// of each size come back, with as many under way as the daemon lets through, and how long one takes that is alone. It owns no
// daemon, and prints one line for each measurement.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// run is how long each measurement takes.
const run = 2 * time.Second

var ctx = context.Background()

func main() {
	for _, p := range []struct {
		name  string
		proto conn.Protocol
	}{{"qb", conn.QB}, {"coroipc", conn.CoroIPC}, {"qb", conn.QB}, {"coroipc", conn.CoroIPC}} {
		if err := measure(p.name, p.proto); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}

func measure(name string, p conn.Protocol) error {
	for _, size := range []int{64, 1024, 8192, 60000, 1000000} {
		n, took, err := throughput(p, size)
		if err != nil {
			return err
		}
		s := took.Seconds()
		fmt.Printf("%-8s %8d bytes %10.0f messages/s %8.1f MB/s\n", name, size, float64(n)/s, float64(n)*float64(size)/s/1e6)
	}
	lat, err := latency(p)
	if err != nil {
		return err
	}
	fmt.Printf("%-8s one in flight: p50 %v, p99 %v\n", name, lat[len(lat)/2], lat[len(lat)*99/100])
	if lat, err = requests(p); err != nil {
		return err
	}
	fmt.Printf("%-8s request and reply: p50 %v, p99 %v\n", name, lat[len(lat)/2], lat[len(lat)*99/100])
	return nil
}

// join opens a connection that is a member of a group of its own.
func join(p conn.Protocol, got *int) (*cpg.Client, error) {
	in := false
	c, err := cpg.Dial(ctx, cpg.Options{
		Conn: &conn.Options{Protocol: p},
		Callbacks: cpg.Callbacks{
			Deliver: func([]byte, uint32, uint32, []byte) { *got++ },
			Confchg: func([]byte, []cpg.Address, []cpg.Address, []cpg.Address) { in = true },
		},
	})
	if err != nil {
		return nil, err
	}
	// The leave of the connection before may still be on its way.
	for err = c.Join(ctx, []byte("protocols")); cserr.From(err) == cserr.TryAgain; err = c.Join(ctx, []byte("protocols")) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	for !in {
		if err := c.Dispatch(ctx, conn.One); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// throughput sends from one goroutine that reads when it may not send, as cpgbench does.
func throughput(p conn.Protocol, size int) (n int, took time.Duration, err error) {
	got := 0
	c, err := join(p, &got)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close(ctx)
	payload := make([]byte, size)
	begin := time.Now()
	sent := 0
	for i := 0; ; i++ {
		err := c.Mcast(ctx, cpg.Agreed, payload)
		switch {
		case err == nil:
			sent++
		case cserr.From(err) != cserr.TryAgain:
			return 0, 0, err
		}
		if err != nil || i%8 == 0 {
			if err := c.Dispatch(ctx, conn.All); err != nil {
				return 0, 0, err
			}
		}
		if i%64 == 0 && time.Since(begin) > run {
			break
		}
	}
	for got < sent {
		if err := c.Dispatch(ctx, conn.One); err != nil {
			return 0, 0, err
		}
	}
	return got, time.Since(begin), nil
}

// latency is the time of a message from its sending to its delivery.
func latency(p conn.Protocol) ([]time.Duration, error) {
	got := 0
	c, err := join(p, &got)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	payload := binary.NativeEndian.AppendUint64(make([]byte, 56), 1)
	var list []time.Duration
	for begin := time.Now(); time.Since(begin) < run; {
		at := time.Now()
		want := got + 1
		for {
			err := c.Mcast(ctx, cpg.Agreed, payload)
			if err == nil {
				break
			}
			if !errors.Is(err, cserr.TryAgain) && cserr.From(err) != cserr.TryAgain {
				return nil, err
			}
		}
		for got < want {
			if err := c.Dispatch(ctx, conn.One); err != nil {
				return nil, err
			}
		}
		list = append(list, time.Since(at))
	}
	slices.Sort(list)
	return list, nil
}

// requests is the time of a request that the daemon answers by itself.
func requests(p conn.Protocol) ([]time.Duration, error) {
	c, err := cfg.Dial(ctx, cfg.Options{Conn: &conn.Options{Protocol: p}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var list []time.Duration
	for begin := time.Now(); time.Since(begin) < run; {
		at := time.Now()
		if _, err := c.LocalNode(ctx); err != nil {
			return nil, err
		}
		list = append(list, time.Since(at))
	}
	slices.Sort(list)
	return list, nil
}
