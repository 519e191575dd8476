/* Kinds of BARs: prefetchable, read only, write only, ports. */
#include <linux/kvm.h>

#include "tests/unit/vfio/bench.h"

static uint32_t window_of(struct bench *b, unsigned reg)
{
	return pci_config_read(&b->port.dev, reg, 2) & 0xfff0;
}

/* VFIO-BAR-16: Linux maps a BAR write-combining only if it is prefetchable */
static void prefetchable_is_what_the_device_says(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x100000,
				      .mem64 = true,
				      .prefetch = true };
	p.bar[4] = (struct fake_bar){ .size = 0x1000 };
	p.bar[5] = (struct fake_bar){ .size = 0x1000, .prefetch = true };
	bench_open(&b, &p);
	assert_int_equal(cfg_read(&b, 0x10, 1) & 0xf, 0x4);
	assert_int_equal(cfg_read(&b, 0x18, 1) & 0xf, 0xc);
	assert_int_equal(cfg_read(&b, 0x20, 1) & 0xf, 0x0);
	assert_int_equal(cfg_read(&b, 0x24, 1) & 0xf, 0x8);
	/* a bridge has 64 bits for prefetchable memory only */
	assert_true(bar_at(&b, 0) != 0 && bar_at(&b, 0) < 4 * GIB);
	assert_true(bar_at(&b, 2) >= 4 * GIB);
	assert_int_equal((uint32_t)(bar_at(&b, 0) >> 16) & 0xfff0,
			 window_of(&b, PCI_MEMORY_BASE));
	assert_int_equal((uint32_t)(bar_at(&b, 2) >> 16) & 0xfff0,
			 window_of(&b, PCI_PREF_MEMORY_BASE));
	bench_close(&b);
}

/* -------- flags of regions: VFIO-BAR-20 -------- */

static void a_read_only_bar_drops_writes(void **state)
{
	struct fake_pci p = plain_function;
	const struct fake_slot *s;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x2000, .no_write = true };
	bench_open(&b, &p);
	le32_store((uint8_t *)fake_pci_bar(BDF, 2) + 8, 0x12345678);
	decode_on(&b);
	at = bar_at(&b, 2);
	s = fake_kvm_slot_at(at);
	assert_non_null(s);
	assert_int_equal(s->flags, KVM_MEM_READONLY);
	s = fake_kvm_slot_at(bar_at(&b, 0));
	assert_non_null(s);
	assert_int_equal(s->flags, 0);
	/* KVM exits for writes to such a slot */
	fake_trace_clear();
	bus_write(&b.vm.mmio, at + 8, 4, 0);
	assert_int_equal(fake_trace_count("pwrite"), 0);
	assert_true(bus_read(&b.vm.mmio, at + 8, 4) == 0x12345678);
	bench_close(&b);
}

static void a_write_only_bar_traps_and_reads_ones(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x2000, .no_read = true };
	bench_open(&b, &p);
	decode_on(&b);
	at = bar_at(&b, 2);
	assert_null(fake_kvm_slot_at(at));
	bus_write(&b.vm.mmio, at + 8, 4, 0x12345678);
	assert_int_equal(le32_load((uint8_t *)fake_pci_bar(BDF, 2) + 8),
			 0x12345678);
	fake_trace_clear();
	assert_true(bus_read(&b.vm.mmio, at + 8, 4) == 0xffffffff);
	assert_int_equal(fake_trace_count("pread"), 0);
	bench_close(&b);
}

/* -------- ports: VFIO-BAR-14 -------- */

static void ports_follow_register_and_command(void **state)
{
	struct fake_pci p = plain_function;
	uint8_t *regs;
	struct bench b;
	uint64_t at;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	bench_open(&b, &p);
	regs = fake_pci_bar(BDF, 2);
	at = bar_at(&b, 2);
	assert_int_not_equal(at, 0);
	for (unsigned len = 1; len <= 4; len *= 2) {
		bus_write(&b.vm.pio, at + 4 * len, len, 0x99999999);
		assert_int_equal(le_load(regs + 4 * len, len), 0);
	}
	decode_on(&b);
	for (unsigned len = 1; len <= 4; len *= 2) {
		uint64_t v = 0x44332211 & all_ones(len);
		char line[64];

		fake_trace_clear();
		bus_write(&b.vm.pio, at + 4 * len, len, v);
		snprintf(line, sizeof(line), "region=2 off=%#x len=%u", 4 * len,
			 len);
		assert_int_equal(fake_trace_count(line), 1);
		assert_true(le_load(regs + 4 * len, len) == v);
		assert_true(bus_read(&b.vm.pio, at + 4 * len, len) == v);
	}
	/* it moves, then it is off: at neither place is anybody */
	cfg_write(&b, 0x18, 4, (uint32_t)at + 0x20);
	assert_true(bus_read(&b.vm.pio, at + 4, 1) == 0xff);
	assert_true(bus_read(&b.vm.pio, at + 0x24, 1) == 0x11);
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(bus_read(&b.vm.pio, at + 0x24, 1) == 0xff);
	assert_int_equal(fake_trace_count("mmap device"), 0);
	bench_close(&b);
}

/* VFIO-KVM-08: a write that waits in KVM's ring comes too late */
static void no_access_is_coalesced(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x20, .io = true };
	p.bar[4] = (struct fake_bar){ .size = 0x100, .no_mmap = true };
	bench_open(&b, &p);
	decode_on(&b);
	for (unsigned i = 0; i < 100; i++) {
		bus_write(&b.vm.mmio, bar_at(&b, 0) + 0x2000, 4, i);
		bus_write(&b.vm.mmio, bar_at(&b, 4), 4, i);
		bus_write(&b.vm.pio, bar_at(&b, 2), 4, i);
	}
	assert_int_equal(fake_trace_count("COALESCED"), 0);
	assert_int_equal(fake_trace_count("KVM_SET_USER_MEMORY_REGION") > 0, 1);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(prefetchable_is_what_the_device_says),
	FAKE_TEST(a_read_only_bar_drops_writes),
	FAKE_TEST(a_write_only_bar_traps_and_reads_ones),
	FAKE_TEST(ports_follow_register_and_command),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(no_access_is_coalesced),
};

BENCH_MAIN(both, kernel_only)
