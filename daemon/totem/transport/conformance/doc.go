// Package conformance is the tests that every transport passes. A transport's own test calls [Run] with a function that
// builds a cluster of a given size.
package conformance
