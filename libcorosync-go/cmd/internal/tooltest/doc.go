// Package tooltest is a daemon for tests of tools: state as Go values, and the
// services that show it. It has no behaviour of its own beyond that.
package tooltest
