// Package capi tests the C interface: the headers, and the libraries
// libcpg.so.4, libcmap.so.4, libquorum.so.5, libvotequorum.so.8, libcfg.so.7,
// libsam.so.4 and libcorosync_common.so.4.
//
//	headers   ours and Debian's give the same declarations, macros, sizes and
//	          offsets
//	symbols   every symbol and version that Debian's libraries have is found
//	          in ours by the loader
//	api       one C program per exported function makes every call that can be
//	          right or wrong, and prints what came of it
//
// A program of the last kind is compiled once, against Debian's libraries, and
// runs as the same file with theirs and with ours; what it prints has to be the
// same. So the reference is what the C libraries do, not what anybody thinks
// they do:
//
//	               C daemon        our daemon
//	Debian's libs  reference       the daemon is as good
//	our libs       libs as good    both, over either protocol
//
// The package imports the harness of package netns for nodes and daemons.
package capi
