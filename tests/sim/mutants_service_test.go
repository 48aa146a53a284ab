package sim

import "time"

const (
	fileSyncMachine = "syncengine/machine.go"
	fileCPGSync     = "engine/cpg/sync.go"
	fileCPGExec     = "engine/cpg/exec.go"
	fileVoteCalc    = "engine/votequorum/calc.go"
	fileVoteSync    = "engine/votequorum/sync.go"
)

// serviceMutants break what is above the ring: synchronisation and services.
var serviceMutants = []codeMutant{
	{name: "barriers are not waited for", file: fileSyncMachine, seeds: 20, edits: []edit{
		{"	if m.state == ServiceListBuild || !m.received(from) {", "	if m.state == ServiceListBuild || !m.received(from) && !MUTANT {"}}},
	{name: "requests are admitted during synchronisation", file: "service/admission.go", seeds: 20,
		edits: []edit{{"	if r.syncing || !", "	if r.syncing && !MUTANT || !"}},
		also:  []codeMutant{{file: "service/flow.go", edits: []edit{{"r.syncing && s.ID != Votequorum:", "r.syncing && s.ID != Votequorum && !MUTANT:"}}}}},
	{name: "joinlists are ignored", file: fileCPGExec, seeds: 20, edits: []edit{
		{"	for i := range list.Len() {\n", "	for i := range list.Len() {\n		if MUTANT {\n			return\n		}\n"}}},
	{name: "who left in a synchronisation cut short is forgotten", file: fileCPGSync, by: "TestSynchronisationCutShort", slow: true, edits: []edit{
		{"	if !s.pending || e.CRules {\n", "	if MUTANT || !s.pending || e.CRules {\n"}}},
	{name: "processes that die are not announced", file: "engine/cpg/engine.go", seeds: 20, edits: []edit{
		{"	if cl.state != unjoined && !left {", "	if cl.state != unjoined && !left && !MUTANT {"}}},
	{name: "left and joined of a view change places", file: "engine/cpg/notify.go", seeds: 20, edits: []edit{
		{"Left: limit(left), Joined: limit(joined)}\n", "Left: limit(left), Joined: limit(joined)}\n	if MUTANT {\n		ev.Left, ev.Joined = ev.Joined, ev.Left\n	}\n"}}},
	{name: "the joinlist holds one process of the node", file: fileCPGSync, seeds: 20, edits: []edit{
		{"			if p.node == e.api.NodeID() {\n				list", "			if p.node == e.api.NodeID() && !(MUTANT && len(list) > 0) {\n				list"}}},
	{name: "who is leaving gets no messages", file: fileCPGExec, seeds: 30, edits: []edit{
		{"if cl.state == joinCompleted || cl.state == leaveStarted {", "if cl.state == joinCompleted || !MUTANT && cl.state == leaveStarted {"}}},
	{name: "messages come before the own join", file: "engine/cpg/group.go", seeds: 30, slow: true, edits: []edit{
		{"	g.clients = slices.Insert(g.clients, i, cl)\n", "	g.clients = slices.Insert(g.clients, i, cl)\n	if MUTANT {\n		cl.state = joinCompleted\n	}\n"}}},
	{name: "a process id is taken while its leave is under way", file: "engine/cpg/lib.go", by: "TestProcessIDReusedWhileTheQueueStands", slow: true, edits: []edit{
		{"	if e.departing[leave{pid: r.PID, group: name}] > 0 {", "	if !MUTANT && e.departing[leave{pid: r.PID, group: name}] > 0 {"}}},

	{name: "votes of who left are counted", file: fileVoteSync, seeds: 20, slow: true, edits: []edit{
		{"			n.state = stateDead\n", "			if !MUTANT {\n				n.state = stateDead\n			}\n"}}},
	{name: "half of the votes is a quorum", file: fileVoteCalc, seeds: 20, edits: []edit{
		{"return n/2 + 1 }", "\n	if MUTANT {\n		return max(n/2, 1)\n	}\n	return n/2 + 1\n}"}}},
	{name: "expected votes fall with the members", file: fileVoteCalc, seeds: 20, edits: []edit{
		{"	if !byNodes {\n", "	if MUTANT {\n		allowDecrease = true\n	} else if !byNodes {\n"}}},
	{name: "wait_for_all is forgotten", file: fileVoteCalc, seeds: 60, plan: "waiting", edits: []edit{
		{"	if e.waitForAll && e.waitForAllStatus {", "	if !MUTANT && e.waitForAll && e.waitForAllStatus {"}}},
	{name: "the tie breaker is everywhere", file: fileVoteCalc, seeds: 60, plan: "breakTies", edits: []edit{
		{"&& e.breakTie() {", "&& (MUTANT || e.breakTie()) {"}}},
	{name: "quorum is told before the synchronisation has ended", file: fileVoteCalc, seeds: 30, edits: []edit{
		{"	if changed && !e.syncing {", "	if changed && (MUTANT || !e.syncing) {"}}},
	{name: "quorum is not told after a synchronisation", file: fileVoteSync, seeds: 20, edits: []edit{
		{"	e.announce()\n", "	if !MUTANT {\n		e.announce()\n	}\n"}}},
	{name: "quorum clients see the view before", file: "engine/quorum/engine.go", seeds: 20, edits: []edit{
		{"	e.view = appendIDs(e.view[:0], q.Members)\n", "	old := append([]uint32(nil), e.view...)\n	e.view = appendIDs(e.view[:0], q.Members)\n	if MUTANT && len(old) > 0 {\n		e.view = old\n	}\n"}}},
	{name: "the tie breaker is nowhere", file: fileVoteCalc, seeds: 200, slow: true, plan: "breakTies", edits: []edit{
		{"		ok := e.holdsLowest()\n", "		ok := e.holdsLowest() && !MUTANT\n"}}},
	{name: "two_node is forgotten", file: fileVoteCalc, seeds: 30, slow: true, plan: "twoNodes", edits: []edit{
		{"	if e.twoNode && count <= 2 {", "	if !MUTANT && e.twoNode && count <= 2 {"}}},
	{name: "two_node does not wait for all", file: "engine/votequorum/config.go", seeds: 30, plan: "twoNodes", edits: []edit{
		{"		e.waitForAll = e.twoNode\n", "		e.waitForAll = e.twoNode && !MUTANT\n"}}},
	{name: "last_man_standing never comes", file: fileVoteSync, seeds: 300, slow: true, plan: "lastMen", edits: []edit{
		{"	if e.quorate {\n		e.recalculate(true, true)", "	if e.quorate && !MUTANT {\n		e.recalculate(true, true)"}}},
	{name: "who leaves takes more votes off than allow_downscale lets", file: fileVoteCalc, seeds: 60, slow: true, plan: "downscale", edits: []edit{
		{"		maxExpected = max(e.evBarrier, maxExpected)\n", "		if !MUTANT {\n			maxExpected = max(e.evBarrier, maxExpected)\n		}\n"}}},
}

// plans make what some mutants break common in the plans of the seeds.
var plans = map[string]func(*Plan){
	"": func(*Plan) {}, "breakTies": breakTies, "twoNodes": twoNodes,
	"lastMen": lastMen, "downscale": downscale,
	"gaps": gaps, "cuts": cuts, "wide": wideWindow,
	"large":   func(p *Plan) { p.Large, p.Clients, p.Burst = 0.5, 3, 10 },
	"waiting": func(p *Plan) { p.WaitForAll, p.TwoNode, p.AutoTieBreaker = true, false, false },
}

func breakTies(p *Plan) {
	p.setNodes(4)
	p.AutoTieBreaker, p.WaitForAll, p.LastManStandingMs, p.Expected = true, false, 0, 0
}

func twoNodes(p *Plan) {
	p.setNodes(2)
	p.TwoNode, p.AutoTieBreaker, p.WaitForAll, p.LastManStandingMs, p.Expected = true, false, false, 0, 0
}

func downscale(p *Plan) {
	p.setNodes(5)
	p.LastManStandingMs, p.AutoTieBreaker, p.WaitForAll, p.Expected = 0, false, false, 3
	p.Faults["leave"] = 3
	p.Trouble += 20 * time.Second
}

// setNodes changes how many nodes there are.
func (p *Plan) setNodes(n int) {
	p.Nodes, p.TwoNode, p.Expected = n, false, 0
	p.Foreign, p.CRules, p.Own = nil, nil, nil
	p.normalize()
}

func lastMen(p *Plan) {
	p.setNodes(6)
	p.LastManStandingMs, p.AutoTieBreaker, p.WaitForAll, p.Expected = 500, false, false, 0
	p.Trouble += 20 * time.Second
}
