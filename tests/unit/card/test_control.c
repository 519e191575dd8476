/* The control socket's lines, and the sockets themselves. */
#include "tests/unit/card/client.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/card/control.h"
#include "tests/card/socket.h"

/* -------- lines -------- */

static const char *tell(struct client *c, const char *text)
{
	static char answer[CONTROL_ANSWER];
	const struct control control = { .server = &c->s, .n = 1 };
	char line[CONTROL_LINE];

	snprintf(line, sizeof(line), "%s", text);
	assert_int_equal(control_line(&control, line, answer), CONTROL_GOES_ON);
	return answer;
}

static void switches_turn_on_and_off(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	assert_string_equal(tell(&c, "pf0 all-ones on"), "ok");
	assert_int_equal(read32(&c, CONFIG, 0), UINT32_MAX);
	assert_string_equal(tell(&c, "pf0 all-ones off"), "ok");
	assert_int_equal(read32(&c, CONFIG, 0), 0x502110ee);
	assert_string_equal(tell(&c, "  pf0\tloop\r"), "ok");
	assert_int_equal(read32(&c, CONFIG, 0x70) >> 8 & 0xff, 0x60);
	assert_string_equal(tell(&c, "pf0 loop off"), "ok");
	assert_int_equal(read32(&c, CONFIG, 0x70) >> 8 & 0xff, 0);
	assert_string_equal(tell(&c, "pf0 dma-bad on"), "ok");
	assert_true(LOCKED(&c, c.b.f.faults.dma_bad));
	assert_string_equal(tell(&c, "pf0 hang"), "ok");
	assert_true(LOCKED(&c, c.b.f.faults.hang));
	client_close(&c);
}

static void numbers_are_taken(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	assert_string_equal(tell(&c, "pf0 irq lose 3"), "ok");
	assert_string_equal(tell(&c, "pf0 irq double 4"), "ok");
	assert_string_equal(tell(&c, "pf0 reset-delay 5"), "ok");
	assert_string_equal(tell(&c, "pf0 dma-stall 6"), "ok");
	assert_int_equal(LOCKED(&c, c.b.f.irqs.lose), 3);
	assert_int_equal(LOCKED(&c, c.b.f.irqs.twice), 4);
	assert_int_equal(LOCKED(&c, c.b.f.faults.reset_ms), 5);
	assert_int_equal(LOCKED(&c, c.b.f.faults.stall_ms), 6);
	client_close(&c);
}

static void interrupts_come_on_demand(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const struct vfio_irq_set q = {
		.argsz = sizeof(q),
		.flags =
			VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_REQ_IRQ_INDEX,
		.count = 1,
	};
	struct client c;
	uint64_t n;

	client_start(&c, "function 0\n");
	assert_string_equal(tell(&c, "pf0 irq fire 0"),
			    "error nobody wants that vector");
	assert_string_equal(tell(&c, "pf0 request"),
			    "error nobody listens for requests");
	assert_string_equal(tell(&c, "pf0 error"),
			    "error nobody listens for errors");
	tell_fds(&c, USER_DEVICE_SET_IRQS, 0, &q, sizeof(q), &fd, 1);
	assert_int_equal(hear(&c), 0);
	assert_string_equal(tell(&c, "pf0 request"), "ok");
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	client_close(&c);
	close(fd);
}

static void wrong_lines_are_told_so(void **state)
{
	static const struct {
		const char *line, *says;
	} wrong[] = {
		{ "", "no such command, or no such function" },
		{ "pf", "no such command, or no such function" },
		{ "pf1 loop on", "no such command, or no such function" },
		{ "pf00000000000 loop",
		  "no such command, or no such function" },
		{ "stats now", "no such command, or no such function" },
		{ "kill me", "no such command, or no such function" },
		{ "pf0", "no such command" },
		{ "pf0 nonsense", "no such command" },
		{ "pf0 irq", "no such command" },
		{ "pf0 irq lose", "it takes a number" },
		{ "pf0 irq lose -1", "it takes a number" },
		{ "pf0 irq lose 1x", "it takes a number" },
		{ "pf0 irq lose 9999999999", "it takes a number" },
		{ "pf0 irq lose 1 2", "it takes a number" },
		{ "pf0 loop maybe", "it takes on or off" },
		{ "pf0 loop on on", "it takes on or off" },
		{ "pf0 request now", "it takes nothing more" },
		{ "pf0 a b c d e f g h i j k l", "no such command" },
	};
	struct client c;

	client_start(&c, two_kinds);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *answer = tell(&c, wrong[i].line);

		print_message("%s: %s\n", wrong[i].line, answer);
		assert_memory_equal(answer, "error ", 6);
		assert_string_equal(answer + 6, wrong[i].says);
	}
	client_close(&c);
}

static void statistics_are_words(void **state)
{
	struct client c;

	client_start(&c, two_kinds);
	assert_int_equal(map(&c, 0, 0x1000, -1), 0);
	assert_int_equal(map(&c, 0x1000, 0x1000, -1), 0);
	assert_int_equal(unmap(&c, 0, 0, 0x1000), 0);
	(void)read32(&c, CONFIG, 0);
	set32(&c, CONFIG, 4, 6);
	assert_string_equal(tell(&c, "stats"),
			    "ok function=0 maps=2 unmaps=1 live-maps=1 "
			    "reads=1 writes=1 interrupts=0 resets=0 "
			    "dma-bytes=0");
	client_close(&c);
}

static void kill_is_the_only_end(void **state)
{
	char line[] = "kill", answer[CONTROL_ANSWER];
	struct server s = { 0 };
	const struct control c = { .server = &s, .n = 0 };

	assert_int_equal(control_line(&c, line, answer), CONTROL_KILLS);
	assert_string_equal(answer, "ok");
}

/* -------- sockets -------- */

static char folder[] = "/tmp/card-test-XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void a_dead_servers_socket_is_replaced(void **state)
{
	const char *path = in_folder("s");
	int first, second, peer;

	assert_int_equal(socket_listen(path, &first, &why), 0);
	close(first);
	assert_int_equal(socket_listen(path, &second, &why), 0);
	assert_int_equal(socket_connect(path, &peer, &why), 0);
	close(peer);
	close(second);
	unlink(path);
}

static void a_live_servers_socket_is_left_alone(void **state)
{
	const char *path = in_folder("s");
	int first, second;

	assert_int_equal(socket_listen(path, &first, &why), 0);
	assert_int_equal(socket_listen(path, &second, &why), -EADDRINUSE);
	assert_non_null(strstr(why.text, "a server listens there"));
	close(first);
	unlink(path);
}

static void another_file_is_left_alone(void **state)
{
	const char *path = in_folder("file");
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600), s;

	assert_true(fd >= 0);
	assert_int_equal(socket_listen(path, &s, &why), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
}

static void names_that_do_not_fit_are_refused(void **state)
{
	char name[200];
	int s;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(socket_listen(name, &s, &why), -ENAMETOOLONG);
	assert_int_equal(socket_listen("", &s, &why), -ENAMETOOLONG);
	assert_int_equal(socket_connect("/nowhere/s", &s, &why), -ENOENT);
	assert_int_equal(socket_listen("/nowhere/s", &s, &why), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches_turn_on_and_off),
		cmocka_unit_test(numbers_are_taken),
		cmocka_unit_test(interrupts_come_on_demand),
		cmocka_unit_test(wrong_lines_are_told_so),
		cmocka_unit_test(statistics_are_words),
		cmocka_unit_test(kill_is_the_only_end),
		cmocka_unit_test(a_dead_servers_socket_is_replaced),
		cmocka_unit_test(a_live_servers_socket_is_left_alone),
		cmocka_unit_test(another_file_is_left_alone),
		cmocka_unit_test(names_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
