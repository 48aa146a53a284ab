package main

func ones(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// corpus are scripts for each option, and what corosync has been seen to do.
var corpus = []script{
	{"plain 1", "", ones(1), []string{"up 2", "down 1", "up 1", "crash 2"}},
	{"plain 3", "", ones(3), []string{"split 1:3", "join 0 1", "split 1:1,2", "split 2:2", "join 1 0 2", "down 1", "down 2", "up 1", "up 2"}},
	{"plain 4", "", ones(4), []string{"split 1:3,4", "split 1:2", "join 0 1", "split 1:1 2:2", "join 1 2", "join 0 1"}},
	{"plain 5 crash", "", ones(5), []string{"crash 5", "crash 4", "crash 3", "up 3", "up 4", "split 1:1,2", "up 1:5"}},
	{"uneven", "", []int{3, 1, 1, 1}, []string{"split 1:1", "join 0 1", "split 1:2,3,4", "split 1:1", "join 0 1", "down 1", "up 1"}},
	{"zero votes", "", []int{1, 1, 1, 0}, []string{"split 1:4", "split 1:1", "join 0 1", "split 1:1,4", "join 0 1"}},
	{"expected more", "expected_votes: 5", ones(3), []string{"split 1:3", "join 0 1", "up 4", "up 5", "split 1:1,2", "join 0 1"}},
	{"expected less", "expected_votes: 2", ones(4), []string{"split 1:3,4", "split 1:2", "join 0 1", "down 4", "down 3"}},
	{"grow", "", ones(3), []string{"up 4", "up 5", "up 6", "split 1:4,5,6", "join 0 1", "down 1", "down 2", "down 3"}},

	{"two_node", "two_node: 1", ones(2), []string{"split 1:2", "join 0 1", "down 2", "up 2", "down 1", "down 2", "up 1", "up 2"}},
	{"two_node 1 of 2", "two_node: 1\nwait_for_all: 0", ones(2), []string{"down 1", "down 2", "up 1", "up 1:2", "join 0 1"}},
	{"two_node and a third", "two_node: 1", ones(2), []string{"up 3", "split 1:3", "split 1:2", "join 0 1", "down 3"}},
	{"two_node with tie breaker", "two_node: 1\nauto_tie_breaker: 1", ones(2), []string{"split 1:2", "join 0 1", "split 1:1", "join 0 1"}},
	{"two_node of three", "two_node: 1", ones(3), []string{"down 3", "down 2", "up 2", "up 3", "split 1:3"}},

	{"wait_for_all 3", "wait_for_all: 1", ones(3), []string{"split 1:3", "join 0 1", "down 3", "down 2", "up 2", "up 3", "down 1", "up 1:1", "split 1:3", "join 0 1"}},
	{"wait_for_all from less", "wait_for_all: 1\nexpected_votes: 4", ones(3), []string{"up 4", "split 1:1", "join 0 1", "down 2"}},

	{"last_man_standing", "last_man_standing: 1\nlast_man_standing_window: 40", ones(5),
		[]string{"down 5", "wait 100", "down 4", "wait 100", "down 3", "wait 100", "down 2", "wait 100", "up 2", "wait 100", "up 3", "wait 100"}},
	{"last_man_standing split", "last_man_standing: 1\nlast_man_standing_window: 40\nwait_for_all: 1", ones(5),
		[]string{"split 1:4,5", "wait 100", "split 1:3", "wait 100", "join 0 1", "wait 100", "split 1:1", "wait 100"}},
	{"last_man_standing too fast", "last_man_standing: 1\nlast_man_standing_window: 8000", ones(5),
		[]string{"down 5", "down 4", "down 3", "up 3", "down 2", "up 2"}},
	{"last_man_standing at once", "last_man_standing: 1\nlast_man_standing_window: 1", ones(5),
		[]string{"down 5", "down 4", "down 3", "down 2", "up 2", "up 3"}},
	{"last_man_standing uneven", "last_man_standing: 1\nlast_man_standing_window: 40", []int{2, 1, 1, 1},
		[]string{"down 4", "wait 100", "down 3", "wait 100"}},
	{"last_man_standing with tie breaker", "last_man_standing: 1\nlast_man_standing_window: 40\nauto_tie_breaker: 1\nwait_for_all: 1", ones(4),
		[]string{"split 1:3,4", "wait 100", "split 1:2", "wait 100", "split 2:1", "wait 100", "join 0 1 2", "wait 100"}},

	{"tie breaker lowest", "auto_tie_breaker: 1", ones(4), []string{"split 1:3,4", "join 0 1", "split 1:1,2", "join 0 1", "split 1:1", "split 1:2", "join 1 0", "split 2:1,3", "split 3:4"}},
	{"tie breaker highest", "auto_tie_breaker: 1\nauto_tie_breaker_node: highest", ones(4), []string{"split 1:3,4", "join 0 1", "split 1:4", "split 1:1", "join 0 1", "split 1:1,4", "down 4", "up 4"}},
	{"tie breaker list", "auto_tie_breaker: 1\nauto_tie_breaker_node: 2 4", ones(4), []string{"split 1:3,4", "join 0 1", "split 1:2", "split 1:1", "join 0 1", "down 2", "split 1:1", "join 0 1", "down 4", "up 2"}},
	{"tie breaker odd", "auto_tie_breaker: 1", ones(5), []string{"split 1:3,4,5", "split 1:2", "join 0 1", "split 1:1,2"}},
	{"tie breaker odd and wait", "auto_tie_breaker: 1\nwait_for_all: 1", ones(5), []string{"split 1:3,4,5", "join 0 1", "split 1:1,2", "split 1:3", "split 1:4", "join 0 1", "down 1", "down 2", "up 1"}},
	{"tie breaker 2", "auto_tie_breaker: 1", ones(2), []string{"split 1:2", "join 0 1", "split 1:1", "join 0 1", "down 2", "up 2", "down 1", "up 1"}},
	{"tie breaker 6 in three", "auto_tie_breaker: 1\nauto_tie_breaker_node: 1 3 5", ones(6), []string{"split 1:3,4 2:5,6", "join 0 1", "join 0 2", "split 1:1,3,5", "join 0 1", "split 1:1", "split 1:2,4"}},

	{"tracking", "expected_votes_tracking: 1", ones(3), []string{"down 3", "down 2", "up 2", "up 3", "up 4", "up 5", "split 1:4,5", "join 0 1", "down 5"}},
	{"downscale", "allow_downscale: 1", ones(4), []string{"down 4", "down 3", "up 3", "up 4", "up 5", "split 1:1,2", "join 0 1"}},
	{"downscale wait", "allow_downscale: 1\nwait_for_all: 1", ones(3), []string{"down 3", "down 2", "up 2", "up 3"}},

	{"device", device(""), ones(2), []string{"qdevice on 1,2", "wait 250", "split 1:2", "wait 100", "join 0 1", "wait 100"}},
	{"device with votes", device("votes: 1"), ones(4), []string{"qdevice on 1,2", "wait 250", "split 1:3,4", "wait 100", "qdevice off 1", "wait 100", "qdevice on 1", "wait 250"}},
	{"device on one side", device(""), ones(4), []string{"qdevice on 3", "wait 250", "split 1:3,4", "wait 100", "qdevice off 3", "qdevice on 3", "wait 250", "join 0 1"}},
	{"device of a node that dies", device(""), ones(3), []string{"qdevice on 1", "wait 250", "down 3", "down 2", "qdevice off 1", "qdevice on 1", "wait 250", "up 2", "wait 100"}},
	{"device and wait_for_all", device("") + "\nwait_for_all: 1", ones(2), []string{"qdevice on 1,2", "wait 250", "down 2", "qdevice off 1", "qdevice on 1", "wait 250", "up 2", "qdevice on 2", "wait 250"}},
	{"no device", "", ones(2), []string{"qdevice on 1", "wait 50", "split 1:2", "join 0 1"}},
}

// device is a quorum device with short times, as lines of quorum { }. It is polled every 80 ms, well within both timeouts.
func device(more string) string {
	return "device {\nmodel: net\ntimeout: 160\nsync_timeout: 150\n" + more + "\n}"
}
