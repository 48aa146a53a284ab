// Package servicetest is a cluster in miniature for the tests of service engines: production routers and sync engines,
// joined by a totem that is an ordered list in memory, with client connections that record what they are sent.
//
//	c := servicetest.New(t, 3, func(n *servicetest.Node) { n.Load(cpg.New()) })
//	c.Form(1, 2, 3)           // a ring: configurations, then rotations of the token until nothing moves
//	a := c.Node(1).Connect(service.CPG)
//	a.Request(req)
//	c.Run()
//
// It keeps the order of effects that daemon/totem has: two send queues switched by configuration and acknowledgement,
// deliveries of a token visit to all members in one order, the token-sent calls after the sends.
package servicetest
