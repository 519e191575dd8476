/* devices/trace.h - what is worth watching in our own devices
 *
 * Their registers are traced by the bus (category bus).
 */
#ifndef DEVICES_TRACE_H
#define DEVICES_TRACE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/trace.h"

TRACE_POINT(DEV, console_open, (const char *spec), "console %s", spec)
TRACE_POINT(DEV, console_input, (size_t n, size_t held),
	    "console: %zu bytes came, %zu wait for the guest", n, held)
TRACE_POINT(DEV, console_end, (int rc), "console: input ends (%d)", rc)
TRACE_POINT(DEV, uart_line, (unsigned gsi, int level, uint8_t cause),
	    "uart gsi %u level %d cause %#04" PRIx8, gsi, level, cause)
TRACE_POINT(DEV, rtc_set, (int64_t ahead),
	    "rtc set, %" PRId64 " s ahead of the host", ahead)
TRACE_POINT(DEV, i8042_command, (uint8_t command), "i8042 command %#04" PRIx8,
	    command)
TRACE_POINT(DEV, post_code, (uint8_t code), "POST code %#04" PRIx8, code)
TRACE_POINT(GUEST, device_ignored, (const char *what, unsigned v),
	    "%s: %#x ignored", what, v)

#endif
