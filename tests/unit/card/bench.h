/* tests/unit/card/bench.h - a described card, and what tests do to it */
#ifndef CARD_BENCH_H
#define CARD_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/card/function.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static struct err why;

/* Reads a description that must be right. */
static inline void describe(struct description *d, const char *text)
{
	why = ERR_NONE;
	if (description_read(d, "test.card", text, strlen(text), &why) < 0)
		fail_msg("%s", why.text);
}

/* A card with one function, open. */
struct bench {
	struct description d;
	struct function f;
};

static inline void bench_open(struct bench *b, const char *text)
{
	describe(&b->d, text);
	if (function_open(&b->f, &b->d.function[0], 0, &why) < 0)
		fail_msg("%s", why.text);
}

static inline void bench_close(struct bench *b)
{
	function_close(&b->f);
	description_close(&b->d);
}

static inline uint32_t get(struct function *f, unsigned region, uint64_t off,
			   uint32_t n)
{
	uint8_t bytes[4] = { 0 };

	assert_int_equal(function_read(f, region, off, bytes, n), 0);
	return le32_load(bytes);
}

static inline void set(struct function *f, unsigned region, uint64_t off,
		       uint32_t n, uint32_t v)
{
	uint8_t bytes[4];

	le32_store(bytes, v);
	assert_int_equal(function_write(f, region, off, bytes, n), 0);
}

enum { CONFIG = VFIO_PCI_CONFIG_REGION_INDEX };

/* Memory decode and bus master on. */
static inline void enable(struct function *f)
{
	set(f, CONFIG, 4, 2, 6);
}

#endif
