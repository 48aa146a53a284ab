// Package conntest is a daemon in memory for tests of client packages and tools: a function answers requests, and a
// queue holds events. It speaks to conn through its Transport interface; with Main the same tests run over both protocols
// as well, whose server ends it then drives. Methods may be called from any goroutine.
package conntest
