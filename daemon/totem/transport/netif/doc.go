// Package netif watches the network interface that a transport is bound to: which local address it uses, and whether
// the interface is up.
//
// A [Monitor] has one goroutine, which listens to the kernel's link and address messages and looks again after each of
// them. What has changed is posted to the owner loop; the goroutine touches nothing else. "Up" is the administrative
// state, as in C corosync; carrier is not asked for, because a cable that is pulled for a second is the protocol's business.
//
// It answers to totemip_iface_check and the netif timers of exec/totemudp.c and exec/totemudpu.c. Those look once a
// second and make new sockets at each token loss; here the kernel tells, and sockets are made when the address or its
// interface is a new one.
package netif
