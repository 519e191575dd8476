/* base/bytes.h - little-endian integers in memory
 *
 * Layouts that devices, firmware or the guest define are structs of le16,
 * le32 and le64: structs of bytes, alignment 1, no padding. Using one as a
 * number does not compile. The compiler still emits a single load or store.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint8_t b[2];
} le16;
typedef struct {
	uint8_t b[4];
} le32;
typedef struct {
	uint8_t b[8];
} le64;

static inline uint16_t le16_load(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t le32_load(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static inline uint64_t le64_load(const void *p)
{
	const uint8_t *b = p;

	return le32_load(b) | (uint64_t)le32_load(b + 4) << 32;
}

static inline void le16_store(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void le32_store(void *p, uint32_t v)
{
	uint8_t *b = p;

	le16_store(b, (uint16_t)v);
	le16_store(b + 2, (uint16_t)(v >> 16));
}

static inline void le64_store(void *p, uint64_t v)
{
	uint8_t *b = p;

	le32_store(b, (uint32_t)v);
	le32_store(b + 4, (uint32_t)(v >> 32));
}

static inline uint16_t le16_get(le16 v)
{
	return le16_load(v.b);
}

static inline uint32_t le32_get(le32 v)
{
	return le32_load(v.b);
}

static inline uint64_t le64_get(le64 v)
{
	return le64_load(v.b);
}

static inline le16 le16_of(uint16_t v)
{
	le16 r = { { 0 } };

	le16_store(r.b, v);
	return r;
}

static inline le32 le32_of(uint32_t v)
{
	le32 r = { { 0 } };

	le32_store(r.b, v);
	return r;
}

static inline le64 le64_of(uint64_t v)
{
	le64 r = { { 0 } };

	le64_store(r.b, v);
	return r;
}

/* A value of @len bytes (1 to 8) at @p, as a bus would carry it. */
static inline uint64_t le_load(const void *p, unsigned len)
{
	const uint8_t *b = p;
	uint64_t v = 0;

	for (unsigned i = 0; i < len; i++)
		v |= (uint64_t)b[i] << (8 * i);
	return v;
}

static inline void le_store(void *p, unsigned len, uint64_t v)
{
	uint8_t *b = p;

	for (unsigned i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> (8 * i));
}

/* All ones in @len bytes (1 to 8): what a bus reads where nobody answers. */
static inline uint64_t all_ones(unsigned len)
{
	return UINT64_MAX >> (64 - 8 * len);
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member)                                      \
	__extension__({                                                      \
		const typeof(((type *)0)->member) *container_of_ = (ptr);    \
		(type *)((uintptr_t)container_of_ - offsetof(type, member)); \
	})

#endif
