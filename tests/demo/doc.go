// Command demo is `make demo`: a cluster of three nodes on this machine, each in namespaces of its own, shown to a person.
//
// It starts the daemons on the configuration built into it, shows members and quorum, lets a client on every node send
// through one process group and shows that all nodes saw the same order, cuts the power of a node and measures until the
// others have a new membership, heals, and stops everything in order. Where namespaces are refused it says so and runs one
// node on the loopback interface, inside this process.
//
// The program is started again as the members of the group (-member), inside the nodes. It uses the harness of tests/netns.
package main
