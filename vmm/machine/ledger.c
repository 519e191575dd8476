/* machine/ledger.c - see ledger.h */
#include "vmm/machine/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/machine/machine.h"

static const char *const names[LEDGER_KINDS] = {
	[LEDGER_FDS] = "fds",
	[LEDGER_MAPPINGS] = "mappings",
	[LEDGER_MEMSLOTS] = "memslots",
	[LEDGER_GSIS] = "gsis",
	[LEDGER_ROUTES] = "routes",
	[LEDGER_IRQFDS] = "irqfds",
	[LEDGER_IOEVENTFDS] = "ioeventfds",
	[LEDGER_IOVA_MAPS] = "iova_maps",
};

const char *ledger_name(enum ledger_kind kind)
{
	return names[kind];
}

/* -------- by asking the kernel -------- */

static int count_one(const char *name, void *arg)
{
	int64_t *n = arg;

	(*n)++;
	return 0;
}

/* The descriptor that lists the folder is always among them. */
static int64_t count_fds(void)
{
	int64_t n = 0;

	return sys_list("/proc/self/fd", count_one, &n) < 0 ? LEDGER_UNKNOWN
							    : n;
}

/* A line of /proc/self/maps about something that we map, and no library. */
static bool is_ours(const char *line)
{
	static const char *const paths[] = { " anon_inode:", " /memfd:",
					     " /anon_hugepage", " /dev/" };

	for (unsigned i = 0; i < ARRAY_LEN(paths); i++)
		if (strstr(line, paths[i]))
			return true;
	return false;
}

/* Count the lines that are whole, and move the rest to the front. */
static size_t count_lines(char *buf, size_t n, int64_t *count)
{
	char *at = buf, *end;

	buf[n] = '\0';
	while ((end = strchr(at, '\n'))) {
		*end = '\0';
		*count += is_ours(at);
		at = end + 1;
	}
	n -= (size_t)(at - buf);
	memmove(buf, at, n);
	return n;
}

static int64_t count_mappings(void)
{
	char buf[8192 + 1];
	int fd = sys_open("/proc/self/maps", O_RDONLY);
	int64_t count = 0;
	size_t used = 0;
	ssize_t n = fd;

	while (n >= 0 && used < sizeof(buf) - 1) {
		n = sys_read(fd, buf + used, sizeof(buf) - 1 - used);
		if (n <= 0)
			break;
		used = count_lines(buf, used + (size_t)n, &count);
	}
	sys_close(&fd);
	return n < 0 ? LEDGER_UNKNOWN : count;
}

static int64_t difference(int64_t before, int64_t after)
{
	if (before == LEDGER_UNKNOWN || after == LEDGER_UNKNOWN)
		return LEDGER_UNKNOWN;
	return after > before ? after - before : 0;
}

/* -------- the book -------- */

void ledger_begin(struct ledger *l)
{
	*l = (struct ledger){
		.fds_before = count_fds(),
		.mappings_before = count_mappings(),
	};
}

void ledger_of_machine(const struct machine *m, int64_t left[LEDGER_KINDS])
{
	const struct vm *vm = &m->vm;

	left[LEDGER_MEMSLOTS] = (int64_t)counter_get(&vm->mem.slots);
	left[LEDGER_GSIS] = (int64_t)counter_get(&vm->irq.gsis);
	left[LEDGER_ROUTES] = (int64_t)counter_get(&vm->irq.routes);
	left[LEDGER_IRQFDS] = (int64_t)counter_get(&vm->irq.irqfds);
	left[LEDGER_IOEVENTFDS] = (int64_t)counter_get(&vm->kicks);
	left[LEDGER_IOVA_MAPS] = (int64_t)m->assignment.maps_left;
}

bool ledger_end(struct ledger *l, const struct machine *m)
{
	char text[256] = "";
	size_t used = 0;

	l->left[LEDGER_FDS] = difference(l->fds_before, count_fds());
	l->left[LEDGER_MAPPINGS] =
		difference(l->mappings_before, count_mappings());
	ledger_of_machine(m, l->left);
	for (unsigned i = 0; i < LEDGER_KINDS; i++)
		if (l->left[i] != 0 && l->left[i] != LEDGER_UNKNOWN)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, " %s=%lld",
				names[i], (long long)l->left[i]);
	if (used > 0)
		log_warn("not everything was given back: %s", text + 1);
	return used == 0;
}
