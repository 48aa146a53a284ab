// Package keygen is corosync-keygen: it writes a key for the network of the
// cluster. Run is called once, from main; tests give it other surroundings. It
// answers to tools/corosync-keygen.c.
package keygen
