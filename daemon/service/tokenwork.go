package service

// tokenWork is a call that waits for the token to be sent. It is its own handle.
type tokenWork struct {
	fn func() (done bool)
}

// Stop takes the call back.
func (w *tokenWork) Stop() { w.fn = nil }

// OnTokenSent calls fn once after the token has next been passed on; false from fn means again at the next token.
func (r *Router) OnTokenSent(fn func() (done bool)) Timer {
	w := &tokenWork{fn: fn}
	r.tokenWork = append(r.tokenWork, w)
	r.cfg.Ring.Poke()
	return w
}

// tokenSent is called by the ring each time the token has been passed on.
func (r *Router) tokenSent() {
	if r.level != LevelLow {
		r.updateLevel()
	}
	if r.waiting {
		// Messages have left the queue: requests that were left for later may fit now.
		r.waiting = false
		if r.cfg.OnFlow != nil {
			r.cfg.OnFlow()
		}
	}
	if len(r.tokenWork) == 0 {
		return
	}
	// What the calls add waits for the next token.
	run := append(r.tokenRun[:0], r.tokenWork...)
	clear(r.tokenWork)
	r.tokenWork = r.tokenWork[:0]
	for i, w := range run {
		run[i] = nil
		if w.fn != nil && !w.fn() && w.fn != nil {
			r.tokenWork = append(r.tokenWork, w)
		}
	}
	r.tokenRun = run[:0]
	if len(r.tokenWork) > 0 {
		r.cfg.Ring.Poke()
	}
}
