/* The version message of vfio-user: what a server may say, VFIO-VU-04. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vfio/user_socket.h"
#include "vfio/user_version.h"

static int read_as(unsigned major, unsigned minor, const char *text, size_t n,
		   struct user_limits *out, struct err *e)
{
	uint8_t *buf = test_malloc(4 + n); /* so that asan sees its end */
	int rc;

	le16_store(buf, (uint16_t)major);
	le16_store(buf + 2, (uint16_t)minor);
	memcpy(buf + 4, text, n);
	rc = user_version_read(buf, 4 + n, out, e);
	test_free(buf);
	return rc;
}

static int read_text(const char *text, struct user_limits *out, struct err *e)
{
	return read_as(0, 1, text, strlen(text) + 1, out, e);
}

/* VFIO-VU-04 */
static void ours_is_what_servers_parse(void **state)
{
	char buf[256] = { 0 };
	size_t n = user_version_write(buf, sizeof(buf));

	assert_int_equal(le16_load(buf), 0);
	assert_int_equal(le16_load(buf + 2), 1);
	assert_string_equal(buf + 4, "{\"capabilities\":{\"max_msg_fds\":8,"
				     "\"max_data_xfer_size\":1048576}}");
	assert_int_equal(n, 4 + strlen(buf + 4) + 1);
}

/* VFIO-VU-04 */
static void what_is_not_said_has_the_defaults(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"capabilities\":{}}",
		"{\"other\":[1,2,{}],\"capabilities\":{\"unknown\":true}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}",
	};

	for (unsigned i = 0; i <= ARRAY_LEN(texts); i++) {
		struct user_limits l = { 0 };
		struct err e = ERR_NONE;
		int rc = i < ARRAY_LEN(texts) ? read_text(texts[i], &l, &e)
					      : read_as(0, 1, "", 0, &l, &e);

		if (rc < 0)
			fail_msg("%u: %s", i, e.text);
		assert_int_equal(l.max_fds, 1);
		assert_int_equal(l.max_data, 1 << 20);
		assert_int_equal(l.max_maps, 65535);
		assert_int_equal(l.page_sizes, 4096);
	}
}

static void what_is_said_is_kept_to(void **state)
{
	struct user_limits l;
	struct err e = ERR_NONE;

	assert_int_equal(
		read_text("{\"capabilities\":{\"max_msg_fds\":16,"
			  "\"max_data_xfer_size\":4096,\"max_dma_maps\":3,"
			  "\"pgsizes\":2097152}}",
			  &l, &e),
		0);
	assert_int_equal(l.max_fds, 16);
	assert_int_equal(l.max_data, 4096);
	assert_int_equal(l.max_maps, 3);
	assert_int_equal(l.page_sizes, 2 << 20);
	/* more than we can use is no harm */
	assert_int_equal(
		read_text("{\"capabilities\":{\"max_msg_fds\":100000,"
			  "\"max_data_xfer_size\":9223372036854775807}}",
			  &l, &e),
		0);
	assert_int_equal(l.max_fds, USER_MAX_FDS_OUT);
	assert_int_equal(l.max_data, USER_MAX_DATA);
}

static void an_older_minor_is_fine_a_newer_is_not(void **state)
{
	struct user_limits l;
	struct err e = ERR_NONE;

	assert_int_equal(read_as(0, 0, "{}", 3, &l, &e), 0);
	assert_int_equal(read_as(0, 2, "{}", 3, &l, &e), -EPROTONOSUPPORT);
	assert_int_equal(read_as(1, 0, "{}", 3, &l, &e), -EPROTONOSUPPORT);
	assert_string_equal(e.text, "the server speaks vfio-user 1.0, minivmm "
				    "0.1");
}

static void a_short_message_is_refused(void **state)
{
	static const uint8_t bytes[4];
	struct user_limits l;

	for (size_t n = 0; n < 4; n++) {
		struct err e = ERR_NONE;

		assert_int_equal(user_version_read(bytes, n, &l, &e), -EPROTO);
		assert_true(e.text[0] != '\0');
	}
}

static void senseless_limits_are_refused_by_name(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{\"capabilities\":{\"max_msg_fds\":0}}", "max_msg_fds" },
		{ "{\"capabilities\":{\"max_msg_fds\":-1}}", "max_msg_fds" },
		{ "{\"capabilities\":{\"max_msg_fds\":\"8\"}}", "max_msg_fds" },
		{ "{\"capabilities\":{\"max_msg_fds\":1.5}}", "max_msg_fds" },
		{ "{\"capabilities\":{\"max_data_xfer_size\":7}}",
		  "max_data_xfer_size" },
		{ "{\"capabilities\":{\"max_data_xfer_size\":null}}",
		  "max_data_xfer_size" },
		{ "{\"capabilities\":{\"pgsizes\":0}}", "pgsizes" },
		{ "{\"capabilities\":{\"max_dma_maps\":true}}",
		  "max_dma_maps" },
		{ "{\"capabilities\":[]}", "no JSON object" },
		{ "{\"capabilities\":8}", "no JSON object" },
		{ "[]", "no JSON object" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct user_limits l;
		struct err e = ERR_NONE;

		assert_int_equal(read_text(cases[i].text, &l, &e), -EPROTO);
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, e.text);
	}
}

/* VFIO-VU-04, VFIO-VU-13 */
static void text_that_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"{\"capabilities\":{}",
		"nonsense",
		"{}}",
		"{\"capabilities\":{},\"capabilities\":{}}",
		"\xff\xfe{}",
		"{\"capabilities\":{\"max_msg_fds\":99999999999999999999}}",
	};

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		struct user_limits l;
		struct err e = ERR_NONE;

		if (read_text(texts[i], &l, &e) != -EPROTO)
			fail_msg("'%s' is taken", texts[i]);
		assert_non_null(strstr(e.text, "no JSON"));
	}
}

/* Else a server could talk to the operator's terminal. */
static void a_sentence_has_no_bytes_for_a_terminal(void **state)
{
	static const char *const texts[] = { "{\"capabilities\":\x1b]0;x",
					     "\"\xc2\x9b"
					     "31m",
					     "{\n\r\b\x7f", "\x1b[2J" };

	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		struct user_limits l;
		struct err e = ERR_NONE;

		assert_int_equal(read_text(texts[i], &l, &e), -EPROTO);
		for (const char *c = e.text; *c != '\0'; c++)
			assert_in_range(*c, ' ', '~');
	}
}

static void nesting_without_end_is_refused(void **state)
{
	char deep[16000];
	struct user_limits l;
	struct err e = ERR_NONE;

	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(read_text(deep, &l, &e), -EPROTO);
}

static void text_without_end_or_too_long_is_refused(void **state)
{
	static char big[20000];
	struct user_limits l;
	struct err e = ERR_NONE;

	assert_int_equal(read_as(0, 1, "{}", 2, &l, &e), -EPROTO);
	memset(big, ' ', sizeof(big));
	memcpy(big, "{}", 2);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(read_as(0, 1, big, sizeof(big), &l, &e), -EPROTO);
	assert_non_null(strstr(e.text, "20000 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(ours_is_what_servers_parse),
		FAKE_TEST(what_is_not_said_has_the_defaults),
		FAKE_TEST(what_is_said_is_kept_to),
		FAKE_TEST(an_older_minor_is_fine_a_newer_is_not),
		FAKE_TEST(a_short_message_is_refused),
		FAKE_TEST(senseless_limits_are_refused_by_name),
		FAKE_TEST(text_that_is_no_json_is_refused),
		cmocka_unit_test(a_sentence_has_no_bytes_for_a_terminal),
		cmocka_unit_test(nesting_without_end_is_refused),
		FAKE_TEST(text_without_end_or_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
