package ipcserver

// ConnStats are the statistics of one connection, under stats.ipcs.service<id>.<pid>.<conn>.
type ConnStats struct {
	Prefix         string // ends with a dot
	Queueing       int32  // events wait
	Queued         uint32 // how many
	Sent           uint32 // events since the queue was last empty
	FlowControl    uint32
	InvalidRequest uint64
	Overload       uint64
	Requests       uint64
	Responses      uint64
	Dispatched     uint64
	SendRetries    uint64
	RecvRetries    uint64 // always 0: this server never waits for a request
	FlowChanges    uint64 // flow_control_count
	Procname       string
}

// Totals are the statistics of the server.
type Totals struct {
	Active, Closed uint64 // stats.ipcs.global.active, .closed
	Overrun        uint64 // clients disconnected because they did not read
}

// Totals returns the statistics of the server.
func (s *Server) Totals() Totals { return Totals{s.active, s.closed, s.overrun} }

// Conns returns the statistics of all connections, as a new slice, the oldest connection first.
func (s *Server) Conns() []ConnStats {
	list := make([]ConnStats, len(s.conns))
	for i, c := range s.conns {
		list[i] = c.stats()
	}
	return list
}

func (c *conn) stats() ConnStats {
	n := c.link.Counters()
	b := c.base
	st := ConnStats{
		Prefix:         c.statsPrefix(),
		Queued:         uint32(c.out.count),
		Sent:           c.sent,
		FlowControl:    uint32(c.word),
		InvalidRequest: c.invalid,
		Overload:       c.overload,
		Requests:       n.Requests - b.Requests,
		Responses:      n.Responses - b.Responses,
		Dispatched:     n.Events - b.Events,
		SendRetries:    n.SendRetries - b.SendRetries,
		FlowChanges:    n.FlowControlChanges - b.FlowControlChanges,
		Procname:       c.procname,
	}
	if c.out.count > 0 {
		st.Queueing = 1
	}
	return st
}

// ClearStats sets all counters of connections, and that of closed ones, to zero (stats.clear.ipc).
func (s *Server) ClearStats() {
	s.closed, s.overrun = 0, 0
	for _, c := range s.conns {
		c.base = c.link.Counters()
		c.invalid, c.overload, c.sent, c.drops = 0, 0, 0, 0
	}
}
