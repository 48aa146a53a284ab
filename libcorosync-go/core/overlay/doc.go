// Package main writes the build overlay of libcorosync-go.so: copies of a few files of the installed Go runtime, changed
// so that a runtime in a program that knows nothing of Go is not noticed. It changes nothing in GOROOT. Each change
// names the text it replaces and fails when that is not found, so that another Go release is noticed here and not in
// production.
package main
