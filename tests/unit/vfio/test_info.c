/* Chains of capabilities in the kernel's info structures: VFIO-OPEN-22. */
#include <stdlib.h>

#include "tests/unit/vfio/bench.h"
#include "vfio/info.h"

struct chain {
	uint8_t bytes[256];
};

static void put(struct chain *c, uint32_t at, uint16_t id, uint32_t next)
{
	struct vfio_info_cap_header h = { .id = id,
					  .version = 1,
					  .next = next };

	memcpy(c->bytes + at, &h, sizeof(h));
}

static const void *find(const struct chain *c, size_t size, uint32_t first,
			uint16_t id)
{
	return vfio_info_cap(c->bytes, size, first, id,
			     sizeof(struct vfio_info_cap_header));
}

static void a_capability_is_found_behind_unknown_ones(void **state)
{
	struct chain c = { 0 };

	put(&c, 32, 77, 64);
	put(&c, 64, 78, 128);
	put(&c, 128, 1, 0);
	assert_ptr_equal(find(&c, 256, 32, 1), c.bytes + 128);
	assert_int_equal(vfio_info_room(c.bytes, 256, c.bytes + 128), 128);
	assert_null(find(&c, 256, 32, 2));
	assert_null(find(&c, 256, 0, 1));
}

/* VFIO-OPEN-22 */
static void a_loop_ends(void **state)
{
	struct chain c = { 0 };

	put(&c, 32, 77, 64);
	put(&c, 64, 78, 32);
	assert_null(find(&c, 256, 32, 1));
	put(&c, 64, 78, 64);
	assert_null(find(&c, 256, 32, 1));
}

/* VFIO-OPEN-22 */
static void offsets_beyond_the_structure_end_the_chain(void **state)
{
	struct chain c = { 0 };

	put(&c, 32, 77, 256);
	assert_null(find(&c, 256, 32, 1));
	put(&c, 32, 77, 252); /* a header does not fit */
	assert_null(find(&c, 256, 32, 1));
	put(&c, 32, 77, UINT32_MAX);
	assert_null(find(&c, 256, 32, 1));
	put(&c, 32, 77, 65); /* askew */
	put(&c, 64, 1, 0);
	assert_null(find(&c, 256, 32, 1));
}

static void a_body_that_does_not_fit_is_no_capability(void **state)
{
	struct chain c = { 0 };

	put(&c, 240, 1, 0);
	assert_non_null(vfio_info_cap(c.bytes, 256, 240, 1, 16));
	assert_null(vfio_info_cap(c.bytes, 256, 240, 1, 17));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(a_capability_is_found_behind_unknown_ones),
		FAKE_TEST(a_loop_ends),
		FAKE_TEST(offsets_beyond_the_structure_end_the_chain),
		FAKE_TEST(a_body_that_does_not_fit_is_no_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
