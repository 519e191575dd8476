/* machine/assignment.c - see assignment.h */
#include "vmm/machine/assignment.h"

#include "vfio/user.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/kernel_way.h"
#include "vmm/machine/limits.h"

/* -------- backends -------- */

static int open_user_space(struct assignment *a, struct vm *vm,
			   struct vfio_iommu **out, struct err *e)
{
	return vfio_user_iommu_open(&vm->loop, out, e);
}

static const struct backend {
	int (*open_space)(struct assignment *a, struct vm *vm,
			  struct vfio_iommu **out, struct err *e);
	bool locks_ram;	 /* DMA goes to pinned pages */
	bool shares_ram; /* DMA is another process's loads and stores */
} backends[CONFIG_BACKENDS] = {
	[CONFIG_VFIO] = {
		.open_space = kernel_way_open,
		.locks_ram = true,
	},
	[CONFIG_VFIO_USER] = {
		.open_space = open_user_space,
		.shares_ram = true,
	},
};

static unsigned count(const struct assignment *a, enum config_backend b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += a->function[i].backend == b;
	return n;
}

static bool any(const struct assignment *a, bool locks, bool shares)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct backend *b = &backends[a->function[i].backend];

		if ((locks && b->locks_ram) || (shares && b->shares_ram))
			return true;
	}
	return false;
}

bool assignment_shares_ram(const struct assignment *a)
{
	return any(a, false, true);
}

/* -------- what the host reserves -------- */

void assignment_holes(const struct assignment *a, struct holes *h)
{
	struct range r[HOLES_MAX];

	for (unsigned i = 0; i < a->n; i++) {
		const struct assigned *f = &a->function[i];
		unsigned n = 0;

		if (f->backend == CONFIG_VFIO)
			n = vfio_group_reserved(f->function.group, r,
						HOLES_MAX);
		for (unsigned k = 0; k < n; k++)
			holes_add(h, r[k]);
	}
}

/* -------- open -------- */

struct prefault {
	struct mem *mem;
	atomic_bool stop;
	struct err err;
	int rc;
};

static void *prefault_thread(void *arg)
{
	struct prefault *p = arg;

	trace_thread("prefault");
	p->rc = mem_prefault(p->mem, &p->stop, &p->err);
	return NULL;
}

static int open_one(struct assigned *f, struct vm *vm, struct vfio_iommu *space,
		    struct err *e)
{
	int rc = vfio_device_open(vm, space, &f->function, &f->options,
				  &f->device, e);

	f->options.fd = 0; /* it has been taken over */
	return rc;
}

static int attach_all(struct assignment *a, struct vm *vm, struct err *e)
{
	for (unsigned i = 0; i < a->n; i++) {
		struct assigned *f = &a->function[i];
		struct vfio_iommu **space = &a->iommu[f->backend];
		int rc = 0;

		if (!*space)
			rc = backends[f->backend].open_space(a, vm, space, e);
		if (rc == 0)
			rc = open_one(f, vm, *space, e);
		if (rc < 0)
			return err_in(e, rc, "vfio");
		a->n_open = i + 1;
		phase_ended(a->phases, "opened function", f->function.name);
	}
	return 0;
}

/* Which functions hang together shows when all are open. */
static int check_resets(struct assignment *a, struct err *e)
{
	int rc = 0;

	for (unsigned b = 0; rc >= 0 && b < CONFIG_BACKENDS; b++)
		if (a->iommu[b])
			rc = vfio_resets_check(a->iommu[b], e);
	return rc < 0 ? err_in(e, rc, "vfio") : 0;
}

/* Does RAM lie where every function's IOMMU translates? */
static int check_ram(struct assignment *a, struct vm *vm, struct err *e)
{
	int rc = 0;

	for (unsigned b = 0; rc == 0 && b < CONFIG_BACKENDS; b++)
		if (a->iommu[b])
			rc = vfio_dma_check(a->iommu[b], &vm->mem, e);
	return rc < 0 ? err_in(e, rc, "vfio") : 0;
}

/* Opening a function sleeps for about 100 ms (the kernel resets it); RAM is
 * populated meanwhile, unless it turns out that this VM cannot be. */
static int attach_and_populate(struct assignment *a, struct vm *vm,
			       struct err *e)
{
	struct prefault p = { .mem = &vm->mem };
	bool populate = any(a, true, false); /* else pages come when touched */
	pthread_t worker;
	int rc, started = -1;

	if (populate)
		started = pthread_create(&worker, NULL, prefault_thread, &p);
	rc = attach_all(a, vm, e);
	if (rc == 0)
		rc = check_resets(a, e);
	if (rc == 0)
		rc = check_ram(a, vm, e);
	p.stop = rc < 0;
	if (started == 0)
		pthread_join(worker, NULL);
	else if (populate)
		prefault_thread(&p);
	if (rc < 0)
		return rc;
	if (p.rc < 0) {
		*e = p.err;
		return p.rc;
	}
	phase_ended(a->phases, "guest memory populated", "");
	return 0;
}

static int map_ram(struct assignment *a, struct vm *vm, struct err *e)
{
	for (unsigned b = 0; b < CONFIG_BACKENDS; b++) {
		int rc = 0;

		if (a->iommu[b])
			rc = vfio_dma_open(&a->dma[b], a->iommu[b], &vm->mem,
					   e);
		if (rc < 0)
			return err_in(e, rc, "vfio");
	}
	phase_ended(a->phases, "guest memory mapped for DMA", "");
	return 0;
}

int assignment_open(struct assignment *a, struct vm *vm, struct err *e)
{
	int rc = 0;

	if (a->n == 0)
		return 0;
	limits_raise_fds(a->n);
	if (count(a, CONFIG_VFIO) > 0)
		rc = vfio_memlock_check(mem_ram_size(&vm->mem), e);
	if (rc < 0)
		return err_in(e, rc, "vfio");
	rc = attach_and_populate(a, vm, e);
	return rc < 0 ? rc : map_ram(a, vm, e);
}

/* -------- in the machine -------- */

void assignment_plug(struct assignment *a)
{
	for (unsigned i = 0; i < a->n_open; i++) {
		const struct assigned *f = &a->function[i];
		const struct vfio_place *at = &f->options.place;
		unsigned k = at->slot - 1u;

		if (!a->port_made[k])
			pci_port_init(&a->port[k], at->slot);
		a->port_made[k] = true;
		pci_port_plug_function(&a->port[k], vfio_device_pci(f->device),
				       at->function);
		log_info("pci: %s is %02x:00.%u of the guest", f->function.name,
			 at->slot, at->function);
	}
}

int assignment_wire(struct assignment *a, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < a->n_open; i++)
		rc = vfio_device_wire(a->function[i].device, e);
	return rc < 0 ? err_in(e, rc, "vfio") : 0;
}

bool assignment_withdraw(struct assignment *a, gpa_t gpa)
{
	bool found = false;

	/* All of them: an older KVM does not say where it failed. */
	for (unsigned i = 0; i < a->n_open; i++)
		if (vfio_device_withdraw(a->function[i].device, gpa))
			found = true;
	return found;
}

/* @first: what went wrong before. Returns that, or what does first here. */
static int for_all(struct assignment *a, int first,
		   int (*step)(struct vfio_iommu *i, struct err *e),
		   struct err *e)
{
	for (unsigned b = 0; b < CONFIG_BACKENDS; b++) {
		struct err scratch = ERR_NONE;
		int rc = 0;

		if (a->iommu[b])
			rc = step(a->iommu[b], first < 0 ? &scratch : e);
		if (rc < 0 && first == 0)
			first = err_in(e, rc, "vfio");
	}
	return first;
}

int assignment_reset_begin(struct assignment *a, struct err *e)
{
	return for_all(a, 0, vfio_reset_all_begin, e);
}

int assignment_reset_end(struct assignment *a, int begun, struct err *e)
{
	return for_all(a, begun, vfio_reset_all_end, e);
}

bool assignment_is_resetting(struct assignment *a)
{
	bool any = false;

	for (unsigned b = 0; b < CONFIG_BACKENDS; b++)
		any |= a->iommu[b] && vfio_resets_last(a->iommu[b]);
	return any;
}

void assignment_close_functions(struct assignment *a)
{
	for (unsigned i = a->n_open; i-- > 0;) {
		vfio_device_close(a->function[i].device);
		a->function[i].device = NULL;
	}
	a->n_open = 0;
	for (unsigned i = PCI_MAX_PORTS; i-- > 0;) {
		if (a->port_made[i])
			pci_port_fini(&a->port[i]);
		a->port_made[i] = false;
	}
}

void assignment_close_spaces(struct assignment *a)
{
	for (unsigned b = CONFIG_BACKENDS; b-- > 0;) {
		vfio_dma_close(&a->dma[b]);
		if (a->iommu[b]) {
			a->maps_left += maplog_live(&a->iommu[b]->log);
			a->iommu[b]->ops->close(a->iommu[b]);
		}
		a->iommu[b] = NULL;
	}
	kernel_way_close(a);
}
