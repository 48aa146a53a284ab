package notifyd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
)

// tries is how often a key is asked for that the daemon cannot tell yet
// (CMAP_MAX_RETRIES, and the first attempt).
const tries = 11

// watcher turns what the daemon tells into events.
type watcher struct {
	services tool.Services
	sys      System
	log      *logger
	errors   io.Writer
	noDNS    bool
	sinks    []sink
	sleep    func(context.Context, time.Duration)
	fatal    chan struct{} // sent to when it is no use to go on

	keys  *cmap.Client
	stats *cmap.Client
	votes *quorum.Client // nil where the service refused

	// mu is held while an event is reported, and protects what follows.
	mu      sync.Mutex
	quorate bool
	links   map[string]*cmap.Track // of the keys of links that are there now
	// Of this node; asked for when it is first reported.
	local     uint32
	localName string
}

// source is a connection whose events are waited for.
type source struct {
	name     string // in messages
	dispatch func(context.Context, conn.Mode) error
}

// connect makes the connections and starts to watch. It returns false after a
// message.
func (w *watcher) connect(ctx context.Context) bool {
	w.links = map[string]*cmap.Track{}
	w.fatal = make(chan struct{}, 1)
	var err error
	if w.keys, err = w.services.Cmap(ctx, cmap.Icmap); err != nil {
		w.log.errorf("Failed to initialize the cmap API. Error %d", tool.Code(err))
		return false
	}
	if w.stats, err = w.services.Cmap(ctx, cmap.Stats); err != nil {
		w.log.errorf("Failed to initialize the cmap stats API. Error %d", tool.Code(err))
		return false
	}
	_, err = w.keys.Track(ctx, membersPrefix, cmap.Added|cmap.Modified|cmap.Prefix,
		func(n cmap.Notification) { w.memberChanged(ctx, n) })
	if err != nil {
		w.log.errorf("Failed to track the members key. Error %d", tool.Code(err))
		return false
	}
	_, err = w.stats.Track(ctx, clientsPrefix, cmap.Added|cmap.Deleted|cmap.Prefix,
		func(n cmap.Notification) { w.clientChanged(ctx, n) })
	if err != nil {
		w.log.errorf("Failed to track the connections key. Error %d", tool.Code(err))
		return false
	}
	_, err = w.stats.Track(ctx, linksPrefix, cmap.Added|cmap.Deleted|cmap.Prefix,
		func(n cmap.Notification) { w.linkAddedOrRemoved(ctx, n) })
	if err != nil {
		w.log.errorf("Failed to track the knet link status key. Error %d", tool.Code(err))
		return false
	}
	if !w.trackLinks(ctx) {
		return false
	}
	w.connectQuorum(ctx)
	return true
}

// trackLinks watches the links that are there at the start.
func (w *watcher) trackLinks(ctx context.Context) bool {
	for e, err := range w.stats.All(ctx, linksPrefix) {
		if err != nil {
			fmt.Fprintf(w.errors, "Failed to initialize knet stats iterator. Error %s\n", tool.Text(err))
			return false
		}
		if _, _, ok := linkKey(e.Key); !ok || w.links[e.Key] != nil {
			continue
		}
		if err := w.trackLink(ctx, e.Key); err != nil {
			fmt.Fprintf(w.errors, "Failed to add tracker for %s. Error %s\n", e.Key, tool.Text(err))
			return false
		}
	}
	return true
}

func (w *watcher) trackLink(ctx context.Context, key string) error {
	t, err := w.stats.Track(ctx, key, cmap.Modified, func(n cmap.Notification) { w.linkChanged(ctx, n) })
	if err == nil {
		w.links[key] = t
	}
	return err
}

// connectQuorum goes on without quorum events where there are none.
func (w *watcher) connectQuorum(ctx context.Context) {
	q, err := w.services.Quorum(ctx, quorum.Callbacks{
		Notify: func(now bool, _ uint64, _ []uint32) { w.quorumChanged(ctx, now) },
	})
	if err != nil {
		w.log.errorf("Could not connect to corosync(quorum)")
		return
	}
	w.votes = q
	if err := q.TrackStart(ctx, quorum.TrackChanges); err != nil {
		w.log.errorf("Could not start tracking")
	}
}

func (w *watcher) close() {
	if w.votes != nil {
		_ = w.votes.Close() // the process is ending
	}
	for _, c := range []*cmap.Client{w.keys, w.stats} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// run reports events until it is told to stop, or the daemon is gone.
func (w *watcher) run(ctx context.Context) int {
	sources := []source{{"cmap", w.keys.Dispatch}, {"cmap", w.stats.Dispatch}}
	if w.votes != nil {
		sources = append(sources, source{"quorum", w.votes.Dispatch})
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(sources))
	ended := make(chan struct{}, len(sources))
	for i, s := range sources {
		go func() {
			errs[i] = s.wait(waiting)
			ended <- struct{}{}
		}()
	}
	code, left := tool.Success, len(sources)
	select {
	case <-w.sys.Stop:
	case <-ctx.Done():
	case <-w.fatal:
		code = tool.Failure
	case <-ended:
		code = tool.Failure
		left--
	}
	// Nothing may use a connection when it is closed.
	cancel()
	all := left == len(sources)
	for range left {
		<-ended
	}
	if all {
		return code
	}
	// A daemon that ends takes all of them along. The first one is named, whichever was noticed first.
	for i, s := range sources {
		err := errs[i]
		if errors.Is(err, context.Canceled) {
			err = s.dispatch(ctx, conn.All)
		}
		if err != nil {
			w.log.errorf("Could not dispatch %s events. Error %d", s.name, tool.Code(err))
			break
		}
	}
	return code
}

// wait calls back for events until the connection fails or ctx ends.
func (s source) wait(ctx context.Context) error {
	for {
		err := s.dispatch(ctx, conn.Blocking)
		switch cserr.From(err) {
		case cserr.OK, cserr.TryAgain, cserr.Timeout, cserr.QueueFull:
			if ctx.Err() == nil {
				continue
			}
		}
		return err
	}
}

func (w *watcher) memberChanged(ctx context.Context, n cmap.Notification) {
	node, ok := memberKey(n.Key)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v, err := retry(ctx, w, func() (string, error) { return cmap.Get[string](ctx, w.keys, memberAddrKey(node)) })
	if err != nil {
		return
	}
	addr, ok := memberAddr(v)
	if !ok {
		w.log.errorf("ip_str: %s", v)
		return
	}
	name, state := w.nameOf(ctx, addr), text(n.New.Data)
	for _, s := range w.sinks {
		s.member(name, node, addr, state)
	}
}

// nameOf is the name that the resolver has for an address, or the address.
func (w *watcher) nameOf(ctx context.Context, addr string) string {
	if w.noDNS {
		return addr
	}
	names, err := w.sys.LookupAddr(ctx, addr)
	if len(names) > 0 && err == nil {
		return strings.TrimSuffix(names[0], ".")
	}
	var unresolved *net.DNSError
	switch {
	case err == nil:
	case errors.As(err, &unresolved) && unresolved.IsNotFound: // it has no name, which is no error
	case errors.As(err, &unresolved) && (unresolved.IsTemporary || unresolved.IsTimeout):
		w.log.errorf("error looking up %s : Temporary failure in name resolution", addr)
	default:
		w.log.errorf("error looking up %s : %s", addr, err)
	}
	return addr
}

func (w *watcher) clientChanged(ctx context.Context, n cmap.Notification) {
	conn, ok := clientKey(n.Key)
	if !ok {
		return
	}
	name := n.New
	if len(name.Data) == 0 {
		name = n.Old
	}
	state := connected
	if n.Event == cmap.Deleted {
		state = disconnected
	}
	app := conn + "." + text(name.Data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.self(ctx) {
		return
	}
	for _, s := range w.sinks {
		s.application(w.localName, w.local, app, state)
	}
}

// linkAddedOrRemoved follows the links that a reload of the configuration makes
// and removes.
func (w *watcher) linkAddedOrRemoved(ctx context.Context, n cmap.Notification) {
	if _, _, ok := linkKey(n.Key); !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.links[n.Key]
	switch {
	case n.Event == cmap.Added && t == nil:
		if err := w.trackLink(ctx, n.Key); err != nil {
			w.log.warningf("Can't add tracker for new/removed knet link")
		}
	case n.Event == cmap.Deleted && t != nil:
		delete(w.links, n.Key)
		_ = t.Delete(ctx) // the key is gone, nothing more comes of it
	}
}

func (w *watcher) linkChanged(ctx context.Context, n cmap.Notification) {
	node, link, ok := linkKey(n.Key)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// What it is now: a link that flaps sends events that are old when they are read.
	up, err := retry(ctx, w, func() (uint8, error) { return cmap.Get[uint8](ctx, w.stats, n.Key) })
	if err != nil || !w.self(ctx) {
		return
	}
	state := operational
	if up == 0 {
		state = disconnected
	}
	for _, s := range w.sinks {
		s.link(w.localName, w.local, node, link, state)
	}
}

// quorumChanged is called for every change of membership too.
func (w *watcher) quorumChanged(ctx context.Context, now bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now == w.quorate {
		return
	}
	w.quorate = now
	if !w.self(ctx) {
		return
	}
	state := quorate
	if !now {
		state = notQuorate
	}
	for _, s := range w.sinks {
		s.quorum(w.localName, w.local, state)
	}
}

// self finds out who this node is, once. It ends the watching if the daemon
// cannot be asked: the service manager starts it again.
func (w *watcher) self(ctx context.Context) bool {
	if w.local != 0 {
		return true
	}
	c, err := w.services.Cfg(ctx)
	if err != nil {
		w.log.errorf("Failed to initialize the cfg API. Error %d", tool.Code(err))
		select {
		case w.fatal <- struct{}{}:
		default: // said already
		}
		return false
	}
	defer c.Close()
	id, err := c.LocalNode(ctx)
	if err != nil {
		w.localName = "localhost"
		return true
	}
	w.local = id
	if w.localName, err = w.sys.Hostname(); err != nil {
		w.localName = "localhost"
	}
	return true
}

// retry repeats a question, a second apart, that the daemon cannot answer yet.
func retry[T any](ctx context.Context, w *watcher, ask func() (T, error)) (T, error) {
	var v T
	var err error
	for range tries {
		if v, err = ask(); cserr.From(err) != cserr.TryAgain {
			break
		}
		w.sleep(ctx, time.Second)
		if ctx.Err() != nil {
			break
		}
	}
	return v, err
}
