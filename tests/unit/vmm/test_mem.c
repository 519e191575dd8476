/* Guest memory: RAM and its listeners, windows of device pages, slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/mem.h"
#include "vmm/vm.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* In one place for good: vCPUs and routes point to it. */
static struct vm *open_vm(void)
{
	static struct vm vm;
	struct err e = ERR_NONE;

	assert_int_equal(vm_open(&vm, &e), 0);
	return &vm;
}

static void add_ram(struct vm *vm, gpa_t base, uint64_t size)
{
	struct err e = ERR_NONE;

	assert_int_equal(mem_add_ram(&vm->mem, base, size, MEM_PLAIN, &e), 0);
}

/* -------- RAM -------- */

static void ram_has_a_slot_and_an_address(void **state)
{
	struct vm *vm = open_vm();
	const struct fake_slot *s;

	add_ram(vm, 0, 4 * MIB);
	s = fake_kvm_slot_at(0x123456);
	assert_non_null(s);
	assert_int_equal(s->gpa, 0);
	assert_int_equal(s->size, 4 * MIB);
	assert_int_equal(s->flags, 0);
	assert_int_equal(s->hva, (uintptr_t)mem_at(&vm->mem, 0, 1));
	assert_int_equal(mem_ram_size(&vm->mem), 4 * MIB);
	vm_close(vm);
}

/* VFIO-DMA-05 */
static void host_and_guest_addresses_agree_modulo_1_gib(void **state)
{
	struct vm *vm = open_vm();

	add_ram(vm, 0, 4 * MIB);
	add_ram(vm, 4 * GIB + 6 * MIB, 8 * MIB);
	for (unsigned i = 0; i < vm->mem.n_ram; i++)
		assert_int_equal((uintptr_t)vm->mem.ram[i].hva % GIB,
				 vm->mem.ram[i].base % GIB);
	vm_close(vm);
}

static void alignment_falls_back_where_space_is_short(void **state)
{
	struct vm *vm = open_vm();

	fake_fail_call("mmap", 1, ENOMEM);
	add_ram(vm, 6 * MIB, 2 * MIB);
	assert_int_equal((uintptr_t)vm->mem.ram[0].hva % (2 * MIB), 0);
	le32_store(mem_at(&vm->mem, 6 * MIB, 4), 1);
	vm_close(vm);
}

/* VFIO-OPEN-20 */
static void ram_is_kept_from_children(void **state)
{
	struct vm *vm = open_vm();

	add_ram(vm, 0, 2 * MIB);
	assert_int_equal(fake_trace_count("advice=10"), 1); /* DONTFORK */
	assert_int_equal(fake_trace_count("advice=14"), 1); /* HUGEPAGE */
	vm_close(vm);
}

static void mem_at_knows_the_edges_of_ram(void **state)
{
	struct vm *vm = open_vm();
	struct mem *m = &vm->mem;

	add_ram(vm, 2 * MIB, 2 * MIB);
	add_ram(vm, 4 * MIB, 2 * MIB);
	assert_non_null(mem_at(m, 2 * MIB, 2 * MIB));
	assert_non_null(mem_at(m, 4 * MIB - 1, 1));
	assert_null(mem_at(m, 2 * MIB - 1, 2));
	assert_null(mem_at(m, 4 * MIB - 1, 2)); /* two ranges, two mappings */
	assert_null(mem_at(m, 6 * MIB, 1));
	assert_null(mem_at(m, 2 * MIB, UINT64_MAX));
	assert_null(mem_at(m, UINT64_MAX, 2));
	assert_null(mem_at(m, 2 * MIB, 2 * MIB + 1));
	assert_ptr_equal((char *)mem_at(m, 4 * MIB + 5, 1) - 5,
			 mem_at(m, 4 * MIB, 1));
	vm_close(vm);
}

static void short_hugepage_pool_is_an_error_with_a_hint(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	fake_hugepages(2 * MIB);
	assert_true(mem_add_ram(&vm->mem, 0, 4 * MIB, MEM_HUGEPAGES, &e) < 0);
	assert_non_null(strstr(e.text, "guest memory: no huge pages for 4"));
	assert_non_null(strstr(e.hint, "echo 2 >"));
	assert_int_equal(fake_kvm_slots(), 0);
	fake_hugepages(4 * MIB);
	assert_int_equal(mem_add_ram(&vm->mem, 0, 4 * MIB, MEM_HUGEPAGES, &e),
			 0);
	vm_close(vm);
}

/* VFIO-VU-06 */
static void shared_ram_is_a_file_of_its_own(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	void *other;

	add_ram(vm, 8 * MIB, 2 * MIB);
	assert_int_equal(vm->mem.ram[0].fd, -1);
	assert_int_equal(mem_add_ram(&vm->mem, 0, 4 * MIB, MEM_SHARED, &e), 0);
	assert_true(vm->mem.ram[1].fd >= 0);
	le32_store(mem_at(&vm->mem, 2 * MIB, 4), 0x12345678);
	assert_int_equal(sys_mmap(4096, PROT_READ, MAP_SHARED,
				  vm->mem.ram[1].fd, 2 * MIB, &other),
			 0);
	assert_int_equal(le32_load(other), 0x12345678);
	sys_munmap(other, 4096);
	vm_close(vm);
}

static void shared_ram_that_fails_leaves_nothing(void **state)
{
	struct vm *vm = open_vm();

	for (unsigned i = 0; i < 3; i++) {
		struct err e = ERR_NONE;

		if (i == 0)
			fake_fail_call("memfd", 1, ENOMEM);
		else if (i == 1) /* the first mmap only reserves addresses */
			fake_fail_call("mmap", 2, ENOMEM);
		else
			fake_fail_ioctl("KVM_SET_USER_MEMORY_REGION", 1,
					ENOMEM);
		assert_int_equal(
			mem_add_ram(&vm->mem, 0, 4 * MIB, MEM_SHARED, &e),
			-ENOMEM);
		assert_non_null(strstr(e.text, "guest memory: "));
		assert_int_equal(vm->mem.n_ram, 0);
		fake_fail_none();
	}
	vm_close(vm);
}

static void shared_hugepages_need_a_pool_too(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	fake_hugepages(2 * MIB);
	assert_true(mem_add_ram(&vm->mem, 0, 4 * MIB,
				MEM_SHARED | MEM_HUGEPAGES, &e) < 0);
	assert_non_null(strstr(e.hint, "echo 2 >"));
	vm_close(vm);
}

/* VFIO-KVM-04 */
static void ram_beyond_one_slot_is_refused(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	assert_int_equal(
		mem_add_ram(&vm->mem, 0, UINT64_C(1) << 43, MEM_PLAIN, &e),
		-E2BIG);
	vm_close(vm);
}

struct opener {
	struct vm *vm;
	unsigned flags;
};

static int open_ram(void *arg, struct err *e)
{
	struct opener *o = arg;

	return mem_add_ram(&o->vm->mem, 0, 2 * MIB, o->flags, e);
}

static void close_ram(void *arg)
{
	struct opener *o = arg;
	struct mem *m = &o->vm->mem;

	if (m->n_ram == 0)
		return;
	/* As mem_close does, and without the slot in the VM that goes on. */
	mem_close(m);
	vm_close(o->vm);
	o->vm = open_vm();
}

static void adding_ram_survives_every_failure(void **state)
{
	struct vm *vm = open_vm();
	struct opener o = { vm, MEM_PLAIN };
	struct err e = ERR_NONE;
	int rc;

	for (unsigned nth = 1;; nth++) {
		unsigned slots = fake_kvm_slots();

		fake_mark();
		fake_fail_at(nth, EIO);
		rc = open_ram(&o, &e);
		fake_fail_none();
		if (rc == 0 && nth > 8)
			break;
		if (rc < 0) {
			assert_null(fake_leaks());
			assert_int_equal(fake_kvm_slots(), slots);
			assert_non_null(strstr(e.text, "guest memory"));
		} else {
			close_ram(&o);
		}
	}
	vm_close(vm);
}

/* -------- prefault -------- */

static void prefault_touches_all_ram(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	fake_cpus_online(4);
	add_ram(vm, 0, 70 * MIB);
	fake_trace_clear();
	assert_int_equal(mem_prefault(&vm->mem, NULL, &e), 0);
	assert_int_equal(fake_trace_count("madvise"), 3); /* 32 MiB each */
	vm_close(vm);
}

static void prefault_by_hand_on_old_kernels_keeps_contents(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	add_ram(vm, 0, 4 * MIB);
	le32_store(mem_at(&vm->mem, 8192, 4), 0x12345678);
	fake_fail_call("madvise", 0, EINVAL);
	assert_int_equal(mem_prefault(&vm->mem, NULL, &e), 0);
	assert_int_equal(le32_load(mem_at(&vm->mem, 8192, 4)), 0x12345678);
	vm_close(vm);
}

/* VFIO-DMA-06 */
static void prefault_reports_that_memory_ran_out(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	add_ram(vm, 0, 130 * MIB);
	fake_fail_call("madvise", 2, EFAULT);
	assert_int_equal(mem_prefault(&vm->mem, NULL, &e), -EFAULT);
	assert_non_null(strstr(e.text, "cannot populate 130 MiB"));
	assert_true(e.hint[0] != '\0');
	vm_close(vm);
}

static void prefault_stops_when_told(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	atomic_bool stop = true;

	add_ram(vm, 0, 130 * MIB);
	fake_trace_clear();
	assert_int_equal(mem_prefault(&vm->mem, &stop, &e), 0);
	assert_int_equal(fake_trace_count("madvise"), 0);
	stop = false;
	assert_int_equal(mem_prefault(&vm->mem, &stop, &e), 0);
	assert_int_equal(fake_trace_count("madvise"), 5);
	vm_close(vm);
}

static void prefault_without_ram_does_nothing(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;

	assert_int_equal(mem_prefault(&vm->mem, NULL, &e), 0);
	vm_close(vm);
}

/* -------- listeners -------- */

struct ear {
	struct mem_listener l;
	char heard[32]; /* "+0+1-1": the GiB of what was added, removed */
	unsigned n;
	gpa_t refuses;
};

static void hear(struct ear *ear, char what, const struct ram *r)
{
	assert_true(ear->n + 2 < sizeof(ear->heard));
	ear->heard[ear->n++] = what;
	ear->heard[ear->n++] = (char)('0' + r->base / GIB);
}

static int ear_add(struct mem_listener *l, const struct ram *r, struct err *e)
{
	struct ear *ear = container_of(l, struct ear, l);

	if (ear->refuses == r->base)
		return err_set(e, -ENOSPC, "ear is full");
	hear(ear, '+', r);
	return 0;
}

static void ear_remove(struct mem_listener *l, const struct ram *r)
{
	hear(container_of(l, struct ear, l), '-', r);
}

static const struct mem_listener_ops ear_ops = { ear_add, ear_remove };

#define EAR ((struct ear){ .l = { .ops = &ear_ops }, .refuses = UINT64_MAX })

static void listener_hears_of_old_and_new_ram(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct ear ear = EAR;

	add_ram(vm, 0, 2 * MIB);
	assert_int_equal(mem_listen(&vm->mem, &ear.l, &e), 0);
	add_ram(vm, 4 * GIB, 2 * MIB);
	assert_string_equal(ear.heard, "+0+4");
	vm_close(vm);
	assert_string_equal(ear.heard, "+0+4-4-0");
}

static void refusing_listener_hears_the_end_of_what_it_took(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct ear ear = EAR;

	ear.refuses = 4 * GIB;
	add_ram(vm, 0, 2 * MIB);
	add_ram(vm, 4 * GIB, 2 * MIB);
	assert_int_equal(mem_listen(&vm->mem, &ear.l, &e), -ENOSPC);
	assert_string_equal(ear.heard, "+0-0");
	mem_unlisten(&vm->mem, &ear.l);
	vm_close(vm);
	assert_string_equal(ear.heard, "+0-0");
}

static void ram_that_a_listener_refuses_is_not_there(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct ear first = EAR, second = EAR;

	second.refuses = 0;
	assert_int_equal(mem_listen(&vm->mem, &first.l, &e), 0);
	assert_int_equal(mem_listen(&vm->mem, &second.l, &e), 0);
	fake_mark();
	assert_int_equal(mem_add_ram(&vm->mem, 0, 2 * MIB, MEM_PLAIN, &e),
			 -ENOSPC);
	assert_string_equal(first.heard, "+0-0");
	assert_string_equal(second.heard, "");
	assert_int_equal(fake_kvm_slots(), 0);
	assert_null(mem_at(&vm->mem, 0, 1));
	assert_null(fake_leaks());
	vm_close(vm);
}

static void unlisten_takes_out_one_and_keeps_the_others(void **state)
{
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	struct ear a = EAR, b = EAR;

	assert_int_equal(mem_listen(&vm->mem, &a.l, &e), 0);
	assert_int_equal(mem_listen(&vm->mem, &b.l, &e), 0);
	add_ram(vm, 0, 2 * MIB);
	mem_unlisten(&vm->mem, &a.l);
	mem_unlisten(&vm->mem, &a.l);
	assert_string_equal(a.heard, "+0-0");
	assert_string_equal(b.heard, "+0");
	vm_close(vm);
	assert_string_equal(b.heard, "+0-0");
}

/* -------- windows -------- */

static void *page(void)
{
	void *p;

	assert_int_equal(sys_mmap(0x4000, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p),
			 0);
	return p;
}

static void window_shows_and_hides(void **state)
{
	struct vm *vm = open_vm();
	struct mem_window w = { 0 };
	struct err e = ERR_NONE;
	void *p = page();

	mem_window_hide(&vm->mem, &w);
	assert_int_equal(
		mem_window_show(&vm->mem, &w, 0xd0000000, p, 0x4000, true, &e),
		0);
	assert_int_equal(fake_kvm_slot_at(0xd0003fff)->flags, KVM_MEM_READONLY);
	mem_window_hide(&vm->mem, &w);
	mem_window_hide(&vm->mem, &w);
	assert_null(fake_kvm_slot_at(0xd0000000));
	assert_int_equal(vm->mem.slot_updates, 2);
	sys_munmap(p, 0x4000);
	vm_close(vm);
}

static void window_over_something_is_refused(void **state)
{
	struct vm *vm = open_vm();
	struct mem_window w = { 0 };
	struct err e = ERR_NONE;
	void *p = page();

	add_ram(vm, 0, 2 * MIB);
	assert_int_equal(
		mem_window_show(&vm->mem, &w, 0x1ff000, p, 0x4000, false, &e),
		-EEXIST);
	assert_false(w.live);
	assert_int_equal(fake_kvm_slots(), 1);
	sys_munmap(p, 0x4000);
	vm_close(vm);
}

/* VFIO-KVM-04 */
static void window_that_cannot_be_a_slot_is_refused(void **state)
{
	struct vm *vm = open_vm();
	void *p = page();
	static const struct {
		const char *label;
		gpa_t base;
		uint64_t size;
	} cases[] = {
		{ "empty", 0x1000, 0 },
		{ "size is no page", 0x1000, 0x800 },
		{ "base is no page", 0x1800, 0x1000 },
		{ "wraps", UINT64_MAX - 0xfff, 0x2000 },
		{ "larger than a slot", 0, UINT64_C(1) << 43 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct mem_window w = { 0 };
		struct err e = ERR_NONE;

		print_message("  %s\n", cases[i].label);
		assert_int_equal(mem_window_show(&vm->mem, &w, cases[i].base, p,
						 cases[i].size, false, &e),
				 -EINVAL);
		assert_false(w.live);
	}
	assert_int_equal(vm->mem.slot_updates, 0);
	sys_munmap(p, 0x4000);
	vm_close(vm);
}

/* VFIO-BAR-18, VFIO-KVM-04 */
static void slots_run_out_and_come_back(void **state)
{
	enum { SLOTS = 4 };
	struct mem_window w[SLOTS + 1] = { 0 };
	struct err e = ERR_NONE;
	struct vm *vm;
	void *p = page();

	fake_kvm_cap(KVM_CAP_NR_MEMSLOTS, SLOTS);
	vm = open_vm();
	add_ram(vm, 0, 2 * MIB);
	for (unsigned i = 0; i < SLOTS - 1; i++)
		assert_int_equal(mem_window_show(&vm->mem, &w[i],
						 0xd0000000 + i * 0x1000, p,
						 0x1000, false, &e),
				 0);
	assert_int_equal(mem_window_show(&vm->mem, &w[3], 0xe0000000, p, 0x1000,
					 false, &e),
			 -ENOSPC);
	assert_non_null(strstr(e.text, "all 4 memory slots are in use"));
	mem_window_hide(&vm->mem, &w[1]);
	assert_int_equal(mem_window_show(&vm->mem, &w[3], 0xe0000000, p, 0x1000,
					 false, &e),
			 0);
	for (unsigned i = 0; i < 1000; i++) {
		mem_window_hide(&vm->mem, &w[3]);
		assert_int_equal(mem_window_show(&vm->mem, &w[3], 0xe0000000, p,
						 0x1000, false, &e),
				 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(w); i++)
		mem_window_hide(&vm->mem, &w[i]);
	sys_munmap(p, 0x4000);
	vm_close(vm);
}

static void failing_slot_update_leaves_the_slot_free(void **state)
{
	struct mem_window w = { 0 };
	struct vm *vm = open_vm();
	struct err e = ERR_NONE;
	void *p = page();

	fake_fail_ioctl("KVM_SET_USER_MEMORY_REGION", 1, ENOMEM);
	assert_int_equal(
		mem_window_show(&vm->mem, &w, 0xd0000000, p, 0x1000, false, &e),
		-ENOMEM);
	assert_int_equal(vm->mem.slot_used[0], 0);
	sys_munmap(p, 0x4000);
	vm_close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(ram_has_a_slot_and_an_address),
		FAKE_TEST(host_and_guest_addresses_agree_modulo_1_gib),
		FAKE_TEST(alignment_falls_back_where_space_is_short),
		FAKE_TEST(ram_is_kept_from_children),
		FAKE_TEST(mem_at_knows_the_edges_of_ram),
		FAKE_TEST(short_hugepage_pool_is_an_error_with_a_hint),
		FAKE_TEST(shared_ram_is_a_file_of_its_own),
		FAKE_TEST(shared_ram_that_fails_leaves_nothing),
		FAKE_TEST(shared_hugepages_need_a_pool_too),
		FAKE_TEST(ram_beyond_one_slot_is_refused),
		FAKE_TEST(adding_ram_survives_every_failure),
		FAKE_TEST(prefault_touches_all_ram),
		FAKE_TEST(prefault_by_hand_on_old_kernels_keeps_contents),
		FAKE_TEST(prefault_reports_that_memory_ran_out),
		FAKE_TEST(prefault_stops_when_told),
		FAKE_TEST(prefault_without_ram_does_nothing),
		FAKE_TEST(listener_hears_of_old_and_new_ram),
		FAKE_TEST(refusing_listener_hears_the_end_of_what_it_took),
		FAKE_TEST(ram_that_a_listener_refuses_is_not_there),
		FAKE_TEST(unlisten_takes_out_one_and_keeps_the_others),
		FAKE_TEST(window_shows_and_hides),
		FAKE_TEST(window_over_something_is_refused),
		FAKE_TEST(window_that_cannot_be_a_slot_is_refused),
		FAKE_TEST(slots_run_out_and_come_back),
		FAKE_TEST(failing_slot_update_leaves_the_slot_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
