# Thin targets: each runs what it says. `make help` lists them.

GO          ?= go
DESTDIR     ?=
PREFIX      ?= /usr
LIBDIR      ?= $(PREFIX)/lib
SBINDIR     ?= $(PREFIX)/sbin
BINDIR      ?= $(PREFIX)/bin
MANDIR      ?= $(PREFIX)/share/man
SYSCONFDIR  ?= /etc
LOCALSTATEDIR ?= /var
SYSTEMDDIR  ?= $(PREFIX)/lib/systemd/system
INCLUDEDIR  ?= $(PREFIX)/include
PCDIR       ?= $(LIBDIR)/pkgconfig
BUILDDIR    ?= build
INSTALL     ?= install

# Programs are found, not listed: a new tool is a new directory.
DAEMON      := daemon/cmd/corosync
TOOLS       := $(patsubst %/main.go,%,$(wildcard libcorosync-go/cmd/*/main.go))
PROGRAMS    := $(DAEMON) $(TOOLS)
# Debian installs these two in bin, everything else in sbin.
IN_BIN      := corosync-blackbox corosync-vqsim
# The client libraries, as pkg-config and the linker know them, and the release whose interface they have.
CLIENT_LIBS := cpg cmap quorum votequorum cfg sam corosync_common
API_VERSION ?= 3.1.7
FUZZTIME    ?= 10s
DURATION    ?= 10m
LDFLAGS     ?=

# Packages: the release that the daemon stands in for, and ours. nfpm is run from the module proxy where it is not installed.
PKG_VERSION ?= 3.1.7+go1
PKG_RELEASE ?= 1
MAINTAINER  ?= the corosync-go authors <corosync-go@localhost>
NFPM        ?= $(shell command -v nfpm || echo GOARCH= GOFLAGS=-mod=mod $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2)
PKG_ARCH    ?= $(shell $(GO) env GOARCH)
# Where the distributions have their libraries.
LIBDIR_DEB  ?= /usr/lib/$(or $(patsubst amd64,x86_64-linux-gnu,$(filter amd64,$(PKG_ARCH))),$(patsubst arm64,aarch64-linux-gnu,$(filter arm64,$(PKG_ARCH))),$(PKG_ARCH)-linux-gnu)
LIBDIR_RPM  ?= /usr/lib64
RPM_ISA     ?= $(or $(patsubst amd64,x86-64,$(filter amd64,$(PKG_ARCH))),$(patsubst arm64,aarch-64,$(filter arm64,$(PKG_ARCH))),$(PKG_ARCH))

include libcorosync-go/shim/libs.mk

export CGO_ENABLED ?= 0
export SEEDS SEED FIRST LOG

.PHONY: all build test race fuzz sim sim-mutants chaos netns interop bench lint pkgconfig install demo package clean help

all: build

build: build-go libs ## compile the daemon and the tools into build/ (static, no cgo), and the C libraries

.PHONY: build-go
build-go:
	$(GO) build ./...
	@mkdir -p $(BUILDDIR)
	@for p in $(PROGRAMS); do echo "$(GO) build -o $(BUILDDIR)/ ./$$p"; $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BUILDDIR)/ ./$$p || exit 1; done

test: ## go vet, then every test; names at the end what was skipped and why
	$(GO) vet ./...
	$(GO) run ./tests/runtests

race: ## the tests of all packages but the cluster ones under the race detector (needs cgo)
	CGO_ENABLED=1 $(GO) run ./tests/runtests -race $$($(GO) list ./... | grep -v -E '/tests/(netns|interop|capi|bench)$$')

fuzz: ## each fuzz target for FUZZTIME (default 10s)
	@$(GO) list ./... | while read p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz'); do \
	    echo "$(GO) test -run ^$$ -fuzz ^$$f\$$ -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p"; \
	    $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p || exit 1; \
	  done; done

sim: ## simulated clusters: SEEDS=n of them from FIRST on, or with its log SEED=x or PLAN=file (LOG=debug: what the daemons log too)
	$(if $(PLAN),PLAN=$(abspath $(PLAN))) $(GO) test -count=1 -timeout 0 -v -run 'TestSim$$' ./tests/sim

chaos: ## faults of all kinds on real rings of ours, the C daemon and both: DURATION=1h of them in all, SEED=x to repeat a ring
	COROSYNC_CHAOS=$(DURATION) COROSYNC_CHAOS_SEED=$(SEED) $(GO) test -count=1 -timeout 0 -v -run 'TestChaos$$' ./tests/netns

sim-mutants: ## deliberately broken daemons, each of which the simulation must find out; names any that survives (MUTANTS=name,name: only those)
	MUTANTS="$(or $(MUTANTS),all)" $(GO) test -count=1 -timeout 0 -v -run 'TestMutants$$|TestCodeMutants$$' ./tests/sim

netns: ## real daemons in network namespaces (root or user namespaces)
	$(GO) run ./tests/runtests ./tests/netns

interop: ## with Debian's corosync, its clients, Pacemaker, qdevice
	$(GO) run ./tests/runtests ./tests/interop

bench: ## beside the C daemon in one run, ratios; then the Go benchmarks of the packages
	$(GO) test -count=1 -timeout 30m -run '^$$' -bench . -benchmem ./daemon/... ./libcorosync-go/...
	@if [ -d tests/bench ]; then echo "COROSYNC_BENCH=1 $(GO) test -count=1 -v ./tests/bench"; COROSYNC_BENCH=1 $(GO) test -count=1 -v -timeout 30m ./tests/bench; fi

lint: ## gofmt, go vet, the rules of tests/arch
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:" $$out; exit 1; fi
	$(GO) vet ./...
	$(GO) test -count=1 ./tests/arch

pkgconfig: ## the files that tell compilers of programs where headers and libraries are
	@mkdir -p $(BUILDDIR)
	@for l in corosync $(CLIENT_LIBS); do f=lib$$l.pc; in=library; [ $$l != corosync ] || { f=corosync.pc; in=corosync; }; \
	  sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|; s|@VERSION@|$(API_VERSION)|'"; \
	  s|@NAME@|$$l|; s|@SYSCONFDIR@|$(SYSCONFDIR)|; s|@LOCALSTATEDIR@|$(LOCALSTATEDIR)|" packaging/pkgconfig/$$in.pc.in > $(BUILDDIR)/$$f || exit 1; done

install: build pkgconfig install-libs ## into DESTDIR, honours PREFIX LIBDIR SYSCONFDIR LOCALSTATEDIR SYSTEMDDIR
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -d $(DESTDIR)$(SYSCONFDIR)/corosync/uidgid.d $(DESTDIR)$(SYSTEMDDIR)
	$(INSTALL) -d $(DESTDIR)$(LOCALSTATEDIR)/lib/corosync $(DESTDIR)$(LOCALSTATEDIR)/log/corosync
	@for p in $(PROGRAMS); do n=$$(basename $$p); d=$(SBINDIR); \
	  case " $(IN_BIN) " in *" $$n "*) d=$(BINDIR);; esac; \
	  echo "$(INSTALL) $$n $(DESTDIR)$$d"; $(INSTALL) -m 0755 $(BUILDDIR)/$$n $(DESTDIR)$$d/$$n || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/corosync $(DESTDIR)$(PCDIR)
	$(INSTALL) -m 0644 include/corosync/*.h $(DESTDIR)$(INCLUDEDIR)/corosync/
	$(INSTALL) -m 0644 $(patsubst %,$(BUILDDIR)/lib%.pc,$(CLIENT_LIBS)) $(BUILDDIR)/corosync.pc $(DESTDIR)$(PCDIR)/
	@if [ -f corosync.conf.example ]; then $(INSTALL) -m 0644 corosync.conf.example $(DESTDIR)$(SYSCONFDIR)/corosync/corosync.conf.example; fi
	@for u in $(wildcard packaging/systemd/*.service); do \
	  sed 's|/usr/sbin/|$(SBINDIR)/|g; s|=-/etc/|=-$(SYSCONFDIR)/|' $$u > $(BUILDDIR)/$$(basename $$u) && \
	  $(INSTALL) -m 0644 $(BUILDDIR)/$$(basename $$u) $(DESTDIR)$(SYSTEMDDIR)/ || exit 1; done
	@sed 's|/usr/sbin/|$(SBINDIR)/|; s|^/var/|$(LOCALSTATEDIR)/|' packaging/etc/logrotate > $(BUILDDIR)/logrotate
	@for f in packaging/etc/default:default $(BUILDDIR)/logrotate:logrotate.d; do t=$(DESTDIR)$(SYSCONFDIR)/$${f#*:}/corosync; \
	  [ -e $$t ] || $(INSTALL) -D -m 0644 $${f%:*} $$t || exit 1; done
	@t=$(DESTDIR)$(SYSCONFDIR)/default/corosync-notifyd; [ -e $$t ] || $(INSTALL) -D -m 0644 packaging/etc/notifyd $$t
	@t=$(DESTDIR)$(SYSCONFDIR)/dbus-1/system.d/corosync-signals.conf; [ -e $$t ] || $(INSTALL) -D -m 0644 packaging/etc/corosync-signals.conf $$t
	@$(INSTALL) -D -m 0644 packaging/etc/COROSYNC-MIB.txt $(DESTDIR)$(PREFIX)/share/snmp/mibs/COROSYNC-MIB.txt
	GOOS= GOARCH= CGO_ENABLED=0 $(GO) run ./packaging/gen man3 include/corosync $(BUILDDIR)/man3
	@for m in $(wildcard packaging/man/*.[1-8]); do $(INSTALL) -D -m 0644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$$(basename $$m) || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(MANDIR)/man3
	$(INSTALL) -m 0644 $(BUILDDIR)/man3/*.3 $(DESTDIR)$(MANDIR)/man3/

demo: build ## a cluster of three on this machine, shown in half a minute; root is not needed
	$(GO) build -trimpath -o $(BUILDDIR)/demo ./tests/demo
	$(BUILDDIR)/demo -bin $(BUILDDIR)

package: ## debs and rpms of the daemon, the libraries and the headers in dist/, through nfpm
	rm -rf $(BUILDDIR)/package
	$(MAKE) install BUILDDIR=$(BUILDDIR)/package DESTDIR=$(CURDIR)/$(BUILDDIR)/package/root LDFLAGS="-s -w" CFLAGS="-O2 -s" \
	  PREFIX=/usr SYSCONFDIR=/etc LOCALSTATEDIR=/var SBINDIR=/usr/sbin BINDIR=/usr/bin MANDIR=/usr/share/man SYSTEMDDIR=/unit LIBDIR=/libs
	gzip -9nf $(BUILDDIR)/package/root/usr/share/man/man*/*
	@mkdir -p dist
	@set -e; for p in deb:$(LIBDIR_DEB) rpm:$(LIBDIR_RPM); do \
	  export VERSION='$(PKG_VERSION)' RELEASE='$(PKG_RELEASE)' MAINTAINER='$(MAINTAINER)' ARCH=$(PKG_ARCH) RPM_ISA=$(RPM_ISA); \
	  export ROOT=$(BUILDDIR)/package/root LIBDIR=$${p#*:}; p=$${p%%:*}; d=$(BUILDDIR)/package/$$p; \
	  nfpm() { $(NFPM) package --config packaging/$$1.yaml --packager $$p --target dist/; }; \
	  nfpm nfpm; \
	  [ -e $$ROOT/libs/libcpg.so ] || { echo "no C compiler, no packages of the libraries"; continue; }; \
	  mkdir -p $$d/libs $$d/dev; \
	  cp -P $$ROOT/libs/*.so.* $$ROOT/libs/libcorosync-go.so $$d/libs/; \
	  cp -P $$ROOT/libs/*.so $$d/dev/; rm $$d/dev/libcorosync-go.so; \
	  $(MAKE) -s pkgconfig BUILDDIR=$$d/dev/pkgconfig PREFIX=/usr LIBDIR=$$LIBDIR SYSCONFDIR=/etc LOCALSTATEDIR=/var; \
	  LIBS=$$d/libs nfpm nfpm-libs; LIBS=$$d/dev nfpm nfpm-dev; done
	@# What a package built with the libraries depends on; nfpm has no word for that file.
	@set -e; f=dist/corosync-go-libs_$(PKG_VERSION)-$(PKG_RELEASE)_$(PKG_ARCH).deb; d=$(BUILDDIR)/package/shlibs; \
	  [ -e $$f ] || exit 0; command -v dpkg-deb >/dev/null || { echo "no dpkg-deb, no shlibs in $$f"; exit 0; }; \
	  dpkg-deb -R $$f $$d; $(INSTALL) -m 0644 packaging/deb/shlibs $$d/DEBIAN/shlibs; dpkg-deb --root-owner-group -Zxz -b $$d $$f >/dev/null

clean: ## remove build/ and dist/
	rm -rf $(BUILDDIR) dist

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
