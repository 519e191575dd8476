/* A client on a socket: messages in pieces, broken ones, versions. */
#include "tests/unit/card/client.h"

/* -------- framing; VFIO-VU-02 -------- */

static void a_message_may_come_byte_by_byte(void **state)
{
	struct user_region_access q = access_of(CONFIG, 0, 4);
	uint8_t bytes[64];
	struct client c;
	size_t n;

	client_start(&c, two_kinds);
	n = letter(bytes, ++c.id, USER_REGION_READ, 0, &q, sizeof(q));
	for (size_t i = 0; i < n; i++)
		send_fds(&c, bytes + i, 1, NULL, 0);
	assert_int_equal(hear(&c), 0);
	assert_int_equal(le32_load(c.in.payload + sizeof(q)), 0x502110ee);
	client_close(&c);
}

static void several_messages_may_come_at_once(void **state)
{
	struct user_region_access q = access_of(CONFIG, 0, 4);
	uint8_t bytes[256];
	struct client c;
	size_t n = 0;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < 4; i++)
		n += letter(bytes + n, (uint16_t)(100 + i), USER_REGION_READ, 0,
			    &q, sizeof(q));
	send_fds(&c, bytes, n, NULL, 0);
	for (unsigned i = 0; i < 4; i++) {
		c.id = (uint16_t)(100 + i);
		assert_int_equal(hear(&c), 0);
	}
	client_close(&c);
}

static void broken_headers_end_the_connection(void **state)
{
	static const struct {
		uint32_t size, flags;
	} wrong[] = { { 15, 0 },
		      { 0, 0 },
		      { 16 + LINK_PAYLOAD + 1, 0 },
		      { UINT32_MAX, 0 },
		      { 16, 2 },
		      { 16, 0xf },
		      { 16, USER_TYPE_REPLY } };

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct user_header h = { le16_of(1), le16_of(USER_VERSION),
					 le32_of(wrong[i].size),
					 le32_of(wrong[i].flags), le32_of(0) };
		struct client c;

		print_message("header %u\n", i);
		client_open(&c, two_kinds);
		send_fds(&c, &h, sizeof(h), NULL, 0);
		assert_gone(&c);
		client_close(&c);
	}
}

static void a_client_may_leave_in_the_middle(void **state)
{
	static const uint8_t zeros[40];
	uint8_t bytes[64];

	for (size_t n = 1; n < 40; n += 6) {
		struct client c;

		client_open(&c, two_kinds);
		(void)letter(bytes, 1, USER_VERSION, 0, zeros, 40);
		send_fds(&c, bytes, n, NULL, 0);
		client_close(&c);
	}
}

static void too_many_descriptors_end_the_connection(void **state)
{
	unsigned before = open_fds();
	struct client c;
	int fds[20];

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < 20; i++)
		fds[i] = c.fd;
	tell_fds(&c, USER_DEVICE_RESET, 0, NULL, 0, fds, 20);
	assert_gone(&c);
	client_close(&c);
	assert_int_equal(open_fds(), before);
}

static void descriptors_that_nobody_wants_are_closed(void **state)
{
	unsigned before;
	struct client c;
	int fds[16];

	client_start(&c, two_kinds);
	before = open_fds();
	for (unsigned i = 0; i < 16; i++)
		fds[i] = c.fd;
	for (unsigned i = 0; i < 8; i++) {
		tell_fds(&c, (uint16_t)i, 0, NULL, 0, fds, 16);
		(void)hear(&c);
	}
	assert_int_equal(open_fds(), before);
	client_close(&c);
}

static void no_reply_is_no_reply(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	tell_fds(&c, USER_DEVICE_RESET, USER_NO_REPLY, NULL, 0, NULL, 0);
	tell_fds(&c, 99, USER_NO_REPLY, NULL, 0, NULL, 0);
	assert_int_equal(read32(&c, CONFIG, 0), 0x502110ee);
	client_close(&c);
}

/* -------- version; VFIO-VU-04 -------- */

static void the_first_command_is_version(void **state)
{
	struct client c;

	client_open(&c, two_kinds);
	assert_int_equal(ask(&c, USER_DEVICE_RESET, NULL, 0), -EINVAL);
	greet(&c);
	assert_int_equal(ask(&c, USER_DEVICE_RESET, NULL, 0), 0);
	assert_int_equal(ask_version(&c, 0, 1, "", 0), -EINVAL);
	client_close(&c);
}

static void versions_are_agreed_upon(void **state)
{
	static const struct {
		uint16_t major, minor;
		int rc;
		uint32_t agreed;
	} v[] = { { 0, 1, 0, 1 << 16 },
		  { 0, 0, 0, 0 },
		  { 0, 7, 0, 1 << 16 },
		  { 1, 0, -EINVAL, 0 },
		  { 65535, 1, -EINVAL, 0 } };

	for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
		struct client c;

		print_message("version %u.%u\n", v[i].major, v[i].minor);
		client_open(&c, two_kinds);
		assert_int_equal(
			ask_version(&c, v[i].major, v[i].minor, "{}", 3),
			v[i].rc);
		if (v[i].rc == 0)
			assert_int_equal(le32_load(c.in.payload), v[i].agreed);
		client_close(&c);
	}
}

static void the_reply_says_what_the_server_takes(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	assert_int_equal(c.in.payload[c.in.size - 1], 0);
	assert_string_equal((char *)c.in.payload + 4,
			    "{\"capabilities\":{\"max_msg_fds\":16,"
			    "\"max_data_xfer_size\":1048576,"
			    "\"max_dma_maps\":65535,\"pgsizes\":4096}}");
	client_close(&c);
}

static void hostile_json_is_refused(void **state)
{
#define TEXT(t)              \
	{                    \
		t, sizeof(t) \
	}
	static const struct {
		const char *text;
		size_t n;
	} wrong[] = {
		TEXT("{"),
		TEXT("[]"),
		TEXT("\"\""),
		TEXT("{\"capabilities\":{\"max_data_xfer_size\":0}}"),
		TEXT("{\"capabilities\":{\"max_data_xfer_size\":-1}}"),
		TEXT("{\"capabilities\":{\"max_data_xfer_size\":\"x\"}}"),
		TEXT("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"),
		{ "{}", 2 }, /* no NUL */
	};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		struct client c;

		print_message("text %s\n", wrong[i].text);
		client_open(&c, two_kinds);
		assert_int_equal(
			ask_version(&c, 0, 1, wrong[i].text, wrong[i].n),
			-EINVAL);
		client_close(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_may_come_byte_by_byte),
		cmocka_unit_test(several_messages_may_come_at_once),
		cmocka_unit_test(broken_headers_end_the_connection),
		cmocka_unit_test(a_client_may_leave_in_the_middle),
		cmocka_unit_test(too_many_descriptors_end_the_connection),
		cmocka_unit_test(descriptors_that_nobody_wants_are_closed),
		cmocka_unit_test(no_reply_is_no_reply),
		cmocka_unit_test(the_first_command_is_version),
		cmocka_unit_test(versions_are_agreed_upon),
		cmocka_unit_test(the_reply_says_what_the_server_takes),
		cmocka_unit_test(hostile_json_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
