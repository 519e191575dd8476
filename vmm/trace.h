/* vmm/trace.h - what can be watched in this room
 *
 * Categories kvm (exits, slots), bus (region accesses), msi (routes), intx
 * (lines) and guest (what hardware would not expect).
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <inttypes.h>
#include <stdint.h>

#include "vmm/base/trace.h"
#include "vmm/bus.h"
#include "vmm/irq.h"

/* -------- kvm -------- */

TRACE_POINT(KVM, vcpu_exit, (const char *reason), "exit %s", reason)
TRACE_POINT(KVM, vcpu_leave, (const char *why), "vCPU leaves: %s", why)
TRACE_POINT(KVM, vm_stop, (const char *end, int code), "VM stops: %s, code %d",
	    end, code)
TRACE_POINT(KVM, ram_add, (uint64_t gpa, uint64_t size, const void *hva),
	    "RAM gpa=%#" PRIx64 " size=%#" PRIx64 " hva=%p", gpa, size, hva)
TRACE_POINT(KVM, slot_set,
	    (uint32_t slot, uint64_t gpa, uint64_t size, const void *hva),
	    "slot %" PRIu32 " gpa=%#" PRIx64 " size=%#" PRIx64 " hva=%p", slot,
	    gpa, size, hva)
TRACE_POINT(KVM, slot_clear, (uint32_t slot, uint64_t gpa, uint64_t size),
	    "slot %" PRIu32 " gone, was gpa=%#" PRIx64 " size=%#" PRIx64, slot,
	    gpa, size)
TRACE_POINT(KVM, vcpu_fault, (uint64_t gpa, unsigned repeats),
	    "memory fault at gpa=%#" PRIx64 ", time %u in a row", gpa, repeats)
TRACE_POINT(KVM, kick_attach, (const char *bus, uint64_t at, unsigned len),
	    "ioeventfd on %s at=%#" PRIx64 "/%u", bus, at, len)

/* -------- bus -------- */

TRACE_POINT(BUS, bus_add, (const struct bus *b, const struct region *r),
	    "%s + %#" PRIx64 "..+%#" PRIx64 " %s", b->name, r->base, r->size,
	    r->name)
TRACE_POINT(BUS, bus_remove, (const struct bus *b, const struct region *r),
	    "%s - %#" PRIx64 "..+%#" PRIx64 " %s", b->name, r->base, r->size,
	    r->name)
TRACE_POINT(BUS, region_read,
	    (const struct region *r, uint64_t off, unsigned len, uint64_t v),
	    "%s read  %#" PRIx64 "/%u = %#" PRIx64, r->name, off, len, v)
TRACE_POINT(BUS, region_write,
	    (const struct region *r, uint64_t off, unsigned len, uint64_t v),
	    "%s write %#" PRIx64 "/%u = %#" PRIx64, r->name, off, len, v)
TRACE_POINT(BUS, bus_nobody,
	    (const struct bus *b, const char *what, uint64_t at, unsigned len),
	    "%s %s %#" PRIx64 "/%u: nobody answers", b->name, what, at, len)

/* -------- msi -------- */

TRACE_POINT(MSI, msi_set, (const struct msi_route *r),
	    "gsi %d addr=%#" PRIx64 " data=%#" PRIx32, r->gsi, r->msg.address,
	    r->msg.data)
TRACE_POINT(MSI, msi_unmask, (const struct msi_route *r), "gsi %d unmasked%s",
	    r->gsi, r->by_loop ? " (through the loop)" : "")
TRACE_POINT(MSI, msi_mask, (const struct msi_route *r), "gsi %d masked", r->gsi)
TRACE_POINT(MSI, irq_commit, (unsigned n, uint64_t commits),
	    "routing table of %u entries, commit %" PRIu64, n, commits)
TRACE_POINT(GUEST, msi_refused, (const struct msi_msg *m),
	    "MSI address %#" PRIx64 " data %#" PRIx32
	    " is no interrupt message",
	    m->address, m->data)

/* -------- intx -------- */

TRACE_POINT(INTX, line_attach, (unsigned gsi), "gsi %u attached", gsi)
TRACE_POINT(INTX, line_detach, (unsigned gsi), "gsi %u detached", gsi)

#endif
