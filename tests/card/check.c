/* tests/card/check.c - what holds for a function as a whole
 *
 * Defaults first: a function without any "bar" gets two and everything in
 * them, one without any "cap" the three that every card has. Then the header,
 * the chains of capabilities in the order of their lines, the feature table;
 * and last what has to be true of all that together.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/card/description.h"
#include "tests/card/regs.h"

enum { UUID_BYTES = 16, MSIX_ENTRY = 16 };

/* Errors from here on are about that line. */
static void blame(struct line *l, unsigned line)
{
	l->number = line;
}

/* -------- defaults -------- */

static bool has_bars(const struct function_text *f)
{
	for (unsigned i = 0; i < CARD_BARS; i++) {
		if (f->bar[i].kind != BAR_NONE)
			return true;
	}
	return false;
}

/* Registers, tables and UUID in BAR 0, memory in BAR 2. */
static void default_bars(struct function_text *f)
{
	const struct bar_text small = { .kind = BAR_MEM64,
					.line = f->line,
					.size = 64 << 10,
					.prefetch = true };

	f->bar[0] = small;
	f->bar[2] = small;
	f->bar[2].size = 128 << 20;
	f->engine = (struct place){ 0, 0 };
	f->table = (struct place){ 0, 0x2000 };
	f->uuid_at = (struct place){ 0, 0x3000 };
	f->memory = (struct place){ 2, 0 };
}

/* -------- BARs in the header -------- */

static int check_bar(struct line *l, const struct function_text *f, unsigned i)
{
	const struct bar_text *b = &f->bar[i];
	uint64_t least = b->kind == BAR_IO ? 4 : 16;
	uint64_t most = b->kind == BAR_IO      ? 256
			: b->kind == BAR_MEM32 ? UINT64_C(2) << 30
					       : CARD_BAR_MOST;

	if (!is_power_of_two(b->size) || b->size < least || b->size > most)
		return line_wrong(l,
				  "BAR %u: a size is a power of two from "
				  "%#llx to %#llx",
				  i, (unsigned long long)least,
				  (unsigned long long)most);
	if (b->kind == BAR_MEM64 &&
	    (i == CARD_BARS - 1 || f->bar[i + 1].kind != BAR_NONE))
		return line_wrong(l,
				  "BAR %u is 64 bits wide, so there is no "
				  "BAR %u",
				  i, i + 1);
	if (b->n_areas && b->kind == BAR_IO)
		return line_wrong(l, "an I/O BAR cannot be mapped");
	for (unsigned n = 0; n < b->n_areas; n++) {
		const struct range *a = &b->area[n];

		if (a->size == 0 || a->base % CARD_PAGE ||
		    a->size % CARD_PAGE ||
		    !range_fits(0, b->size, a->base, a->size))
			return line_wrong(l,
					  "BAR %u: an area is whole pages "
					  "inside it",
					  i);
		if (n && a->base < a[-1].base + a[-1].size)
			return line_wrong(l, "BAR %u: areas ascend", i);
	}
	return 0;
}

static void put_bar(struct function_text *f, unsigned i)
{
	const struct bar_text *b = &f->bar[i];
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * i;
	uint64_t writable = ~(b->size - 1);
	uint32_t low = 0;

	if (b->kind == BAR_IO)
		low = PCI_BASE_ADDRESS_SPACE_IO;
	if (b->kind == BAR_MEM64)
		low |= PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (b->prefetch)
		low |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	image_put(&f->image, at, 4, low, (uint32_t)writable);
	if (b->kind == BAR_MEM64)
		image_put(&f->image, at + 4, 4, 0, (uint32_t)(writable >> 32));
}

static int put_bars(struct line *l, struct function_text *f)
{
	int rc = 0;

	for (unsigned i = 0; i < CARD_BARS && rc == 0; i++) {
		if (f->bar[i].kind == BAR_NONE)
			continue;
		blame(l, f->bar[i].line);
		rc = check_bar(l, f, i);
		if (rc == 0)
			put_bar(f, i);
	}
	return rc;
}

/* Does [place, place + n) lie in a memory BAR? */
static int in_bar(struct line *l, const struct function_text *f,
		  const struct place *p, uint64_t n, const char *what)
{
	const struct bar_text *b;

	if (p->bar < 0)
		return 0;
	b = &f->bar[p->bar];
	if (b->kind != BAR_NONE && b->kind != BAR_IO &&
	    range_fits(0, b->size, p->off, n))
		return 0;
	return line_wrong(l, "the %s is no part of BAR %d", what, p->bar);
}

/* A thing with a place of its own. */
struct thing {
	const char *name;
	struct place at;
	uint64_t size;
};

static bool share(const struct thing *a, const struct thing *b)
{
	return a->at.bar >= 0 && a->at.bar == b->at.bar &&
	       range_overlaps(a->at.off, a->size, b->at.off, b->size);
}

static int check_things(struct line *l, const struct function_text *f,
			const struct thing *t, unsigned n)
{
	int rc = 0;

	for (unsigned i = 0; i < n && rc == 0; i++) {
		rc = in_bar(l, f, &t[i].at, t[i].size, t[i].name);
		for (unsigned j = 0; j < i && rc == 0; j++) {
			if (share(&t[i], &t[j]))
				rc = line_wrong(l, "the %s overlaps the %s",
						t[i].name, t[j].name);
		}
	}
	return rc;
}

static uint64_t pba_size(const struct function_text *f)
{
	return (f->msix_vectors + 63) / 64 * sizeof(uint64_t);
}

static int check_places(struct line *l, const struct function_text *f)
{
	const struct thing things[] = {
		{ "engine", f->engine, CARD_BLOCK },
		{ "copy of config space", f->copy, CONFIG_BYTES },
		{ "UUID", f->uuid_at, UUID_BYTES },
		{ "feature table", f->table, CARD_TABLE_HEADER },
		{ "MSI-X table", f->msix_table,
		  (uint64_t)f->msix_vectors * MSIX_ENTRY },
		{ "MSI-X PBA", f->msix_pba, pba_size(f) },
	};
	int rc;

	blame(l, f->line);
	rc = check_things(l, f, things, ARRAY_LEN(things));
	if (rc == 0)
		rc = in_bar(l, f, &f->memory, 1, "memory");
	if (rc == 0 && f->engine.bar >= 0 && f->engine.off % CARD_PAGE)
		rc = line_wrong(l, "the engine begins at no page");
	if (rc == 0 && f->copy.bar >= 0 && f->copy.off % CARD_PAGE)
		rc = line_wrong(l,
				"the copy of config space begins at no page");
	for (unsigned i = 0; i < f->n_fills && rc == 0; i++) {
		if (f->fill[i].line)
			blame(l, f->fill[i].line);
		rc = in_bar(l, f, &f->fill[i].at, f->fill[i].n, "fill");
	}
	return rc;
}

/* -------- what of a BAR may be mapped -------- */

/* [base, base + size) traps: cut its pages out of the areas. */
static int cut(struct line *l, struct bar_text *b, uint64_t base, uint64_t size)
{
	uint64_t from = align_down(base, CARD_PAGE);
	uint64_t to = align_up(base + size, CARD_PAGE);
	struct range kept[CARD_AREAS] = { { 0 } };
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_areas; i++) {
		const struct range *a = &b->area[i];
		uint64_t end = a->base + a->size;

		if (n + 2 > CARD_AREAS)
			return line_wrong(l, "more than %d areas", CARD_AREAS);
		if (a->base < from)
			kept[n++] = (struct range){
				a->base, (end < from ? end : from) - a->base
			};
		if (end > to)
			kept[n++] = (struct range){
				a->base > to ? a->base : to,
				end - (a->base > to ? a->base : to)
			};
	}
	memcpy(b->area, kept, n * sizeof(kept[0]));
	b->n_areas = n;
	return 0;
}

static int cut_place(struct line *l, struct function_text *f,
		     const struct place *p, uint64_t size)
{
	struct bar_text *b = p->bar < 0 ? NULL : &f->bar[p->bar];

	if (!b || b->trapped)
		return 0;
	blame(l, b->line);
	return cut(l, b, p->off, size);
}

/* Registers trap. So do the MSI-X table and its pending bits: what is in them
 * is between the client and us. */
static int choose_areas(struct line *l, struct function_text *f)
{
	int rc;

	for (unsigned i = 0; i < CARD_BARS; i++) {
		struct bar_text *b = &f->bar[i];

		if (b->kind == BAR_NONE || b->kind == BAR_IO ||
		    b->size < CARD_PAGE)
			b->trapped = true;
		if (b->trapped || b->chosen)
			continue;
		b->area[0] = (struct range){ 0, b->size };
		b->n_areas = 1;
	}
	rc = cut_place(l, f, &f->engine, CARD_BLOCK);
	if (rc == 0)
		rc = cut_place(l, f, &f->copy, CONFIG_BYTES);
	if (rc == 0 && f->msix_vectors)
		rc = cut_place(l, f, &f->msix_table,
			       (uint64_t)f->msix_vectors * MSIX_ENTRY);
	if (rc == 0 && f->msix_vectors)
		rc = cut_place(l, f, &f->msix_pba, pba_size(f));
	return rc;
}

/* -------- chains -------- */

static void link_caps(struct function_text *f)
{
	uint8_t *bytes = f->image.bytes;

	if (f->n_caps) {
		bytes[PCI_CAPABILITY_LIST] = (uint8_t)f->cap[0].at;
		image_put(&f->image, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0);
	}
	for (unsigned i = 0; i + 1 < f->n_caps; i++)
		bytes[f->cap[i].at + PCI_CAP_LIST_NEXT] =
			(uint8_t)f->cap[i + 1].at;
	for (unsigned i = 0; i + 1 < f->n_ext; i++) {
		uint8_t *header = bytes + f->ext[i].at;

		le32_store(header, le32_load(header) | f->ext[i + 1].at << 20);
	}
}

static int check_overlap(struct line *l, const struct cap_text *list,
			 unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < i; j++) {
			blame(l, list[i].line);
			if (range_overlaps(list[i].at, list[i].size, list[j].at,
					   list[j].size))
				return line_wrong(l, "overlaps that of line %u",
						  list[j].line);
		}
	}
	return 0;
}

static unsigned next_of(const uint8_t *bytes, unsigned at, bool extended)
{
	return extended ? PCI_EXT_CAP_NEXT(le32_load(bytes + at))
			: bytes[at + PCI_CAP_LIST_NEXT];
}

/* Raw bytes may have changed pointers: the chain is what its lines say. */
static int check_chain(struct line *l, const struct function_text *f,
		       bool extended)
{
	const struct cap_text *list = extended ? f->ext : f->cap;
	unsigned n = extended ? f->n_ext : f->n_caps;
	const uint8_t *bytes = f->image.bytes;
	unsigned at = extended ? CONFIG_EXTENDED : bytes[PCI_CAPABILITY_LIST];

	if (extended && n == 0 && le32_load(bytes + at) == 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		blame(l, list[i].line);
		if (list[i].at != at)
			return line_wrong(l,
					  "the chain leads to %#x, not to "
					  "this one; \"broken\" allows it",
					  at);
		at = next_of(bytes, at, extended);
	}
	if (at == 0)
		return 0;
	return line_wrong(l, "the chain goes on to %#x; \"broken\" allows it",
			  at);
}

static void put_raw(struct function_text *f)
{
	for (unsigned i = 0; i < f->n_raw; i++) {
		const struct raw_text *r = &f->raw[i];
		uint8_t *to = r->writable ? f->image.writable : f->image.bytes;

		memcpy(to + r->at, r->bytes, r->n);
	}
}

static int put_chains(struct line *l, struct function_text *f)
{
	int rc;

	link_caps(f);
	put_raw(f);
	rc = check_overlap(l, f->cap, f->n_caps);
	if (rc == 0)
		rc = check_overlap(l, f->ext, f->n_ext);
	if (rc < 0 || f->broken)
		return rc;
	rc = check_chain(l, f, false);
	return rc < 0 ? rc : check_chain(l, f, true);
}

/* -------- the way to the engine -------- */

static void put_entry(struct fill *table, unsigned type, const struct place *p)
{
	uint8_t *e = table->bytes + table->n;

	e[CARD_ENTRY_TYPE] = (uint8_t)type;
	table->n += CARD_ENTRY_SIZE;
	if (!p)
		return;
	e[CARD_ENTRY_BAR] = (uint8_t)(p->bar << CARD_ENTRY_BAR_SHIFT);
	le16_store(e + CARD_ENTRY_LOW, (uint16_t)p->off);
	le32_store(e + CARD_ENTRY_HIGH, (uint32_t)(p->off >> 16));
}

static void put_table(struct function_text *f)
{
	struct fill *t = &f->fill[f->n_fills++];

	t->at = f->table;
	t->n = CARD_TABLE_HEADER;
	if (f->uuid_at.bar >= 0)
		put_entry(t, CARD_FEATURE_UUID, &f->uuid_at);
	if (f->engine.bar >= 0)
		put_entry(t, CARD_FEATURE_ENGINE, &f->engine);
	if (f->memory.bar >= 0)
		put_entry(t, CARD_FEATURE_MEMORY, &f->memory);
	put_entry(t, CARD_FEATURE_END, NULL);
	le32_store(t->bytes + CARD_TABLE_FORMAT, CARD_TABLE_FORMAT_1);
	le32_store(t->bytes + CARD_TABLE_LENGTH, t->n);
	le32_store(t->bytes + CARD_TABLE_ENTRY_SIZE, CARD_ENTRY_SIZE);
}

static void put_uuid(struct function_text *f)
{
	struct fill *u = &f->fill[f->n_fills++];

	u->at = f->uuid_at;
	u->n = UUID_BYTES;
	memcpy(u->bytes, f->uuid, UUID_BYTES);
}

static int put_leads(struct line *l, struct function_text *f)
{
	for (unsigned i = 0; i < f->n_leads; i++) {
		uint8_t *vsec = f->image.bytes + f->lead[i];

		blame(l, f->line);
		if (f->table.bar < 0 || f->table.off % 16)
			return line_wrong(l, "a VSEC leads to the table, which "
					     "is nowhere or not 16-aligned");
		le32_store(vsec + CARD_VSEC_LOW,
			   (uint32_t)f->table.off | (unsigned)f->table.bar);
		le32_store(vsec + CARD_VSEC_HIGH,
			   (uint32_t)(f->table.off >> 32));
	}
	return 0;
}

static int put_places(struct line *l, struct function_text *f)
{
	int rc = put_leads(l, f);

	if (rc < 0)
		return rc;
	if (f->table.bar >= 0)
		put_table(f);
	if (f->uuid_at.bar >= 0)
		put_uuid(f);
	rc = check_places(l, f);
	return rc < 0 ? rc : choose_areas(l, f);
}

/* -------- all of it -------- */

static void put_header(struct function_text *f, bool several)
{
	uint16_t command = PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			   PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;

	for (unsigned i = 0; i < CARD_BARS; i++) {
		if (f->bar[i].kind == BAR_IO)
			command |= PCI_COMMAND_IO;
		else if (f->bar[i].kind != BAR_NONE)
			command |= PCI_COMMAND_MEMORY;
	}
	image_put(&f->image, PCI_COMMAND, 2, 0, command);
	image_clears(&f->image, PCI_STATUS, 2,
		     PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
			     PCI_STATUS_REC_TARGET_ABORT |
			     PCI_STATUS_REC_MASTER_ABORT |
			     PCI_STATUS_SIG_SYSTEM_ERROR |
			     PCI_STATUS_DETECTED_PARITY);
	image_put(&f->image, PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
	image_put(&f->image, PCI_INTERRUPT_LINE, 1, 0, 0xff);
	image_put(&f->image, PCI_INTERRUPT_PIN, 1, f->pin, 0);
	if (several)
		image_put(&f->image, PCI_HEADER_TYPE, 1,
			  PCI_HEADER_TYPE_NORMAL | 0x80, 0);
}

int description_finish(struct line *l, struct function_text *f, bool several)
{
	int rc = 0;

	blame(l, f->line);
	if (!has_bars(f))
		default_bars(f);
	if (f->n_caps == 0)
		rc = description_default_caps(l, f);
	put_header(f, several);
	if (rc >= 0)
		rc = put_bars(l, f);
	if (rc >= 0)
		rc = put_places(l, f);
	return rc < 0 ? rc : put_chains(l, f);
}
