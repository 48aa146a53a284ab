// Package cserr holds cs_error_t, the result code of every corosync library call and IPC response, with its
// conversions from and to errno.
//
// It owns the numbers, their names and the mappings; it does not decide which error a call returns. All client
// packages, both IPC protocols and the daemon's engines use it, from any goroutine: everything here is a constant
// or a pure function. It answers to corotypes.h and common_lib/error_conversion.c.
package cserr
