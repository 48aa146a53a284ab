// Package sock is what both local protocols need of a local stream socket beyond package unix: addresses of full
// length, credentials, calls that allocate nothing, and waiting that a context can end.
//
// It owns no protocol: what is sent belongs to qbipc and coroipc, its callers. Its functions keep no state.
package sock
