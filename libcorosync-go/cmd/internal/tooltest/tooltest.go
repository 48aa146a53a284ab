package tooltest

import (
	"bufio"
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

// Daemon is what the services show. Requests that change something are answered
// with the next element of Answers, or OK when there is none.
type Daemon struct {
	Keys    map[string]cmap.Value
	Local   uint32
	Status  map[uint32]cfg.NodeStatus
	Addrs   map[uint32][]netip.Addr
	Groups  []cpg.Description
	IterEnd cserr.Error // of an iteration over groups; 0 is NoSections
	Type    quorum.Type
	Quorate bool
	RingSeq uint64
	Members []uint32
	Votes   map[uint32]ipcmsg.VotequorumInfo
	Refuse  map[string][]cserr.Error // by service: errors of the first attempts to connect

	Answers  []cserr.Error
	Requests []string // service and number of the changing ones

	cmap *conntest.Daemon // the last connection
	maps map[cmap.Map]*conntest.Daemon
}

// Result is what a tool did.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run calls a tool with words split at blanks.
func (d *Daemon) Run(run func(context.Context, *tool.Env, tool.Services) int, line, stdin string) Result {
	words := strings.Fields(line)
	var out, errs bytes.Buffer
	env := &tool.Env{
		Program: words[0],
		Args:    words[1:],
		Stdin:   strings.NewReader(stdin),
		Stdout:  bufio.NewWriter(&out),
		Stderr:  &errs,
		Sleep:   func(context.Context, time.Duration) {},
	}
	code := run(context.Background(), env, d.Services())
	env.Stdout.Flush()
	return Result{out.String(), errs.String(), code}
}

// Services connects to the daemon.
func (d *Daemon) Services() tool.Services {
	return tool.Services{
		Cfg: func(context.Context) (*cfg.Client, error) {
			if err := d.refused("cfg"); err != nil {
				return nil, err
			}
			return cfg.New(conntest.New(d.cfg).Dial(), cfg.Options{}), nil
		},
		Cmap: func(ctx context.Context, m cmap.Map) (*cmap.Client, error) {
			if err := d.refused("cmap"); err != nil {
				return nil, err
			}
			d.cmap = conntest.New(d.cmapRequests())
			if d.maps == nil {
				d.maps = map[cmap.Map]*conntest.Daemon{}
			}
			d.maps[m] = d.cmap
			return cmap.New(ctx, d.cmap.Dial(), cmap.Options{Map: m})
		},
		CPG: func(context.Context) (*cpg.Client, error) {
			if err := d.refused("cpg"); err != nil {
				return nil, err
			}
			return cpg.New(conntest.New(d.cpgRequests()).Dial(), cpg.Options{}), nil
		},
		Quorum: func(ctx context.Context, c quorum.Callbacks) (*quorum.Client, error) {
			if err := d.refused("quorum"); err != nil {
				return nil, err
			}
			q := conntest.New(nil)
			q.Answer = d.quorum(q)
			return quorum.New(ctx, q.Dial(), quorum.Options{Callbacks: c})
		},
		Votequorum: func(_ context.Context, c votequorum.Callbacks) (*votequorum.Client, error) {
			if err := d.refused("votequorum"); err != nil {
				return nil, err
			}
			v := conntest.New(nil)
			v.Answer = d.votequorum(v)
			return votequorum.New(v.Dial(), votequorum.Options{Callbacks: c}), nil
		},
	}
}

func (d *Daemon) refused(service string) error {
	list := d.Refuse[service]
	if len(list) == 0 {
		return nil
	}
	d.Refuse[service] = list[1:]
	return list[0].Err()
}

// NotifyCmap sends an event to the last map client.
func (d *Daemon) NotifyCmap(e ipcmsg.CmapNotifyEvent) { d.cmap.Push(e.Append(nil)) }

// NotifyMap sends an event to the last client of a map.
func (d *Daemon) NotifyMap(m cmap.Map, e ipcmsg.CmapNotifyEvent) { d.maps[m].Push(e.Append(nil)) }

// DieMap ends the connection of the last client of a map.
func (d *Daemon) DieMap(m cmap.Map) { d.maps[m].Die() }

// answer notes a changing request.
func (d *Daemon) answer(service string, id int32) []byte {
	d.Requests = append(d.Requests, service+" "+string('0'+rune(id)))
	err := cserr.OK
	if len(d.Answers) > 0 {
		err, d.Answers = d.Answers[0], d.Answers[1:]
	}
	return ipcmsg.AppendResponse(nil, 0, err)
}

func id(b []byte) int32 {
	h, err := ipcmsg.ParseRequestHeader(b)
	if err != nil {
		return -1
	}
	return h.ID
}

func (d *Daemon) cfg(b []byte) []byte {
	switch id := id(b); id {
	case ipcmsg.CfgReqLocalGet:
		return ipcmsg.CfgLocalGetResponse{Error: cserr.OK, NodeID: d.Local}.Append(nil)
	case ipcmsg.CfgReqGetNodeAddrs:
		r, _ := ipcmsg.ParseCfgWordRequest(b)
		addrs, ok := d.Addrs[r.Value]
		if !ok {
			return ipcmsg.CfgNodeAddrsResponse{Error: cserr.NotExist}.Append(nil)
		}
		return ipcmsg.CfgNodeAddrsResponse{Error: cserr.OK, Addrs: addrs}.Append(nil)
	case ipcmsg.CfgReqNodeStatusGet:
		r, _ := ipcmsg.ParseCfgNodeStatusRequest(b)
		s, ok := d.Status[r.NodeID]
		if !ok {
			return ipcmsg.CfgNodeStatus{Error: cserr.FailedOperation}.Append(nil)
		}
		s.Error, s.NodeID = cserr.OK, r.NodeID
		return s.Append(nil)
	default:
		return d.answer("cfg", id)
	}
}

func (d *Daemon) cmapRequests() func([]byte) []byte {
	var keys []string // left in the iteration
	return func(b []byte) []byte {
		switch id := id(b); id {
		case ipcmsg.CmapReqSetCurrentMap, ipcmsg.CmapReqIterFinalize:
			return ipcmsg.AppendResponse(nil, 0, cserr.OK)
		case ipcmsg.CmapReqGet:
			r, _ := ipcmsg.ParseCmapGetRequest(b)
			v, ok := d.Keys[string(r.Key)]
			if !ok {
				return ipcmsg.CmapGetResponse{Error: cserr.NotExist}.Append(nil, 0)
			}
			return ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: uint64(len(v.Data)), Type: uint8(v.Type), Value: v.Data}.
				Append(nil, max(int(r.ValueLen), len(v.Data)))
		case ipcmsg.CmapReqIterInit:
			r, _ := ipcmsg.ParseCmapKeyRequest(b)
			keys = nil
			for k := range d.Keys {
				if strings.HasPrefix(k, string(r.Key)) {
					keys = append(keys, k)
				}
			}
			slices.Sort(keys)
			return ipcmsg.CmapHandleResponse{Error: cserr.OK}.Append(nil)
		case ipcmsg.CmapReqIterNext:
			if len(keys) == 0 {
				return ipcmsg.CmapIterNextResponse{Error: cserr.NoSections}.Append(nil)
			}
			k := keys[0]
			keys = keys[1:]
			return ipcmsg.CmapIterNextResponse{Error: cserr.OK, Key: []byte(k), Type: uint8(d.Keys[k].Type)}.Append(nil)
		case ipcmsg.CmapReqTrackDelete:
			r, _ := ipcmsg.ParseCmapHandleRequest(b)
			return ipcmsg.CmapHandleResponse{Error: cserr.OK, Handle: r.Handle}.Append(nil)
		case ipcmsg.CmapReqTrackAdd:
			r, _ := ipcmsg.ParseCmapTrackAddRequest(b)
			return ipcmsg.CmapHandleResponse{Error: cserr.OK, Handle: r.Instance}.Append(nil)
		default:
			return d.answer("cmap", id)
		}
	}
}

func (d *Daemon) cpgRequests() func([]byte) []byte {
	next := 0
	return func(b []byte) []byte {
		switch id := id(b); id {
		case ipcmsg.CPGReqIterationInitialize:
			if len(d.Answers) > 0 {
				return d.answer("cpg", id)
			}
			next = 0
			return ipcmsg.CPGIterInitResponse{Error: cserr.OK}.Append(nil)
		case ipcmsg.CPGReqIterationNext:
			if next < len(d.Groups) {
				g := d.Groups[next]
				next++
				return ipcmsg.CPGIterNextResponse{Error: cserr.OK, Group: []byte(g.Group), NodeID: g.NodeID, PID: g.PID}.Append(nil)
			}
			end := d.IterEnd
			if end == 0 {
				end = cserr.NoSections
			}
			return ipcmsg.CPGIterNextResponse{Error: end}.Append(nil)
		}
		return ipcmsg.AppendResponse(nil, 0, cserr.OK)
	}
}

func (d *Daemon) quorum(q *conntest.Daemon) func([]byte) []byte {
	return func(b []byte) []byte {
		switch id(b) {
		case ipcmsg.QuorumReqGetType:
			return ipcmsg.QuorumValueResponse{Error: cserr.OK, Value: uint32(d.Type)}.Append(nil)
		case ipcmsg.QuorumReqGetQuorate:
			v := ipcmsg.QuorumValueResponse{Error: cserr.OK}
			if d.Quorate {
				v.Value = 1
			}
			return v.Append(nil)
		case ipcmsg.QuorumReqTrackStart:
			q.Push(ipcmsg.QuorumNotification{Quorate: d.Quorate, RingSeq: d.RingSeq, View: d.Members}.Append(nil))
		}
		return ipcmsg.AppendResponse(nil, 0, cserr.OK)
	}
}

func (d *Daemon) votequorum(v *conntest.Daemon) func([]byte) []byte {
	return func(b []byte) []byte {
		switch id := id(b); id {
		case ipcmsg.VotequorumReqGetInfo:
			r, _ := ipcmsg.ParseVotequorumGetInfoRequest(b)
			info, ok := d.Votes[r.NodeID]
			if !ok {
				return ipcmsg.VotequorumInfo{Error: cserr.NotExist}.Append(nil)
			}
			info.Error, info.NodeID = cserr.OK, r.NodeID
			return info.Append(nil)
		case ipcmsg.VotequorumReqTrackStart:
			v.Push(ipcmsg.VotequorumNodeListEvent{RingID: ipcmsg.RingID{NodeID: d.Members[0], Seq: d.RingSeq}, Members: d.Members}.Append(nil))
			return ipcmsg.AppendResponse(nil, 0, cserr.OK)
		default:
			return d.answer("votequorum", id)
		}
	}
}
