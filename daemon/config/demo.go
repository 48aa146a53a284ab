package config

import _ "embed"

// DemoText is the configuration of one node on the loopback interface, for
// `make demo`: nothing outside the process is needed.
//
//go:embed demo.conf
var DemoText string
