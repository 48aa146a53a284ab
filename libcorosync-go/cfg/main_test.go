package cfg

import (
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
)

// TestMain has every test run with a daemon in memory and over both protocols.
func TestMain(m *testing.M) { conntest.Main(m) }
