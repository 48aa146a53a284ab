// Package pload is service 4: a load generator for developers. Once started through the cmap key pload.start it makes every
// node multicast as fast as it can, logs the rate, and ends every daemon with status 99.
//
// It has no clients of its own. Everything runs on the owner goroutine. It answers to exec/pload.c of corosync 3.1.
package pload
