/* tests/card/description.c - reading a .card file, line by line
 *
 * The first word of a line decides; table `keys` has them all. Capabilities are
 * in caps.c, what holds for a function as a whole is in check.c.
 */
#include "tests/card/description.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/card/regs.h"

enum { FILE_MOST = 1 << 20 };

/* -------- who the function is -------- */

static int take_id(struct line *l, struct function_text *f)
{
	uint16_t id[2];
	int rc = line_pair(l, "the identity", id);

	if (rc < 0)
		return rc;
	image_put(&f->image, PCI_VENDOR_ID, 2, id[0], 0);
	image_put(&f->image, PCI_DEVICE_ID, 2, id[1], 0);
	return 0;
}

static int take_subsystem(struct line *l, struct function_text *f)
{
	uint16_t id[2];
	int rc = line_pair(l, "the subsystem", id);

	if (rc < 0)
		return rc;
	image_put(&f->image, PCI_SUBSYSTEM_VENDOR_ID, 2, id[0], 0);
	image_put(&f->image, PCI_SUBSYSTEM_ID, 2, id[1], 0);
	return 0;
}

static int take_class(struct line *l, struct function_text *f)
{
	uint64_t v = 0;
	int rc = line_hex(l, "the class", 0xffffff, &v);

	if (rc == 0)
		image_put(&f->image, PCI_CLASS_PROG, 3, (uint32_t)v, 0);
	return rc;
}

static int take_revision(struct line *l, struct function_text *f)
{
	uint64_t v = 0;
	int rc = line_hex(l, "the revision", 0xff, &v);

	if (rc == 0)
		image_put(&f->image, PCI_REVISION_ID, 1, (uint32_t)v, 0);
	return rc;
}

static int take_intx(struct line *l, struct function_text *f)
{
	const char *word;
	int rc = line_word(l, "a pin, A to D", &word);

	if (rc < 0)
		return rc;
	if (strlen(word) != 1 || *word < 'A' || *word > 'D')
		return line_wrong(l, "no pin from A to D: \"%s\"", word);
	f->pin = (unsigned)(*word - 'A' + 1);
	return 0;
}

/* -------- BARs -------- */

static int take_area(struct line *l, struct bar_text *b)
{
	if (b->n_areas == CARD_AREAS)
		return line_wrong(l, "more than %d areas", CARD_AREAS);
	return line_range(l, &b->area[b->n_areas++]);
}

static int take_areas(struct line *l, struct bar_text *b)
{
	int rc = 0;

	b->trapped = line_has(l, "trapped");
	if (b->trapped || !line_has(l, "map"))
		return 0;
	b->chosen = true;
	do
		rc = take_area(l, b);
	while (rc == 0 && line_more(l));
	return rc;
}

static int take_kind(struct line *l, struct bar_text *b)
{
	if (line_has(l, "mem32"))
		b->kind = BAR_MEM32;
	else if (line_has(l, "mem64"))
		b->kind = BAR_MEM64;
	else if (line_has(l, "io"))
		b->kind = BAR_IO;
	else
		return line_wrong(l, "a BAR is mem32, mem64 or io");
	b->prefetch = b->kind != BAR_IO && line_has(l, "prefetch");
	return 0;
}

static int take_bar(struct line *l, struct function_text *f)
{
	struct bar_text b = { .line = l->number };
	uint64_t index = 0;
	int rc = line_number(l, "the BAR", CARD_BARS - 1, &index);

	if (rc == 0)
		rc = take_kind(l, &b);
	if (rc == 0)
		rc = line_size(l, "the BAR's size", &b.size);
	if (rc == 0)
		rc = take_areas(l, &b);
	if (rc < 0)
		return rc;
	if (f->bar[index].kind != BAR_NONE)
		return line_wrong(l, "BAR %u is in line %u already",
				  (unsigned)index, f->bar[index].line);
	f->bar[index] = b;
	return 0;
}

/* -------- places -------- */

static int take_engine(struct line *l, struct function_text *f)
{
	return line_place(l, &f->engine);
}

static int take_table(struct line *l, struct function_text *f)
{
	return line_place(l, &f->table);
}

static int take_copy(struct line *l, struct function_text *f)
{
	return line_place(l, &f->copy);
}

static int take_memory(struct line *l, struct function_text *f)
{
	return line_place(l, &f->memory);
}

static int take_uuid(struct line *l, struct function_text *f)
{
	int rc = line_place(l, &f->uuid_at);

	if (rc < 0 || !line_more(l))
		return rc;
	rc = line_bytes(l, f->uuid, sizeof(f->uuid));
	if (rc >= 0 && rc != sizeof(f->uuid))
		return line_wrong(l, "a UUID has 16 bytes");
	return rc < 0 ? rc : 0;
}

static int take_fill(struct line *l, struct function_text *f)
{
	struct fill *fill = &f->fill[f->n_fills];
	int rc;

	/* one is kept for the feature table, one for the UUID */
	if (f->n_fills + 2 >= CARD_FILLS)
		return line_wrong(l, "more than %d fills", CARD_FILLS - 2);
	fill->line = l->number;
	rc = line_place(l, &fill->at);
	if (rc == 0)
		rc = line_bytes(l, fill->bytes, sizeof(fill->bytes));
	if (rc < 0)
		return rc;
	fill->n = (uint16_t)rc;
	f->n_fills++;
	return 0;
}

static int take_config(struct line *l, struct function_text *f)
{
	struct raw_text *raw = &f->raw[f->n_raw];
	uint64_t at = 0;
	int rc;

	if (f->n_raw == CARD_FILLS)
		return line_wrong(l, "more than %d of config", CARD_FILLS);
	rc = line_number(l, "the offset", CONFIG_BYTES - 1, &at);
	if (rc < 0)
		return rc;
	*raw = (struct raw_text){ .at = (unsigned)at, .line = l->number };
	raw->writable = line_has(l, "writable");
	rc = line_bytes(l, raw->bytes, sizeof(raw->bytes));
	if (rc < 0)
		return rc;
	raw->n = (unsigned)rc;
	if (!range_fits(0, CONFIG_BYTES, at, raw->n))
		return line_wrong(l, "ends outside config space");
	f->n_raw++;
	return 0;
}

/* -------- lines -------- */

static int take_cap(struct line *l, struct function_text *f)
{
	return description_cap(l, f, false);
}

static int take_ecap(struct line *l, struct function_text *f)
{
	return description_cap(l, f, true);
}

static int take_broken(struct line *l, struct function_text *f)
{
	f->broken = true;
	return 0;
}

static const struct key {
	const char *name;
	int (*take)(struct line *l, struct function_text *f);
} keys[] = {
	{ "id", take_id },	   { "subsystem", take_subsystem },
	{ "class", take_class },   { "revision", take_revision },
	{ "intx", take_intx },	   { "bar", take_bar },
	{ "engine", take_engine }, { "table", take_table },
	{ "memory", take_memory }, { "uuid", take_uuid },
	{ "fill", take_fill },	   { "config", take_config },
	{ "cap", take_cap },	   { "ecap", take_ecap },
	{ "broken", take_broken }, { "copy", take_copy },
};

static const struct key *key_of(const char *word)
{
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, word) == 0)
			return &keys[i];
	}
	return NULL;
}

static void function_init(struct function_text *f, unsigned line)
{
	static const uint8_t uuid[16] = { 0x8b, 0x1f, 0x2a, 0x60, 0xca, 0xfe,
					  0x4d, 0x0e, 0x9a, 0x31, 0x6d, 0x69,
					  0x6e, 0x69, 0x76, 0x6d };
	const struct place nowhere = { .bar = -1 };

	*f = (struct function_text){
		.line = line,
		.msix_table = nowhere,
		.msix_pba = nowhere,
		.engine = nowhere,
		.table = nowhere,
		.uuid_at = nowhere,
		.memory = nowhere,
		.copy = nowhere,
	};
	memcpy(f->uuid, uuid, sizeof(uuid));
	image_put(&f->image, PCI_VENDOR_ID, 4, 0x502110ee, 0);
	image_put(&f->image, PCI_CLASS_REVISION, 4, 0x12000000, 0);
	image_put(&f->image, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x000e10ee, 0);
}

/* "function N": they come in order. */
static int take_function(struct line *l, struct description *d)
{
	uint64_t number = 0;
	int rc = line_number(l, "the function", CARD_FUNCTIONS - 1, &number);

	if (rc == 0)
		rc = line_end(l);
	if (rc < 0)
		return rc;
	if (number != d->n)
		return line_wrong(l, "function %u comes next", d->n);
	function_init(&d->function[d->n++], l->number);
	return 0;
}

static int take_line(struct line *l, struct description *d)
{
	const struct key *key;
	int rc = line_cut(l);

	if (rc < 0 || l->n == 0)
		return rc;
	if (line_has(l, "function"))
		return take_function(l, d);
	key = key_of(l->word[l->next++]);
	if (!key)
		return line_wrong(l, "unknown \"%s\"", l->word[0]);
	if (d->n == 0)
		return line_wrong(l, "belongs to no function");
	rc = key->take(l, &d->function[d->n - 1]);
	return rc < 0 ? rc : line_end(l);
}

static int take_lines(struct line *l, struct description *d, const char *text,
		      size_t n)
{
	const char *end = text + n;
	int rc = 0;

	while (text < end && rc >= 0) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((nl ? nl : end) - text);

		l->number++;
		if (len >= sizeof(l->text) || memchr(text, '\0', len))
			return line_wrong(l, "is too long, or no text");
		memcpy(l->text, text, len);
		l->text[len] = '\0';
		rc = take_line(l, d);
		text += len + 1;
	}
	return rc;
}

static int description_build(struct description *d, const char *file,
			     const char *text, size_t n, struct err *e)
{
	struct line l = { .file = file, .e = e };
	int rc;

	d->function = calloc(CARD_FUNCTIONS, sizeof(*d->function));
	if (!d->function)
		return err_set(e, -ENOMEM, "out of memory");
	rc = take_lines(&l, d, text, n);
	if (rc >= 0 && d->n == 0)
		rc = line_wrong(&l, "describes no function");
	for (unsigned i = 0; i < d->n && rc >= 0; i++)
		rc = description_finish(&l, &d->function[i], d->n > 1);
	return rc;
}

int description_read(struct description *d, const char *file, const char *text,
		     size_t n, struct err *e)
{
	int rc;

	*d = DESCRIPTION_EMPTY;
	rc = description_build(d, file, text, n, e);
	if (rc < 0)
		description_close(d);
	return rc;
}

int description_open(struct description *d, const char *file, struct err *e)
{
	FILE *in = fopen(file, "re");
	char *text = in ? malloc(FILE_MOST) : NULL;
	size_t n;
	int rc;

	*d = DESCRIPTION_EMPTY;
	if (!in)
		return err_sys(e, -errno, "%s", file);
	n = text ? fread(text, 1, FILE_MOST, in) : 0;
	if (!text || ferror(in) || n == FILE_MOST)
		rc = err_set(e, -EIO, "%s: cannot be read, or is too long",
			     file);
	else
		rc = description_read(d, file, text, n, e);
	free(text);
	fclose(in);
	return rc;
}

void description_close(struct description *d)
{
	free(d->function);
	*d = DESCRIPTION_EMPTY;
}
