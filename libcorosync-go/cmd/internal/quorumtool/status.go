package quorumtool

import (
	"context"
	"errors"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

// fail reports what could not be done, and is the exit code.
func (r *run) fail(what string, err error) int {
	r.Errorf("Unable to %s: %s\n", what, tool.Text(err))
	return tool.Failure
}

// awaitView dispatches until a quorum event has come.
func (r *run) awaitView(ctx context.Context) error {
	for r.gotView = false; !r.gotView; {
		if err := r.quo.Dispatch(ctx, conn.One); err != nil {
			return err
		}
	}
	return nil
}

// awaitNodes dispatches until a node list of votequorum has come.
func (r *run) awaitNodes(ctx context.Context) error {
	for r.gotNodes = false; !r.gotNodes; {
		if err := r.votes.Dispatch(ctx, conn.One); err != nil {
			return err
		}
	}
	return nil
}

// trackVotes starts tracking. Another provider than votequorum has no votes to
// track; without any provider the C tool fails here, and so does this one.
func (r *run) trackVotes(ctx context.Context, flags uint32) error {
	switch {
	case r.votes != nil:
		return r.votes.TrackStart(ctx, 0, flags)
	case r.provider == "":
		return errNoVotequorum
	}
	return nil
}

// showStatus prints everything once (-s).
func (r *run) showStatus(ctx context.Context) int {
	quorate, err := r.quo.Quorate(ctx)
	if err != nil {
		return r.fail("get cluster quorate status", err)
	}
	if err := r.quo.TrackStart(ctx, quorum.TrackCurrent); err != nil {
		return r.fail("start quorum status tracking", err)
	}
	if err := r.awaitView(ctx); err != nil {
		return r.fail("dispatch quorum status", err)
	}
	if err := r.quo.TrackStop(ctx); err != nil {
		r.fail("stop quorum status tracking", cserr.OK) // the C tool names the result before
	}
	if err := r.trackVotes(ctx, votequorum.TrackCurrent); err != nil {
		return r.fail("start votequorum status tracking", err)
	}
	if r.votes != nil {
		if err := r.awaitNodes(ctx); err != nil {
			return r.fail("dispatch votequorum status", err)
		}
	}
	if err := r.display(ctx, quorate); err != nil {
		return tool.Failure
	}
	if !quorate {
		return exitNotQuorate
	}
	return tool.Success
}

// showNodes prints the members once (-l).
func (r *run) showNodes(ctx context.Context) int {
	if err := r.quo.TrackStart(ctx, quorum.TrackCurrent); err != nil {
		return r.fail("start quorum status tracking", err)
	}
	if err := r.awaitView(ctx); err != nil {
		return r.fail("dispatch quorum status", err)
	}
	r.displayNodes(ctx)
	return tool.Success
}

// monitor prints everything now and after every change, until the daemon is
// gone (-m). Every quorum event is paired with a node list of votequorum.
func (r *run) monitor(ctx context.Context) int {
	if r.quo.Type() == quorum.Free {
		r.Printf("\nQuorum is not configured - cannot monitor\n")
		return r.showStatus(ctx)
	}
	if err := r.quo.TrackStart(ctx, quorum.TrackChanges); err != nil {
		return r.fail("start quorum status tracking", err)
	}
	if err := r.trackVotes(ctx, votequorum.TrackChanges); err != nil {
		return r.fail("start votequorum status tracking", err)
	}
	for {
		if err := r.quo.Dispatch(ctx, conn.One); err != nil {
			return r.fail("dispatch quorum status", err)
		}
		if r.votes != nil {
			if err := r.awaitNodes(ctx); err != nil {
				return r.fail("dispatch votequorum status", err)
			}
		}
		err := r.display(ctx, r.quorate)
		r.Printf("\n")
		r.Stdout.Flush()
		if err != nil {
			return r.fail("display quorum data", err)
		}
	}
}

// flagNames in the order they are printed.
var flagNames = []struct {
	flag uint32
	name string
}{
	{votequorum.TwoNode, "2Node"},
	{votequorum.Quorate, "Quorate"},
	{votequorum.WaitForAll, "WaitForAll"},
	{votequorum.LastManStanding, "LastManStanding"},
	{votequorum.AutoTieBreaker, "AutoTieBreaker"},
	{votequorum.AllowDownscale, "AllowDownscale"},
	{votequorum.QdeviceRegistered, "Qdevice"},
}

// display prints quorum, votes and members. Without votequorum it ends after
// the first. The error is that of the votes.
func (r *run) display(ctx context.Context, quorate bool) error {
	provider := r.provider
	if provider == "" {
		provider = "Not configured"
	}
	r.Printf("Quorum information\n------------------\n")
	r.Printf("Date:             %s\n", r.now().Format("Mon Jan _2 15:04:05 2006"))
	r.Printf("Quorum provider:  %s\n", provider)
	r.Printf("Nodes:            %d\n", len(r.view))
	if r.hex {
		r.Printf("Node ID:          0x%08x\n", r.local)
	} else {
		r.Printf("Node ID:          %d\n", r.local)
	}
	if r.votes != nil {
		r.Printf("Ring ID:          %x.%x\n", r.ringNode, r.ringSeq)
	} else {
		r.Printf("Ring ID:          %x\n", r.ringSeq)
	}
	r.Printf("Quorate:          %s\n", choose(quorate, "Yes", "No"))
	if r.votes == nil {
		return nil
	}
	info, err := r.votes.Info(ctx, r.local)
	if err != nil && !errors.Is(err, cserr.NotExist) {
		r.fail("get node info", err)
	} else {
		r.Printf("\nVotequorum information\n----------------------\n")
		r.Printf("Expected votes:   %d\n", int32(info.ExpectedVotes))
		r.Printf("Highest expected: %d\n", int32(info.HighestExpected))
		r.Printf("Total votes:      %d\n", int32(info.TotalVotes))
		r.Printf("Quorum:           %d %s\n", int32(info.Quorum),
			choose(info.Flags&votequorum.Quorate != 0, " ", "Activity blocked"))
		r.Printf("Flags:            ")
		for _, f := range flagNames {
			if info.Flags&f.flag != 0 {
				r.Printf("%s ", f.name)
			}
		}
		r.Printf("\n")
	}
	r.displayNodes(ctx)
	return err
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}
