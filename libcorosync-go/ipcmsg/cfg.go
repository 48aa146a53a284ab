package ipcmsg

import (
	"fmt"
	"net/netip"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// CFG requests (library functions).
const (
	CfgReqRingStatusGet   = 0
	CfgReqRingReenable    = 1
	CfgReqKillNode        = 2
	CfgReqTryShutdown     = 3
	CfgReqReplyToShutdown = 4
	CfgReqGetNodeAddrs    = 5
	CfgReqLocalGet        = 6
	CfgReqReloadConfig    = 7
	CfgReqReopenLogFiles  = 8
	CfgReqNodeStatusGet   = 9
	CfgReqTrackStart      = 10
	CfgReqTrackStop       = 11
)

// CFG responses and the event.
const (
	CfgResRingStatusGet   = 0
	CfgResRingReenable    = 1 // header only
	CfgResTrackStart      = 2 // header only
	CfgResTrackStop       = 3 // header only
	CfgResKillNode        = 8 // header only
	CfgResTryShutdown     = 9 // header only
	CfgResGetNodeAddrs    = 11
	CfgResLocalGet        = 12
	CfgResReplyToShutdown = 13 // header only
	CfgResReloadConfig    = 14 // header only
	CfgResReopenLogFiles  = 15 // header only
	CfgResNodeStatusGet   = 16

	CfgEventTestShutdown = 10
)

// Sizes in bytes of CFG messages; Fixed marks the part before a list.
const (
	CfgKillNodeRequestSize      = 288
	CfgWordRequestSize          = 24
	CfgNodeStatusRequestSize    = 32
	CfgTrackStartRequestSize    = 24
	CfgRingStatusResponseSize   = 10272
	CfgNodeAddrsResponseFixed   = 32
	CfgLocalGetResponseSize     = 32
	CfgNodeStatusErrorSize      = 32
	CfgNodeStatusV1ResponseSize = 4200
	CfgTestShutdownSize         = 32

	cfgInterfaceNameSize   = 128
	cfgInterfaceStatusSize = 512
	cfgInterfaceNames      = 32
	cfgInterfaceStatuses   = 2080
	cfgAddrSize            = 16
	cfgLinkStatusSize      = 520
	cfgLinkAddrSize        = 256
	csNameValueSize        = 256
)

const (
	// CfgInterfacesMax is the number of links that RINGSTATUSGET has room for.
	CfgInterfacesMax = 16
	// CfgLinksMax is the number of links in a node status.
	CfgLinksMax = 8
	// CfgReasonMax is the size of a kill reason in bytes, terminator included.
	CfgReasonMax = 256
	// CfgNodeStatusV1 is the only version of the node status.
	CfgNodeStatusV1 = 1
)

// Flags of TRYSHUTDOWN and TESTSHUTDOWN.
const (
	CfgShutdownRequest    = 0 // anybody may refuse
	CfgShutdownRegardless = 1 // ask, but do it anyway
	CfgShutdownImmediate  = 2 // do not ask
)

// CfgWordRequest is a request with one number, @16: TRYSHUTDOWN (flags),
// REPLYTOSHUTDOWN (0 no, else yes) and GET_NODE_ADDRS (nodeid, 0 is the local
// node).
type CfgWordRequest struct {
	ID    int32 // CfgReqTryShutdown, CfgReqReplyToShutdown or CfgReqGetNodeAddrs
	Value uint32
}

// ParseCfgWordRequest reads one of the three requests.
func ParseCfgWordRequest(b []byte) (CfgWordRequest, error) {
	if err := atLeast(b, CfgWordRequestSize, "cfg request"); err != nil {
		return CfgWordRequest{}, err
	}
	return CfgWordRequest{ID: geti32(b, 0), Value: getu32(b, 16)}, nil
}

// Append appends the request.
func (r CfgWordRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, r.ID, CfgWordRequestSize)
	putu32(m, 16, r.Value)
	return dst
}

// CfgTrackStartRequest asks for TESTSHUTDOWN events: track_flags u8 @16, which
// the daemon ignores.
type CfgTrackStartRequest struct {
	TrackFlags uint8
}

// ParseCfgTrackStartRequest reads a TRACKSTART request.
func ParseCfgTrackStartRequest(b []byte) (CfgTrackStartRequest, error) {
	if err := atLeast(b, CfgTrackStartRequestSize, "cfg trackstart"); err != nil {
		return CfgTrackStartRequest{}, err
	}
	return CfgTrackStartRequest{TrackFlags: b[16]}, nil
}

// Append appends the request.
func (r CfgTrackStartRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CfgReqTrackStart, CfgTrackStartRequestSize)
	m[16] = r.TrackFlags
	return dst
}

// CfgKillNodeRequest ends the daemon of a node: nodeid @16, reason (cs_name_t:
// length u16 @24, value[256] @26).
type CfgKillNodeRequest struct {
	NodeID uint32
	Reason []byte // without terminator, at most 255 bytes
}

// ParseCfgKillNodeRequest reads a KILLNODE request. The reason ends at its NUL
// or at its length, whichever comes first.
func ParseCfgKillNodeRequest(b []byte) (CfgKillNodeRequest, error) {
	const what = "cfg kill node"
	if err := atLeast(b, CfgKillNodeRequestSize, what); err != nil {
		return CfgKillNodeRequest{}, err
	}
	n := int(getu16(b, 24))
	if n > csNameValueSize {
		return CfgKillNodeRequest{}, fmt.Errorf("%s: %w: %d bytes", what, ErrNameTooLong, n)
	}
	return CfgKillNodeRequest{NodeID: getu32(b, 16), Reason: cstring(b[26 : 26+n])}, nil
}

// Append appends the request; a reason of more than 255 bytes is cut. The
// length counts the terminator.
func (r CfgKillNodeRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CfgReqKillNode, CfgKillNodeRequestSize)
	putu32(m, 16, r.NodeID)
	n := copy(m[26:26+CfgReasonMax-1], r.Reason)
	putu16(m, 24, uint16(n+1))
	return dst
}

// CfgNodeStatusRequest asks for the status of a node: nodeid @16, version @24.
type CfgNodeStatusRequest struct {
	NodeID  uint32
	Version uint32 // CfgNodeStatusV1
}

// ParseCfgNodeStatusRequest reads a NODESTATUSGET request.
func ParseCfgNodeStatusRequest(b []byte) (CfgNodeStatusRequest, error) {
	if err := atLeast(b, CfgNodeStatusRequestSize, "cfg node status"); err != nil {
		return CfgNodeStatusRequest{}, err
	}
	return CfgNodeStatusRequest{NodeID: getu32(b, 16), Version: getu32(b, 24)}, nil
}

// Append appends the request.
func (r CfgNodeStatusRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CfgReqNodeStatusGet, CfgNodeStatusRequestSize)
	putu32(m, 16, r.NodeID)
	putu32(m, 24, r.Version)
	return dst
}

// CfgInterface is a link in [CfgRingStatusResponse].
type CfgInterface struct {
	Name   string // link number and address
	Status string // "OK", or one character per node
}

// CfgRingStatusResponse lists the links: interface_count @24, interface_name
// char[16][128] @32, interface_status char[16][512] @2080.
type CfgRingStatusResponse struct {
	Error      cserr.Error
	Interfaces []CfgInterface // at most CfgInterfacesMax
}

// ParseCfgRingStatusResponse reads a RINGSTATUSGET response. A bare header is
// accepted if it carries an error.
func ParseCfgRingStatusResponse(b []byte) (CfgRingStatusResponse, error) {
	const what = "cfg ring status response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CfgRingStatusResponse{}, err
	}
	r := CfgRingStatusResponse{Error: h.Error}
	if h.bareError(b, CfgRingStatusResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CfgRingStatusResponseSize, what); err != nil {
		return r, err
	}
	n := getu32(b, 24)
	if n > CfgInterfacesMax {
		return r, fmt.Errorf("%s: %w: %d", what, ErrCount, n)
	}
	r.Interfaces = make([]CfgInterface, n)
	for i := range r.Interfaces {
		name := b[cfgInterfaceNames+cfgInterfaceNameSize*i:][:cfgInterfaceNameSize]
		status := b[cfgInterfaceStatuses+cfgInterfaceStatusSize*i:][:cfgInterfaceStatusSize]
		r.Interfaces[i] = CfgInterface{Name: string(cstring(name)), Status: string(cstring(status))}
	}
	return r, nil
}

// Append appends the response; texts that are too long and links above
// [CfgInterfacesMax] are cut.
func (r CfgRingStatusResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CfgResRingStatusGet, CfgRingStatusResponseSize, r.Error)
	list := r.Interfaces[:min(len(r.Interfaces), CfgInterfacesMax)]
	putu32(m, 24, uint32(len(list)))
	for i, it := range list {
		putCString(m[cfgInterfaceNames+cfgInterfaceNameSize*i:][:cfgInterfaceNameSize], it.Name)
		putCString(m[cfgInterfaceStatuses+cfgInterfaceStatusSize*i:][:cfgInterfaceStatusSize], it.Status)
	}
	return dst
}

// Address families in [CfgNodeAddrsResponse] (AF_INET, AF_INET6 of Linux).
const (
	cfgFamilyInet  = 2
	cfgFamilyInet6 = 10
)

// CfgNodeAddrsResponse lists the addresses of a node, one per link: family
// @24, num_addrs @28, addresses of 16 bytes each @32 in network byte order, of
// which IPv4 uses the first four.
type CfgNodeAddrsResponse struct {
	Error cserr.Error
	Addrs []netip.Addr // all of one family
}

// ParseCfgNodeAddrsResponse reads a GET_NODE_ADDRS response. After an error
// the body is not looked at, since the C daemon leaves it uninitialised.
func ParseCfgNodeAddrsResponse(b []byte) (CfgNodeAddrsResponse, error) {
	const what = "cfg node addresses response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CfgNodeAddrsResponse{}, err
	}
	r := CfgNodeAddrsResponse{Error: h.Error}
	if h.Error != cserr.OK {
		return r, nil
	}
	if err := atLeast(b, CfgNodeAddrsResponseFixed, what); err != nil {
		return r, err
	}
	family, n := getu32(b, 24), getu32(b, 28)
	if err := countFits(b, 32, uint64(n), cfgAddrSize, what); err != nil {
		return r, err
	}
	r.Addrs = make([]netip.Addr, n)
	for i := range r.Addrs {
		raw := b[32+cfgAddrSize*i:][:cfgAddrSize]
		if family == cfgFamilyInet {
			r.Addrs[i] = netip.AddrFrom4([4]byte(raw[:4]))
		} else {
			r.Addrs[i] = netip.AddrFrom16([16]byte(raw))
		}
	}
	return r, nil
}

// Append appends the response. The family is that of the first address.
func (r CfgNodeAddrsResponse) Append(dst []byte) []byte {
	size := CfgNodeAddrsResponseFixed + cfgAddrSize*len(r.Addrs)
	dst, m := extendResponse(dst, CfgResGetNodeAddrs, size, r.Error)
	if len(r.Addrs) > 0 {
		family := uint32(cfgFamilyInet6)
		if r.Addrs[0].Is4() {
			family = cfgFamilyInet
		}
		putu32(m, 24, family)
	}
	putu32(m, 28, uint32(len(r.Addrs)))
	for i, a := range r.Addrs {
		slot := m[32+cfgAddrSize*i:][:cfgAddrSize]
		if a.Is4() {
			v4 := a.As4()
			copy(slot, v4[:])
		} else {
			v6 := a.As16()
			copy(slot, v6[:])
		}
	}
	return dst
}

// CfgLocalGetResponse tells the local node id: local_nodeid @24.
type CfgLocalGetResponse struct {
	Error  cserr.Error
	NodeID uint32
}

// ParseCfgLocalGetResponse reads a LOCAL_GET response. A bare header is
// accepted if it carries an error.
func ParseCfgLocalGetResponse(b []byte) (CfgLocalGetResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CfgLocalGetResponse{}, err
	}
	r := CfgLocalGetResponse{Error: h.Error}
	if h.bareError(b, CfgLocalGetResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CfgLocalGetResponseSize, "cfg local get response"); err != nil {
		return r, err
	}
	r.NodeID = getu32(b, 24)
	return r, nil
}

// Append appends the response.
func (r CfgLocalGetResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CfgResLocalGet, CfgLocalGetResponseSize, r.Error)
	putu32(m, 24, r.NodeID)
	return dst
}

// CfgLinkStatus is a link in [CfgNodeStatus] (520 bytes: enabled u8 @0,
// connected u8 @1, dynconnected u8 @2, mtu @4, src_ipaddr char[256] @8,
// dst_ipaddr char[256] @264).
type CfgLinkStatus struct {
	Enabled      bool
	Connected    bool
	DynConnected bool
	MTU          uint32 // bytes of data per packet
	Src, Dst     string
}

// CfgNodeStatus is version 1 of the status of a node as seen from the local
// one: version @24, nodeid @28, reachable u8 @32, remote u8 @33, external u8
// @34, onwire_min u8 @35, onwire_max u8 @36, onwire_ver u8 @37, links of 520
// bytes @40.
type CfgNodeStatus struct {
	Error     cserr.Error
	Version   uint32 // CfgNodeStatusV1
	NodeID    uint32
	Reachable bool
	Remote    bool
	External  bool
	OnwireMin uint8 // onwire versions are 0 if not reported
	OnwireMax uint8
	OnwireVer uint8
	Links     [CfgLinksMax]CfgLinkStatus
}

// ParseCfgNodeStatus reads a NODESTATUSGET response of version 1. The short
// form is accepted if it carries an error.
func ParseCfgNodeStatus(b []byte) (CfgNodeStatus, error) {
	const what = "cfg node status response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CfgNodeStatus{}, err
	}
	s := CfgNodeStatus{Error: h.Error}
	if h.bareError(b, CfgNodeStatusV1ResponseSize) {
		return s, nil
	}
	if err := atLeast(b, CfgNodeStatusV1ResponseSize, what); err != nil {
		return s, err
	}
	s.Version = getu32(b, 24)
	s.NodeID = getu32(b, 28)
	s.Reachable = flag(b[32])
	s.Remote = flag(b[33])
	s.External = flag(b[34])
	s.OnwireMin, s.OnwireMax, s.OnwireVer = b[35], b[36], b[37]
	for i := range s.Links {
		l := b[40+cfgLinkStatusSize*i:][:cfgLinkStatusSize]
		s.Links[i] = CfgLinkStatus{
			Enabled:      flag(l[0]),
			Connected:    flag(l[1]),
			DynConnected: flag(l[2]),
			MTU:          getu32(l, 4),
			Src:          string(cstring(l[8 : 8+cfgLinkAddrSize])),
			Dst:          string(cstring(l[264 : 264+cfgLinkAddrSize])),
		}
	}
	return s, nil
}

// Append appends the response: the full one, or with an error the short form,
// which ends after the version.
func (s CfgNodeStatus) Append(dst []byte) []byte {
	if s.Error != cserr.OK {
		dst, m := extendResponse(dst, CfgResNodeStatusGet, CfgNodeStatusErrorSize, s.Error)
		putu32(m, 24, s.Version)
		return dst
	}
	dst, m := extendResponse(dst, CfgResNodeStatusGet, CfgNodeStatusV1ResponseSize, s.Error)
	putu32(m, 24, s.Version)
	putu32(m, 28, s.NodeID)
	m[32] = flagByte(s.Reachable)
	m[33] = flagByte(s.Remote)
	m[34] = flagByte(s.External)
	m[35], m[36], m[37] = s.OnwireMin, s.OnwireMax, s.OnwireVer
	for i := range s.Links {
		l := m[40+cfgLinkStatusSize*i:][:cfgLinkStatusSize]
		l[0] = flagByte(s.Links[i].Enabled)
		l[1] = flagByte(s.Links[i].Connected)
		l[2] = flagByte(s.Links[i].DynConnected)
		putu32(l, 4, s.Links[i].MTU)
		putCString(l[8:8+cfgLinkAddrSize], s.Links[i].Src)
		putCString(l[264:264+cfgLinkAddrSize], s.Links[i].Dst)
	}
	return dst
}

// CfgTestShutdownEvent asks a tracker whether the daemon may stop, or tells
// that the question timed out: flags @24.
type CfgTestShutdownEvent struct {
	Error cserr.Error // OK, or Timeout
	Flags uint32      // CfgShutdown...
}

// ParseCfgTestShutdownEvent reads a TESTSHUTDOWN event.
func ParseCfgTestShutdownEvent(b []byte) (CfgTestShutdownEvent, error) {
	if err := atLeast(b, CfgTestShutdownSize, "cfg testshutdown event"); err != nil {
		return CfgTestShutdownEvent{}, err
	}
	return CfgTestShutdownEvent{Error: cserr.Error(getu32(b, 16)), Flags: getu32(b, 24)}, nil
}

// Append appends the event.
func (e CfgTestShutdownEvent) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CfgEventTestShutdown, CfgTestShutdownSize, e.Error)
	putu32(m, 24, e.Flags)
	return dst
}
