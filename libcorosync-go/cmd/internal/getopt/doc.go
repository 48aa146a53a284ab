// Package getopt reads command lines as getopt_long of the GNU C library does:
// grouped short options, option arguments attached or separate, abbreviated
// long options, options after operands, and its error messages. Scripts depend
// on these habits of the corosync tools, and no Go flag package has them all.
//
// It owns no meaning of options. A Parser is used by one goroutine; it does no
// I/O but write the messages.
package getopt
