/* tests/fuzz/fuzz_vfio_config.c - a guest that does anything to its function
 *
 * VFIO-CFG-26: after any sequence of accesses a reset brings the function back
 * to power-on values, and closing leaves no fd, slot, route or map behind.
 */
#include <stdlib.h>

#include "tests/unit/vfio/hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hostile h = { data, data + n };
	struct bench b;

	fake_reset();
	hostile_open(&b, n != 0 && data[n - 1] & 1);
	while (h.at < h.end)
		hostile_step(&b, &h);
	hostile_check(&b);
	bench_close(&b);
	if (fake_leaks()) {
		fputs(fake_leaks(), stderr);
		abort();
	}
	return 0;
}
