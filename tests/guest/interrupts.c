/* tests/guest/interrupts.c - messages and lines, up to the guest's handler */
#include <string.h>

#include "tests/guest/guest.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

static const struct msi_msg to_40 = { 0xfee00000, 0x40 };
static const struct msi_msg to_41 = { 0xfee00000, 0x41 };

static void start(struct guest *g, const char *code)
{
	guest_open(g, 1);
	guest_load(g, code, ARCH_ENTRY_LINUX64, 0);
}

static void route_open(struct guest *g, struct msi_route *r,
		       const struct msi_msg *m)
{
	struct err e = ERR_NONE;

	*r = MSI_ROUTE_EMPTY;
	check(msi_route_open(r, &g->vm.irq, &e) == 0);
	check(msi_route_set(r, m, &e) == 0);
	check(irq_commit(&g->vm.irq, &e) == 0);
}

static void message_reaches_the_handler(struct guest *g)
{
	struct msi_route a, b;
	struct err e = ERR_NONE;

	start(g, "vectors");
	route_open(g, &a, &to_40);
	route_open(g, &b, &to_41);
	check(msi_route_unmask(&a, &e) == 0);
	check(msi_route_unmask(&b, &e) == 0);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	sys_eventfd_signal(b.fd);
	check(guest_wait_reports(g, 1));
	sys_eventfd_signal(a.fd);
	check(guest_wait_reports(g, 2));
	guest_quit(g);
	check(g->reports[0] == 0x41 && g->reports[1] == 0x40);
	check(atomic_load(&g->vm.irq.by_userspace) == 0);
	msi_route_close(&a);
	msi_route_close(&b);
}

static void masked_route_holds_and_delivers_once(struct guest *g)
{
	struct msi_route r;
	struct err e = ERR_NONE;

	start(g, "vectors");
	route_open(g, &r, &to_40);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	sys_eventfd_signal(r.fd);
	sys_eventfd_signal(r.fd);
	check(guest_stays_at(g, 0));
	check(msi_route_pending(&r));
	check(msi_route_unmask(&r, &e) == 0);
	check(guest_wait_reports(g, 1));
	check(guest_stays_at(g, 1));
	msi_route_mask(&r);
	check(!msi_route_pending(&r)); /* no phantom */
	check(msi_route_unmask(&r, &e) == 0);
	check(guest_stays_at(g, 1));
	guest_quit(g);
	msi_route_close(&r);
}

/* Signals and mask toggles race: every signal must end in an interrupt that
 * comes after it, and none may be left behind. A rare second interrupt is the
 * kernel's: its poll at assigning takes no lock against a signal just then. */
struct racer {
	struct msi_route *route;
	atomic_bool stop;
};

static void *toggle(void *arg)
{
	struct racer *r = arg;
	struct err e = ERR_NONE;

	while (!atomic_load(&r->stop)) {
		msi_route_mask(r->route);
		check(msi_route_unmask(r->route, &e) == 0);
	}
	return NULL;
}

static void toggled_mask_loses_nothing(struct guest *g)
{
	struct msi_route r;
	struct racer racer = { .route = &r };
	pthread_t thread;

	start(g, "vectors");
	route_open(g, &r, &to_40);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	check(pthread_create(&thread, NULL, toggle, &racer) == 0);
	for (unsigned i = 0; i < 100; i++) {
		sys_eventfd_signal(r.fd);
		check(guest_wait_reports(g, i + 1));
	}
	atomic_store(&racer.stop, true);
	pthread_join(thread, NULL);
	msi_route_mask(&r);
	check(!msi_route_pending(&r));
	guest_quit(g);
	check(g->n_reports >= 100 && g->n_reports < 110);
	msi_route_close(&r);
}

static void message_change_takes_effect_while_live(struct guest *g)
{
	struct msi_route r;
	struct err e = ERR_NONE;

	start(g, "vectors");
	route_open(g, &r, &to_40);
	check(msi_route_unmask(&r, &e) == 0);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	check(msi_route_set(&r, &to_41, &e) == 0);
	check(irq_commit(&g->vm.irq, &e) == 0);
	sys_eventfd_signal(r.fd);
	check(guest_wait_reports(g, 1));
	guest_quit(g);
	check(g->reports[0] == 0x41);
	msi_route_close(&r);
}

static void *run_loop(void *arg)
{
	struct err e = ERR_NONE;
	struct vm *vm = arg;

	loop_run(&vm->loop, &e);
	return NULL;
}

static void loop_delivers_when_gsis_ran_out(struct guest *g)
{
	struct msi_route r;
	struct err e = ERR_NONE;
	pthread_t thread;

	log_set_level("error", &e); /* its warning is not news here */
	start(g, "vectors");
	g->vm.irq.n_gsi = IRQ_PINS; /* as if all others were taken */
	route_open(g, &r, &to_40);
	check(r.by_loop);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	check(pthread_create(&thread, NULL, run_loop, &g->vm) == 0);
	sys_eventfd_signal(r.fd);
	check(guest_stays_at(g, 0));
	check(msi_route_unmask(&r, &e) == 0);
	check(guest_wait_reports(g, 1));
	msi_route_mask(&r);
	sys_eventfd_signal(r.fd);
	check(guest_stays_at(g, 1));
	guest_quit(g);
	pthread_join(thread, NULL);
	check(atomic_load(&g->vm.irq.by_userspace) == 1);
	msi_route_close(&r);
}

/* VFIO-MSIX-10: whatever we call valid, KVM must take. */
static void kvm_takes_every_message_we_call_valid(struct guest *g)
{
	struct msi_route r = MSI_ROUTE_EMPTY;
	struct err e = ERR_NONE;
	uint64_t x = 88172645463325252;
	unsigned taken = 0;

	guest_open(g, 1);
	check(msi_route_open(&r, &g->vm.irq, &e) == 0);
	for (unsigned i = 0; i < 300; i++) {
		struct msi_msg m;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		m.address = i % 2 ? x : 0xfee00000 | (x & 0xfffff);
		m.data = (uint32_t)(x >> 32);
		if (msi_route_set(&r, &m, &e) == 0)
			taken++;
		check(irq_commit(&g->vm.irq, &e) == 0);
	}
	check(taken > 50 && taken < 250);
	msi_route_close(&r);
}

static void level_line_is_resampled(struct guest *g)
{
	struct irq_line l;
	struct err e = ERR_NONE;

	start(g, "line");
	check(irq_line_open(&l, &g->vm.irq, 16, &e) == 0);
	check(irq_line_attach(&l, &e) == 0);
	guest_start(g);
	check(guest_wait_ready(g, 1));
	for (unsigned i = 1; i <= 3; i++) {
		check(sys_eventfd_drain(l.resample_fd) == 0);
		sys_eventfd_signal(l.fd);
		check(guest_wait_reports(g, i));
		check(guest_wait_ready(g, i + 1)); /* after its EOI */
		check(sys_eventfd_drain(l.resample_fd) == 1);
	}
	check(guest_stays_at(g, 3));
	irq_line_detach(&l);
	guest_quit(g);
	irq_line_close(&l);
}

const struct guest_case interrupt_cases[] = {
	{ "message reaches the handler", message_reaches_the_handler },
	{ "masked route holds and delivers once",
	  masked_route_holds_and_delivers_once },
	{ "toggled mask loses nothing", toggled_mask_loses_nothing },
	{ "message change takes effect while live",
	  message_change_takes_effect_while_live },
	{ "loop delivers when GSIs ran out", loop_delivers_when_gsis_ran_out },
	{ "KVM takes every message we call valid",
	  kvm_takes_every_message_we_call_valid },
	{ "level line is resampled", level_line_is_resampled },
	{ 0 },
};
