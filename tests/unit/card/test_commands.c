/* A client on a socket: what the protocol's commands do and refuse. */
#include "tests/unit/card/client.h"

/* -------- commands -------- */

static void commands_that_are_too_short_are_refused(void **state)
{
	static const uint8_t least[] = { [USER_DMA_MAP] = 32,
					 [USER_DMA_UNMAP] = 24,
					 [USER_DEVICE_GET_INFO] = 16,
					 [USER_DEVICE_GET_REGION_INFO] = 32,
					 [USER_DEVICE_GET_IRQ_INFO] = 16,
					 [USER_DEVICE_SET_IRQS] = 20,
					 [USER_REGION_READ] = 16,
					 [USER_REGION_WRITE] = 16 };
	uint8_t zeros[64] = { 0 };
	struct client c;

	client_start(&c, two_kinds);
	for (uint16_t i = 0; i < ARRAY_LEN(least); i++) {
		if (least[i] == 0)
			continue;
		print_message("command %u\n", i);
		assert_int_equal(ask(&c, i, zeros, least[i] - 1), -EINVAL);
		assert_int_equal(ask(&c, i, NULL, 0), -EINVAL);
	}
	client_close(&c);
}

static void unknown_commands_are_not_supported(void **state)
{
	static const uint16_t commands[] = { 0,
					     USER_DEVICE_GET_REGION_IO_FDS,
					     USER_DMA_READ,
					     USER_DMA_WRITE,
					     14,
					     USER_REGION_WRITE_MULTI,
					     16,
					     UINT16_MAX };
	uint8_t zeros[64] = { 0 };
	struct client c;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
		assert_int_equal(ask(&c, commands[i], zeros, sizeof(zeros)),
				 -ENOTSUP);
	client_close(&c);
}

static int ask_region(struct client *c, uint32_t index, uint32_t room)
{
	const struct vfio_region_info q = { .argsz = room, .index = index };

	return ask(c, USER_DEVICE_GET_REGION_INFO, &q, sizeof(q));
}

/* VFIO-VU-08: BAR 0 has three areas, so its description has 80 bytes. */
static void a_region_is_described_as_far_as_there_is_room(void **state)
{
	struct vfio_region_info info;
	struct client c;

	client_start(&c, two_kinds);
	assert_int_equal(ask_region(&c, 0, 31), -EINVAL);
	for (unsigned room = 32; room <= 96; room += 32) {
		assert_int_equal(ask_region(&c, 0, room), 0);
		memcpy(&info, c.in.payload, sizeof(info));
		assert_int_equal(info.argsz, 32 + 16 + 3 * 16);
		assert_int_equal(info.size, 64 << 10);
		assert_int_equal(info.flags, 15);
		assert_int_equal(info.cap_offset, 32);
		assert_int_equal(c.in.size, room < 96 ? 32 : 96);
		assert_int_equal(c.in.n_fds, room < 96 ? 0 : 1);
		link_drop(&c.in);
	}
	client_close(&c);
}

static void a_region_without_holes_needs_no_list(void **state)
{
	struct vfio_region_info info;
	struct client c;
	uint8_t *p;

	client_start(&c, two_kinds);
	assert_int_equal(ask_region(&c, 2, 32), 0);
	memcpy(&info, c.in.payload, sizeof(info));
	assert_int_equal(info.flags, 7);
	assert_int_equal(info.cap_offset, 0);
	assert_int_equal(c.in.n_fds, 1);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c.in.fd[0], 0);
	assert_true(p != MAP_FAILED);
	le32_store(p, 0x12345678);
	set32(&c, CONFIG, 4, 6);
	assert_int_equal(read32(&c, 2, 0), 0x12345678);
	/* nobody makes it shorter under the server */
	assert_true(ftruncate(c.in.fd[0], 0) < 0);
	munmap(p, 4096);
	link_drop(&c.in);
	client_close(&c);
}

static void regions_that_are_not_there_are_empty_or_refused(void **state)
{
	struct vfio_region_info info;
	struct client c;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < 9; i++) {
		if (i == 0 || i == 2 || i == CONFIG)
			continue;
		assert_int_equal(ask_region(&c, i, 32), 0);
		memcpy(&info, c.in.payload, sizeof(info));
		assert_int_equal(info.size, 0);
		assert_int_equal(info.flags, 0);
	}
	assert_int_equal(ask_region(&c, 9, 32), -EINVAL);
	assert_int_equal(ask_region(&c, UINT32_MAX, 32), -EINVAL);
	client_close(&c);
}

static void accesses_are_checked(void **state)
{
	static const struct {
		uint32_t region;
		uint64_t off;
		uint32_t n;
	} wrong[] = { { 0, 0, LINK_DATA + 1 },
		      { 0, 0, UINT32_MAX },
		      { 0, 0, 0 },
		      { 0, 0x10000, 4 },
		      { 0, UINT64_MAX, 4 },
		      { CONFIG, 4094, 4 },
		      { 6, 0, 4 },
		      { UINT32_MAX, 0, 4 } };
	uint8_t payload[64] = { 0 };
	struct client c;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct user_region_access q =
			access_of(wrong[i].region, wrong[i].off, wrong[i].n);

		print_message("access %u\n", i);
		memcpy(payload, &q, sizeof(q));
		assert_int_equal(ask(&c, USER_REGION_READ, &q, sizeof(q)),
				 -EINVAL);
		assert_int_equal(
			ask(&c, USER_REGION_WRITE, payload, sizeof(q) + 4),
			-EINVAL);
	}
	/* a count that is not that of the data */
	assert_int_equal(ask(&c, USER_REGION_WRITE, payload,
			     write32(payload, CONFIG, 4, 6) - 1),
			 -EINVAL);
	client_close(&c);
}

static void a_whole_megabyte_goes_in_one_access(void **state)
{
	struct user_region_access q = access_of(2, 0, LINK_DATA);
	uint8_t *bytes = malloc(sizeof(q) + LINK_DATA);
	struct client c;

	assert_non_null(bytes);
	client_start(&c, two_kinds);
	set32(&c, CONFIG, 4, 6);
	memcpy(bytes, &q, sizeof(q));
	for (uint32_t i = 0; i < LINK_DATA; i++)
		bytes[sizeof(q) + i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(
		ask(&c, USER_REGION_WRITE, bytes, sizeof(q) + LINK_DATA), 0);
	assert_int_equal(ask(&c, USER_REGION_READ, &q, sizeof(q)), 0);
	assert_memory_equal(c.in.payload, bytes, sizeof(q) + LINK_DATA);
	free(bytes);
	client_close(&c);
}

static void unmap_takes_ranges_and_all(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(map(&c, i * 0x1000, 0x1000, -1), 0);
	assert_int_equal(map(&c, 0x1800, 0x1000, -1), -EEXIST);
	assert_int_equal(unmap(&c, 0, 0x1800, 0x1000), -EINVAL);
	assert_int_equal(unmap(&c, 1, 0, 0x4000), -EINVAL);
	assert_int_equal(unmap(&c, USER_DMA_UNMAP_ALL, 0, 1), -EINVAL);
	assert_int_equal(unmap(&c, 0, 0, 0x2000), 0);
	assert_int_equal(c.in.size, sizeof(struct user_dma_unmap));
	assert_int_equal(unmap(&c, USER_DMA_UNMAP_ALL, 0, 0), 0);
	assert_int_equal(map(&c, 0, 0x4000, -1), 0);
	client_close(&c);
	assert_int_equal(c.b.f.counts.maps, 5);
	assert_int_equal(c.b.f.counts.unmaps, 5);
}

static void a_reset_may_take_its_time(void **state)
{
	uint64_t before;
	struct client c;

	client_start(&c, two_kinds);
	(void)LOCKED(&c, c.b.f.faults.reset_ms = 50);
	before = function_now();
	assert_int_equal(ask(&c, USER_DEVICE_RESET, NULL, 0), 0);
	assert_true(function_now() - before >= 50);
	assert_int_equal(read32(&c, CONFIG, 0), 0x502110ee);
	client_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_that_are_too_short_are_refused),
		cmocka_unit_test(unknown_commands_are_not_supported),
		cmocka_unit_test(a_region_is_described_as_far_as_there_is_room),
		cmocka_unit_test(a_region_without_holes_needs_no_list),
		cmocka_unit_test(
			regions_that_are_not_there_are_empty_or_refused),
		cmocka_unit_test(accesses_are_checked),
		cmocka_unit_test(a_whole_megabyte_goes_in_one_access),
		cmocka_unit_test(unmap_takes_ranges_and_all),
		cmocka_unit_test(a_reset_may_take_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
