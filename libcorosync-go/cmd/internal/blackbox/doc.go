// Package blackbox is corosync-blackbox: it has the daemon write its flight
// recorder, the messages of all levels that it keeps in memory, to a file, and
// prints that file.
//
// It reads the files of both daemons: the format is libqb's (the recorder of
// ours keeps to it too), in which a message is a printf format with its
// arguments in binary. It answers to corosync's corosync-blackbox script and to
// the qb-blackbox that the script runs, whose output it has.
package blackbox
