# The C libraries and the Go core behind them; included by the Makefile. Needs gcc, and cgo for the core only.

CC          ?= gcc
CFLAGS      ?= -O2 -g
SHIMDIR     := libcorosync-go/shim
COREDIR     := libcorosync-go/core
CORE        := libcorosync-go.so
# The headers: the project's own where they are, otherwise the installed ones.
SHIMINCLUDE := $(if $(wildcard include/corosync/cpg.h),-Iinclude)
HAVE_CC     := $(shell command -v $(firstword $(CC)) 2>/dev/null)

# name and version of each library; the first number is that of the soname.
LIBS               := corosync_common cpg cmap quorum votequorum cfg sam
LIBVER_corosync_common := 4.0.0
LIBVER_cpg         := 4.1.0
LIBVER_cmap        := 4.1.0
LIBVER_quorum      := 5.1.0
LIBVER_votequorum  := 8.0.0
LIBVER_cfg         := 7.3.0
LIBVER_sam         := 4.4.0
LIBDEP_sam         := quorum cmap
LIBSRC_sam         := sam.c sam_parent.c
# What a library is made of, if not of its own name, and what it links besides libcorosync_common.
LIBSRC_corosync_common := common.c shim.c requests.c events.c memory.c qbring.c loader.c greet.c coroipc.c
SONAME              = lib$(1).so.$(firstword $(subst ., ,$(LIBVER_$(1))))
LIBSRC              = $(addprefix $(SHIMDIR)/,$(or $(LIBSRC_$(1)),$(1).c))

# Exceptions: what a cancelled thread cleans up is then found by its return addresses. Without them it is a list of places on the
# stack, which a callback that is left by longjmp, or by an exception, leaves in the thread for its end to fall over.
SHIMFLAGS = -std=gnu11 -fPIC -fvisibility=hidden -fexceptions -Wall -Wextra -Wno-clobbered -Werror=implicit-function-declaration $(SHIMINCLUDE)
SHIMLINK  = -shared -Wl,-z,relro,-z,now,-z,defs -Wl,--hash-style=gnu -Wl,--as-needed

# The runtime as a guest: see libcorosync-go/core/overlay.
GOLIBFLAGS = -trimpath -buildmode=c-shared -overlay $(BUILDDIR)/overlay/overlay.json \
  -ldflags "$(LDFLAGS) -X=runtime.godebugDefault=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0"

.PHONY: libs libs-core
libs: ## compile the C libraries and their core into build/ (needs gcc)
ifeq ($(HAVE_CC),)
libs:
	@echo "no C compiler ($(CC)): the C libraries (libcpg.so.4, ...) are left out; the daemon and the tools are complete"
else
libs: libs-core $(foreach l,$(LIBS),$(BUILDDIR)/lib$(l).so.$(LIBVER_$(l)))
endif

libs-core:
	@mkdir -p $(BUILDDIR)/overlay
	CGO_ENABLED=0 $(GO) run ./$(COREDIR)/overlay $(BUILDDIR)/overlay
	CGO_ENABLED=1 CC="$(CC)" $(GO) build $(GOLIBFLAGS) -o $(BUILDDIR)/$(CORE) ./$(COREDIR)
	@rm -f $(BUILDDIR)/libcorosync-go.h

define LIBRULE
$(BUILDDIR)/lib$(1).so.$(LIBVER_$(1)): $(call LIBSRC,$(1)) $(SHIMDIR)/$(1).map $(wildcard $(SHIMDIR)/*.h) $(COREDIR)/core.h $(SHIMDIR)/libs.mk $(if $(filter-out corosync_common,$(1)),$(BUILDDIR)/libcorosync_common.so.$(LIBVER_corosync_common)) $(foreach d,$(LIBDEP_$(1)),$(BUILDDIR)/lib$(d).so.$(LIBVER_$(d)))
	@mkdir -p $(BUILDDIR)
	$(CC) $(CFLAGS) $(SHIMFLAGS) $(SHIMLINK) $(if $(filter corosync_common,$(1)),-Wl$(COMMA)-z$(COMMA)nodelete) \
	  -Wl,-soname,$(call SONAME,$(1)) -Wl,--version-script=$(SHIMDIR)/$(1).map -o $$@ $(call LIBSRC,$(1)) \
	  $(if $(filter-out corosync_common,$(1)),-L$(BUILDDIR) $(foreach d,$(LIBDEP_$(1)),-l$(d)) -lcorosync_common)
	@ln -sf lib$(1).so.$(LIBVER_$(1)) $(BUILDDIR)/$(call SONAME,$(1))
	@ln -sf $(call SONAME,$(1)) $(BUILDDIR)/lib$(1).so
endef
COMMA := ,
$(foreach l,$(LIBS),$(eval $(call LIBRULE,$(l))))

.PHONY: install-libs
install-libs:
ifneq ($(HAVE_CC),)
install-libs: libs
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 0644 $(BUILDDIR)/$(CORE) $(DESTDIR)$(LIBDIR)/$(CORE)
	@for l in $(foreach l,$(LIBS),$(l):$(LIBVER_$(l)):$(call SONAME,$(l))); do \
	  n=lib$${l%%:*}.so; v=$${l#*:}; s=$${v#*:}; v=$${v%%:*}; echo "$(INSTALL) $$n.$$v $(DESTDIR)$(LIBDIR)"; \
	  $(INSTALL) -m 0644 $(BUILDDIR)/$$n.$$v $(DESTDIR)$(LIBDIR)/$$n.$$v && \
	  ln -sf $$n.$$v $(DESTDIR)$(LIBDIR)/$$s && ln -sf $$s $(DESTDIR)$(LIBDIR)/$$n || exit 1; done
endif
