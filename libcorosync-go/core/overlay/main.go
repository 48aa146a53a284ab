package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// change is one replacement in a file of the runtime.
type change struct {
	file string // below GOROOT/src
	why  string
	from string // regular expression
	to   string
	n    int // how often it must match; 0: at least once
}

var changes = []change{
	{file: "runtime/sigtab_linux_generic.go", why: "signals belong to the program: no handler is installed or changed, none is unblocked in a thread",
		from: `\{[^{},]+, "`, to: `{0, "`},
	{file: "runtime/env_posix.go", why: "GODEBUG, GOGC, GOMAXPROCS and the like of the program's environment are not meant for us",
		from: `func gogetenv\(key string\) string \{`, n: 1,
		to: "func gogetenv(key string) string {\n\tif key == \"GOMAXPROCS\" {\n\t\treturn \"1\"\n\t}\n\treturn \"\"\n}\n\nfunc hostgetenv(key string) string {"},
	{file: "runtime/proc.go", why: "the same for GODEBUG, which is read once more before",
		from: `func getGodebugEarly\(\) \(string, bool\) \{`, n: 1,
		to: "func getGodebugEarly() (string, bool) { return \"\", true }\n\nfunc hostGodebugEarly() (string, bool) {"},
	{file: "runtime/signal_unix.go", why: "threads of the program keep their signal mask and have no alternate stack that they did not ask for",
		from: `func minitSignals\(\) \{`, n: 1, to: "func minitSignals() {}\n\nfunc hostMinitSignals() {"},
	{file: "runtime/signal_unix.go", why: "the same at the end of a thread",
		from: `//go:nosplit\nfunc unminitSignals\(\) \{`, n: 1,
		to: "//go:nosplit\nfunc unminitSignals() {}\n\nfunc hostUnminitSignals() {"},

	{file: "syscall/rlimit.go", why: "the program's limit of open files is not raised",
		from: `func init\(\) \{`, n: 1, to: "func raiseLimit() {"},
	{file: "runtime/cgroup_linux.go", why: "with one processor nobody needs to read files for the number of them",
		from: `func defaultGOMAXPROCSInit\(\) \{`, n: 1, to: "func defaultGOMAXPROCSInit() {}\n\nfunc hostGOMAXPROCSInit() {"},
	// glibc reads /proc/self/maps for the answer, which in a large program takes long, and calls malloc.
	{file: "runtime/cgo/gcc_stack_unix.c", why: "threads that come in are not asked for their stacks: the runtime then counts on 32 kB",
		from: `#if defined\(__GLIBC__\) \|\| `, n: 1, to: "#if 0 && "},
	{file: "runtime/cgo/gcc_libinit.c", why: "the first thread has 256",
		from: `\tg->stacklo = \*pbounds;`, n: 1, to: "\tg->stacklo = (uintptr)__builtin_frame_address(0) - 192 * 1024;"},

	// Threads that a program did not start are seen: in its task list, by debuggers, by limits of processes. Two remain, the one
	// that started the runtime and the one that starts others. Calls of the core are short and one at a time is enough, so
	// there is one processor, given back at the end of each call: nobody has to watch for those that were not.
	{file: "runtime/proc.go", why: "no thread that watches",
		from: `const haveSysmon = GOARCH != "wasm"`, n: 1, to: "const haveSysmon = false"},
	{file: "runtime/proc.go", why: "the first thread runs all goroutines from the beginning",
		from: `\tlockOSThread\(\)\n\n\tif mp != &m0 \{`, n: 1, to: "\tif mp != &m0 {"},
	{file: "runtime/proc.go", why: "the same, where it would be let go when something fails",
		from: `\tneedUnlock := true\n`, n: 1, to: "\tneedUnlock := false\n"},
	{file: "runtime/proc.go", why: "the same, where it would be let go",
		from: `\tneedUnlock = false\n\tunlockOSThread\(\)\n`, n: 1, to: ""},
	{file: "runtime/cgocall.go", why: "a call that ends gives the processor back, so that the next need not wait for a retake",
		from: `\treentersyscall\(savedpc, uintptr\(savedsp\), uintptr\(savedbp\)\)\n`, n: 1,
		to: "\treentersyscall(savedpc, uintptr(savedsp), uintptr(savedbp))\n\tsystemstack(hostGiveBack)\n" +
			"\tsave(savedpc, uintptr(savedsp), uintptr(savedbp))\n"},
	{file: "runtime/proc.go", why: "the same: to whoever has work, else to the idle ones, without waking anybody",
		from: `//go:nowritebarrierrec\nfunc handoffp\(pp \*p\) \{`, n: 0,
		to: "//go:nowritebarrierrec\n" + giveBack + "\n//go:nowritebarrierrec\nfunc handoffp(pp *p) {"},

	// Programs that lock their memory pay for all that is mapped, and account for all that is reserved. A heap of a
	// few megabytes does not need arenas of 64, nor tables for 2^48 bytes.
	{file: "runtime/malloc.go", why: "arenas of 4 MB",
		from: `\tlogHeapArenaBytes = .*`, n: 1, to: "\tlogHeapArenaBytes = 2 + 20"},
	{file: "runtime/malloc.go", why: "the heap lies in the lowest terabyte, so its tables are small",
		from: `\theapAddrBits = .*`, n: 1, to: "\theapAddrBits = 40*_64bit + 32*(1-_64bit)"},
	{file: "runtime/malloc.go", why: "there addresses need no offset",
		from: `\tarenaBaseOffset = .*`, n: 1, to: "\tarenaBaseOffset = 0"},
	{file: "runtime/malloc.go", why: "and the arena table has a small second level",
		from: `\tarenaL1Bits = .*`, n: 1, to: "\tarenaL1Bits = 6 * _64bit"},
	{file: "runtime/cgo/gcc_libinit.c", why: "small thread stacks",
		from: `\tpthread_attr_setdetachstate\(&attr, PTHREAD_CREATE_DETACHED\);`, n: 1,
		to: "\tpthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);\n\tpthread_attr_setstacksize(&attr, 256 * 1024);"},
	{file: "runtime/cgo/gcc_linux_" + runtime.GOARCH + ".c", why: "small thread stacks",
		from: `\tpthread_attr_getstacksize\(&attr, &size\);`, n: 1,
		to: "\tpthread_attr_setstacksize(&attr, 256 * 1024);\n\tpthread_attr_getstacksize(&attr, &size);"},
	// glibc gives each thread that calls malloc an area of 64 MB to grow in.
	{file: "runtime/cgo/gcc_util.c", why: "threads of the runtime do not call malloc",
		from: `\tts = malloc\(sizeof \*ts\);`, n: 1,
		to: "\t{\n\t\tstatic ThreadStart pool[256]; /* each is copied at once by the thread that it starts */\n" +
			"\t\tstatic unsigned int used;\n\t\tts = &pool[__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED) % 256];\n\t}"},
	{file: "runtime/cgo/gcc_linux_" + runtime.GOARCH + ".c", why: "nor free",
		from: `\tfree\(v\);`, n: 1, to: ""},
	{file: "runtime/cgo/gcc_linux_" + runtime.GOARCH + ".c", why: "not even the first",
		from: `\tpbounds = \(uintptr\*\)malloc\(2 \* sizeof\(uintptr\)\);`, n: 1,
		to: "\t{\n\t\tstatic uintptr bounds[2];\n\t\tpbounds = bounds;\n\t}"},
	{file: "runtime/cgo/gcc_linux_" + runtime.GOARCH + ".c", why: "not even the first",
		from: `\tfree\(pbounds\);`, n: 1, to: ""},
}

// giveBack is a function of the runtime. It runs on the system stack of a thread of the program that leaves Go, and does
// what the watching thread would do in time. Until all is done the goroutine is kept from being looked at: to start a thread the
// runtime borrows the processor once more, and others, who see it with a goroutine in a system call, would take it away meanwhile.
const giveBack = `func hostGiveBack() {
	pp := getg().m.p.ptr()
	if pp == nil {
		return // the collector has taken it
	}
	thread, ok := setBlockOnExitSyscall(pp)
	if !ok {
		return
	}
	thread.takeP()
	if !runqempty(pp) || !sched.runq.empty() || gcBlackenEnabled != 0 && gcShouldScheduleWorker(pp) {
		handoffp(pp)
		thread.resume()
		return
	}
	lock(&sched.lock)
	if sched.gcwaiting.Load() || pp.runSafePointFn != 0 || !sched.runq.empty() {
		unlock(&sched.lock)
		handoffp(pp)
		thread.resume()
		return
	}
	when := pp.timers.wakeTime()
	pidleput(pp, 0)
	unlock(&sched.lock)
	if when != 0 {
		wakeNetPoller(when)
	}
	thread.resume()
}
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: overlay DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "overlay:", err)
		os.Exit(1)
	}
}

func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

func write(dir string) error {
	root, err := goroot()
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for _, c := range changes {
		text, ok := texts[c.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, "src", c.file))
			if err != nil {
				return err
			}
			text = string(b)
		}
		if texts[c.file], err = c.apply(text); err != nil {
			return err
		}
	}
	replace := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_")+".txt") // not .go: it is no part of this module
		if err := writeChanged(to, []byte(text)); err != nil {
			return err
		}
		replace[filepath.Join(root, "src", file)] = to
	}
	b, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return err
	}
	return writeChanged(filepath.Join(dir, "overlay.json"), b)
}

func (c change) apply(text string) (string, error) {
	re := regexp.MustCompile(c.from)
	n := len(re.FindAllStringIndex(text, -1))
	if n == 0 || c.n != 0 && n != c.n {
		return "", fmt.Errorf("%s of this Go release has %d places like %q: the change for %q must be looked at again", c.file, n, c.from, c.why)
	}
	return re.ReplaceAllLiteralString(text, c.to), nil
}

// writeChanged leaves a file with the same content alone, so that the build cache holds.
func writeChanged(path string, b []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(b) {
		return nil
	}
	return os.WriteFile(path, b, 0o644)
}
