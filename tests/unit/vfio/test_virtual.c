/* SR-IOV virtual functions: what their hardware lacks, VFIO shows. */
#include "tests/unit/vfio/bench.h"

enum { PM = 0x40, MSI = 0x50, EXP = 0x70, MSIX = 0xb0 };

static struct fake_pci virtual_function(void)
{
	struct fake_pci p = plain_function;

	p.is_virtual = true;
	p.subvendor = 0x8086;
	p.subdevice = 0x7b1b;
	p.revision = 0x09;
	p.pin = 0;
	p.bar[0].prefetch = true;
	p.bar[3] = (struct fake_bar){ .size = 0x4000, .mem64 = true };
	return p;
}

static bool shown(struct bench *b, unsigned bar)
{
	return fake_kvm_slot_at(bar_at(b, bar)) != NULL;
}

/* VFIO-CFG-05, VFIO-VF-01 */
static void its_identity_is_what_vfio_says(void **state)
{
	struct fake_pci p = virtual_function();
	struct bench b;

	bench_open(&b, &p);
	assert_int_equal(le32_load(fake_pci_hw_config(BDF)), 0xffffffff);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(cfg_read(&b, PCI_VENDOR_ID, 4), 0x00101b36);
		assert_int_equal(cfg_read(&b, PCI_DEVICE_ID, 2), 0x0010);
		assert_int_equal(cfg_read(&b, PCI_CLASS_REVISION, 4),
				 0x01080209);
		assert_int_equal(cfg_read(&b, PCI_SUBSYSTEM_VENDOR_ID, 4),
				 0x7b1b8086);
		/* and stays that, whatever the guest writes */
		cfg_write(&b, PCI_VENDOR_ID, 4, 0x12345678);
		cfg_write(&b, PCI_CLASS_REVISION, 4, 0);
		cfg_write(&b, PCI_SUBSYSTEM_VENDOR_ID, 4, 0);
	}
	bench_close(&b);
}

/* VFIO-VF-02 */
static void its_memory_decode_is_ours(void **state)
{
	struct fake_pci p = virtual_function();
	struct bench b;

	fake_pci_add(&p);
	assert_int_equal(vfio_byte(PCI_COMMAND) & PCI_COMMAND_MEMORY,
			 PCI_COMMAND_MEMORY);
	bench_open(&b, NULL);
	assert_int_equal(vfio_byte(PCI_COMMAND) & PCI_COMMAND_MEMORY, 0);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2) & 7, 0);
	assert_int_equal(fake_kvm_slots(), 1); /* RAM */
	decode_on(&b);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2) & 7, 7);
	assert_true(shown(&b, 0) && shown(&b, 3));
	cfg_write(&b, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(cfg_read(&b, PCI_COMMAND, 2) & 7, PCI_COMMAND_MASTER);
	assert_false(shown(&b, 0) || shown(&b, 3));
	bench_close(&b);
}

/* VFIO-VF-03 */
static void its_bars_are_what_vfio_says(void **state)
{
	struct fake_pci p = virtual_function();
	struct bench b;

	bench_open(&b, &p);
	for (unsigned i = 0; i < 24; i += 4)
		assert_int_equal(le32_load(fake_pci_hw_config(BDF) + 0x10 + i),
				 0);
	assert_int_equal(cfg_read(&b, 0x10, 1) & 0xf, 0xc);
	assert_int_equal(cfg_read(&b, 0x1c, 1) & 0xf, 0x4);
	cfg_write(&b, 0x1c, 4, 0xffffffff);
	cfg_write(&b, 0x20, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x1c, 4), 0xffffc004);
	assert_int_equal(cfg_read(&b, 0x20, 4), 0xffffffff);
	cfg_write(&b, 0x18, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, 0x18, 4), 0);
	cfg_write(&b, PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(cfg_read(&b, PCI_ROM_ADDRESS, 4), 0);
	bench_close(&b);
}

/* -------- which interrupts there are -------- */

static void use_msi(struct bench *b)
{
	cfg_write(b, MSI + 4, 4, 0xfee00000);
	cfg_write(b, MSI + 12, 2, 0x4041);
	cfg_write(b, MSI + 2, 2, PCI_MSI_FLAGS_ENABLE);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_MSI_IRQ_INDEX, 0));
	cfg_write(b, MSI + 2, 2, 0);
}

static void use_msix(struct bench *b)
{
	uint64_t at = bar_at(b, 0) + 0x2000;

	cfg_write(b, MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	bus_write(&b->vm.mmio, at, 8, 0xfee00000);
	bus_write(&b->vm.mmio, at + 8, 8, 0x4041);
	assert_true(fake_pci_interrupt(BDF, VFIO_PCI_MSIX_IRQ_INDEX, 0));
	cfg_write(b, MSIX + 2, 2, 0);
}

/* VFIO-VF-04: every subset, none included */
static void any_interrupts_will_do(void **state)
{
	for (unsigned set = 0; set < 8; set++) {
		struct fake_pci p = plain_function;
		struct bench b;

		fake_reset();
		p.pin = set & 1;
		p.msi.at = set & 2 ? MSI : 0;
		p.msix.at = set & 4 ? MSIX : 0;
		print_message("%s%s%s\n", set & 1 ? "INTx " : "",
			      set & 2 ? "MSI " : "", set & 4 ? "MSI-X" : "");
		bench_open(&b, &p);
		decode_on(&b);
		assert_int_equal(cfg_read(&b, PCI_INTERRUPT_PIN, 1), set & 1);
		assert_int_equal(fake_kvm_irqfds(), set & 1);
		assert_int_equal(fake_pci_interrupt(BDF, 0, 0), set & 1);
		if (set & 2)
			use_msi(&b);
		if (set & 4)
			use_msix(&b);
		assert_int_equal(fake_kvm_irqfds(), set & 1);
		bench_close(&b);
		if (fake_leaks())
			fail_msg("%s", fake_leaks());
	}
}

/* -------- its PCI Express capability -------- */

/* VFIO-VF-05: no version, no link of its own, no AER */
static void an_odd_express_capability_will_do(void **state)
{
	struct fake_pci p = virtual_function();
	struct bench b;
	uint8_t *hw;

	fake_pci_add(&p);
	hw = fake_pci_hw_config(BDF);
	hw[EXP + PCI_EXP_FLAGS] = 0;
	memset(hw + EXP + PCI_EXP_LNKCAP, 0, 8);
	memset(hw + EXP + PCI_EXP_LNKCAP2, 0, 8);
	fake_pci_changed(BDF);
	bench_open(&b, NULL);
	assert_int_equal(cfg_read(&b, EXP + PCI_EXP_FLAGS, 2), 1);
	assert_int_equal(cfg_read(&b, 0x100, 4), 0);
	/* a guest that looks for the link finds one at the port */
	assert_int_equal(pci_config_read(&b.port.dev, 0x40 + PCI_EXP_LNKSTA, 2),
			 PCI_EXP_LNKSTA_DLLLA | PCI_EXP_LNKSTA_NLW_X1 |
				 PCI_EXP_LNKSTA_CLS_2_5GB);
	decode_on(&b);
	cfg_write(&b, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_false(b.pci->bars[0].mapped);
	bench_close(&b);
}

/* Not VFs only, and behind a server as well. */
static const struct CMUnitTest both[] = {
	FAKE_TEST(any_interrupts_will_do),
};

static const struct CMUnitTest kernel_only[] = {
	FAKE_TEST(its_identity_is_what_vfio_says),
	FAKE_TEST(its_memory_decode_is_ours),
	FAKE_TEST(its_bars_are_what_vfio_says),
	FAKE_TEST(an_odd_express_capability_will_do),
};

BENCH_MAIN(both, kernel_only)
