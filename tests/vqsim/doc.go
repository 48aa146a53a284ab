// Command vqsim simulates votequorum: many nodes, partitions and a basic quorum device in one process, on a clock that
// jumps. It understands the commands of corosync-vqsim(8) and prints the same status lines:
//
//	go run ./tests/vqsim -c corosync.conf
//	vqsim> split 1:3,4
//	0:1: q=1 ring=[1.10] nodes=[1 2 5]
//
// The engines are the production ones (daemon/engine/votequorum). What is simulated around them is what corosync-vqsim
// does, which is less than what a daemon does: messages go to who is in the sender's partition when they pass the bus,
// and a node activates a membership 10 ms after it hears of it, without waiting for anybody. A command more, "wait MS",
// lets time pass.
//
// The test of the package runs scripts through this program and through the installed corosync-vqsim and compares the
// answers. COROSYNC_VQSIM_SCRIPTS is the number of random scripts, COROSYNC_VQSIM_SEED repeats a run. Everything but the
// test runs on one goroutine.
package main
