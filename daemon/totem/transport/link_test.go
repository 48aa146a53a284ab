package transport_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/netif"
)

type linkLog struct {
	events []string
	err    error
}

func (l *linkLog) Receive([][]byte) {}
func (l *linkLog) Interface(up bool) {
	if up {
		l.events = append(l.events, "up")
	} else {
		l.events = append(l.events, "down")
	}
}
func (l *linkLog) Fail(err error) { l.events, l.err = append(l.events, "fail"), err }

func TestLink(t *testing.T) {
	var (
		a = netip.MustParseAddr("10.0.0.1")
		b = netip.MustParseAddr("10.0.0.2")
	)
	up := func(addr netip.Addr, index, mtu int) netif.State {
		return netif.State{Up: true, Addr: addr, Index: index, MTU: mtu}
	}
	down := netif.State{}
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		states []netif.State
		fails  int // so many opens fail
		want   []string
		took   time.Duration
	}{
		{"up", []netif.State{up(a, 2, 1500)}, 0, []string{"open", "up"}, 0},
		{"another MTU", []netif.State{up(a, 2, 1500), up(a, 2, 9000)}, 0, []string{"open", "up"}, 0},
		{"another address", []netif.State{up(a, 2, 1500), up(b, 2, 1500)}, 0, []string{"open", "up", "close", "open"}, 0},
		{"the interface made anew", []netif.State{up(a, 2, 1500), up(a, 3, 1500)}, 0, []string{"open", "up", "close", "open"}, 0},
		{"down at first", []netif.State{down, up(a, 2, 1500), down, down}, 0, []string{"down", "open", "up", "close", "down"}, 0},
		{"second try", []netif.State{up(a, 2, 1500)}, 2, []string{"try", "try", "open", "up"}, 300 * time.Millisecond},
		{"down while trying", []netif.State{up(a, 2, 1500), down}, 2, []string{"try", "down"}, 0},
		{"never", []netif.State{up(a, 2, 1500)}, 99, append(slices.Repeat([]string{"try"}, 11), "fail"), 5500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := simloop.New()
			var log linkLog
			fails := c.fails
			start := w.Now()
			var last time.Duration
			l := transport.Link{
				Sched: w.NewNode(), Log: logsys.ToTest(t, logsys.Error).Logger("TOTEM"), Handler: &log,
				Open: func(netif.State) error {
					last = w.Now().Sub(start)
					if fails > 0 {
						fails--
						log.events = append(log.events, "try")
						return broken
					}
					log.events = append(log.events, "open")
					return nil
				},
				Close: func() { log.events = append(log.events, "close") },
			}
			for _, s := range c.states {
				l.Set(s)
			}
			w.RunFor(time.Minute)
			if !slices.Equal(log.events, c.want) {
				t.Errorf("got %v, want %v", log.events, c.want)
			}
			if c.took != 0 && last != c.took {
				t.Errorf("took %v, want %v", last, c.took)
			}
			if log.err != nil && !errors.Is(log.err, broken) {
				t.Error(log.err)
			}
			l.Stop()
			l.Set(up(b, 4, 1500))
			w.RunFor(time.Minute)
			if l.Up() {
				t.Error("open after Stop")
			}
		})
	}
}
