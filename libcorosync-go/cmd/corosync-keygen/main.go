// Command corosync-keygen: see package keygen.
package main

import (
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/keygen"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

func main() {
	tool.Main("corosync-keygen", "generate a key for the network of the cluster", keygen.Run)
}
