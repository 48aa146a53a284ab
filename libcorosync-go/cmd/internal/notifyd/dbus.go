package notifyd

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names on the bus.
const (
	busPath      = dbus.ObjectPath("/org/corosync")
	busInterface = "org.corosync"
)

// dbusSink sends signals on the system bus.
type dbusSink struct {
	log  *logger
	conn *dbus.Conn // nil: not connected
	// cancel frees what waits for the end of the connection.
	cancel context.CancelFunc
}

// newDBus connects to the bus. Without one it says so, once, and tries again
// with each event: the bus may start later, or have been restarted.
func newDBus(log *logger) *dbusSink {
	s := &dbusSink{log: log}
	if err := s.connect(); err != nil {
		log.errorf("dbus_bus_get: %s", err)
	}
	return s
}

// busWait bounds the wait for a bus that accepts and does not answer.
const busWait = 10 * time.Second

func (s *dbusSink) connect() error {
	ctx, cancel := context.WithCancel(context.Background())
	timer := time.AfterFunc(busWait, cancel)
	c, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil || !timer.Stop() {
		cancel()
		if err == nil {
			err = context.DeadlineExceeded
		}
		return err
	}
	s.conn, s.cancel = c, cancel
	return nil
}

func (s *dbusSink) close() {
	if s.conn != nil {
		_ = s.conn.Close() // the process is ending
		s.cancel()
		s.conn = nil
	}
}

// signal sends one. What cannot be sent is lost: a bus has no memory either.
func (s *dbusSink) signal(member string, args ...any) {
	if s.conn != nil && !s.conn.Connected() {
		s.log.errorf("DBus connection lost")
		s.close()
	}
	if s.conn == nil && s.connect() != nil {
		return
	}
	if err := s.conn.Emit(busPath, busInterface+"."+member, args...); err != nil {
		s.log.errorf("error sending dbus signal %s: %s", member, err)
	}
}

func (s *dbusSink) member(name string, node uint32, addr, state string) {
	s.signal("NodeStateChange", name, node, addr, state)
}

func (s *dbusSink) quorum(name string, node uint32, state string) {
	s.signal("QuorumStateChange", name, node, state)
}

func (s *dbusSink) application(name string, node uint32, app, state string) {
	s.signal("ConnectionStateChange", name, node, app, state)
}

// link has the name of the quorum signal, and other arguments: so does 3.1, and
// who listens tells them apart by that.
func (s *dbusSink) link(name string, local, node, link uint32, state string) {
	s.signal("QuorumStateChange", name, local, node, link, state)
}
