package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// parseText loads a text and returns its keys as "name = value" lines.
func parseText(text string) ([]string, Origin, error) {
	m := icmap.New()
	o, err := Parse("f", []byte(text), &fakeEnv{}, m)
	var keys []string
	for k, v := range m.All("") {
		keys = append(keys, k+" "+v.String())
	}
	return keys, o, err
}

func TestGrammar(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"comments", "# a\n  # b\n\t\n\r\n", nil},
		{"top level", "some.key: value", []string{"some.key str = value"}},
		{"carriage return", "abc {\r\n def : x \r\n}\r\n", []string{"abc.def str = x"}},
		{"colon after section", "totem: {\nversion: 2\n}", []string{"totem.version u32 = 2"}},
		{"no comment after value", "abc: x # y", []string{"abc str = x # y"}},
		{"value with colon and brace", "abc: a:b } c", []string{"abc str = a:b } c"}},
		{"empty value", "abc:", []string{"abc str = "}},
		{"last of equal keys", "abc: 1\nabc: 2", []string{"abc str = 2"}},
		{"typed at top level is text", "totem.token: x", []string{"totem.token str = x"}},
		{"typed in a subsection is text", "totem {\nfoo {\ntoken: x\n}\n}", []string{"totem.foo.token str = x"}},
		{"nodes", "nodelist {\nnode {\nnodeid: 1\n}\nnode {\nnodeid: 2\nname: b\n}\n}",
			[]string{"nodelist.node.0.nodeid u32 = 1", "nodelist.node.1.name str = b", "nodelist.node.1.nodeid u32 = 2"}},
		{"second nodelist overwrites", "nodelist {\nnode {\nnodeid: 1\n}\n}\nnodelist {\nnode {\nnodeid: 7\n}\n}",
			[]string{"nodelist.node.0.nodeid u32 = 7"}},
		{"interface", "totem {\ninterface {\nmcastport: 5409\nlinknumber: 3\nmember {\nmemberaddr: a\n}\nmember {\nmemberaddr: b\n}\n}\n}",
			[]string{"totem.interface.3.mcastport u16 = 5409", "totem.interface.3.member.0 str = b", "totem.interface.3.member.1 str = a"}},
		{"logger_subsys, first of equal keys", "logging {\nlogger_subsys {\ndebug: on\nsubsys: CPG\ndebug: off\n}\n}",
			[]string{"logging.logger_subsys.CPG.debug str = on", "logging.logger_subsys.CPG.subsys str = CPG"}},
		{"logging_daemon corosync", "logging {\nlogging_daemon {\nname: corosync\ndebug: on\n}\n}", []string{"logging.debug str = on"}},
		{"logging_daemon corosync subsys", "logging {\nlogging_daemon {\nname: corosync\nsubsys: CPG\ndebug: on\n}\n}",
			[]string{"logging.logger_subsys.CPG.debug str = on", "logging.logger_subsys.CPG.subsys str = CPG"}},
		{"logging_daemon other", "logging {\nlogging_daemon {\nname: q\ndebug: on\n}\n}",
			[]string{"logging.logging_daemon.q.debug str = on", "logging.logging_daemon.q.name str = q"}},
		{"uidgid", "uidgid {\nuid: hacluster\ngid: 100\n}", []string{"uidgid.config.gid.100 u8 = 1", "uidgid.config.uid.189 u8 = 1"}},
		{"resources", "resources {\nwatchdog_timeout: 5\nsystem {\nload_15min {\npoll_period: 600\nmax: 1.5\n}\n}\nprocess {\n12 {\npoll_period: 700\n}\n}\n}",
			[]string{"resources.process.12.poll_period u64 = 700", "resources.system.load_15min.max str = 1.5",
				"resources.system.load_15min.poll_period u64 = 600", "resources.watchdog_timeout u32 = 5"}},
		{"numbers", "totem {\ntoken: +5\nhold:  7\nknet_compression_level: -3\nconfig_version: 18446744073709551615\n}",
			[]string{"totem.config_version u64 = 18446744073709551615", "totem.hold u32 = 7", "totem.knet_compression_level i32 = -3", "totem.token u32 = 5"}},
		{"longest line", "abc: " + strings.Repeat("x", 505) + "\n", []string{"abc str = " + strings.Repeat("x", 505)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, _, err := parseText(tc.text)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Fatalf("%v\n got %q\nwant %q", err, got, tc.want)
			}
		})
	}
}

func TestSyntaxErrors(t *testing.T) {
	number := func(key, value, low, high string) string {
		return fmt.Sprintf("Value of key \"%s\" is expected to be integer in range (%s..%s), but \"%s\" was given", key, low, high, value)
	}
	for _, tc := range []struct {
		name, text string
		line       int
		want       string
	}{
		{"too long", "abc: " + strings.Repeat("x", 506) + "\n", 1, "Line too long"},
		{"nothing", "words\n", 1, "Line is not opening or closing section or key value"},
		{"no name", "\n{\n", 2, "Missing section name before opening bracket '{'"},
		{"after brace", "abc { x\n}\n", 1, "Extra characters after opening bracket '{'"},
		{"around brace", "abc {\n} x\n", 2, "Extra characters before or after closing bracket '}'"},
		{"unexpected", "abc: 1\n}\n", 2, "Unexpected closing brace"},
		{"missing", "abc {\n", 1, "Missing closing brace"},
		{"missing in two", "abc {\ndef {\n}\n", 3, "Missing closing brace"},
		{"long section", "totem {\n" + strings.Repeat("s", 250) + " {\n", 2, "Start of section makes total cmap path too long"},
		{"long key", "totem {\n" + strings.Repeat("k", 250) + ": 1\n}", 2, "New key makes total cmap path too long"},
		{"characters", "totem {\nzo rk: 1\n}", 2, `Can't store key "totem.zo rk" into icmap, returned error is CS_ERR_NAME_TOO_LONG`},
		{"u32", "totem {\ntoken: abc\n}", 2, number("totem.token", "abc", "0", "4294967295")},
		{"u32 negative", "totem {\ntoken: -1\n}", 2, number("totem.token", "-1", "0", "4294967295")},
		{"u32 underscore", "totem {\ntoken: 1_000\n}", 2, number("totem.token", "1_000", "0", "4294967295")},
		{"u8", "quorum {\ntwo_node: 256\n}", 2, number("quorum.two_node", "256", "0", "255")},
		{"u16", "totem {\ninterface {\nmcastport: 65536\n}\n}", 3, number("totem.interface.mcastport", "65536", "0", "65535")},
		{"i32", "totem {\nknet_compression_level: x\n}", 2, number("totem.knet_compression_level", "x", "-2147483648", "2147483647")},
		{"u64", "totem {\nconfig_version: x\n}", 2, number("totem.config_version", "x", "0", "18446744073709551615")},
		{"node", "nodelist {\nnode {\n}\nnode {\nnodeid: x\n}\n}", 5, number("nodelist.node.1.nodeid", "x", "0", "4294967295")},
		{"ip version", "totem {\nip_version: 4\n}", 2, "Invalid ip_version type"},
		{"code point", "totem {\nip_dscp: 64\n}", 2, `Value of key "totem.ip_dscp" is expected to be number (0..63) or symbolical dscp value, but "64" was given`},
		{"name of a code point", "totem {\nip_dscp: af44\n}", 2, `Value of key "totem.ip_dscp" is expected to be number (0..63) or symbolical dscp value, but "af44" was given`},
		{"user", "uidgid {\nuid: nobody9\n}", 2, "The 'nobody9' user is not found in /etc/passwd, please read the documentation."},
		{"group", "uidgid {\ngid: nobody9\n}", 2, "The 'nobody9' group is not found in /etc/group, please read the documentation."},
		{"uidgid key", "uidgid {\nabc: 1\n}", 2, "uidgid: Only uid and gid are allowed items"},
		{"member", "totem {\ninterface {\nmember {\naddr: 1\n}\n}\n}", 4, "Only memberaddr is allowed in member section"},
		{"subsys", "logging {\nlogger_subsys {\n}\n}", 3, "No subsys key in logger_subsys directive"},
		{"daemon", "logging {\nlogging_daemon {\n}\n}", 3, "No name key in logging_daemon directive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := parseText(tc.text)
			want := fmt.Sprintf("parser error: f:%d: %s", tc.line, tc.want)
			if err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			var se *SyntaxError
			if !errors.As(err, &se) || se.Line != tc.line || se.File != "f" {
				t.Fatalf("%#v", se)
			}
		})
	}
}

// Every text that the schema refuses is refused with its text.
func TestAllowedValues(t *testing.T) {
	for _, k := range Schema {
		if k.Values == nil {
			continue
		}
		path := strings.Split(k.Name, ".")
		if got, _, err := parseText(path[0] + " {\n" + path[1] + ": bogus\n}"); err == nil || !strings.HasSuffix(err.Error(), k.Refusal) {
			t.Errorf("%s: %v %v", k.Name, got, err)
		}
		for _, v := range k.Values {
			if _, _, err := parseText(path[0] + " {\n" + path[1] + ": " + v + "\n}"); err != nil {
				t.Errorf("%s %s: %v", k.Name, v, err)
			}
		}
	}
}

// All errors of a file are told, in the order of their lines.
func TestManyErrors(t *testing.T) {
	_, _, err := parseText("totem {\ntoken: x\nip_version: 5\n}\nlogging {\nlogger_subsys {\n}\n}\nwords\n")
	var list Errors
	if !errors.As(err, &list) || len(list) != 4 {
		t.Fatal(err)
	}
	for i, line := range []int{2, 3, 7, 9} {
		if list[i].Line != line {
			t.Errorf("error %d at line %d: %v", i, list[i].Line, list[i])
		}
	}
	_, _, err = parseText("totem {\n" + strings.Repeat("token: x\n", 100) + "}")
	if errors.As(err, &list); len(list) != maxErrors {
		t.Errorf("%d errors", len(list))
	}
}

func TestUIDGIDDirectory(t *testing.T) {
	env := &fakeEnv{
		files: map[string]string{
			"/c/corosync.conf": "abc: 1\n", "/c/uidgid.d/a": "uidgid {\nuid: 5\n}\n",
			"/c/uidgid.d/b": "uidgid {\ngid: adm\n}\n",
		},
		dirs: map[string][]string{"/c/uidgid.d": {"/c/uidgid.d/a", "/c/uidgid.d/b", "/c/uidgid.d/unreadable"}},
	}
	m := icmap.New()
	if _, err := ParseFile("/c/corosync.conf", env, m); err != nil || !m.Has("uidgid.config.uid.5") || !m.Has("uidgid.config.gid.4") {
		t.Fatal(err, dump(m))
	}
	for text, want := range map[string]string{
		"totem {\n}\n":             "1: uidgid: Can't add subsection different than uidgid",
		"uidgid {\nuidgid {\n}\n}": "2: uidgid: Can't add second level subsection",
		"uid: 1\n":                 "1: uidgid: Only uid and gid are allowed items",
		"uidgid {\npid: 1\n}":      "2: uidgid: Only uid and gid are allowed items",
		"uidgid {\n":               "1: Missing closing brace",
	} {
		env.files["/c/uidgid.d/b"] = text
		if _, err := ParseFile("/c/corosync.conf", env, icmap.New()); err == nil || err.Error() != "parser error: /c/uidgid.d/b:"+want {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseFile("/nonexist", env, m); err == nil || err.Error() != "Can't read file /nonexist: No such file or directory" {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "totem {\n version: 2\n interface {\n  member {\n   memberaddr: a\n  }\n }\n}\n", "a {\nb {\n}\n}\n", "{", "}", ":", "a:\x00b",
		"nodelist {\nnode {\nring0_addr: 10.0.0.1\nnodeid: 1\nname: n1\n}\n}", "logging {\nlogger_subsys {\nsubsys: X\n}\n}",
		"uidgid {\nuid: 1\n}", "# c\n\r\n", strings.Repeat("a {\n", 300), "totem {\ntransport: udp\ncluster_name: x\n}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := icmap.New()
		env := node1(text)
		o, err := Parse("f", []byte(text), env, m)
		if err != nil {
			if err.Error() == "" {
				t.Error("empty error")
			}
			return
		}
		for k := range o {
			if !m.Has(k) {
				t.Errorf("origin of %q, which does not exist", k)
			}
		}
		if c, err := Read(m, env, o); err == nil {
			_ = c.Validate(m)
		}
		_, _, _ = ReadLogging(m)
	})
}

// A code point is a name of RFC 2474, 2597 or 3246, or a number in any base of C.
func TestCodePoints(t *testing.T) {
	for text, want := range map[string]uint8{
		"0": 0, "63": 63, "0x2e": 46, "056": 46, "cs0": 0, "cs1": 8, "cs7": 56, "af11": 10, "af23": 22, "af43": 38, "ef": 46,
	} {
		m := icmap.New()
		if _, err := Parse("f", []byte("totem {\nip_dscp: "+text+"\n}\n"), &fakeEnv{}, m); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := m.GetUint8("totem.ip_dscp"); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
}
