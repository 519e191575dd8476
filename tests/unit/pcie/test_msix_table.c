/* MSI-X registers: table, PBA, Message Control, geometry. VFIO-MSIX-01, 08, 11,
 * VFIO-BAR-11. */
#include "tests/unit/pcie/msix_scene.h"

/* -------- registers -------- */

/* VFIO-MSIX-01 */
static void table_starts_masked_and_empty(void **state)
{
	struct scene *s = open_scene(5);

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(get(s, i, 0, 8), 0);
		assert_int_equal(get(s, i, 8, 8), 1ull << 32);
	}
	assert_int_equal(pending(s, 0), 0);
	close_scene(s);
}

static void only_enable_and_function_mask_are_writable(void **state)
{
	struct scene *s = open_scene(5);

	for (unsigned i = 0; i < 12; i += 4)
		cfg_write(&s->b, 0, DEVFN, AT + i, 4, UINT32_MAX);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, CONTROL, 2), 0xc004);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, AT + 4, 4), TABLE);
	assert_int_equal(cfg_read(&s->b, 0, DEVFN, AT + 8, 4), PBA);
	close_scene(s);
}

/* VFIO-MSIX-11 */
static void control_in_every_width_enables(void **state)
{
	for (unsigned len = 1; len <= 4; len *= 2) {
		struct scene *s = open_scene(3);
		unsigned reg = len == 1 ? CONTROL + 1 : len == 2 ? CONTROL : AT;
		unsigned shift = len == 1 ? 8 : len == 2 ? 0 : 16;

		cfg_write(&s->b, 0, DEVFN, reg, len,
			  len == 1 ? ON >> shift : (uint64_t)ON << shift);
		assert_true(msix_enabled(&s->x));
		assert_int_equal(s->starts, 1);
		assert_int_equal(s->calls, 0);
		cfg_write(&s->b, 0, DEVFN, reg, len, 0);
		assert_int_equal(s->stops, 1);
		close_scene(s);
		fake_reset();
	}
}

/* Table and PBA against a plain array, every width at every offset, the bytes
 * beside them included. VFIO-MSIX-01 */
static void table_in_every_width_at_every_offset(void **state)
{
	struct scene *s = open_scene(3);
	uint8_t model[64];
	uint32_t seed = 8;

	for (unsigned len = 1; len <= 8; len++) {
		for (unsigned at = 0; at + len <= 64; at++) {
			uint64_t v =
				(uint64_t)noise(&seed) << 32 | noise(&seed);

			for (unsigned k = 0; k < 64; k++)
				model[k] = (uint8_t)get(s, 0, k, 1);
			put(s, 0, at, len, v);
			le_store(model + at, len, v);
			for (unsigned k = 0; k < 64; k++)
				assert_int_equal(get(s, 0, k, 1), model[k]);
			assert_int_equal(get(s, 0, at, len),
					 le_load(model + at, len));
		}
	}
	/* Bytes 48 and on are the device's own. */
	assert_int_equal(s->t.mem[48], model[48]);
	assert_int_equal(s->t.mem[0], 0);
	close_scene(s);
}

/* VFIO-MSIX-08 */
static void pending_bits_are_read_only(void **state)
{
	struct scene *s = open_scene(70);

	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned at = 0; at < 16; at += len) {
			bus_write(&s->b.vm.mmio, BAR_AT + PBA + at, len,
				  UINT64_MAX);
			assert_int_equal(
				bus_read(&s->b.vm.mmio, BAR_AT + PBA + at, len),
				0);
		}
	/* 70 vectors have two quadwords; the device has what follows. */
	bus_write(&s->b.vm.mmio, BAR_AT + PBA + 16, 4, 0x55);
	assert_int_equal(bus_read(&s->b.vm.mmio, BAR_AT + PBA + 16, 4), 0x55);
	close_scene(s);
}

static void owns_exactly_table_and_pba(void **state)
{
	struct scene *s = open_scene(65);

	assert_false(msix_owns(&s->x, 0, TABLE - 1, 1));
	assert_true(msix_owns(&s->x, 0, TABLE - 1, 2));
	assert_true(msix_owns(&s->x, 0, TABLE + 65 * 16 - 1, 1));
	assert_false(msix_owns(&s->x, 0, TABLE + 65 * 16, 8));
	assert_true(msix_owns(&s->x, 0, PBA + 15, 1));
	assert_false(msix_owns(&s->x, 0, PBA + 16, 1));
	assert_false(msix_owns(&s->x, 1, TABLE, 4));
	close_scene(s);
}

/* -------- geometry -------- */

static int geometry(uint32_t table, uint32_t pba, unsigned n, struct err *e)
{
	static const uint64_t sizes[6] = { 0x4000, 0, 0x100000000 };
	uint8_t config[256] = { 0 };

	le16_store(config + AT + PCI_MSIX_FLAGS, (uint16_t)(n - 1));
	le32_store(config + AT + PCI_MSIX_TABLE, table);
	le32_store(config + AT + PCI_MSIX_PBA, pba);
	return msix_geometry(config, AT, sizes, e);
}

/* VFIO-BAR-11 */
static void geometry_that_cannot_be_is_refused(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(geometry(0, 0x800, 128, &e), 0);
	assert_int_equal(geometry(0, 0x2, 1024, &e), 0);
	assert_int_equal(geometry(0xfffff000 | 2, 0, 256, &e), 0);
	assert_int_equal(geometry(0, 0x7f8, 128, &e), -EINVAL);
	assert_non_null(strstr(e.text, "overlap"));
	assert_int_equal(geometry(0, 0x800, 1025, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not inside BAR0"));
	assert_int_equal(geometry(0xfffff000 | 2, 0, 257, &e), -EINVAL);
	assert_int_equal(geometry(1, 0, 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "BAR1"));
	assert_int_equal(geometry(6, 0, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 7, 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "PBA"));
	assert_int_equal(geometry(0x4000, 0, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 0x4000, 1, &e), -EINVAL);
	assert_int_equal(geometry(0, 0x3ff8, 65, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(table_starts_masked_and_empty),
		FAKE_TEST(only_enable_and_function_mask_are_writable),
		FAKE_TEST(control_in_every_width_enables),
		FAKE_TEST(table_in_every_width_at_every_offset),
		FAKE_TEST(pending_bits_are_read_only),
		FAKE_TEST(owns_exactly_table_and_pba),
		FAKE_TEST(geometry_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
