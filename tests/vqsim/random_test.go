package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// randomScript makes a valid configuration and commands for it.
func randomScript(rnd *rand.Rand, name string) script {
	sc := script{name: name}
	var q []string
	add := func(format string, args ...any) { q = append(q, fmt.Sprintf(format, args...)) }
	coin := func(in int) bool { return rnd.IntN(in) == 0 }

	n := 1 + rnd.IntN(6)
	sc.votes = ones(n)
	kind := rnd.IntN(10)
	if coin(3) && kind != 7 {
		for i := range sc.votes {
			sc.votes[i] = rnd.IntN(4)
		}
	}
	total := 0
	for _, v := range sc.votes {
		total += v
	}
	windowed := false // commands leave time for the last_man_standing window
	dev := false
	waitForAll := func() {
		if coin(3) {
			add("wait_for_all: %d", rnd.IntN(2))
		}
	}
	switch kind {
	case 0: // nothing
	case 1:
		n = 2
		sc.votes = ones(n)
		add("two_node: 1")
		waitForAll()
		if coin(4) {
			add("auto_tie_breaker: 1")
		}
	case 2:
		add("wait_for_all: 1")
	case 3, 4:
		add("last_man_standing: 1")
		waitForAll()
		if windowed = coin(2); windowed {
			add("last_man_standing_window: 60")
		} else {
			// None that ends in the middle of a synchronisation: 3.1 counts there whoever it knows, ours what is sure.
			add("last_man_standing_window: %d", []int{20000, 30000}[rnd.IntN(2)])
		}
		if coin(3) && total%2 == 0 {
			add("auto_tie_breaker: 1")
		}
	case 5, 6:
		add("auto_tie_breaker: 1")
		waitForAll()
		switch rnd.IntN(4) {
		case 0:
			add("auto_tie_breaker_node: highest")
		case 1, 2:
			list := rnd.Perm(n)[:1+rnd.IntN(n)]
			for i := range list {
				list[i]++
			}
			add("auto_tie_breaker_node: %s", strings.Trim(fmt.Sprint(list), "[]"))
		}
	case 7:
		dev = true
		more := ""
		if coin(2) {
			more = fmt.Sprintf("votes: %d", 1+rnd.IntN(3))
		}
		add("%s", device(more))
		waitForAll()
	case 8:
		add("expected_votes_tracking: 1")
		waitForAll()
	case 9:
		add("allow_downscale: 1")
		waitForAll()
		if coin(3) {
			add("last_man_standing: 1\nlast_man_standing_window: 30000")
		}
	}
	if coin(4) && !dev {
		add("expected_votes: %d", 1+rnd.IntN(n+2))
	}
	sc.quorum = strings.Join(q, "\n")

	// The commands keep track of who is where.
	at := map[int]int{} // partition of each node that is up
	for i := range n {
		at[i+1] = 0
	}
	up := func() []int {
		var l []int
		for id := range at {
			l = append(l, id)
		}
		slices.Sort(l)
		return l
	}
	say := func(format string, args ...any) {
		sc.commands = append(sc.commands, fmt.Sprintf(format, args...))
	}
	steps := 4 + rnd.IntN(9)
	if dev {
		steps = 3 + rnd.IntN(4)
	}
	for range steps {
		ids := up()
		switch r := rnd.IntN(10); {
		case r < 4 && len(ids) > 0: // split
			part := rnd.IntN(3)
			move := ids[:0:0]
			for _, id := range ids {
				if coin(2) {
					move = append(move, id)
				}
			}
			if len(move) == 0 {
				move = ids[:1]
			}
			rnd.Shuffle(len(move), func(i, j int) { move[i], move[j] = move[j], move[i] })
			for _, id := range move {
				at[id] = part
			}
			say("%s %d:%s", []string{"split", "move"}[rnd.IntN(2)], part, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(move), "[]")), ","))
		case r < 6: // join
			to := rnd.IntN(3)
			from := (to + 1 + rnd.IntN(2)) % 3
			for id, p := range at {
				if p == from {
					at[id] = to
				}
			}
			say("join %d %d", to, from)
		case r < 7 && len(ids) > 1:
			id := ids[rnd.IntN(len(ids))]
			delete(at, id)
			say("%s %d", []string{"down", "crash"}[rnd.IntN(2)], id)
		case r < 9:
			id := 1 + rnd.IntN(n+1)
			if _, ok := at[id]; ok {
				continue
			}
			at[id] = rnd.IntN(2)
			say("up %d:%d", at[id], id)
		case dev && len(ids) > 0:
			id := ids[rnd.IntN(len(ids))]
			if coin(3) {
				say("qdevice off %d", id)
				say("wait 100")
			} else {
				say("qdevice on %d", id)
				say("wait 250")
			}
		default:
			say("qdevice on") // the same ring once more
		}
		if windowed {
			say("wait 100")
		}
	}
	return sc
}
