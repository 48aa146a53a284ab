// Package cpgtool is corosync-cpgtool: the process groups of the cluster and
// their members. Its output is parsed by scripts and does not change. Run is
// called once, from main; tests give it other surroundings. It answers to
// tools/corosync-cpgtool.c.
package cpgtool
