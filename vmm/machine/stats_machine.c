/* machine/stats_machine.c - vCPUs, buses, memory and time of a report */
#include <stdio.h>

#include "vmm/base/sys.h"
#include "vmm/exit_name.h"
#include "vmm/kvm_stats.h"
#include "vmm/machine/stats_json.h"

/* -------- exits -------- */

static void set_exits(json_t *o, const uint64_t *by_reason)
{
	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++) {
		const char *name = exit_name(i);
		char number[16];

		if (by_reason[i] == 0)
			continue;
		snprintf(number, sizeof(number), "%u", i);
		stats_set_number(o, name ? name : number, by_reason[i]);
	}
}

static void set_failures(json_t *o, const uint64_t *by_kind)
{
	static const char *const names[VCPU_FAILURES] = {
		[VCPU_INTERRUPTED] = "EINTR",
		[VCPU_AGAIN] = "EAGAIN",
		[VCPU_FAULT] = "EFAULT",
		[VCPU_REFUSED] = "refused",
	};

	for (unsigned i = 0; i < VCPU_FAILURES; i++)
		if (by_kind[i] != 0)
			stats_set_number(o, names[i], by_kind[i]);
}

/* Sums, and for each what it is the sum of. */
struct exits {
	uint64_t total, by_reason[VCPU_EXIT_REASONS], failed[VCPU_FAILURES];
};

static void exits_add(struct exits *x, const struct vcpu *c)
{
	for (unsigned i = 0; i < VCPU_EXIT_REASONS; i++) {
		x->by_reason[i] += counter_get(&c->exits[i]);
		x->total += counter_get(&c->exits[i]);
	}
	for (unsigned i = 0; i < VCPU_FAILURES; i++) {
		x->failed[i] += counter_get(&c->failures[i]);
		x->total += counter_get(&c->failures[i]);
	}
}

static json_t *exits_json(const struct exits *x)
{
	json_t *o = json_object(), *reason = json_object();
	json_t *failed = json_object();

	set_exits(reason, x->by_reason);
	set_failures(failed, x->failed);
	stats_set_number(o, "total", x->total);
	stats_set(o, "by_reason", reason);
	stats_set(o, "failed", failed);
	return o;
}

static void add_stat(const char *name, uint64_t value, void *arg)
{
	if (value != 0)
		stats_set_number(arg, name, value);
}

/* What KVM says of the VM or vCPU whose statistics @fd is. */
static void set_kvm(json_t *o, int fd)
{
	json_t *kvm;

	if (fd < 0)
		return;
	kvm = json_object();
	(void)kvm_stats_each(fd, add_stat, kvm);
	stats_set(o, "kvm", kvm);
}

static json_t *vcpu_json(const struct vcpu *c)
{
	struct exits x = { 0 };
	json_t *o = json_object();

	exits_add(&x, c);
	stats_set_number(o, "index", c->index);
	stats_set(o, "exits", exits_json(&x));
	set_kvm(o, c->stats_fd);
	return o;
}

static void set_vcpus(json_t *o, const struct vm *vm)
{
	struct exits sum = { 0 };
	json_t *list = json_array();

	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		exits_add(&sum, &vm->vcpus[i]);
		(void)json_array_append_new(list, vcpu_json(&vm->vcpus[i]));
	}
	stats_set(o, "exits", exits_json(&sum));
	stats_set(o, "vcpus", list);
}

/* -------- buses -------- */

static void add_region(const struct region *r, void *arg)
{
	json_t *list = arg, *o;

	if (counter_get(&r->reads) == 0 && counter_get(&r->writes) == 0)
		return;
	o = json_object();
	stats_set_text(o, "name", r->name);
	stats_set_number(o, "base", r->base);
	stats_set_number(o, "size", r->size);
	stats_set_reads_writes(o, &r->reads, &r->writes);
	(void)json_array_append_new(list, o);
}

static json_t *bus_json(struct bus *b)
{
	json_t *o = json_object(), *list = json_array();
	json_t *nobody = json_object();

	bus_each(b, add_region, list);
	stats_set_reads_writes(nobody, &b->nobody_reads, &b->nobody_writes);
	stats_set(o, "regions", list);
	stats_set(o, "nobody", nobody);
	return o;
}

/* -------- time -------- */

static json_t *phases_json(const struct phases *p, uint64_t began_ns)
{
	unsigned n = atomic_load_explicit(&p->n, memory_order_acquire);
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_object();

		stats_set_text(o, "what", p->phase[i].what);
		if (p->phase[i].which[0] != '\0')
			stats_set_text(o, "which", p->phase[i].which);
		stats_set_number(o, "end_ns", p->phase[i].end_ns - began_ns);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static void set_times(json_t *o, const struct machine *m, uint64_t began_ns)
{
	uint64_t first = counter_get(&m->vm.first_run_ns);

	stats_set(o, "phases", phases_json(&m->phases, began_ns));
	if (first == 0)
		return;
	stats_set_number(o, "first_run_ns", first - began_ns);
	stats_set_number(o, "run_ns", sys_now_ns() - first);
}

/* -------- all of it -------- */

json_t *stats_of_machine(struct machine *m, uint64_t began_ns)
{
	json_t *o = json_object();

	set_times(o, m, began_ns);
	set_vcpus(o, &m->vm);
	set_kvm(o, m->vm.stats_fd);
	stats_set(o, "pio", bus_json(&m->vm.pio));
	stats_set(o, "mmio", bus_json(&m->vm.mmio));
	stats_set_number(o, "memslot_updates",
			 counter_get(&m->vm.mem.slot_updates));
	stats_set_number(o, "route_commits", counter_get(&m->vm.irq.commits));
	stats_set_number(o, "interrupts_by_loop",
			 atomic_load(&m->vm.irq.by_userspace));
	stats_set(o, "functions", stats_of_functions(&m->assignment));
	stats_set(o, "dma", stats_of_dma(&m->assignment));
	return o;
}
