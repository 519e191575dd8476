# minivmm: `make help` lists what there is.
#
# Out of tree: everything lands in $(O) (default build/), variants side by side:
# build/x86_64/ for the product, build/x86_64-asan/ for SAN=asan, and so on.

ARCH ?= $(shell uname -m)
O    ?= build
SAN  ?=
V    ?=
B    := $(O)/$(ARCH)$(if $(SAN),-$(SAN))
Q    := $(if $(V),,@)
say   = @$(if $(V),:,echo "  $1")

# Roof first: each room may use only those to its right.
ROOMS := vmm/machine vfio devices firmware pcie vmm vmm/base

VERSION := 0.1.0

PREFIX  ?= /usr/local
DESTDIR ?=

# How long each fuzz target runs, and which (T=msix); which rig case; which
# function of this host for the demo.
FUZZ_SECONDS ?= 30
T    ?=
CASE ?=
BDF  ?=
VIA  ?=
# Which tiers of check; default all.
TIERS ?=
CHECK_ALL ?=

ifeq ($(SAN),fuzz)
CC := clang
endif
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wcast-qual -Wmissing-prototypes \
	-Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 \
	-Wno-format-nonliteral -Wimplicit-fallthrough -Wno-unused-parameter
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
OPT    := -O2 -g
# gcc sees maybe-uninitialized where the sanitizers' own code hides a write.
GCC_SAN := $(if $(findstring clang,$(CC)),,-Wno-maybe-uninitialized)
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -U_FORTIFY_SOURCE $(GCC_SAN)
SAN_tsan := -fsanitize=thread -U_FORTIFY_SOURCE $(GCC_SAN)
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE
SAN_cover := --coverage -O0 -U_FORTIFY_SOURCE
# The kernel's ABI headers: newer than Debian 12's own, fetched unpacked.
UAPI   := $(O)/uapi/usr/include
FLAGS  := -std=gnu17 -D_GNU_SOURCE -I. -I$(B)/gen -isystem $(UAPI) \
	-isystem $(UAPI)/$(ARCH)-linux-gnu $(WARN) $(HARDEN) $(OPT) \
	-DMINIVMM_VERSION='"$(VERSION)"' \
	-DMINIVMM_SANITIZED=$(if $(SAN),1,0) $(SAN_$(SAN)) $(CFLAGS)
LINK   := -pie -pthread $(SAN_$(SAN)) $(LDFLAGS)
LIBS   := -lfdt -ljansson -lseccomp

# Objects that only a chain of rules asks for are kept as well.
.SECONDARY:

.PHONY: all
all: $(O)/minivmm $(O)/minivmm-card

# ---- objects and archives -------------------------------------------------

# Sources of a room: its own folder and its architecture's, nothing deeper.
src = $(sort $(wildcard $1/*.c $1/$(ARCH)/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(call src,$1))
lib = $(B)/lib$(subst /,-,$1).a

define room
$(call lib,$1): $(call obj,$1)
	$(Q)rm -f $$@; $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room,$r)))
ARCHIVES := $(foreach r,$(ROOMS),$(call lib,$r))

$(B)/%.o: %.c $(B)/flags | $(UAPI)/linux/vfio.h
	@mkdir -p $(@D)
	$(call say,CC      $<)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c $< -o $@

# Rewritten only when it differs, so changed flags rebuild what they touch.
.PHONY: force
$(B)/flags: force
	@mkdir -p $(@D)
	@echo '$(CC) $(subst ','\'',$(FLAGS) $(LINK))' | cmp -s - $@ || \
		echo '$(CC) $(subst ','\'',$(FLAGS) $(LINK))' > $@

$(UAPI)/linux/vfio.h:
	$(Q)tests/tools/uapi $(O)/uapi

$(B)/minivmm: $(ARCHIVES)
	$(call say,LINK    $@)
	$(Q)$(CC) $(LINK) -o $@ $(ARCHIVES) $(LIBS)

$(O)/minivmm: $(B)/minivmm
	$(Q)ln -sf $(notdir $(B))/minivmm $@

# ---- the simulated card ----------------------------------------------------

# A tool, not a room: it uses vmm/base and the layouts of vfio-user, nothing
# else of the product. Its tests link with all of it but main().
CARD_SRC := $(sort $(wildcard tests/card/*.c))
CARD_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(CARD_SRC)))
CARD_LIBS := $(B)/libcard.a $(call lib,vmm/base)

$(B)/libcard.a: $(CARD_OBJ)
	$(Q)rm -f $@; $(AR) rcs $@ $^

$(B)/minivmm-card: $(B)/tests/card/main.o $(CARD_LIBS)
	$(call say,LINK    $@)
	$(Q)$(CC) $(LINK) -o $@ $^ -ljansson

$(O)/minivmm-card: $(B)/minivmm-card
	$(Q)ln -sf $(notdir $(B))/minivmm-card $@

# The DSDT is ASL source; iasl gives the table as hex and, for the values that
# are filled in at run time, the offsets of the names.
GEN := $(B)/gen/firmware
$(GEN)/dsdt.h: firmware/dsdt.asl
	@mkdir -p $(@D)
	$(call say,IASL    $<)
	$(Q)iasl -p $(GEN)/dsdt -tc -so $< > $(GEN)/iasl.log 2>&1 || \
		{ cat $(GEN)/iasl.log; exit 1; }
	$(Q)sed -e 's/^unsigned char/static const &/' -e 's/^    char /    const char /' \
		-e 's/^AML_OFFSET_TABLE_ENTRY/static const &/' \
		$(GEN)/dsdt.hex $(GEN)/dsdt.offset.h > $@
$(B)/firmware/dsdt.o: $(GEN)/dsdt.h

# ---- unit tests ------------------------------------------------------------

# tests/unit/<room>/test_x.c links with the archives of its room and those
# below it, and with the fake kernel in the place of base/sys.o. Those in a
# folder real/ link with the real one, and so do those of the simulated card.
UNIT  := $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
UNITS := $(patsubst %.c,$(B)/%,$(UNIT))
FAKES := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/fakes/*.c)))

# tests/unit/vmm-base/real/test_x -> vmm/base, tests/unit/vfio/test_x -> vfio
room_of = $(subst vmm-,vmm/,$(word 3,$(subst /, ,$1)))
# The rooms from $1 down, of the list $2.
below = $(if $2,$(if $(filter $1,$(firstword $2)),$2,$(call \
	below,$1,$(wordlist 2,99,$2))))
libs_of = $(if $(filter tests/unit/card/%,$1),$(CARD_LIBS),$(foreach \
	r,$(call below,$(call room_of,$1),$(ROOMS)),$(call lib,$r)))
fakes_of = $(if $(or $(findstring /real/,$1),$(filter \
	tests/unit/card/%,$1)),,$(FAKES))

define unit
$(B)/$1: $(B)/$1.o $(call fakes_of,$1) $(call libs_of,$1)
	$$(call say,LINK    $$@)
	$$(Q)$$(CC) $$(LINK) -o $$@ $$(filter %.o %.a,$$^) $$(LIBS) -lcmocka
endef
$(foreach t,$(patsubst %.c,%,$(UNIT)),$(eval $(call unit,$t)))

.PHONY: unit
unit: $(UNITS)
	$(Q)tests/tools/run-unit $(UNITS)

.PHONY: cover
cover:
	-$(Q)$(MAKE) --no-print-directory SAN=cover unit
	$(Q)tests/tools/cover.py $(O)/$(ARCH)-cover $(ROOMS)

# ---- fuzzing ---------------------------------------------------------------

# tests/fuzz/fuzz_x.c defines LLVMFuzzerTestOneInput and may use every room,
# on the fake kernel. Its finds and its corpus stay in $(O)/fuzz/x/.
FUZZ    := $(sort $(wildcard tests/fuzz/fuzz_$(or $T,*).c))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ))
# main() is libFuzzer's
FUZZ_OBJS = $(filter-out %/main.o,$(call obj,vmm/machine)) $(FAKES)

.PHONY: fuzz
fuzz:
	$(Q)$(MAKE) --no-print-directory SAN=fuzz fuzz-run

.PHONY: fuzz-run
fuzz-run: $(FUZZERS:%=$(B)/tests/fuzz/fuzz_%)
	$(Q)tests/tools/run-fuzz $(O)/fuzz $(FUZZ_SECONDS) $^

$(B)/tests/fuzz/fuzz_card: $(B)/tests/fuzz/fuzz_card.o $(CARD_LIBS)
	$(call say,LINK    $@)
	$(Q)$(CC) $(LINK) -fsanitize=fuzzer -o $@ $^ -ljansson

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_OBJS) $(ARCHIVES)
	$(call say,LINK    $@)
	$(Q)$(CC) $(LINK) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJS) \
		$(filter-out %/libvmm-machine.a,$(ARCHIVES)) $(LIBS) -lcmocka

# ---- lint ------------------------------------------------------------------

SOURCES := $(foreach r,$(ROOMS),$(call src,$r)) $(CARD_SRC)
HEADERS := $(sort $(foreach r,$(ROOMS),$(wildcard $r/*.h $r/$(ARCH)/*.h)) \
	$(wildcard tests/*/*.h tests/*/*/*.h))
FORMATTED := $(SOURCES) $(HEADERS) $(sort $(wildcard tests/*/*.c \
	tests/*/*/*.c tests/*/*/*/*.c))

.PHONY: layers
layers:
	$(Q)tests/tools/layers.py
	$(Q)tests/tools/calls-check

# Each header compiles alone.
.PHONY: headers
headers: $(HEADERS:%=$(B)/alone/%.ok)
$(B)/alone/%.h.ok: %.h $(B)/flags | $(UAPI)/linux/vfio.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -MF $@.d -MT $@ -fsyntax-only -x c $<
	@touch $@

.PHONY: fmt fmt-check
fmt:
	$(Q)$(CLANG_FORMAT) -i $(FORMATTED)
fmt-check:
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

# No writable globals outside trace.c.
.PHONY: globals
globals: $(ARCHIVES) $(B)/libcard.a
	$(Q)tests/tools/globals $(CARD_OBJ) $(filter-out %/trace.o,$(foreach \
		r,$(ROOMS),$(call obj,$r)))

# Every sentence a user can meet has its entry in docs/errors.md.
.PHONY: errors
errors:
	$(Q)tests/tools/errors-check

# docs/requirements.md names the tests of each; tests/tools/requirements writes.
.PHONY: requirements
requirements:
	$(Q)tests/tools/requirements --check

# What README, the manual page and docs/ say is there; scripts can be read.
.PHONY: docs scripts
docs:
	$(Q)tests/tools/docs-check
scripts:
	$(Q)tests/tools/scripts-check

# The analysers look at one file at a time, and again only after a change.
.PHONY: tidy cppcheck analyze
tidy: $(SOURCES:%=$(B)/tidy/%.ok)
cppcheck: $(SOURCES:%=$(B)/cppcheck/%.ok)
analyze: $(SOURCES:%=$(B)/analyze/%.ok)

$(B)/tidy/%.c.ok: $(B)/%.o .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY    $*.c)
	$(Q)$(CLANG_TIDY) --quiet $*.c -- $(FLAGS) 2>$@.log || \
		{ cat $@.log; exit 1; }
	@touch $@

$(B)/cppcheck/%.c.ok: $(B)/%.o tests/tools/cppcheck.suppress
	@mkdir -p $(@D)
	$(call say,CPPCHK  $*.c)
	$(Q)cppcheck --quiet --std=c11 --language=c -I. -I$(B)/gen \
		--enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tests/tools/cppcheck.suppress \
		--error-exitcode=1 -D__x86_64__ $*.c
	@touch $@

# -S: with -fsyntax-only the analyser does nothing and reports success. That of
# gcc 12 takes what memcpy filled for uninitialised; clang-tidy covers it.
$(B)/analyze/%.c.ok: $(B)/%.o
	@mkdir -p $(@D)
	$(call say,ANALYZE $*.c)
	$(Q)gcc $(FLAGS) -fanalyzer -Wno-analyzer-use-of-uninitialized-value \
		-S -o /dev/null $*.c
	@touch $@

.PHONY: lint lint-quick
lint-quick: layers headers fmt-check globals docs scripts
lint: lint-quick errors requirements tidy cppcheck analyze

# ---- the other tiers, and everything ---------------------------------------

.PHONY: guest hostile rig demo check check-all deps
guest: $(ARCHIVES)
	$(Q)+O=$(O) tests/guest/run

hostile: all
	$(Q)O=$(O) tests/guest/hostile/run

rig: all
	$(Q)tests/rig/run $(CASE)

demo:
	$(Q)tests/tools/deps build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)VIA=$(VIA) tests/rig/demo $(BDF)

# What could not be installed fails the tiers that need it, not the others.
check:
	-$(Q)tests/tools/deps
	$(Q)O=$(O) CHECK_ALL=$(CHECK_ALL) tests/tools/check $(TIERS)

check-all:
	$(Q)$(MAKE) --no-print-directory CHECK_ALL=1 check

deps:
	$(Q)tests/tools/deps

# ---- for people ------------------------------------------------------------

.PHONY: compdb hooks install clean help
compdb:
	$(Q)tests/tools/compdb.py $(O)/compile_commands.json \
		$(sort $(SOURCES) $(filter %.c,$(FORMATTED))) -- $(CC) $(FLAGS)

# Commits are checked for format and layers, pushes by the whole of check.
hooks:
	$(Q)git config core.hooksPath tests/tools/hooks

install: all
	$(Q)install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin \
		$(B)/minivmm $(B)/minivmm-card
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 \
		docs/minivmm.1 docs/minivmm-card.1
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/minivmm \
		$(wildcard tests/card/*.card)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/minivmm \
		README.md CHANGELOG.md LICENSE
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/minivmm/docs \
		$(wildcard docs/*.md)

# What was fetched (kernel headers, the rig's packages) stays.
clean:
	$(Q)rm -rf $(O)/$(ARCH) $(O)/$(ARCH)-asan $(O)/$(ARCH)-tsan \
		$(O)/$(ARCH)-fuzz $(O)/$(ARCH)-cover $(O)/minivmm \
		$(O)/minivmm-card

help:
	@sed -n '/^# ---- help/,$$s/^#  //p' Makefile

# SAN=fuzz and SAN=cover have no product of their own.
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- help ------------------------------------------------------------------
#  all          build/minivmm (O=dir builds elsewhere, V=1 shows commands)
#  check        every tier of tests; installs what is missing (as root);
#               TIERS="lint unit" for some of it
#  check-all    the slow rig cases too
#  unit         unit tests; SAN=asan (with ubsan) and SAN=tsan are variants
#  guest        small guests on this machine's /dev/kvm
#  hostile      a guest that only does harm, on /dev/kvm with a simulated card;
#               HOSTILE_SECONDS=12, HOSTILE_SEED=N
#  rig          real guests and devices, nested; CASE=nvme for one
#  demo         a Linux guest owns an FPGA card; VIA=vfio-user without VFIO,
#               BDF=0000:01:00.0 a function of this host
#  fuzz         every fuzz target for FUZZ_SECONDS=30; T=msix for one
#  lint         all of the following, and the analysers (tidy cppcheck analyze)
#  layers       no include, call or print where it does not belong
#  headers      each header compiles alone
#  fmt          format the sources; fmt-check only says where they are not
#  globals      no writable globals
#  docs         options, files and cases that documents name are there
#  scripts      the syntax of Python and shell in tests/
#  errors       every error sentence is explained in docs/errors.md
#  requirements docs/requirements.md names the tests that there are
#  cover        how much of each file the unit tests run
#  deps         install the Debian packages that building and testing need
#  install      into PREFIX=/usr/local, below DESTDIR=
#  compdb       build/compile_commands.json for editors
#  hooks        git hooks: layers and format at commit, check at push
#  clean        remove what was built, not what was fetched
