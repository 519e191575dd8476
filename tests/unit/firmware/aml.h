/* tests/unit/firmware/aml.h - asking the DSDT, through ACPICA's interpreter
 *
 * acpiexec comes in the same package as iasl, which the build needs.
 */
#ifndef TESTS_FIRMWARE_AML_H
#define TESTS_FIRMWARE_AML_H

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/firmware/machines.h"

/* What an object evaluated to: integers in order, or a buffer's bytes. */
struct answer {
	uint64_t number[1024];
	unsigned n_numbers;
	uint8_t byte[512];
	unsigned n_bytes;
};

static inline void take_line(struct answer *a, const char *line)
{
	const char *number = strstr(line, "[Integer] = ");
	const char *dump = strstr(line, ": ");
	unsigned offset, v;
	int used;

	if (number) {
		assert_true(a->n_numbers < ARRAY_LEN(a->number));
		a->number[a->n_numbers++] = strtoull(number + 12, NULL, 16);
		return;
	}
	/* "    0010: 47 01 F8 ..  // G.." */
	if (!dump || dump - line < 4 ||
	    sscanf(dump - 4, "%4x:", &offset) != 1 || offset != a->n_bytes)
		return;
	for (dump += 1; sscanf(dump, " %2x%n", &v, &used) == 1; dump += used) {
		assert_true(a->n_bytes < sizeof(a->byte));
		a->byte[a->n_bytes++] = (uint8_t)v;
	}
}

/* Evaluate @what, "\_SB.PCI0._CRS" or with arguments, in the DSDT of @t. */
static inline void aml_evaluate(const struct tables *t, const char *what,
				struct answer *a)
{
	const uint8_t *dsdt = dsdt_of(t);
	char path[] = "/tmp/minivmm-dsdt-XXXXXX.aml", command[512], line[256];
	bool answered = false;
	FILE *f;
	int fd;

	memset(a, 0, sizeof(*a));
	fd = mkstemps(path, 4);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, dsdt, le32_load(dsdt + 4)),
			 le32_load(dsdt + 4));
	close(fd);
	snprintf(command, sizeof(command),
		 "acpiexec -b 'evaluate %s' %s 2>/dev/null", what, path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		answered |= strncmp(line, "Evaluation of ", 14) == 0;
		if (answered)
			take_line(a, line);
	}
	assert_int_equal(pclose(f), 0);
	unlink(path);
	if (!answered)
		fail_msg("acpiexec has no answer for %s", what);
}

static inline uint64_t aml_number(const struct tables *t, const char *what)
{
	struct answer a;

	aml_evaluate(t, what, &a);
	assert_int_equal(a.n_numbers, 1);
	return a.number[0];
}

/* -------- resource descriptors, ACPI 6.5 6.4 -------- */

enum resource_kind { RES_MEMORY = 0, RES_IO = 1, RES_BUS = 2, RES_IRQ };

struct resource {
	enum resource_kind kind;
	uint64_t min, max, len; /* of an interrupt: min is the GSI */
	uint8_t flags;		/* general flags; of an interrupt, its own */
	uint8_t type_flags;	/* of an address space */
	unsigned width;		/* of an address space, bytes; 0: fixed ports */
};

struct resources {
	struct resource r[8];
	unsigned n;
};

static inline void take_space(struct resource *r, const uint8_t *d, unsigned w)
{
	r->width = w;
	r->kind = d[3];
	r->flags = d[4];
	r->type_flags = d[5];
	r->min = le_load(d + 6 + w, w);
	r->max = le_load(d + 6 + 2 * w, w);
	assert_int_equal(le_load(d + 6 + 3 * w, w), 0); /* no translation */
	r->len = le_load(d + 6 + 4 * w, w);
}

/* Takes one descriptor; returns its length. */
static inline unsigned take_resource(struct resource *r, const uint8_t *d)
{
	switch (d[0]) {
	case 0x88:
		take_space(r, d, 2);
		break;
	case 0x87:
		take_space(r, d, 4);
		break;
	case 0x8a:
		take_space(r, d, 8);
		break;
	case 0x89:
		assert_int_equal(d[4], 1);
		r->kind = RES_IRQ;
		r->flags = d[3];
		r->min = le32_load(d + 5);
		break;
	case 0x47:
		r->kind = RES_IO;
		r->min = le16_load(d + 2);
		r->max = le16_load(d + 4) + d[7] - 1u;
		assert_int_equal(le16_load(d + 4), r->min);
		r->len = d[7];
		return 8;
	default:
		fail_msg("descriptor %#x", d[0]);
	}
	return 3u + le16_load(d + 1);
}

/* _CRS of @device, checked for consistent lengths. */
static inline void aml_resources(const struct tables *t, const char *device,
				 struct resources *out)
{
	struct answer a;
	char what[64];
	unsigned at = 0;

	memset(out, 0, sizeof(*out));
	snprintf(what, sizeof(what), "\\_SB.%s._CRS", device);
	aml_evaluate(t, what, &a);
	while (at < a.n_bytes && a.byte[at] != 0x79) {
		assert_true(out->n < ARRAY_LEN(out->r));
		at += take_resource(&out->r[out->n], a.byte + at);
		if (out->r[out->n].kind != RES_IRQ)
			assert_int_equal(out->r[out->n].max -
						 out->r[out->n].min + 1,
					 out->r[out->n].len);
		out->n++;
	}
	assert_int_equal(at + 2, a.n_bytes); /* the end tag */
}

#endif
