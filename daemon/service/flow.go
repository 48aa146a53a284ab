package service

import "time"

// Level is how full the send queue of totem is, with hysteresis (enum totem_q_level).
type Level uint8

// The levels. They decide how many requests the IPC server reads per wake-up.
const (
	LevelLow Level = iota
	LevelGood
	LevelHigh
	LevelCritical
)

// Values of the flow control word that a client reads before it sends.
const (
	FlowOpen    = 0 // send
	FlowOff     = 1 // no library sends: no quorum
	FlowOffBulk = 2 // cpg_mcast_joined does not send: synchronisation, or a full queue
)

// Requests read per wake-up by level.
const (
	batchLow  = 50
	batchGood = 5
	batchHigh = 1
)

// levelInterval is how often a critical level is looked at again when no token comes to do it.
const levelInterval = 10 * time.Millisecond

// nextLevel returns the level for a queue that is used to percent, 0 to 100. The gaps between the ranges keep the level
// from swinging.
func nextLevel(now Level, percent int) Level {
	switch {
	case percent >= 75:
		return LevelCritical
	case percent < 30:
		return LevelLow
	case percent > 40 && percent < 50:
		return LevelGood
	case percent > 60 && percent < 70:
		return LevelHigh
	}
	return now
}

// Level returns the level of the send queue as last evaluated.
func (r *Router) Level() Level { return r.level }

// updateLevel evaluates the level, and tells the IPC server if it changed.
func (r *Router) updateLevel() {
	l := nextLevel(r.level, r.cfg.Ring.Usage())
	if l == r.level {
		return
	}
	r.level = l
	r.flowChanged()
}

// flowChanged tells the IPC server that Flow may answer differently now, and keeps looking at a critical level.
func (r *Router) flowChanged() {
	if r.cfg.OnFlow != nil {
		r.cfg.OnFlow()
	}
	if r.level == LevelCritical && r.levelTimer == nil {
		r.levelTimer = r.cfg.Scheduler.After(levelInterval, r.levelTick)
	}
}

func (r *Router) levelTick() {
	r.levelTimer = nil
	r.updateLevel()
	if r.level == LevelCritical && r.levelTimer == nil {
		r.levelTimer = r.cfg.Scheduler.After(levelInterval, r.levelTick)
	}
}

// Flow returns the flow control word for the clients of a service, and how many of their requests to read per wake-up;
// none unless the word is FlowOpen.
func (r *Router) Flow(s *Loaded) (word int32, batch int) {
	switch {
	case !r.quorum.Quorate && !s.AllowInquorate:
		return FlowOff, 0
	case r.level == LevelCritical, r.syncing && s.ID != Votequorum:
		return FlowOffBulk, 0
	}
	switch r.level {
	case LevelLow:
		return FlowOpen, batchLow
	case LevelGood:
		return FlowOpen, batchGood
	}
	return FlowOpen, batchHigh
}
