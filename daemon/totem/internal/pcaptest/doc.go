// Package pcaptest reads packet captures for tests: the golden captures of real rings, and the frames extracted from them
// that are kept in testdata.
//
// It knows classic pcap files with Ethernet packets, IPv4 with fragments, and UDP; everything else in a file is passed
// over. Only tests import it.
package pcaptest
