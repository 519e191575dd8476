/* firmware/reset_vector.c - see reset_vector.h */
#include "firmware/reset_vector.h"

#include <assert.h>
#include <string.h>

#include "vmm/base/bytes.h"

void reset_vector_write(const struct platform *p, uint8_t *at)
{
	/* clang-format off */
	uint8_t code[] = {
		0xba, 0, 0,             /* mov $port, %dx */
		0xb0, p->reset_value,   /* mov $value, %al */
		0xee,                   /* out %al, %dx */
		0xf4,                   /* hlt */
		0xeb, 0xfd,             /* jmp to the hlt */
	};
	/* clang-format on */

	static_assert(sizeof(code) <= RESET_VECTOR_SIZE, "one paragraph");
	le16_store(code + 1, (uint16_t)(p->power_port + 2));
	memset(at, 0, RESET_VECTOR_SIZE);
	memcpy(at, code, sizeof(code));
}
