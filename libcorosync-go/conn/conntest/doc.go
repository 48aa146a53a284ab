// Package conntest is a daemon in memory for tests of client packages and tools: a function answers requests, and a
// queue holds events. It owns no protocol bytes below the message and speaks to conn through its Transport
// interface. Methods may be called from any goroutine.
package conntest
