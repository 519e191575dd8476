/* machine/trace.h - trace points of building a machine */
#ifndef MACHINE_TRACE_H
#define MACHINE_TRACE_H

#include <inttypes.h>
#include <stdint.h>

#include "vmm/base/trace.h"

/* Each line's time is the phase's end. */
TRACE_POINT(BOOT, phase, (const char *what, const char *which), "%s %s", what,
	    which)

TRACE_POINT(BOOT, reboot, (unsigned n, uint64_t ms),
	    "reboot %u, the guest ran for %" PRIu64 " ms", n, ms)

#endif
