package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// DefaultPath is the configuration file if none is given.
const DefaultPath = "/etc/corosync/corosync.conf"

// Origin says where a key of the map was written in a file.
type Origin map[string]Pos

// Of returns " (FILE:LINE, KEY)" for messages about the value of key, or "".
func (o Origin) of(key string) string {
	if p, ok := o[key]; ok {
		return fmt.Sprintf(" (%s, %s)", p, key)
	}
	return ""
}

// ParseFile reads a configuration file and the uidgid.d directory beside it
// into m (coroparse_configparse). It reads files and the user database. The
// error is Errors, or one that says why the file cannot be read.
func ParseFile(path string, env Env, m *icmap.Map) (Origin, error) {
	text, err := env.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Can't read file %s: %s", path, reason(err))
	}
	l := loader{env: env, m: m, file: path, origin: make(Origin)}
	root, errs := parse(path, text)
	l.errs = errs
	l.walk(root, "")
	if err := l.errs.err(); err != nil {
		return nil, err
	}
	for _, p := range env.ReadDir(filepath.Join(filepath.Dir(path), "uidgid.d")) {
		text, err := env.ReadFile(p)
		if err != nil {
			continue // as the C daemon: not for us to read
		}
		l.file = p
		if root, l.errs = parse(p, text); true {
			l.uidgidFile(root, 0)
		}
		if err := l.errs.err(); err != nil {
			return nil, err
		}
	}
	return l.origin, nil
}

// Parse reads the text of a configuration file, without uidgid.d; file is the
// name for messages.
func Parse(file string, text []byte, env Env, m *icmap.Map) (Origin, error) {
	l := loader{env: env, m: m, file: file, origin: make(Origin)}
	root, errs := parse(file, text)
	l.errs = errs
	l.walk(root, "")
	return l.origin, l.errs.err()
}

// reason is strerror for what lies beneath a file error.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		s := errno.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// loader turns a tree into keys.
type loader struct {
	env    Env
	m      *icmap.Map
	file   string
	origin Origin
	errs   Errors
	nodes  int // index of the next node in the current nodelist
}

// known are the sections with rules of their own. Other sections have those of
// the section around them.
var known = map[string]bool{
	"totem": true, "totem.interface": true, "totem.interface.member": true,
	"system": true, "logging.logger_subsys": true, "logging.logging_daemon": true, "uidgid": true,
	"quorum": true, "quorum.device": true, "nodelist": true, "nodelist.node": true,
	"resources": true, "resources.system": true, "resources.system.memory_used": true,
	"resources.process": true, "resources.process.memory_used": true,
}

func (l *loader) fail(line int, format string, args ...any) {
	l.errs.add(Pos{l.file, line}, format, args...)
}

// set stores a value and remembers its line.
func (l *loader) set(line int, key string, v icmap.Value) {
	if err := l.m.Set(key, v); err != nil {
		code := "CS_ERR_INVALID_PARAM"
		switch err {
		case icmap.ErrName:
			code = "CS_ERR_NAME_TOO_LONG"
		case icmap.ErrFull:
			code = "CS_ERR_NO_MEMORY"
		}
		l.fail(line, "Can't store key \"%s\" into icmap, returned error is %s", key, code)
		return
	}
	l.origin[key] = Pos{l.file, line}
}

// str makes the value of a text; like a C string it ends at a NUL byte.
func text(s string) icmap.Value {
	s, _, _ = strings.Cut(s, "\x00")
	return icmap.String(s)
}

// walk loads a section. state is the section whose rules hold in it.
func (l *loader) walk(s *section, state string) {
	if known[s.path] {
		state = s.path
		if s.path == "nodelist" {
			l.nodes = 0
		}
	}
	var g group
	for i := range s.items {
		it := &s.items[i]
		if it.sub != nil {
			l.walk(it.sub, state)
			if state == "totem.interface" && it.sub.path == "totem.interface.member" {
				g.members = append(g.members, it.sub.items...)
			}
			continue
		}
		key := s.join(it.key)
		switch state {
		case "uidgid":
			l.uidgid(it)
		case "totem.interface.member":
			if it.key != "memberaddr" {
				l.fail(it.line, "Only memberaddr is allowed in member section")
			}
		case "totem.interface":
			if k := byWord[[2]string{state, it.key}]; k != nil && s.path == state {
				if v, ok := l.value(it, key, k); ok {
					if it.key == "linknumber" {
						g.link = it.value
					} else {
						g.put(it, v)
					}
				}
				continue
			}
			l.set(it.line, key, text(it.value))
		case "logging.logger_subsys", "logging.logging_daemon":
			switch {
			case it.key == "subsys":
				g.subsys = it
			case it.key == "name" && state == "logging.logging_daemon":
				g.name = it
			default:
				g.put(it, text(it.value))
			}
		case "nodelist.node":
			key = fmt.Sprintf("nodelist.node.%d.%s", l.nodes, it.key)
			k := byWord[[2]string{state, it.key}]
			if v, ok := l.value(it, key, k); ok {
				l.set(it.line, key, v)
			}
		default:
			k := byWord[[2]string{state, it.key}]
			if k != nil && s.path != state && !strings.HasPrefix(state, "resources") {
				k = nil // a subsection without rules
			}
			if k == nil && it.key == "poll_period" && strings.HasPrefix(state, "resources.") {
				k = byWord[[2]string{"resources.system", it.key}]
			}
			if v, ok := l.value(it, key, k); ok {
				l.set(it.line, key, v)
			}
		}
	}
	if s.end == 0 {
		return // the file ended here, or an error did
	}
	switch state {
	case "totem.interface":
		l.closeInterface(s, &g)
	case "logging.logger_subsys":
		l.closeSubsys(s, &g)
	case "logging.logging_daemon":
		l.closeDaemon(s, &g)
	case "nodelist.node":
		l.nodes++
	}
}

// group collects the keys of a section that is stored at its end, when its
// number or name is known.
type group struct {
	items        []groupItem
	members      []item
	link         string
	subsys, name *item
}

type groupItem struct {
	*item
	v icmap.Value
}

func (g *group) put(it *item, v icmap.Value) { g.items = append(g.items, groupItem{it, v}) }

func (l *loader) closeInterface(s *section, g *group) {
	link, _ := strconv.Atoi(strings.TrimSpace(g.link))
	prefix := fmt.Sprintf("totem.interface.%d.", link)
	for _, it := range g.items {
		l.set(it.line, prefix+it.key, it.v)
	}
	n := 0
	// The C daemon numbers members from the last one.
	for i := len(g.members) - 1; i >= 0; i-- {
		if it := g.members[i]; it.sub == nil && it.key == "memberaddr" {
			l.set(it.line, fmt.Sprintf("%smember.%d", prefix, n), text(it.value))
			n++
		}
	}
}

func (l *loader) closeSubsys(s *section, g *group) {
	if g.subsys == nil {
		l.fail(s.end, "No subsys key in logger_subsys directive")
		return
	}
	prefix := "logging.logger_subsys." + g.subsys.value + "."
	// In these sections the first of equal keys wins, as in the C daemon.
	for i := len(g.items) - 1; i >= 0; i-- {
		l.set(g.items[i].line, prefix+g.items[i].key, g.items[i].v)
	}
	l.set(s.end, prefix+"subsys", text(g.subsys.value))
}

func (l *loader) closeDaemon(s *section, g *group) {
	if g.name == nil {
		l.fail(s.end, "No name key in logging_daemon directive")
		return
	}
	ours := g.name.value == "corosync"
	prefix := "logging.logging_daemon." + g.name.value + "."
	switch {
	case ours && g.subsys == nil:
		prefix = "logging."
	case ours:
		prefix = "logging.logger_subsys." + g.subsys.value + "."
	case g.subsys != nil:
		prefix += g.subsys.value + "."
	}
	for i := len(g.items) - 1; i >= 0; i-- {
		l.set(g.items[i].line, prefix+g.items[i].key, g.items[i].v)
	}
	if g.subsys != nil {
		l.set(s.end, prefix+"subsys", text(g.subsys.value))
	}
	if !ours {
		l.set(s.end, prefix+"name", text(g.name.value))
	}
}

// value checks the text of key against its line in the schema; k may be nil.
func (l *loader) value(it *item, key string, k *Key) (icmap.Value, bool) {
	if k == nil || k.Type == icmap.TypeString {
		if k != nil && k.Values != nil && !contains(k.Values, it.value) {
			l.fail(it.line, "%s", k.Refusal)
			return icmap.Value{}, false
		}
		return text(it.value), true
	}
	if k.Names != nil {
		n, ok := k.Names[it.value]
		if !ok {
			var m uint64
			m, err := strconv.ParseUint(it.value, 0, 6)
			n, ok = uint8(m), err == nil && !strings.Contains(it.value, "_")
		}
		if !ok {
			l.fail(it.line, "Value of key \"%s\" is expected to be %s, but \"%s\" was given", key, k.Refusal, it.value)
		}
		return icmap.Uint8(n), ok
	}
	v, low, high, ok := number(it.value, k.Type)
	if !ok {
		l.fail(it.line, "Value of key \"%s\" is expected to be integer in range (%s..%s), but \"%s\" was given", key, low, high, it.value)
	}
	return v, ok
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// number reads a decimal number as strtoll does: blanks before it and a sign
// are allowed.
func number(s string, t icmap.Type) (v icmap.Value, low, high string, ok bool) {
	if t == icmap.TypeUint64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(s, " \t\v\f\r\n"), "+"), 10, 64)
		return icmap.Uint64(n), "0", strconv.FormatUint(math.MaxUint64, 10), err == nil
	}
	var min, max int64
	switch t {
	case icmap.TypeUint8:
		max = math.MaxUint8
	case icmap.TypeUint16:
		max = math.MaxUint16
	case icmap.TypeUint32:
		max = math.MaxUint32
	case icmap.TypeInt32:
		min, max = math.MinInt32, math.MaxInt32
	}
	low, high = strconv.FormatInt(min, 10), strconv.FormatInt(max, 10)
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t\v\f\r\n"), 10, 64)
	if err != nil || n < min || n > max {
		return v, low, high, false
	}
	switch t {
	case icmap.TypeUint8:
		v = icmap.Uint8(uint8(n))
	case icmap.TypeUint16:
		v = icmap.Uint16(uint16(n))
	case icmap.TypeUint32:
		v = icmap.Uint32(uint32(n))
	case icmap.TypeInt32:
		v = icmap.Int32(int32(n))
	}
	return v, low, high, true
}

// uidgid loads one key of a uidgid section.
func (l *loader) uidgid(it *item) {
	var id uint32
	var ok bool
	n, err := strconv.ParseInt(strings.TrimLeft(it.value, " \t\v\f\r\n"), 10, 64)
	numeric := err == nil && n >= 0 && n <= math.MaxUint32
	switch it.key {
	case "uid":
		if id, ok = uint32(n), numeric; !ok {
			id, ok = l.env.UID(it.value)
		}
		if !ok {
			l.fail(it.line, "The '%s' user is not found in /etc/passwd, please read the documentation.", it.value)
			return
		}
	case "gid":
		if id, ok = uint32(n), numeric; !ok {
			id, ok = l.env.GID(it.value)
		}
		if !ok {
			l.fail(it.line, "The '%s' group is not found in /etc/group, please read the documentation.", it.value)
			return
		}
	default:
		l.fail(it.line, "uidgid: Only uid and gid are allowed items")
		return
	}
	l.set(it.line, fmt.Sprintf("uidgid.config.%s.%d", it.key, id), icmap.Uint8(1))
}

// uidgidFile loads a file of uidgid.d: only uidgid sections, and in them only
// uid and gid.
func (l *loader) uidgidFile(s *section, depth int) {
	for i := range s.items {
		it := &s.items[i]
		switch {
		case it.sub != nil && it.sub.path != "uidgid":
			msg := "uidgid: Can't add subsection different than uidgid"
			if depth > 0 {
				msg = "uidgid: Can't add second level subsection"
			}
			l.fail(it.line, "%s", msg)
		case it.sub != nil:
			l.uidgidFile(it.sub, depth+1)
		case depth == 0:
			l.fail(it.line, "uidgid: Only uid and gid are allowed items")
		default:
			l.uidgid(it)
		}
	}
}
