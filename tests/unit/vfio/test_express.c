/* Device Control and Device Control 2 of an assigned function. */
#include "tests/unit/vfio/bench.h"

enum { EXP = 0x70, PORT_EXP = 0x40 };

/* Without the sizes, which a kernel keeps for itself. */
static uint16_t hardware(unsigned reg)
{
	const uint16_t sizes = PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ;
	uint16_t v = le16_load(fake_pci_hw_config(BDF) + EXP + reg);

	return reg == PCI_EXP_DEVCTL ? v & (uint16_t)~sizes : v;
}

static uint32_t port(struct bench *b, unsigned reg)
{
	return pci_config_read(&b->port.dev, PORT_EXP + reg, 4);
}

/* Each bit by itself, in the width of the register. */
static void what_a_driver_sets_reaches_the_hardware(void **state)
{
	static const uint16_t control[] = {
		PCI_EXP_DEVCTL_CERE,	 PCI_EXP_DEVCTL_NFERE,
		PCI_EXP_DEVCTL_FERE,	 PCI_EXP_DEVCTL_URRE,
		PCI_EXP_DEVCTL_RELAX_EN, PCI_EXP_DEVCTL_EXT_TAG,
		PCI_EXP_DEVCTL_AUX_PME,	 PCI_EXP_DEVCTL_NOSNOOP_EN,
	};
	static const uint16_t control2[] = {
		PCI_EXP_DEVCTL2_COMP_TIMEOUT & 0x5,
		PCI_EXP_DEVCTL2_COMP_TMOUT_DIS, PCI_EXP_DEVCTL2_LTR_EN,
		0x1000, /* 10-bit tag requester, PCIe 6.2 7.5.3.16 */
	};
	struct bench b;

	bench_open(&b, &plain_function);
	for (unsigned i = 0; i < ARRAY_LEN(control); i++) {
		cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, control[i]);
		if (hardware(PCI_EXP_DEVCTL) != control[i])
			fail_msg("DEVCTL %#x: %#x", control[i],
				 hardware(PCI_EXP_DEVCTL));
		assert_int_equal(cfg_read(&b, EXP + PCI_EXP_DEVCTL, 2),
				 control[i]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(control2); i++) {
		cfg_write(&b, EXP + PCI_EXP_DEVCTL2, 2, control2[i]);
		if (hardware(PCI_EXP_DEVCTL2) != control2[i])
			fail_msg("DEVCTL2 %#x: %#x", control2[i],
				 hardware(PCI_EXP_DEVCTL2));
	}
	bench_close(&b);
}

static void payload_and_read_size_are_what_was_written(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	for (unsigned code = 0; code < 6; code++) {
		uint32_t v = code << 5 | (5 - code) << 12;

		cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, v);
		assert_int_equal(cfg_read(&b, EXP + PCI_EXP_DEVCTL, 2), v);
	}
	/* in bytes: the other byte stays */
	cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, 0x2810);
	cfg_write(&b, EXP + PCI_EXP_DEVCTL, 1, 0x5f);
	assert_int_equal(cfg_read(&b, EXP + PCI_EXP_DEVCTL, 2), 0x285f);
	bench_close(&b);
}

/* Status bits that a write of one clears are not written by mistake. */
static void status_beside_control_is_left_alone(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	fake_trace_clear();
	cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, 0x2810);
	assert_int_equal(fake_trace_count("off=0x78 len=2"), 1);
	assert_int_equal(fake_trace_count("off=0x7a"), 0);
	assert_int_equal(fake_trace_count("len=4"), 0);
	bench_close(&b);
}

/* Linux gives a child the payload that its port has, if it can. */
static void the_port_takes_payloads_as_large_as_the_function(void **state)
{
	for (uint32_t code = 0; code <= 5; code++) {
		struct fake_pci p = plain_function;
		struct bench b;

		fake_reset();
		fake_pci_add(&p);
		le32_store(fake_pci_hw_config(BDF) + EXP + PCI_EXP_DEVCAP,
			   code | PCI_EXP_DEVCAP_FLR);
		fake_pci_changed(BDF);
		bench_vm(&b);
		MUST(bench_attach(&b, &why));
		MUST(bench_place(&b, &why));
		if ((port(&b, PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_PAYLOAD) !=
		    (code > 2 ? code : 2))
			fail_msg("payload code %u", code);
		bench_close(&b);
	}
}

/* Nobody has said that the host's root complex completes them. */
static void the_port_promises_no_atomic_operations(void **state)
{
	const uint32_t atomic =
		PCI_EXP_DEVCAP2_ATOMIC_ROUTE | PCI_EXP_DEVCAP2_ATOMIC_COMP32 |
		PCI_EXP_DEVCAP2_ATOMIC_COMP64 | PCI_EXP_DEVCAP2_ATOMIC_COMP128;
	struct bench b;

	bench_open(&b, &plain_function);
	assert_int_equal(port(&b, PCI_EXP_DEVCAP2) & atomic, 0);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(what_a_driver_sets_reaches_the_hardware),
	FAKE_TEST(payload_and_read_size_are_what_was_written),
	FAKE_TEST(the_port_takes_payloads_as_large_as_the_function),
	FAKE_TEST(the_port_promises_no_atomic_operations),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(status_beside_control_is_left_alone),
};

/* VFIO-CFG-17 */
BENCH_MAIN(both, kernel_only)
