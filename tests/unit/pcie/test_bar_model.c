/* BARs against a model. VFIO-BAR-04. */
#include "tests/unit/pcie/bar_scene.h"

/* VFIO-BAR-04: whatever the guest does, what is mapped is what the registers
 * say, told by a model that knows nothing of how it came about. */
static bool model_decodes(const struct toy *t, unsigned bar, uint64_t *at)
{
	const struct pci_bar *b = &t->dev.bars[bar];
	uint32_t command = pci_config_load(&t->dev, PCI_COMMAND, 2);
	const struct pci_apertures *ap = &board_apertures;

	*at = pci_bar_address(&t->dev, bar);
	if (b->kind == PCI_BAR_IO)
		return (command & 1) && *at >= ap->io.base &&
		       *at + b->size <= ap->io.base + ap->io.size;
	if (!(command & 2) ||
	    (bar == PCI_ROM_BAR && !(t->dev.config[PCI_ROM_ADDRESS] & 1)))
		return false;
	if (*at + b->size <= *at)
		return false;
	return (*at >= ap->mem32.base &&
		*at + b->size <= ap->mem32.base + ap->mem32.size) ||
	       (*at >= ap->mem64.base &&
		*at + b->size <= ap->mem64.base + ap->mem64.size);
}

static void check_toy(struct toy *t)
{
	for (unsigned i = 0; i <= PCI_ROM_BAR; i++) {
		uint64_t at;

		if (t->dev.bars[i].kind == PCI_BAR_NONE)
			continue;
		if (!model_decodes(t, i, &at)) {
			assert_int_equal(t->mapped_at[i], 0);
			assert_false(t->dev.bars[i].waiting);
		} else if (t->mapped_at[i] == 0) {
			assert_true(t->dev.bars[i].waiting);
		} else {
			assert_int_equal(t->mapped_at[i], at);
		}
	}
}

static void random_writes_leave_what_registers_say(void **state)
{
	static const uint32_t values[] = {
		0,	    UINT32_MAX, 0xc0000000, 0xc0010000, 0xc0008000,
		0x1000,	    0x1020,	16,	    18,		3,
		0xc0000001, 0xfffff800, 0xdfff0000,
	};
	struct scene s;
	uint32_t seed = 99;

	open_scene(&s);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned len = 1u << noise(&seed) % 4;
		unsigned reg = noise(&seed) % 0x34 & ~(len - 1);
		uint64_t v = values[noise(&seed) % ARRAY_LEN(values)];

		if (noise(&seed) % 4 == 0)
			reg = PCI_COMMAND;
		v |= (uint64_t)values[noise(&seed) % ARRAY_LEN(values)] << 32;
		cfg_write(&s.b, 0, noise(&seed) % 2 ? DEVFN : OTHER, reg, len,
			  v);
		check_toy(&s.t);
		check_toy(&s.u);
	}
	assert_true(s.t.maps[0] > 10 && s.u.maps[0] > 10);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(random_writes_leave_what_registers_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
