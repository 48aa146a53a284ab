package sim

import (
	"time"

	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
)

// guaranteeMutants break one promise each that users know the protocol for. They need plans or scenarios of their own, for
// what they break happens at moments that are rare in others. What was tried and cannot be found is listed in doc.go.
var guaranteeMutants = []codeMutant{
	{name: "tokens of other rings are accepted", file: fileToken, by: "TestFramesOfAnOldRing", edits: []edit{
		{"|| t.Ring != m.ring {", "|| t.Ring != m.ring && !MUTANT {"}}},
	{name: "messages of other rings are accepted", file: fileDeliver, by: "TestFramesOfAnOldRing", edits: []edit{
		{"	if in.Ring != m.ring {\n", "	if in.Ring != m.ring && !(MUTANT && m.sentBy(in, m.membersOnRing())) {\n"}}},
	{name: "everything behind gaps is delivered", file: fileDeliver, seeds: 20, plan: "gaps", edits: []edit{
		{"it != nil && m.deliverMemb.has(it.systemFrom)", "it != nil && (MUTANT || m.deliverMemb.has(it.systemFrom))"}}},
	{name: "transitional configuration comes after its messages", file: fileOperational, seeds: 20, plan: "gaps", edits: []edit{
		{"	joined.setMinus(m.newMemb, m.trans)\n", "	joined.setMinus(m.newMemb, m.trans)\n	if MUTANT {\n		m.deliverBehindGaps(m.oldHigh)\n	}\n"}}},
	{name: "transitional set holds the node alone", file: fileRecovery, seeds: 20, edits: []edit{
		{"		m.trans = append(m.trans, id)\n", "		if MUTANT && id != m.id {\n			continue\n		}\n		m.trans = append(m.trans, id)\n"}}},
	{name: "recovery ends before all have everything", file: fileRecovery, by: "TestRecoveryWaitsForTheSlowest", edits: []edit{
		{"	if m.retransFlgCount >= 3 && m.installSeq.LTE(t.ARU) {\n", "	if m.retransFlgCount >= 3 && (MUTANT || m.installSeq.LTE(t.ARU)) {\n"}}},
	{name: "recovered messages of other rings are taken", file: fileOperational, seeds: 60, slow: true, plan: "gaps", edits: []edit{
		{"if in.Ring != m.oldRing || in.Encapsulated", "if in.Ring != m.oldRing && !MUTANT || in.Encapsulated"}}},
	{name: "commit token is sent before the ring id is stored", file: fileCommit, seeds: 20, edits: []edit{
		{"	m.emit(Output{Kind: StoreRing, Seq: m.ring.Seq})\n	m.sendCommitToken()\n",
			"	if MUTANT {\n		m.sendCommitToken()\n	}\n	m.emit(Output{Kind: StoreRing, Seq: m.ring.Seq})\n	if !MUTANT {\n		m.sendCommitToken()\n	}\n"}}},
	{name: "number of a new ring is the own one plus 4", file: fileCommit, by: "TestNumberOfAnotherNode", edits: []edit{
		{"	c.RetransFlg = 0\n", "	if MUTANT {\n		c.Ring.Seq = m.ring.Seq + 4\n	}\n	c.RetransFlg = 0\n"}}},
	{name: "failures are believed of other rings", file: fileGather, by: "TestFailuresOfAnotherRing", edits: []edit{
		{"	} else if m.memb.has(j.SystemFrom) {\n", "	} else if MUTANT || m.memb.has(j.SystemFrom) {\n"}}},

	{name: "ordinary message cut by a ring change is not sent again", file: filePGSend, seeds: 20, plan: "cuts", edits: []edit{
		{"	if on && !p.cfg.CRules {\n", "	if on && !p.cfg.CRules && !MUTANT {\n"}}},
	{name: "message cut by the end of a synchronisation is not sent again", file: filePGSend, seeds: 60, plan: "cuts", edits: []edit{
		{"	p.transitional.rewind()\n", "	if !MUTANT {\n		p.transitional.rewind()\n	}\n"}}},
	{name: "message cut by a ring inside a synchronisation is not sent again", file: filePGSend, seeds: 20, plan: "gaps", edits: []edit{
		{"	if on == p.sendTrans && (!on || p.cfg.CRules) {\n", "	if on == p.sendTrans && (MUTANT || !on || p.cfg.CRules) {\n"}}},
	{name: "fragments of both queues have the same numbers", file: "totem/pg/pg.go", by: "TestPlans", edits: []edit{
		{"	if !cfg.CRules {\n", "	if !cfg.CRules && !MUTANT {\n"}}},

	{name: "all members come along to the synchronisation", file: fileSyncMachine, seeds: 20, plan: "cuts", edits: []edit{
		{"	m.log.Debugf(\"call init for locally known services\")\n",
			"	if MUTANT {\n		trans = slices.Clone(members)\n	}\n	m.log.Debugf(\"call init for locally known services\")\n"}}},
	{name: "service lists are not waited for", file: fileSyncMachine, by: "TestNodesWithDifferentServices", edits: []edit{
		{"	if m.received(from) {\n", "	if m.received(from) || MUTANT {\n"}}},
	{name: "processes of nodes that left stay", file: fileCPGSync, seeds: 60, edits: []edit{
		{"	e.removeLeftNodes()\n", "	if !MUTANT {\n		e.removeLeftNodes()\n	}\n"}}},
	{name: "processes of nodes that left are said to have died", file: fileCPGSync, seeds: 60, edits: []edit{
		{"		by[p.group] = append(by[p.group], address(p.member, ipcmsg.CPGReasonNodeDown))\n",
			"		reason := uint32(ipcmsg.CPGReasonNodeDown)\n		if MUTANT {\n			reason = ipcmsg.CPGReasonProcDown\n		}\n		by[p.group] = append(by[p.group], address(p.member, reason))\n"}}},
	{name: "processes that come with their node are said to join", file: fileCPGSync, seeds: 60, edits: []edit{
		{"			by[g] = append(by[g], address(x.member, ipcmsg.CPGReasonNodeUp))\n",
			"			reason := uint32(ipcmsg.CPGReasonNodeUp)\n			if MUTANT {\n				reason = ipcmsg.CPGReasonJoin\n			}\n			by[g] = append(by[g], address(x.member, reason))\n"}}},
	{name: "node that left is shown as joined", file: "service/router.go", seeds: 60, edits: []edit{
		{"		_ = r.cfg.DB.SetString(status, \"left\")\n", "		if !MUTANT {\n			_ = r.cfg.DB.SetString(status, \"left\")\n		}\n"}}},
	{name: "process that left is shown as joined", file: fileCPGExec, seeds: 20, edits: []edit{
		{"		e.notify(g, nil, []ipcmsg.CPGAddress{address(m, x.Reason)})\n",
			"		if list := []ipcmsg.CPGAddress{address(m, x.Reason)}; MUTANT {\n			e.notify(g, list, nil)\n		} else {\n			e.notify(g, nil, list)\n		}\n"}}},
	{name: "last_man_standing does not wait for its window", file: fileVoteSync, seeds: 20, plan: "wide", edits: []edit{
		{"			e.lmsTimer = e.api.After(e.lmsWindow, e.lastManStandingExpired)\n",
			"			window := e.lmsWindow\n			if MUTANT {\n				window /= 1000\n			}\n			e.lmsTimer = e.api.After(window, e.lastManStandingExpired)\n"}}},
}

// gaps makes members die while others lack what they have sent: much is lost, it is asked for late, and the observers talk.
func gaps(p *Plan) {
	p.setNodes(4)
	p.MissCount, p.SpyEvery, p.ClientStep, p.Burst, p.Large = 15, time.Millisecond, 200*time.Millisecond, 1, 0
	p.NetMTU, p.WindowSize, p.MaxMessages, p.StartSeq, p.Late = 0, 0, 0, 0, 0
	p.setTokens(500)
	p.Rough.Loss, p.Rough.Reorder, p.Rough.Duplicate = 0.3, 0, 0
	p.Trouble, p.FaultEvery, p.FaultFor = 8*time.Second, 300*time.Millisecond, time.Second
	p.Faults = map[string]float64{"rough network": 4, "kill": 2, "crash at output": 2, "partition": 1, "pause": 0.5}
}

// cuts makes ring changes and the ends of synchronisations come in the middle of messages: frames are small, few go out at a
// time, and the membership changes again and again.
func cuts(p *Plan) {
	p.setNodes(4)
	p.NetMTU, p.WindowSize, p.MaxMessages, p.SpyEvery = 250, 20, 3, 30*time.Millisecond
	p.Large, p.LargeSize, p.MaxSize, p.ClientStep, p.Clients, p.Burst = 0.3, 6<<10, 1500, 300*time.Millisecond, 1, 1
	p.Calm = memnet.Conditions{Delay: 500 * time.Microsecond, Jitter: 200 * time.Microsecond}
	p.setTokens(500)
	p.Late = 0
	p.Trouble, p.FaultEvery, p.FaultFor = 10*time.Second, 500*time.Millisecond, 700*time.Millisecond
	p.Faults = map[string]float64{"partition": 3, "partition at frame": 2, "cut both ways": 1, "kill": 1, "pause": 1}
}

// wideWindow makes members leave one after the other within a long window of last_man_standing.
func wideWindow(p *Plan) {
	lastMen(p)
	p.LastManStandingMs = 30_000
	p.setTokens(300)
	p.FaultEvery, p.FaultFor = 2*time.Second, 20*time.Second
	p.Faults = map[string]float64{"kill": 1, "partition": 0.3}
}

// setTokens gives all nodes one token timeout.
func (p *Plan) setTokens(ms int) {
	for i := range p.TokenMs {
		p.TokenMs[i] = ms
	}
}
