/* tests/guest/memory.c - windows and doorbells, from real guest code */
#include <sys/mman.h>

#include "tests/guest/guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kick.h"

static uint32_t last_report(struct guest *g, unsigned *n)
{
	uint32_t v;

	pthread_mutex_lock(&g->lock);
	*n = g->n_reports;
	v = *n ? g->reports[*n - 1] : 0;
	g->n_reports = 0;
	pthread_mutex_unlock(&g->lock);
	return v;
}

/* The value that the guest reads from now on. */
static uint32_t reads_now(struct guest *g)
{
	unsigned n;

	last_report(g, &n);
	guest_wait_reports(g, 3);
	return last_report(g, &n);
}

static void window_shows_and_hides_while_running(struct guest *g)
{
	struct mem_window w = { 0 };
	struct err e = ERR_NONE;
	void *page;

	check(sys_mmap(4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &page) == 0);
	le32_store(page, 0xcafe);
	guest_open(g, 1);
	guest_load(g, "window", ARCH_ENTRY_LINUX64, 0);
	guest_add_mmio(g);
	guest_start(g);
	check(reads_now(g) == 0x44332211);
	for (unsigned i = 0; i < 20; i++) {
		check(mem_window_show(&g->vm.mem, &w, GUEST_MMIO, page, 4096,
				      false, &e) == 0);
		check(reads_now(g) == 0xcafe);
		mem_window_hide(&g->vm.mem, &w);
		check(reads_now(g) == 0x44332211);
	}
	guest_quit(g);
	sys_munmap(page, 4096);
}

static void window_over_ram_is_refused(struct guest *g)
{
	struct mem_window w = { 0 };
	struct err e = ERR_NONE;

	guest_open(g, 1);
	check(mem_window_show(&g->vm.mem, &w, 0x1000,
			      mem_at(&g->vm.mem, 0, 4096), 4096, false,
			      &e) == -EEXIST);
	check(!w.live);
}

static void doorbell_does_not_stop_the_guest(struct guest *g)
{
	struct kick k = { .bus = KICK_MMIO,
			  .at = GUEST_MMIO,
			  .len = 4,
			  .match = true,
			  .value = 2 };
	struct err e = ERR_NONE;

	guest_open(g, 1);
	guest_load(g, "bell", ARCH_ENTRY_LINUX64, 0);
	guest_add_mmio(g);
	k.vm_fd = g->vm.fd;
	k.fd = sys_eventfd();
	check(kick_attach(&k, &e) == 0);
	guest_start(g);
	check(guest_finish(g) == VM_DEBUG_EXIT);
	check(sys_eventfd_drain(k.fd) == 1); /* the one that matched */
	check(g->n_accesses == 2);	     /* the others trapped */
	kick_detach(&k);
	sys_close(&k.fd);
}

const struct guest_case memory_cases[] = {
	{ "window shows and hides while running",
	  window_shows_and_hides_while_running },
	{ "window over RAM is refused", window_over_ram_is_refused },
	{ "doorbell does not stop the guest",
	  doorbell_does_not_stop_the_guest },
	{ 0 },
};
