/* tests/card/function.c - one function of the card */
#include "tests/card/function.h"

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <time.h>

#include "tests/card/regs.h"
#include "vfio/user_wire.h"

uint64_t function_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* -------- life -------- */

static int function_build(struct function *f, struct err *e)
{
	int rc = bars_open(&f->bars, f->text, e);

	if (rc == 0)
		rc = irqs_open(&f->irqs, f->text, e);
	if (rc == 0)
		rc = engine_open(&f->engine, f->text, &f->bars, f->number, e);
	if (rc == 0)
		config_reset(&f->config);
	return rc;
}

int function_open(struct function *f, const struct function_text *text,
		  unsigned number, struct err *e)
{
	int rc;

	*f = (struct function){ .number = number,
				.text = text,
				.lock = PTHREAD_MUTEX_INITIALIZER,
				.config.text = text,
				.irqs = { .mask_fd = -1, .unmask_fd = -1 },
				.max_data = USER_DEFAULT_MAX_DATA };
	rc = function_build(f, e);
	if (rc < 0)
		function_close(f);
	return rc;
}

void function_close(struct function *f)
{
	engine_close(&f->engine);
	irqs_close(&f->irqs);
	maps_close(&f->maps);
	bars_close(&f->bars);
}

void function_reset(struct function *f)
{
	config_reset(&f->config);
	engine_reset(&f->engine);
	irqs_reset(&f->irqs);
	bars_fill(&f->bars);
	f->counts.resets++;
	f->away_until = function_now() + f->faults.reset_ms;
}

void function_left(struct function *f)
{
	f->counts.unmaps += (unsigned)maps_remove_all(&f->maps);
	irqs_forget(&f->irqs);
	bars_forget(&f->bars);
	function_reset(f);
	f->away_until = 0;
	f->faults.hang = false;
	f->greeted = false;
	f->max_data = USER_DEFAULT_MAX_DATA;
}

/* -------- regions -------- */

uint64_t function_region(const struct function *f, unsigned region)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return CONFIG_BYTES;
	return region < CARD_BARS ? f->bars.bar[region].size : 0;
}

/* Ones to read, and nowhere to write: no card, or not yet again. */
static bool silent(struct function *f)
{
	if (f->away_until && function_now() >= f->away_until)
		f->away_until = 0;
	return f->faults.all_ones || f->away_until;
}

/* A BAR answers while its kind of decode is on. */
static bool decodes(const struct function *f, unsigned region)
{
	uint16_t command = config_command(&f->config);

	if (f->text->bar[region].kind == BAR_IO)
		return command & PCI_COMMAND_IO;
	return command & PCI_COMMAND_MEMORY;
}

static void write_config(struct function *f, unsigned off, const uint8_t *buf,
			 uint32_t n)
{
	bool flr = config_write(&f->config, off, buf, n);

	if (flr)
		function_reset(f);
	irqs_intx_disable(&f->irqs, config_command(&f->config) &
					    PCI_COMMAND_INTX_DISABLE);
}

static void doorbell(struct function *f, bool was_busy)
{
	if (!was_busy && engine_busy(&f->engine))
		f->due = function_now() + f->faults.stall_ms;
}

/* One register: read it to @to, or write what is at @from. */
static void access_register(struct function *f, uint32_t off, uint8_t *to,
			    const uint8_t *from)
{
	bool busy = engine_busy(&f->engine);

	if (to)
		le32_store(to, engine_read(&f->engine, &f->irqs, off));
	else if (from)
		engine_write(&f->engine, &f->irqs, off, le32_load(from));
	doorbell(f, busy);
}

/* Registers take aligned 32-bit accesses; of anything else they know nothing.
 * @off is that in the block. */
static void access_block(struct function *f, uint32_t off, uint8_t *to,
			 const uint8_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		if ((off + i) % 4 == 0 && n - i >= 4) {
			access_register(f, off + i, to ? to + i : NULL,
					from ? from + i : NULL);
			i += 4;
			continue;
		}
		if (to)
			to[i] = 0xff;
		i++;
	}
}

/* Config space once more, among the registers of a BAR. @off is that in it. */
static void access_copy(struct function *f, uint32_t off, uint8_t *to,
			const uint8_t *from, uint32_t n)
{
	if (to)
		config_read(&f->config, off, to, n);
	else if (from)
		write_config(f, off, from, n);
}

/* What is not memory: where, how much, and what an access to it does. */
struct block {
	const struct place *at;
	uint32_t size;
	void (*access)(struct function *f, uint32_t off, uint8_t *to,
		       const uint8_t *from, uint32_t n);
};

/* How many of @n bytes at @off are all of the block, or all not. */
static uint32_t run_of(const struct block *b, unsigned region, uint64_t off,
		       uint32_t n, bool *in)
{
	uint64_t end;

	*in = false;
	if (b->at->bar != (int)region)
		return n;
	*in = range_has(b->at->off, b->size, off);
	if (!*in && off >= b->at->off)
		return n;
	end = *in ? b->at->off + b->size : b->at->off;
	return end - off < n ? (uint32_t)(end - off) : n;
}

/* As much of an access as one of them, or memory, can do. */
static uint32_t access_run(struct function *f, unsigned region, uint64_t off,
			   uint8_t *to, const uint8_t *from, uint32_t n)
{
	const struct block blocks[] = {
		{ &f->text->engine, CARD_BLOCK, access_block },
		{ &f->text->copy, CONFIG_BYTES, access_copy },
	};
	uint8_t *bytes;

	for (unsigned i = 0; i < ARRAY_LEN(blocks); i++) {
		const struct block *b = &blocks[i];
		bool in;

		n = run_of(b, region, off, n, &in);
		if (!in)
			continue;
		b->access(f, (uint32_t)(off - b->at->off), to, from, n);
		return n;
	}
	bytes = bars_at(&f->bars, region, off, n);
	if (to)
		memcpy(to, bytes, n);
	else if (from)
		memcpy(bytes, from, n);
	return n;
}

static void access_bar(struct function *f, unsigned region, uint64_t off,
		       uint8_t *to, const uint8_t *from, uint32_t n)
{
	while (n) {
		uint32_t run = access_run(f, region, off, to, from, n);

		off += run;
		n -= run;
		to = to ? to + run : NULL;
		from = from ? from + run : NULL;
	}
}

int function_read(struct function *f, unsigned region, uint64_t off, void *buf,
		  uint32_t n)
{
	if (n == 0 || !range_fits(0, function_region(f, region), off, n))
		return -EINVAL;
	f->counts.reads++;
	if (silent(f)) {
		memset(buf, 0xff, n);
	} else if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		config_show_intx(&f->config, irqs_intx_up(&f->irqs));
		config_read(&f->config, (unsigned)off, buf, n);
	} else if (!decodes(f, region)) {
		memset(buf, 0xff, n);
	} else {
		access_bar(f, region, off, buf, NULL, n);
	}
	return 0;
}

int function_write(struct function *f, unsigned region, uint64_t off,
		   const void *buf, uint32_t n)
{
	if (n == 0 || !range_fits(0, function_region(f, region), off, n))
		return -EINVAL;
	f->counts.writes++;
	if (silent(f))
		return 0;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		write_config(f, (unsigned)off, buf, n);
	else if (decodes(f, region))
		access_bar(f, region, off, NULL, buf, n);
	return 0;
}
