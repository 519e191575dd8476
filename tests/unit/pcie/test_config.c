/* Config space of a function: bytes through masks. VFIO-CFG-01..04. */
#include "tests/unit/pcie/board.h"

struct bits { /* the reference: one bit at a time */
	uint8_t value, writable, w1c;
};

static void fill(struct pci_device *d, struct bits *model)
{
	uint32_t s = 1;

	for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++) {
		model[i] =
			(struct bits){ (uint8_t)noise(&s), (uint8_t)noise(&s),
				       (uint8_t)noise(&s) };
		model[i].w1c &= (uint8_t)~model[i].writable;
		d->config[i] = model[i].value;
		d->writable[i] = model[i].writable;
		d->w1c[i] = model[i].w1c;
	}
}

static void model_write(struct bits *m, unsigned off, unsigned len, uint32_t v)
{
	for (unsigned bit = 0; bit < 8 * len; bit++) {
		struct bits *b = &m[off + bit / 8];
		uint8_t one = (uint8_t)(1u << bit % 8);
		bool set = (v >> bit) & 1;

		if ((b->w1c & one) && set)
			b->value &= (uint8_t)~one;
		if ((b->writable & one) && set)
			b->value |= one;
		if ((b->writable & one) && !set)
			b->value &= (uint8_t)~one;
	}
}

static void masks_decide_at_every_offset_and_width(void **state)
{
	static struct bits model[PCIE_CONFIG_SIZE];
	struct pci_device d;
	uint32_t s = 7;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	fill(&d, model);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned len = 1; len <= 4; len *= 2) {
			for (unsigned o = 0; o < PCIE_CONFIG_SIZE; o += len) {
				uint32_t v = noise(&s);

				pci_config_write(&d, o, len, v);
				model_write(model, o, len, v);
				assert_int_equal(pci_config_read(&d, o, len),
						 pci_config_load(&d, o, len));
			}
		}
		for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++)
			assert_int_equal(d.config[i], model[i].value);
	}
	pci_device_fini(&d);
}

static void fresh_function_lets_the_guest_write_little(void **state)
{
	struct pci_device d;
	unsigned writable = 0;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i += 4)
		pci_config_write(&d, i, 4, UINT32_MAX);
	for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++)
		writable += d.config[i] != 0;
	/* Command (2 bytes), cache line, interrupt line. */
	assert_int_equal(writable, 4);
	assert_int_equal(pci_config_load(&d, PCI_COMMAND, 2), 0x0547);
	pci_device_fini(&d);
}

static void status_errors_clear_by_writing_one(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	pci_config_set(&d, PCI_STATUS, 2, 0xf910);
	pci_config_write(&d, PCI_COMMAND, 2, 0x7);
	assert_int_equal(pci_config_read(&d, PCI_STATUS, 2), 0xf910);
	pci_config_write(&d, PCI_STATUS + 1, 1, 0x80);
	assert_int_equal(pci_config_read(&d, PCI_STATUS, 2), 0x7910);
	pci_config_write(&d, PCI_STATUS, 2, 0xffff);
	assert_int_equal(pci_config_read(&d, PCI_STATUS, 2), 0x0010);
	pci_device_fini(&d);
}

static void conventional_function_has_ones_beyond_256_bytes(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	d.config_size = PCI_CONFIG_SIZE;
	memset(d.writable + 0x100, 0xff, 16);
	assert_int_equal(pci_config_read(&d, 0x100, 4), 0xffffffff);
	assert_int_equal(pci_config_read(&d, 0xffe, 2), 0xffff);
	assert_int_equal(pci_config_read(&d, 0xfff, 1), 0xff);
	assert_int_equal(pci_config_read(&d, 0xfc, 4), 0);
	pci_config_write(&d, 0x100, 4, 5);
	assert_int_equal(d.config[0x100], 0);
	pci_device_fini(&d);
}

static void express_function_without_extended_list_reads_zero(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	assert_int_equal(pci_config_read(&d, 0x100, 4), 0);
	assert_int_equal(pci_config_read(&d, 0xffc, 4), 0);
	pci_device_fini(&d);
}

static unsigned last_off, last_len;
static uint32_t last_value;

static uint32_t spy_read(struct pci_device *d, unsigned off, unsigned len)
{
	last_off = off;
	last_len = len;
	return 0xa5a5a5a5;
}

static void spy_write(struct pci_device *d, unsigned off, unsigned len,
		      uint32_t v)
{
	last_off = off;
	last_len = len;
	last_value = v;
}

static const struct pci_ops spy_ops = {
	.config_read = spy_read,
	.config_write = spy_write,
};

static void ops_see_the_width_of_the_guest(void **state)
{
	struct pci_device d;

	pci_device_init(&d, &spy_ops, "spy");
	assert_int_equal(pci_config_read(&d, 0x46, 2), 0xa5a5);
	assert_int_equal(last_off, 0x46);
	assert_int_equal(last_len, 2);
	assert_int_equal(pci_config_read(&d, 0x47, 1), 0xa5);
	assert_int_equal(last_len, 1);
	pci_config_write(&d, 0x47, 1, 0xffffff12);
	assert_int_equal(last_value, 0x12);
	pci_device_fini(&d);
}

static void reset_clears_what_the_guest_programmed(void **state)
{
	struct board b;
	struct toy t;
	struct err e = ERR_NONE;

	board_open(&b);
	toy_init(&t, "toy");
	pci_bar_init(&t.dev, 0, PCI_BAR_MEM64, true, 4096);
	pci_bar_init(&t.dev, PCI_ROM_BAR, PCI_BAR_MEM32, false, 4096);
	assert_int_equal(pci_host_add(&b.host, &t.dev, 8, &e), 0);
	cfg_write(&b, 0, 8, PCI_BASE_ADDRESS_1, 4, 0x10);
	cfg_write(&b, 0, 8, PCI_ROM_ADDRESS, 4, 0xc0000001);
	cfg_write(&b, 0, 8, PCI_COMMAND, 2, 7);
	assert_int_equal(t.mapped_at[0], 64 * GIB);
	t.dev.powered = false;

	pthread_mutex_lock(&t.dev.lock);
	pci_device_reset(&t.dev);
	pthread_mutex_unlock(&t.dev.lock);

	assert_int_equal(t.mapped_at[0], 0);
	assert_int_equal(t.mapped_at[PCI_ROM_BAR], 0);
	assert_int_equal(t.resets, 1);
	assert_true(t.dev.powered);
	assert_int_equal(pci_config_load(&t.dev, PCI_COMMAND, 2), 0);
	assert_int_equal(pci_config_load(&t.dev, PCI_BASE_ADDRESS_0, 4), 0xc);
	assert_int_equal(pci_config_load(&t.dev, PCI_BASE_ADDRESS_1, 4), 0);
	assert_int_equal(pci_config_load(&t.dev, PCI_ROM_ADDRESS, 4), 0);
	pci_device_fini(&t.dev);
	board_close(&b);
}

static void fini_is_safe_on_nothing_and_twice(void **state)
{
	static struct pci_device none;
	struct pci_device d;

	pci_device_fini(&none);
	pci_device_init(&d, &(const struct pci_ops){ 0 }, "f");
	pci_device_fini(&d);
	pci_device_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(masks_decide_at_every_offset_and_width),
		FAKE_TEST(fresh_function_lets_the_guest_write_little),
		FAKE_TEST(status_errors_clear_by_writing_one),
		FAKE_TEST(conventional_function_has_ones_beyond_256_bytes),
		FAKE_TEST(express_function_without_extended_list_reads_zero),
		FAKE_TEST(ops_see_the_width_of_the_guest),
		FAKE_TEST(reset_clears_what_the_guest_programmed),
		FAKE_TEST(fini_is_safe_on_nothing_and_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
