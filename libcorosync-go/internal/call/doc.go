// Package call is the request half that the client packages share: send one
// request, wait for its response, turn it into a value or an error. It owns no
// connection and no format; it is called on the goroutine of the user. It
// answers to the calls of qb_ipcc_sendv_recv in corosync's lib/*.c.
package call
