/* tests/card/bars.c - what is behind the BARs of a function */
#include "tests/card/bars.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int bar_open(struct bar *b, unsigned index, uint64_t size, struct err *e)
{
	char name[16];
	void *p;

	snprintf(name, sizeof(name), "card-bar%u", index);
	b->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0 || ftruncate(b->fd, (off_t)size) < 0 ||
	    fcntl(b->fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(e, -errno, "no memory for BAR %u", index);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		 b->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, -errno, "no addresses for BAR %u", index);
	b->bytes = p;
	return 0;
}

static int bars_build(struct bars *b, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < CARD_BARS && rc == 0; i++) {
		const struct bar_text *t = &b->text->bar[i];

		if (t->kind == BAR_NONE)
			continue;
		b->bar[i].size = t->size;
		/* a mapping is whole pages, whatever the BAR says */
		rc = bar_open(&b->bar[i], i, align_up(t->size, CARD_PAGE), e);
	}
	if (rc == 0)
		bars_fill(b);
	return rc;
}

int bars_open(struct bars *b, const struct function_text *text, struct err *e)
{
	int rc;

	*b = (struct bars){ .text = text };
	for (unsigned i = 0; i < CARD_BARS; i++)
		b->bar[i].fd = -1;
	rc = bars_build(b, e);
	if (rc < 0)
		bars_close(b);
	return rc;
}

void bars_close(struct bars *b)
{
	for (unsigned i = 0; i < CARD_BARS; i++) {
		struct bar *bar = &b->bar[i];

		if (bar->bytes)
			munmap(bar->bytes, align_up(bar->size, CARD_PAGE));
		if (bar->size && bar->fd >= 0)
			close(bar->fd);
		*bar = (struct bar){ .fd = -1 };
	}
}

void bars_forget(struct bars *b)
{
	for (unsigned i = 0; i < CARD_BARS; i++) {
		const struct bar *bar = &b->bar[i];

		/* it can only fail where a file cannot have holes */
		if (bar->bytes)
			(void)fallocate(
				bar->fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				(off_t)align_up(bar->size, CARD_PAGE));
	}
}

void bars_fill(struct bars *b)
{
	for (unsigned i = 0; i < b->text->n_fills; i++) {
		const struct fill *f = &b->text->fill[i];
		uint8_t *to = bars_at(b, (unsigned)f->at.bar, f->at.off, f->n);

		if (to)
			memcpy(to, f->bytes, f->n);
	}
}

uint8_t *bars_at(const struct bars *b, unsigned index, uint64_t off, uint64_t n)
{
	const struct bar *bar;

	if (index >= CARD_BARS)
		return NULL;
	bar = &b->bar[index];
	if (!bar->bytes || !range_fits(0, bar->size, off, n))
		return NULL;
	return bar->bytes + off;
}
