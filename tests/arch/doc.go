// Package arch holds rules about the tree itself as ordinary tests: which
// package may import which, and why not; where unsafe code may stand; that
// every package says what it is. It has no code to import. The rules are the
// package list of the design, read as a table.
package arch
