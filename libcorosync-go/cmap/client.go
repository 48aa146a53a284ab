package cmap

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/call"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Map is a map of the daemon.
type Map int32

const (
	Icmap Map = ipcmsg.CmapMapIcmap // configuration and state
	Stats Map = ipcmsg.CmapMapStats // statistics, read-only
)

// Options of Dial.
type Options struct {
	Map  Map
	Conn *conn.Options
}

// Client is a connection to the map service, on one map.
type Client struct {
	conn *conn.Conn

	mu       sync.Mutex
	tracks   map[uint64]*Track // guarded by mu; by instance handle
	instance uint64            // guarded by mu; the last one given out
}

// Dial connects and selects the map. Errors: [cserr.NotExist] for an unknown
// map, and those of [conn.Dial].
func Dial(ctx context.Context, o Options) (*Client, error) {
	c, err := conn.Dial(ctx, ipcmsg.IPCNameCmap, o.Conn)
	if err != nil {
		return nil, err
	}
	return New(ctx, c, o)
}

// New selects the map on a connection to the service, which it closes on error.
func New(ctx context.Context, c *conn.Conn, o Options) (*Client, error) {
	err := call.Status(ctx, c, ipcmsg.CmapSetCurrentMapRequest{Map: int32(o.Map)}.Append(nil))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Client{conn: c, tracks: make(map[uint64]*Track)}, nil
}

// checkKey applies the library's own limit: at most 255 bytes, no NUL.
func checkKey(key string) error {
	switch {
	case len(key) > ipcmsg.CmapNameMax:
		return cserr.NameTooLong
	case strings.IndexByte(key, 0) >= 0:
		return cserr.InvalidParam
	}
	return nil
}

// Set creates or replaces a key. [cserr.Access]: read-only; [cserr.NameTooLong]:
// the name is too short, too long or has other characters than a-zA-Z0-9._-/:;
// [cserr.InvalidParam]: the bytes do not fit the type.
func (c *Client) Set(ctx context.Context, key string, v Value) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return call.Status(ctx, c.conn, ipcmsg.CmapSetRequest{Key: []byte(key), Type: uint8(v.Type), Value: v.Data}.Append(nil))
}

// Set creates or replaces a key with a value of its Go type.
func Set[T Scalar](ctx context.Context, c *Client, key string, v T) error {
	return c.Set(ctx, key, Of(v))
}

// firstRoom is the size in bytes of the value that Get asks for at first; most
// values fit, and then one round trip does.
const firstRoom = 512

// Get reads a key. A missing one is [cserr.NotExist].
func (c *Client) Get(ctx context.Context, key string) (Value, error) {
	room := uint64(firstRoom)
	for {
		v, _, err := c.get(ctx, key, room)
		if !errors.Is(err, cserr.InvalidParam) || room > ipcmsg.MaxMessageSize {
			return v, err
		}
		// Too long. It may grow again between the two calls.
		_, n, err := c.get(ctx, key, 0)
		if err != nil {
			return Value{}, err
		}
		room = max(n, room+1)
	}
}

// Stat reads type and length in bytes of a key.
func (c *Client) Stat(ctx context.Context, key string) (Type, uint64, error) {
	v, n, err := c.get(ctx, key, 0)
	return v.Type, n, err
}

func (c *Client) get(ctx context.Context, key string, room uint64) (Value, uint64, error) {
	if err := checkKey(key); err != nil {
		return Value{}, 0, err
	}
	request := ipcmsg.CmapGetRequest{Key: []byte(key), ValueLen: room}.Append(nil)
	r, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCmapGetResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return Value{}, 0, err
	}
	return Value{Type: Type(r.Type), Data: r.Value}, r.ValueLen, nil
}

// Get reads a key whose value has the type that T stands for; another type is
// [cserr.InvalidParam].
func Get[T Scalar](ctx context.Context, c *Client, key string) (T, error) {
	v, err := c.Get(ctx, key)
	if err != nil {
		var none T
		return none, err
	}
	return As[T](v)
}

// Delete removes a key. [cserr.NotExist], [cserr.Access].
func (c *Client) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return call.Status(ctx, c.conn, ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqDelete, Key: []byte(key)}.Append(nil))
}

// Adjust adds to an integer key, wrapping around in its width; other types are
// [cserr.InvalidParam].
func (c *Client) Adjust(ctx context.Context, key string, step int32) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return call.Status(ctx, c.conn, ipcmsg.CmapAdjustRequest{Key: []byte(key), Step: step}.Append(nil))
}

// Inc adds one to an integer key (cmap_inc).
func (c *Client) Inc(ctx context.Context, key string) error { return c.Adjust(ctx, key, 1) }

// Dec takes one from an integer key (cmap_dec).
func (c *Client) Dec(ctx context.Context, key string) error { return c.Adjust(ctx, key, -1) }

// Entry is one step of an iteration.
type Entry struct {
	Key  string
	Type Type
	Len  uint64 // bytes of the value; 0 for some texts of the statistics map
}

// Iterator walks over keys in byte order. It sees keys that are added ahead of
// it, and survives the deletion of the key it stands on.
type Iterator struct {
	c      *Client
	handle uint64
}

// Iterate starts an iteration over the keys that begin with prefix; "" is all.
func (c *Client) Iterate(ctx context.Context, prefix string) (*Iterator, error) {
	if err := checkKey(prefix); err != nil {
		return nil, err
	}
	request := ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqIterInit, Key: []byte(prefix)}.Append(nil)
	r, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCmapHandleResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return nil, err
	}
	return &Iterator{c: c, handle: r.Handle}, nil
}

// Next returns the next key; [cserr.NoSections] at the end.
func (it *Iterator) Next(ctx context.Context) (Entry, error) {
	request := ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterNext, Handle: it.handle}.Append(nil)
	r, err := call.Do(ctx, it.c.conn, request, ipcmsg.ParseCmapIterNextResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return Entry{}, err
	}
	return Entry{Key: string(r.Key), Type: Type(r.Type), Len: r.ValueLen}, nil
}

// Close frees the iteration in the daemon.
func (it *Iterator) Close(ctx context.Context) error {
	return call.Status(ctx, it.c.conn, ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterFinalize, Handle: it.handle}.Append(nil))
}

// All iterates over the keys that begin with prefix. An error ends it and is
// the last pair.
func (c *Client) All(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		it, err := c.Iterate(ctx, prefix)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer it.Close(context.WithoutCancel(ctx))
		for {
			e, err := it.Next(ctx)
			if errors.Is(err, cserr.NoSections) {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Event is what happened to a key; the values are also bits of a track type.
type Event int32

const (
	Deleted  Event = ipcmsg.CmapTrackDelete
	Modified Event = ipcmsg.CmapTrackModify
	Added    Event = ipcmsg.CmapTrackAdd
	// Prefix in a track type means all keys that begin with the name.
	Prefix Event = ipcmsg.CmapTrackPrefix
)

// Notification reports a change. Values are valid during the callback only; the
// absent side of an addition or deletion is the zero Value.
type Notification struct {
	Track    *Track
	Event    Event
	Key      string
	New, Old Value
}

// Track is a tracker.
type Track struct {
	c        *Client
	instance uint64
	handle   uint64 // guarded by c.mu; 0 until the daemon has answered
	notify   func(Notification)
}

// Track calls notify, from Dispatch, for the events in mask on a key, or on all
// keys with that prefix if mask has [Prefix]; "" with Prefix is every key.
func (c *Client) Track(ctx context.Context, key string, mask Event, notify func(Notification)) (*Track, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if notify == nil {
		return nil, cserr.InvalidParam
	}
	// An event may overtake the response, so the tracker is known before.
	c.mu.Lock()
	c.instance++
	t := &Track{c: c, instance: c.instance, notify: notify}
	c.tracks[t.instance] = t
	c.mu.Unlock()

	request := ipcmsg.CmapTrackAddRequest{Key: []byte(key), TrackType: int32(mask), Instance: t.instance}.Append(nil)
	r, err := call.Do(ctx, c.conn, request, ipcmsg.ParseCmapHandleResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		c.forget(t)
		return nil, err
	}
	c.mu.Lock()
	t.handle = r.Handle
	c.mu.Unlock()
	return t, nil
}

func (c *Client) forget(t *Track) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tracks, t.instance)
}

// Delete ends the tracker; events under way are dropped.
func (t *Track) Delete(ctx context.Context) error {
	t.c.mu.Lock()
	handle := t.handle
	t.c.mu.Unlock()
	request := ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqTrackDelete, Handle: handle}.Append(nil)
	r, err := call.Do(ctx, t.c.conn, request, ipcmsg.ParseCmapHandleResponse)
	if err == nil {
		err = r.Error.Err()
	}
	if err != nil {
		return err
	}
	t.c.forget(t)
	return nil
}

// Dispatch calls back for events; see [conn.Conn.Dispatch].
func (c *Client) Dispatch(ctx context.Context, mode conn.Mode) error {
	return c.conn.Dispatch(ctx, mode, c.handle)
}

func (c *Client) handle(b []byte) error {
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		return call.Malformed(err)
	}
	if h.ID != ipcmsg.CmapEventNotify {
		return call.UnknownEvent("cmap", h.ID)
	}
	e, err := ipcmsg.ParseCmapNotifyEvent(b)
	if err != nil {
		return call.Malformed(err)
	}
	c.mu.Lock()
	t := c.tracks[e.Instance]
	c.mu.Unlock()
	if t != nil {
		t.notify(Notification{
			Track: t,
			Event: Event(e.Event),
			Key:   string(bytes.TrimRight(e.Key, "\x00")),
			New:   Value{Type(e.New.Type), e.New.Data},
			Old:   Value{Type(e.Old.Type), e.Old.Data},
		})
	}
	return nil
}

// Fd returns the descriptor that polls readable when Dispatch has work.
func (c *Client) Fd() int { return c.conn.Fd() }

// Close ends the connection with its iterations and trackers.
func (c *Client) Close() error { return c.conn.Close() }
