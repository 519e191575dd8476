/* Interrupts: the routing table, message routes, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"
#include "vmm/irq.h"
#include "vmm/vm.h"

static const struct msi_msg msg_a = { 0xfee01000, 0x4041 };
static const struct msi_msg msg_b = { 0xfee02000, 0x4042 };

/* In one place for good: vCPUs and routes point to it. */
static struct vm *open_vm(void)
{
	static struct vm vm;
	struct err e = ERR_NONE;

	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_cpus(&vm, 1, &e), 0);
	fake_trace_clear();
	return &vm;
}

static void commit(struct vm *vm)
{
	struct err e = ERR_NONE;

	assert_int_equal(irq_commit(&vm->irq, &e), 0);
}

static void set(struct msi_route *r, const struct msi_msg *m)
{
	struct err e = ERR_NONE;

	assert_int_equal(msi_route_set(r, m, &e), 0);
}

static void unmask(struct msi_route *r)
{
	struct err e = ERR_NONE;

	assert_int_equal(msi_route_unmask(r, &e), 0);
}

static struct msi_route open_route(struct vm *vm)
{
	struct msi_route r = MSI_ROUTE_EMPTY;
	struct err e = ERR_NONE;

	assert_int_equal(msi_route_open(&r, &vm->irq, &e), 0);
	return r;
}

/* -------- the table -------- */

/* VFIO-IRQ-01 */
static void every_commit_restates_the_pins(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fake_kvm_routes(), IRQ_PINS + i);
		for (uint32_t pin = 0; pin < IRQ_PINS; pin++) {
			const struct kvm_irq_routing_entry *e =
				fake_kvm_route(pin);

			assert_int_equal(e->type, KVM_IRQ_ROUTING_IRQCHIP);
			assert_int_equal(e->u.irqchip.irqchip,
					 KVM_IRQCHIP_IOAPIC);
			assert_int_equal(e->u.irqchip.pin, pin);
		}
		set(&r, &msg_a);
		commit(vm);
	}
	msi_route_close(&r);
	vm_close(vm);
}

static void message_is_in_the_table_after_the_commit(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);
	const struct kvm_irq_routing_entry *e;

	assert_int_equal(r.gsi, -1);
	set(&r, &msg_a);
	assert_int_equal(r.gsi, IRQ_PINS);
	assert_null(fake_kvm_route(IRQ_PINS));
	commit(vm);
	e = fake_kvm_route(IRQ_PINS);
	assert_int_equal(e->type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(e->flags, 0);
	assert_int_equal(e->u.msi.address_lo, 0xfee01000);
	assert_int_equal(e->u.msi.address_hi, 0);
	assert_int_equal(e->u.msi.data, 0x4041);
	msi_route_close(&r);
	assert_non_null(fake_kvm_route(IRQ_PINS)); /* until the next commit */
	commit(vm);
	assert_null(fake_kvm_route(IRQ_PINS));
	vm_close(vm);
}

/* VFIO-KVM-06 */
static void commits_are_gathered_and_skipped_when_equal(void **state)
{
	enum { N = 256 };
	static struct msi_route r[N];
	struct vm *vm = open_vm();

	for (unsigned i = 0; i < N; i++) {
		r[i] = open_route(vm);
		set(&r[i], &(struct msi_msg){ 0xfee00000, i });
	}
	commit(vm);
	commit(vm);
	for (unsigned i = 0; i < N; i++)
		set(&r[i], &(struct msi_msg){ 0xfee00000, i });
	commit(vm);
	assert_int_equal(fake_trace_count("KVM_SET_GSI_ROUTING"), 1);
	set(&r[3], &msg_a);
	commit(vm);
	set(&r[3], &msg_b);
	set(&r[3], &msg_a); /* changed and changed back */
	commit(vm);
	assert_int_equal(fake_trace_count("KVM_SET_GSI_ROUTING"), 2);
	for (unsigned i = 0; i < N; i++)
		msi_route_close(&r[i]);
	vm_close(vm);
}

static void failed_commit_is_tried_again_whole(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);
	struct err e = ERR_NONE;

	set(&r, &msg_a);
	fake_fail_ioctl("KVM_SET_GSI_ROUTING", 1, ENOMEM);
	assert_int_equal(irq_commit(&vm->irq, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "table of 25 entries"));
	commit(vm);
	assert_non_null(fake_kvm_route(IRQ_PINS));
	msi_route_close(&r);
	vm_close(vm);
}

/* -------- hostile messages: VFIO-MSIX-10 -------- */

static void hostile_messages_are_refused_and_change_nothing(void **state)
{
	static const struct {
		const char *label;
		struct msi_msg m;
	} cases[] = {
		{ "zero", { 0, 0 } },
		{ "RAM", { 0x1000, 0x41 } },
		{ "just below", { 0xfedffffc, 0x41 } },
		{ "just above", { 0xfef00000, 0x41 } },
		{ "upper half, low byte", { 0x1fee00000, 0x41 } },
		{ "upper half, destination", { 0x100fee00000, 0x41 } },
		{ "all ones", { UINT64_MAX, UINT32_MAX } },
		{ "reserved mode 3", { 0xfee00000, 0x341 } },
		{ "reserved mode 6", { 0xfee00000, 0x641 } },
	};
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);
	struct msi_route other = open_route(vm);

	set(&r, &msg_a);
	set(&other, &msg_b);
	commit(vm);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_NONE;

		print_message("  %s\n", cases[i].label);
		assert_false(irq_msg_valid(&cases[i].m));
		assert_int_equal(msi_route_set(&r, &cases[i].m, &e), -EINVAL);
		assert_non_null(strstr(e.text, "is no interrupt message"));
		commit(vm);
		assert_int_equal(fake_kvm_route((uint32_t)r.gsi)->u.msi.data,
				 msg_a.data);
	}
	unmask(&other);
	sys_eventfd_signal(other.fd);
	assert_int_equal(fake_kvm_injected((uint32_t)other.gsi), 1);
	msi_route_close(&r);
	msi_route_close(&other);
	vm_close(vm);
}

static void ordinary_messages_are_accepted(void **state)
{
	static const struct msi_msg good[] = {
		{ 0xfee00000, 0 },
		{ 0xfeeffffc, 0x41 },
		{ 0xfee0100c, 0x141 },
		{ 0xfee00000, 0x441 },
		{ 0xfee00000, 0xffff00ff & ~0x700u },
	};

	for (unsigned i = 0; i < ARRAY_LEN(good); i++)
		assert_true(irq_msg_valid(&good[i]));
}

/* -------- masking: VFIO-MSIX-07 -------- */

static void unmasked_route_injects_without_us(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);

	set(&r, &msg_a);
	commit(vm);
	assert_int_equal(fake_kvm_irqfds(), 0);
	unmask(&r);
	unmask(&r);
	assert_int_equal(fake_kvm_irqfds(), 1);
	sys_eventfd_signal(r.fd);
	sys_eventfd_signal(r.fd);
	assert_int_equal(fake_kvm_injected((uint32_t)r.gsi), 2);
	assert_false(msi_route_pending(&r));
	assert_int_equal(atomic_load(&vm->irq.by_userspace), 0);
	msi_route_close(&r);
	assert_int_equal(fake_kvm_irqfds(), 0);
	vm_close(vm);
}

/* VFIO-MSIX-07 */
static void masked_route_collects_and_injects_once(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);
	uint32_t gsi;

	set(&r, &msg_a);
	commit(vm);
	gsi = (uint32_t)r.gsi;
	assert_false(msi_route_pending(&r));
	sys_eventfd_signal(r.fd);
	sys_eventfd_signal(r.fd);
	assert_true(msi_route_pending(&r));
	unmask(&r);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	assert_false(sys_readable(r.fd)); /* no stale count */
	msi_route_mask(&r);
	msi_route_mask(&r);
	assert_false(msi_route_pending(&r)); /* no phantom bit */
	unmask(&r);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	msi_route_mask(&r);
	sys_eventfd_signal(r.fd);
	assert_int_equal(fake_kvm_injected(gsi), 1);
	assert_true(msi_route_pending(&r));
	msi_route_close(&r);
	vm_close(vm);
}

/* VFIO-IRQ-01, VFIO-KVM-05 */
static void route_commit_irqfd_is_the_order_up_and_down(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);

	set(&r, &msg_a);
	commit(vm);
	unmask(&r);
	assert_true(fake_trace_has_in_order("KVM_SET_GSI_ROUTING",
					    "KVM_IRQFD vm gsi=24 assign"));
	msi_route_close(&r);
	assert_true(fake_trace_has_in_order("KVM_IRQFD vm gsi=24 assign",
					    "KVM_IRQFD vm gsi=24 deassign",
					    "close eventfd"));
	vm_close(vm);
}

static void reset_forgets_what_collected(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);

	sys_eventfd_signal(r.fd);
	assert_true(msi_route_pending(&r));
	msi_route_drain(&r);
	assert_false(msi_route_pending(&r));
	msi_route_close(&r);
	vm_close(vm);
}

static void failing_irqfd_leaves_the_route_masked(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route r = open_route(vm);
	struct err e = ERR_NONE;

	set(&r, &msg_a);
	commit(vm);
	sys_eventfd_signal(r.fd);
	fake_fail_ioctl("KVM_IRQFD", 1, ENOMEM);
	assert_int_equal(msi_route_unmask(&r, &e), -ENOMEM);
	assert_false(r.live);
	assert_true(msi_route_pending(&r));
	unmask(&r);
	assert_int_equal(fake_kvm_injected((uint32_t)r.gsi), 1);
	msi_route_close(&r);
	vm_close(vm);
}

static void empty_route_is_safe_everywhere(void **state)
{
	struct msi_route r = MSI_ROUTE_EMPTY;

	msi_route_mask(&r);
	msi_route_drain(&r);
	assert_false(msi_route_pending(&r));
	msi_route_close(&r);
	msi_route_close(&r);
}

/* -------- the allocator: VFIO-MSIX-12 -------- */

static void ten_thousand_plug_cycles_leak_no_gsi(void **state)
{
	struct vm *vm = open_vm();

	for (unsigned i = 0; i < 10000; i++) {
		struct msi_route r = open_route(vm);

		set(&r, &msg_a);
		assert_int_equal(r.gsi, IRQ_PINS);
		msi_route_close(&r);
	}
	vm_close(vm);
}

static void freed_gsi_is_used_again(void **state)
{
	struct vm *vm = open_vm();
	struct msi_route a = open_route(vm), b = open_route(vm);
	struct msi_route c = open_route(vm);

	set(&a, &msg_a);
	set(&b, &msg_b);
	msi_route_close(&a);
	set(&c, &msg_b);
	assert_int_equal(c.gsi, IRQ_PINS);
	assert_int_equal(b.gsi, IRQ_PINS + 1);
	msi_route_close(&b);
	msi_route_close(&c);
	vm_close(vm);
}

/* All but one GSI of a small KVM. */
static struct vm *open_small_vm(void)
{
	fake_kvm_cap(KVM_CAP_IRQ_ROUTING, IRQ_PINS + 1);
	log_set_level("error", &ERR_NONE);
	return open_vm();
}

static void *run_loop(void *arg)
{
	struct err e = ERR_NONE;

	loop_run(arg, &e);
	return NULL;
}

static void wait_for(atomic_ulong *count, unsigned long n)
{
	for (unsigned i = 0; i < 5000 && atomic_load(count) < n; i++)
		usleep(1000);
	assert_int_equal(atomic_load(count), n);
}

static void route_without_gsi_works_through_the_loop(void **state)
{
	struct vm *vm = open_small_vm();
	struct msi_route a = open_route(vm), b = open_route(vm);
	pthread_t t;

	set(&a, &msg_a);
	set(&b, &msg_b);
	commit(vm);
	assert_false(a.by_loop);
	assert_true(b.by_loop);
	assert_true(vm->irq.warned);
	sys_eventfd_signal(b.fd);
	assert_true(msi_route_pending(&b));
	unmask(&b);
	assert_int_equal(fake_kvm_irqfds(), 0);
	assert_int_equal(pthread_create(&t, NULL, run_loop, &vm->loop), 0);
	wait_for(&vm->irq.by_userspace, 1);
	sys_eventfd_signal(b.fd);
	wait_for(&vm->irq.by_userspace, 2);
	assert_int_equal(fake_kvm_injected(FAKE_SIGNAL_MSI), 2);
	msi_route_mask(&b);
	sys_eventfd_signal(b.fd);
	assert_true(msi_route_pending(&b));
	loop_stop(&vm->loop);
	pthread_join(t, NULL);
	assert_int_equal(fake_kvm_injected(FAKE_SIGNAL_MSI), 2);
	msi_route_close(&a);
	msi_route_close(&b);
	vm_close(vm);
}

static void masked_route_takes_a_gsi_that_became_free(void **state)
{
	struct vm *vm = open_small_vm();
	struct msi_route a = open_route(vm), b = open_route(vm);

	set(&a, &msg_a);
	set(&b, &msg_b);
	assert_true(b.by_loop);
	msi_route_close(&a);
	set(&b, &msg_b);
	assert_false(b.by_loop);
	assert_int_equal(b.gsi, IRQ_PINS);
	msi_route_close(&b);
	vm_close(vm);
}

static void loop_that_cannot_watch_leaves_the_route_masked(void **state)
{
	struct vm *vm = open_small_vm();
	struct msi_route a = open_route(vm), b = open_route(vm);
	struct err e = ERR_NONE;

	set(&a, &msg_a);
	set(&b, &msg_b);
	fake_fail_call("epoll_ctl", 1, ENOSPC);
	assert_int_equal(msi_route_unmask(&b, &e), -ENOSPC);
	assert_false(b.live);
	msi_route_close(&a);
	msi_route_close(&b);
	vm_close(vm);
}

/* The loop took an event just before a vCPU closed the route and opened it
 * anew. */
static void event_that_comes_late_is_harmless(void **state)
{
	struct vm *vm = open_small_vm();
	struct msi_route a = open_route(vm), b = open_route(vm);
	struct err e = ERR_NONE;

	set(&a, &msg_a);
	set(&b, &msg_b);
	unmask(&b);
	assert_true(b.by_loop);
	msi_route_close(&b);
	assert_int_equal(msi_route_open(&b, &vm->irq, &e), 0);
	b.watch.handler(&b.watch, EPOLLIN);
	set(&b, &msg_b);
	b.watch.handler(&b.watch, EPOLLIN);
	assert_int_equal(atomic_load(&vm->irq.by_userspace), 0);
	msi_route_close(&a);
	msi_route_close(&b);
	vm_close(vm);
}

/* -------- two threads: VFIO-IRQ-06 -------- */

static void *hammer(void *arg)
{
	struct vm *vm = arg;
	struct msi_route r = MSI_ROUTE_EMPTY;
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 500; i++) {
		if (msi_route_open(&r, &vm->irq, &e) < 0)
			return vm;
		if (msi_route_set(&r, i % 2 ? &msg_a : &msg_b, &e) < 0)
			return vm;
		if (irq_commit(&vm->irq, &e) < 0)
			return vm;
		if (msi_route_unmask(&r, &e) < 0)
			return vm;
		msi_route_close(&r);
	}
	return NULL;
}

static void two_devices_change_routes_at_once(void **state)
{
	struct vm *vm = open_vm();
	pthread_t t[2];
	void *wrong;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, vm), 0);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	commit(vm);
	assert_int_equal(fake_kvm_routes(), IRQ_PINS);
	vm_close(vm);
}

/* -------- lines -------- */

/* VFIO-KVM-05 */
static void line_is_asserted_and_resampled(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct irq_line l;

	assert_int_equal(irq_line_open(&l, &vm->irq, 17, &e), 0);
	assert_int_equal(irq_line_attach(&l, &e), 0);
	assert_int_equal(irq_line_attach(&l, &e), 0);
	assert_int_equal(
		fake_trace_count("KVM_IRQFD vm gsi=17 assign resample"), 1);
	sys_eventfd_signal(l.fd);
	assert_int_equal(fake_kvm_line(17), 1);
	fake_kvm_eoi(17);
	assert_int_equal(fake_kvm_line(17), 0);
	assert_int_equal(sys_eventfd_drain(l.resample_fd), 1);
	irq_line_detach(&l);
	irq_line_detach(&l);
	assert_int_equal(fake_kvm_irqfds(), 0);
	irq_line_close(&l);
	irq_line_close(&l);
	vm_close(vm);
}

/* VFIO-INTX-03 */
static void two_lines_share_a_pin(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct irq_line a, b;

	assert_int_equal(irq_line_open(&a, &vm->irq, 18, &e), 0);
	assert_int_equal(irq_line_open(&b, &vm->irq, 18, &e), 0);
	assert_int_equal(irq_line_attach(&a, &e), 0);
	assert_int_equal(irq_line_attach(&b, &e), 0);
	sys_eventfd_signal(b.fd);
	fake_kvm_eoi(18);
	assert_int_equal(sys_eventfd_drain(a.resample_fd), 1);
	assert_int_equal(sys_eventfd_drain(b.resample_fd), 1);
	irq_line_close(&a);
	irq_line_close(&b);
	vm_close(vm);
}

static void line_of_our_own_device_is_set(void **state)
{
	struct vm *vm = open_vm();

	assert_int_equal(irq_line_set(&vm->irq, 4, 1), 0);
	assert_int_equal(fake_kvm_line(4), 1);
	assert_int_equal(irq_line_set(&vm->irq, 4, 0), 0);
	assert_int_equal(fake_kvm_line(4), 0);
	vm_close(vm);
}

static void line_without_resample_support_is_an_error(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct irq_line l;

	assert_int_equal(irq_line_open(&l, &vm->irq, 16, &e), 0);
	fake_fail_ioctl("KVM_IRQFD", 1, EINVAL);
	assert_int_equal(irq_line_attach(&l, &e), -EINVAL);
	assert_non_null(strstr(e.text, "interrupt line 16"));
	assert_false(l.live);
	irq_line_close(&l);
	vm_close(vm);
}

struct line_arg {
	struct vm *vm;
	struct irq_line l;
};

static int open_line(void *arg, struct err *e)
{
	struct line_arg *a = arg;

	return irq_line_open(&a->l, &a->vm->irq, 16, e);
}

static void close_line(void *arg)
{
	irq_line_close(&((struct line_arg *)arg)->l);
}

static void opening_a_line_survives_every_failure(void **state)
{
	struct vm *vm = open_vm();
	struct line_arg a = { .vm = vm };

	fake_sweep(open_line, close_line, &a, "interrupt line 16");
	vm_close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(every_commit_restates_the_pins),
		FAKE_TEST(message_is_in_the_table_after_the_commit),
		FAKE_TEST(commits_are_gathered_and_skipped_when_equal),
		FAKE_TEST(failed_commit_is_tried_again_whole),
		FAKE_TEST(hostile_messages_are_refused_and_change_nothing),
		FAKE_TEST(ordinary_messages_are_accepted),
		FAKE_TEST(unmasked_route_injects_without_us),
		FAKE_TEST(masked_route_collects_and_injects_once),
		FAKE_TEST(route_commit_irqfd_is_the_order_up_and_down),
		FAKE_TEST(reset_forgets_what_collected),
		FAKE_TEST(failing_irqfd_leaves_the_route_masked),
		FAKE_TEST(empty_route_is_safe_everywhere),
		FAKE_TEST(ten_thousand_plug_cycles_leak_no_gsi),
		FAKE_TEST(freed_gsi_is_used_again),
		FAKE_TEST(route_without_gsi_works_through_the_loop),
		FAKE_TEST(masked_route_takes_a_gsi_that_became_free),
		FAKE_TEST(loop_that_cannot_watch_leaves_the_route_masked),
		FAKE_TEST(event_that_comes_late_is_harmless),
		FAKE_TEST(two_devices_change_routes_at_once),
		FAKE_TEST(line_is_asserted_and_resampled),
		FAKE_TEST(two_lines_share_a_pin),
		FAKE_TEST(line_of_our_own_device_is_set),
		FAKE_TEST(line_without_resample_support_is_an_error),
		FAKE_TEST(opening_a_line_survives_every_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
