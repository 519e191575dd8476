/* vfio/trace.h - what is worth watching in device assignment */
#ifndef VFIO_TRACE_H
#define VFIO_TRACE_H

#include <inttypes.h>
#include <stddef.h>

#include "vmm/base/trace.h"

TRACE_POINT(VFIO, vfio_cap,
	    (const char *dev, const char *kind, unsigned off, const char *name,
	     const char *policy),
	    "%s %s capability at %#05x %-24s %s", dev, kind, off, name, policy)
TRACE_POINT(VFIO, vfio_block,
	    (const char *dev, unsigned off, unsigned len, const char *why),
	    "%s config %#05x..%#05x blocked: %s", dev, off, off + len - 1, why)
TRACE_POINT(VFIO, vfio_read,
	    (const char *dev, unsigned off, unsigned len, uint32_t v),
	    "%s config read  %#05x/%u = %#x (device)", dev, off, len, v)
TRACE_POINT(VFIO, vfio_write,
	    (const char *dev, unsigned off, unsigned len, uint32_t v),
	    "%s config write %#05x/%u = %#x (device)", dev, off, len, v)
TRACE_POINT(VFIO, vfio_bar_read,
	    (const char *dev, unsigned bar, uint64_t off, unsigned len,
	     uint64_t v),
	    "%s BAR %u read  %#" PRIx64 "/%u = %#" PRIx64, dev, bar, off, len,
	    v)
TRACE_POINT(VFIO, vfio_bar_write,
	    (const char *dev, unsigned bar, uint64_t off, unsigned len,
	     uint64_t v),
	    "%s BAR %u write %#" PRIx64 "/%u = %#" PRIx64, dev, bar, off, len,
	    v)
TRACE_POINT(VFIO, vfio_shortcut,
	    (const char *dev, unsigned bar, uint64_t off, unsigned len,
	     uint64_t v, const char *what),
	    "%s BAR %u write %#" PRIx64 "/%u = %#" PRIx64 " without us: %s",
	    dev, bar, off, len, v, what)
TRACE_POINT(VFIO, vfio_show,
	    (const char *dev, unsigned bar, uint64_t off, uint64_t size,
	     uint64_t gpa),
	    "%s BAR %u pages %#" PRIx64 "+%#" PRIx64 " shown at %#" PRIx64, dev,
	    bar, off, size, gpa)
TRACE_POINT(VFIO, vfio_hide, (const char *dev, unsigned bar, uint64_t off),
	    "%s BAR %u pages %#" PRIx64 " hidden", dev, bar, off)
TRACE_POINT(VFIO, vfio_rom, (const char *dev, uint64_t size, uint64_t got),
	    "%s ROM of %" PRIu64 " bytes: %" PRIu64 " read", dev, size, got)
TRACE_POINT(VFIO, vfio_power, (const char *dev, unsigned asked, unsigned is),
	    "%s power state D%u asked, D%u reached", dev, asked, is)
TRACE_POINT(VFIO, vfio_sleep, (const char *dev, const char *what),
	    "%s low power: %s", dev, what)
TRACE_POINT(VFIO, vfio_reset, (const char *dev, const char *why, int rc),
	    "%s reset (%s) = %d", dev, why, rc)
TRACE_POINT(MSI, vfio_irq_mode,
	    (const char *dev, const char *from, const char *to),
	    "%s interrupts %s -> %s", dev, from, to)
TRACE_POINT(INTX, vfio_intx, (const char *dev, unsigned gsi, const char *what),
	    "%s intx gsi %u %s", dev, gsi, what)
TRACE_POINT(DMA, dma_map, (uint64_t iova, uint64_t size, const void *hva),
	    "map iova=%#" PRIx64 " size=%#" PRIx64 " hva=%p", iova, size, hva)
TRACE_POINT(DMA, dma_unmap, (uint64_t iova, uint64_t size),
	    "unmap iova=%#" PRIx64 " size=%#" PRIx64, iova, size)
TRACE_POINT(VFIO, user_call,
	    (const char *dev, const char *command, unsigned id, size_t bytes,
	     unsigned fds),
	    "%s request %u: %s, %zu bytes, %u fds", dev, id, command, bytes,
	    fds)
TRACE_POINT(VFIO, user_reply, (const char *dev, unsigned id, int rc),
	    "%s request %u = %d", dev, id, rc)
TRACE_POINT(DMA, user_dma,
	    (const char *what, uint64_t at, uint64_t count, int rc),
	    "message: %s iova=%#" PRIx64 " size=%#" PRIx64 " = %d", what, at,
	    count, rc)
TRACE_POINT(GUEST, vfio_guest,
	    (const char *dev, const char *what, uint64_t where),
	    "%s %s at %#" PRIx64, dev, what, where)

#endif
