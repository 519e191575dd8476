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

/* Questions to one DSDT, answered in one run: acpiexec takes a second to end,
 * whatever it does. Start several, then finish them. */
enum { AML_MAX = 24 };
struct aml {
	const char *const *question; /* NULL behind the last */
	struct answer answer[AML_MAX];
	char path[32];
	FILE *from;
};

static inline void aml_start(struct aml *m, const struct tables *t,
			     const char *const *question)
{
	const uint8_t *dsdt = dsdt_of(t);
	char command[1400];
	size_t used;
	int fd;

	memset(m, 0, sizeof(*m));
	m->question = question;
	strcpy(m->path, "/tmp/minivmm-dsdt-XXXXXX.aml");
	fd = mkstemps(m->path, 4);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, dsdt, le32_load(dsdt + 4)),
			 le32_load(dsdt + 4));
	close(fd);
	used = (size_t)snprintf(command, sizeof(command), "acpiexec -b '");
	for (; *question; question++)
		used += (size_t)snprintf(command + used, sizeof(command) - used,
					 "evaluate %s;", *question);
	assert_true(used < 1000); /* acpiexec's own limit */
	snprintf(command + used, sizeof(command) - used, "' %s 2>&1", m->path);
	m->from = popen(command, "r");
	assert_non_null(m->from);
}

/* Answers come in the order of the questions. */
static inline void aml_finish(struct aml *m)
{
	char line[512];
	int n = -1;

	while (fgets(line, sizeof(line), m->from)) {
		if (strncmp(line, "Evaluation of ", 14) == 0) {
			n++;
			assert_true(n < AML_MAX && m->question[n]);
			if (!strstr(line, " returned "))
				fail_msg("%s", line);
		}
		if (n >= 0)
			take_line(&m->answer[n], line);
	}
	assert_int_equal(pclose(m->from), 0);
	unlink(m->path);
	if (n < 0 || m->question[n + 1])
		fail_msg("acpiexec has no answer for %s", m->question[n + 1]);
}

static inline const struct answer *aml_answer(const struct aml *m,
					      const char *question)
{
	for (unsigned i = 0; m->question[i]; i++)
		if (strcmp(m->question[i], question) == 0)
			return &m->answer[i];
	fail_msg("nobody asked for %s", question);
	abort();
}

static inline uint64_t aml_number(const struct aml *m, const char *question)
{
	const struct answer *a = aml_answer(m, question);

	assert_int_equal(a->n_numbers, 1);
	return a->number[0];
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

/* The resources that the _CRS @question gave, of consistent lengths. */
static inline void aml_resources(const struct aml *m, const char *question,
				 struct resources *out)
{
	const struct answer *a = aml_answer(m, question);
	unsigned at = 0;

	memset(out, 0, sizeof(*out));
	while (at < a->n_bytes && a->byte[at] != 0x79) {
		struct resource *r = &out->r[out->n++];

		assert_true(out->n <= ARRAY_LEN(out->r));
		at += take_resource(r, a->byte + at);
		if (r->kind != RES_IRQ)
			assert_int_equal(r->max - r->min + 1, r->len);
	}
	assert_int_equal(at + 2, a->n_bytes); /* the end tag */
}

#endif
