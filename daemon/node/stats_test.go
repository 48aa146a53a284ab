package node

import "testing"

func TestFormationFault(t *testing.T) {
	for _, c := range []struct {
		gathering    bool
		sendFailures uint64
		want         string
	}{
		{false, 0, ""},
		{false, maxSendFailures, ""},
		{false, maxSendFailures + 1, "number of multicast sendmsg failures is above threshold"},
		{true, 0, "totem is continuously in gather state"},
		{true, maxSendFailures + 1, "totem is continuously in gather state"},
	} {
		if got := formationFault(c.gathering, c.sendFailures); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
