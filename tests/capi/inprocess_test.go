//go:build linux

package capi

import (
	"math/rand"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/mon"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/tests/netns"
)

const inProcessConf = `totem {
	version: 2
	cluster_name: capi
	transport: udpu
}
nodelist {
	node {
		ring0_addr: 127.0.0.1
		nodeid: 1
		name: n1
	}
}
quorum {
	provider: corosync_votequorum
	expected_votes: 1
}
`

// memory is what the node would have on a disk.
type memory struct{ ring uint64 }

func (m *memory) Load() (uint64, error)  { return m.ring, nil }
func (m *memory) Store(seq uint64) error { m.ring = seq; return nil }

// barrier is votequorum's.
type barrier struct{ votes uint32 }

func (b *barrier) Load() (uint32, error) { return b.votes, nil }
func (b *barrier) Save(votes uint32)     { b.votes = votes }

// inProcessNode is a ring of one in this process: the engines and the IPC server, in the network namespace of the tests.
// It lives until the process ends. Hosts of the libraries run as children of the test.
func inProcessNode(t *testing.T) {
	t.Helper()
	if ok, why := netns.Supported(); !ok {
		t.Skip("skip: " + why)
	}
	theNode.once.Do(func() { theNode.err = startNode() })
	if theNode.err != nil {
		t.Fatal(theNode.err)
	}
}

var theNode struct {
	once sync.Once
	err  error
}

func startNode() error {
	db := icmap.New()
	db.ProtectDaemonKeys()
	conf := "corosync.conf"
	origin, err := config.Parse(conf, []byte(inProcessConf), config.OS{}, db)
	if err != nil {
		return err
	}
	cfg, err := config.Read(db, config.OS{}, origin)
	if err != nil {
		return err
	}
	cfg.Path = filepath.Join("/nonexistent", conf)
	if err := cfg.Validate(db); err != nil {
		return err
	}
	started, ready := make(chan error, 1), make(chan struct{})
	go func() { // ends with the process
		runtime.LockOSThread()
		lp, err := loop.New()
		if err != nil {
			started <- err
			return
		}
		n, err := node.New(cfg, db, node.Env{
			Turns: lp, Loop: lp, Logs: logsys.ToFunc(logsys.Error, nil, func(logsys.Record) {}), Files: config.OS{},
			Rand: rand.New(rand.NewSource(1)), Store: &memory{}, Barrier: &barrier{}, Sampler: mon.Proc{}, Platform: wd.Linux{},
			Offload: func(work, then func()) {
				go func() {
					work()
					for lp.Post(then) == loop.ErrBusy {
						time.Sleep(time.Millisecond)
					}
				}()
			},
			OnReady: func() { close(ready) },
			Exit:    func(int) {},
		})
		if err == nil {
			err = n.Start()
		}
		started <- err
		if err == nil {
			_ = lp.Run()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	<-ready
	return nil
}
