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

# Roof first: each room may use only those to its right.
ROOMS := vmm/machine vfio devices firmware pcie vmm vmm/base

VERSION := 0.1.0

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wcast-qual -Wmissing-prototypes \
	-Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 \
	-Wno-format-nonliteral -Wimplicit-fallthrough -Wno-unused-parameter
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
OPT    := -O2 -g
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -U_FORTIFY_SOURCE
SAN_tsan := -fsanitize=thread -U_FORTIFY_SOURCE
# The kernel's ABI headers: newer than Debian 12's own, fetched unpacked.
UAPI   := $(O)/uapi/usr/include
FLAGS  := -std=gnu17 -D_GNU_SOURCE -I. -I$(B)/gen -isystem $(UAPI) \
	-isystem $(UAPI)/$(ARCH)-linux-gnu $(WARN) $(HARDEN) $(OPT) \
	-DMINIVMM_VERSION='"$(VERSION)"' $(SAN_$(SAN)) $(CFLAGS)
LINK   := -pie -pthread $(SAN_$(SAN)) $(LDFLAGS)
LIBS   := -lfdt

.PHONY: all
all: $(O)/minivmm

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
	@$(if $(V),,echo "  CC      $<")
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
	@$(if $(V),,echo "  LINK    $@")
	$(Q)$(CC) $(LINK) -o $@ -Wl,--start-group $(call lib,vmm/machine) -Wl,--end-group \
		$(ARCHIVES) $(LIBS)

$(O)/minivmm: $(B)/minivmm
	$(Q)ln -sf $(ARCH)$(if $(SAN),-$(SAN))/minivmm $@

# The DSDT is ASL source; iasl gives the table as hex and, for the values that
# are filled in at run time, the offsets of the names.
$(B)/gen/firmware/dsdt.h: firmware/dsdt.asl
	@mkdir -p $(@D)
	@$(if $(V),,echo "  IASL    $<")
	$(Q)iasl -p $(B)/gen/firmware/dsdt -tc -so $< > $(B)/gen/firmware/iasl.log 2>&1 || \
		{ cat $(B)/gen/firmware/iasl.log; exit 1; }
	$(Q)cat $(B)/gen/firmware/dsdt.hex $(B)/gen/firmware/dsdt.offset.h > $@
$(B)/firmware/acpi.o: $(B)/gen/firmware/dsdt.h

# ---- unit tests ------------------------------------------------------------

# tests/unit/<room>/test_x.c links with the archives of its room and those
# below it, and with the fake kernel in the place of base/sys.o.
UNIT  := $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
UNITS := $(patsubst %.c,$(B)/%,$(UNIT))
FAKES := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/fakes/*.c)))

# tests/unit/vmm-base -> vmm/base, tests/unit/vfio -> vfio
room_of = $(subst vmm-,vmm/,$(patsubst tests/unit/%/,%,$(dir $1)))
# The rooms from $1 down, of the list $2.
below = $(if $2,$(if $(filter $1,$(firstword $2)),$2,$(call below,$1,$(wordlist 2,99,$2))))
libs_of = $(foreach r,$(call below,$(call room_of,$1),$(ROOMS)),$(call lib,$r))

define unit
$(B)/$1: $(B)/$1.o $(FAKES) $(call libs_of,$1)
	@$$(if $$(V),,echo "  LINK    $$@")
	$$(Q)$$(CC) $$(LINK) -o $$@ $$< $(FAKES) $$(filter %.a,$$^) $$(LIBS) -lcmocka
endef
$(foreach t,$(patsubst %.c,%,$(UNIT)),$(eval $(call unit,$t)))

.PHONY: unit
unit: $(UNITS)
	$(Q)tests/tools/run-unit $(UNITS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
