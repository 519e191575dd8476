/* tests/guest/card/explore.c - the simulated card, from userspace
 *
 *     card-explore BDF           look: capabilities, VSEC, table, registers
 *     card-explore BDF --dma     and let it move data
 *
 * No driver and no library: Linux shows a function as files, and that is
 * enough to follow the card's own signs and to work its DMA engine.
 *
 *     /sys/bus/pci/devices/BDF/config      4096 bytes of config space (root)
 *     /sys/bus/pci/devices/BDF/resourceN   BAR N, to be mapped
 *     /proc/self/pagemap                   where our memory really is (root)
 *
 * The engine wants bus addresses. Without an IOMMU in front of the card those
 * are physical addresses; with one, only a kernel driver can ask for a mapping,
 * and this program refuses. In a guest under minivmm there is none to be seen:
 * the host's IOMMU translates guest physical addresses behind our back.
 */
#include "explore.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/card/regs.h"

enum {
	TABLE_MAX = 4096,
};

void complain(const struct card *card, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "card-explore: %s: ", card->bdf);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* -------- config space -------- */

static unsigned int get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static int open_file(const struct card *card, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", card->bdf,
		 name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? fail(card, "%s: %s", path, strerror(errno)) : fd;
}

static bool has_file(const struct card *card, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", card->bdf,
		 name);
	return access(path, F_OK) == 0;
}

int set_command(const struct card *card, uint16_t command)
{
	uint8_t bytes[2] = { command & 0xff, command >> 8 };

	if (pwrite(card->config, bytes, 2, PCI_COMMAND) != 2)
		return fail(card, "cannot write its command register");
	return 0;
}

static int read_config(struct card *card)
{
	ssize_t n = pread(card->config, card->space, CONFIG_BYTES, 0);

	if (n < 0)
		return fail(card, "config: %s", strerror(errno));
	if (n < PCI_STD_HEADER_SIZEOF + 1)
		return fail(card, "only root may read all of config space");
	if (get32(card->space) == UINT32_MAX)
		return fail(card, "the function does not answer");
	if (n < CONFIG_BYTES)
		return fail(card, "config space has only %zd bytes: no VSEC",
			    n);
	card->command = get16(card->space + PCI_COMMAND);
	printf("%s: vendor %04x, device %04x, command %04x\n", card->bdf,
	       get16(card->space + PCI_VENDOR_ID),
	       get16(card->space + PCI_DEVICE_ID), card->command);
	return 0;
}

/* -------- capabilities -------- */

struct name {
	unsigned int id;
	const char *text;
};

static const struct name names[] = {
	{ PCI_CAP_ID_PM, "Power Management" },
	{ PCI_CAP_ID_MSI, "MSI" },
	{ PCI_CAP_ID_VNDR, "Vendor-Specific" },
	{ PCI_CAP_ID_EXP, "PCI Express" },
	{ PCI_CAP_ID_MSIX, "MSI-X" },
	{ 0, NULL },
};

static const struct name extended_names[] = {
	{ PCI_EXT_CAP_ID_ERR, "Advanced Error Reporting" },
	{ PCI_EXT_CAP_ID_DSN, "Device Serial Number" },
	{ PCI_EXT_CAP_ID_VNDR, "Vendor-Specific (VSEC)" },
	{ PCI_EXT_CAP_ID_ACS, "Access Control Services" },
	{ PCI_EXT_CAP_ID_ARI, "Alternative Routing-ID" },
	{ PCI_EXT_CAP_ID_ATS, "Address Translation Services" },
	{ PCI_EXT_CAP_ID_SRIOV, "Single Root I/O Virtualization" },
	{ PCI_EXT_CAP_ID_REBAR, "Resizable BAR" },
	{ PCI_EXT_CAP_ID_LTR, "Latency Tolerance Reporting" },
	{ PCI_EXT_CAP_ID_SECPCI, "Secondary PCI Express" },
	{ PCI_EXT_CAP_ID_PASID, "Process Address Space ID" },
	{ PCI_EXT_CAP_ID_DVSEC, "Designated Vendor-Specific (DVSEC)" },
	{ 0, NULL },
};

static const char *name_of(const struct name *list, unsigned int id)
{
	for (; list->text; list++)
		if (list->id == id)
			return list->text;
	return "?";
}

/* Pointers of one byte, from 0x34 on; each capability begins with its ID and
 * the next pointer (PCI 3.0 6.7). A broken card may point in a circle: there
 * is no room for more than 48 of them. */
static void list_capabilities(const struct card *card)
{
	unsigned int at = card->space[PCI_CAPABILITY_LIST] & ~3U;

	printf("capabilities\n");
	if (!(get16(card->space + PCI_STATUS) & PCI_STATUS_CAP_LIST))
		at = 0;
	for (int left = 48; at >= PCI_STD_HEADER_SIZEOF && left > 0; left--) {
		unsigned int id = card->space[at + PCI_CAP_LIST_ID];

		printf("  %03x  %02x    %s\n", at, id, name_of(names, id));
		at = card->space[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
}

/* VSEC and DVSEC say more in the dwords that follow (PCIe 6.2 7.9.5, 7.9.6). */
static void print_extended(const struct card *card, unsigned int at)
{
	uint32_t header = get32(card->space + at);
	uint32_t more =
		at + 8 <= CONFIG_BYTES ? get32(card->space + at + 4) : 0;
	unsigned int id = PCI_EXT_CAP_ID(header);

	printf("  %03x  %04x  %s", at, id, name_of(extended_names, id));
	if (id == PCI_EXT_CAP_ID_VNDR)
		printf(": ID %#x, revision %u, %u bytes",
		       PCI_VNDR_HEADER_ID(more), PCI_VNDR_HEADER_REV(more),
		       PCI_VNDR_HEADER_LEN(more));
	if (id == PCI_EXT_CAP_ID_DVSEC)
		printf(": vendor %04x, %u bytes", PCI_DVSEC_HEADER1_VID(more),
		       PCI_DVSEC_HEADER1_LEN(more));
	printf("\n");
}

/* Whether so many bytes at that place lie inside a BAR. */
static bool place_fits(const struct card *card, const struct place *p,
		       uint64_t bytes)
{
	char path[128];
	struct stat st;

	if (p->bar < 0 || p->bar >= PCI_STD_NUM_BARS || p->offset % 4 != 0)
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d",
		 card->bdf, p->bar);
	return stat(path, &st) == 0 && p->offset <= (uint64_t)st.st_size &&
	       bytes <= (uint64_t)st.st_size - p->offset;
}

/* Whether a VSEC is the one that leads on, and to some place. */
static bool follow_vsec(struct card *card, unsigned int at)
{
	const uint8_t *vsec = card->space + at;
	unsigned int length;

	if (at + CARD_VSEC_LENGTH > CONFIG_BYTES ||
	    PCI_EXT_CAP_ID(get32(vsec)) != PCI_EXT_CAP_ID_VNDR ||
	    PCI_VNDR_HEADER_ID(get32(vsec + PCI_VNDR_HEADER)) != CARD_VSEC_ID)
		return false;
	length = PCI_VNDR_HEADER_LEN(get32(vsec + PCI_VNDR_HEADER));
	card->table.bar = vsec[CARD_VSEC_LOW] & 0xf;
	card->table.offset = (uint64_t)get32(vsec + CARD_VSEC_HIGH) << 32 |
			     (get32(vsec + CARD_VSEC_LOW) & ~0xfU);
	return length >= CARD_VSEC_LENGTH &&
	       place_fits(card, &card->table, CARD_TABLE_HEADER);
}

/* Like the first list, but from 0x100 on, with pointers of 12 bits in the upper
 * bits of each header. */
static int list_extended(struct card *card)
{
	unsigned int at = PCI_CFG_SPACE_SIZE;
	bool found = false;

	printf("extended capabilities\n");
	for (int left = (CONFIG_BYTES - PCI_CFG_SPACE_SIZE) / 8;
	     at >= PCI_CFG_SPACE_SIZE && left > 0; left--) {
		uint32_t header = get32(card->space + at);

		if (header == 0 || header == UINT32_MAX)
			break;
		print_extended(card, at);
		if (!found)
			found = follow_vsec(card, at);
		at = PCI_EXT_CAP_NEXT(header);
	}
	if (!found)
		return fail(card, "no VSEC of ID %#x that leads anywhere",
			    CARD_VSEC_ID);
	return 0;
}

/* -------- BARs -------- */

static void window_close(struct window *w)
{
	if (w->pages != MAP_FAILED)
		munmap(w->pages, w->length);
	w->pages = MAP_FAILED;
}

/* mmap takes whole pages only. */
static int window_map(const struct card *card, int fd, const struct place *p,
		      size_t bytes, struct window *out)
{
	size_t skip = p->offset % PAGE;

	out->length = skip + bytes;
	out->pages = mmap(NULL, out->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, (off_t)(p->offset - skip));
	if (out->pages == MAP_FAILED)
		return fail(card, "BAR %d cannot be mapped: %s%s", p->bar,
			    strerror(errno),
			    errno == EINVAL ? " (its driver claims it)" : "");
	out->registers = out->pages;
	out->registers += skip / sizeof(uint32_t);
	return 0;
}

static int window_open(const struct card *card, const struct place *p,
		       size_t bytes, struct window *out)
{
	char name[16];
	int fd, rc;

	*out = (struct window){ .pages = MAP_FAILED };
	if (p->bar < 0)
		return fail(card, "the feature table lacks an entry");
	if (!place_fits(card, p, bytes))
		return fail(card, "there is no BAR %d with %zu bytes at %#llx",
			    p->bar, bytes, (unsigned long long)p->offset);
	snprintf(name, sizeof(name), "resource%d", p->bar);
	fd = open_file(card, name, O_RDWR);
	if (fd < 0)
		return fd;
	rc = window_map(card, fd, p, bytes, out);
	close(fd);
	return rc;
}

uint32_t reg(const struct window *w, unsigned int offset)
{
	return w->registers[offset / sizeof(uint32_t)];
}

void set_reg(const struct window *w, unsigned int offset, uint32_t value)
{
	w->registers[offset / sizeof(uint32_t)] = value;
}

/* -------- the feature table -------- */

static void take_entry(struct card *card, uint32_t first, uint32_t second)
{
	unsigned int type = first & 0xff;
	struct place place = {
		.bar = first >> (8 * CARD_ENTRY_BAR + CARD_ENTRY_BAR_SHIFT) &
		       0xf,
		.offset = (uint64_t)second << 16 | first >> 16,
	};
	const char *name = "another driver's";

	if (type == CARD_FEATURE_UUID) {
		card->uuid = place;
		name = "UUID";
	} else if (type == CARD_FEATURE_ENGINE) {
		card->engine = place;
		name = "engine";
	} else if (type == CARD_FEATURE_MEMORY) {
		card->memory = place;
		name = "memory";
	}
	printf("  %02x   %-8s BAR %d, offset %#llx\n", type, name, place.bar,
	       (unsigned long long)place.offset);
}

static int read_entries(struct card *card, const struct window *w,
			uint32_t length)
{
	uint32_t format = reg(w, CARD_TABLE_FORMAT);

	printf("feature table in BAR %d at %#llx: format %u, %u bytes\n",
	       card->table.bar, (unsigned long long)card->table.offset, format,
	       length);
	if (format != CARD_TABLE_FORMAT_1 ||
	    (reg(w, CARD_TABLE_ENTRY_SIZE) & 0xff) != CARD_ENTRY_SIZE)
		return fail(card, "that is no feature table");
	for (uint32_t at = CARD_TABLE_HEADER; at + CARD_ENTRY_SIZE <= length;
	     at += CARD_ENTRY_SIZE) {
		if ((reg(w, at) & 0xff) == CARD_FEATURE_END)
			break;
		take_entry(card, reg(w, at), reg(w, at + CARD_ENTRY_HIGH));
	}
	return 0;
}

/* The header first: it says how long the table is. */
static int read_table(struct card *card)
{
	struct window w;
	uint32_t length;
	int rc = window_open(card, &card->table, CARD_TABLE_HEADER, &w);

	if (rc < 0)
		return rc;
	length = reg(&w, CARD_TABLE_LENGTH);
	window_close(&w);
	if (length < CARD_TABLE_HEADER || length > TABLE_MAX)
		return fail(card, "a feature table of %u bytes", length);
	rc = window_open(card, &card->table, length, &w);
	if (rc < 0)
		return rc;
	rc = read_entries(card, &w, length);
	window_close(&w);
	return rc;
}

static int print_uuid(const struct card *card)
{
	struct window w;
	int rc = window_open(card, &card->uuid, 16, &w);

	if (rc < 0)
		return rc;
	printf("UUID ");
	for (unsigned int i = 0; i < 16; i++)
		printf("%s%02x",
		       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
		       reg(&w, i & ~3U) >> 8 * (i % 4) & 0xff);
	printf("\n");
	window_close(&w);
	return 0;
}

static int print_engine(const struct card *card, const struct window *w)
{
	static const struct name registers[] = {
		{ CARD_FUNCTION, "function" },
		{ CARD_VECTORS, "vectors" },
		{ CARD_RESETS, "resets" },
		{ CARD_STATUS, "status" },
		{ CARD_DONE, "operations done" },
		{ CARD_SENT, "interrupts sent" },
		{ CARD_UNSENT, "interrupts nobody wanted" },
		{ 0, NULL },
	};

	if (reg(w, CARD_MAGIC) != CARD_MAGIC_VALUE)
		return fail(card, "no engine there: magic %08x",
			    reg(w, CARD_MAGIC));
	printf("engine\n");
	for (const struct name *r = registers; r->text; r++)
		printf("  %-26s%u\n", r->text, reg(w, r->id));
	printf("  %-26s%llu MiB\n", "memory",
	       ((unsigned long long)reg(w, CARD_MEMORY_HIGH) << 32 |
		reg(w, CARD_MEMORY_LOW)) >>
		       20);
	return 0;
}

/* -------- all of it -------- */

static int look_and_move(struct card *card, bool dma)
{
	struct window engine;
	int rc = read_table(card);

	if (rc < 0)
		return rc;
	rc = print_uuid(card);
	if (rc < 0)
		return rc;
	rc = window_open(card, &card->engine, CARD_BLOCK, &engine);
	if (rc < 0)
		return rc;
	rc = print_engine(card, &engine);
	if (rc == 0 && dma)
		rc = move_data(card, &engine);
	window_close(&engine);
	return rc;
}

/* BARs answer only while memory decode is on, which is its driver's business;
 * without a driver it is ours for a while. */
static int explore(struct card *card, bool dma)
{
	int rc, put_back;

	card->config = open_file(card, "config", O_RDWR);
	if (card->config < 0)
		return card->config;
	rc = read_config(card);
	if (rc < 0)
		return rc;
	list_capabilities(card);
	rc = list_extended(card);
	if (rc < 0)
		return rc;
	if (dma && has_file(card, "driver"))
		return fail(card, "its driver is at work: unbind it first");
	if (dma && has_file(card, "iommu_group"))
		return fail(card, "an IOMMU is in front of it: physical "
				  "addresses are not bus addresses");
	rc = set_command(card, card->command | PCI_COMMAND_MEMORY);
	if (rc < 0)
		return rc;
	rc = look_and_move(card, dma);
	put_back = set_command(card, card->command);
	return rc < 0 ? rc : put_back;
}

int main(int argc, char **argv)
{
	struct card card = {
		.bdf = argc > 1 ? argv[1] : "",
		.config = -1,
		.uuid = { .bar = -1 },
		.engine = { .bar = -1 },
		.memory = { .bar = -1 },
	};
	bool dma = argc == 3 && strcmp(argv[2], "--dma") == 0;
	int rc;

	if (argc < 2 || argc > 3 || (argc == 3 && !dma) || *argv[1] == '-') {
		fprintf(stderr, "usage: card-explore DOMAIN:BUS:SLOT.FUNCTION "
				"[--dma]\n");
		return 1;
	}
	rc = explore(&card, dma);
	if (card.config >= 0)
		close(card.config);
	return rc < 0 ? 1 : 0;
}
