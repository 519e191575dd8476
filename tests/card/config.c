/* tests/card/config.c - config space of a running function */
#include "tests/card/config.h"

#include <linux/pci_regs.h>
#include <string.h>

static void chains_loop(struct config *c)
{
	const struct function_text *t = c->text;
	uint8_t *last;

	if (t->n_caps) {
		last = c->now + t->cap[t->n_caps - 1].at;
		last[PCI_CAP_LIST_NEXT] = (uint8_t)t->cap[0].at;
	}
	if (t->n_ext) {
		last = c->now + t->ext[t->n_ext - 1].at;
		le32_store(last, (le32_load(last) & 0xfffff) |
					 (uint32_t)CONFIG_EXTENDED << 20);
	}
}

void config_reset(struct config *c)
{
	memcpy(c->now, c->text->image.bytes, sizeof(c->now));
	if (c->loops)
		chains_loop(c);
}

void config_set_loops(struct config *c, bool on)
{
	const struct function_text *t = c->text;
	const uint8_t *image = t->image.bytes;

	c->loops = on;
	if (on) {
		chains_loop(c);
		return;
	}
	if (t->n_caps) {
		unsigned at = t->cap[t->n_caps - 1].at + PCI_CAP_LIST_NEXT;

		c->now[at] = image[at];
	}
	if (t->n_ext) {
		unsigned at = t->ext[t->n_ext - 1].at;

		memcpy(c->now + at, image + at, 4);
	}
}

void config_read(const struct config *c, unsigned off, uint8_t *buf, unsigned n)
{
	memcpy(buf, c->now + off, n);
}

bool config_write(struct config *c, unsigned off, const uint8_t *buf,
		  unsigned n)
{
	const struct image *i = &c->text->image;
	unsigned flr = c->text->flr_at + 1; /* bit 15 is in the high byte */
	bool reset = false;

	for (unsigned at = off; at < off + n; at++) {
		uint8_t v = buf[at - off], can = i->writable[at];

		if (c->text->flr_at && at == flr) {
			/* it always reads 0: PCIe 6.2 7.5.3.4 */
			reset = v & PCI_EXP_DEVCTL_BCR_FLR >> 8;
			v &= (uint8_t) ~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
		}
		c->now[at] = (uint8_t)((c->now[at] & ~can) | (v & can));
		c->now[at] &= (uint8_t) ~(v & i->clears[at]);
	}
	return reset;
}

uint16_t config_command(const struct config *c)
{
	return le16_load(c->now + PCI_COMMAND);
}

void config_show_intx(struct config *c, bool up)
{
	uint16_t status = le16_load(c->now + PCI_STATUS);

	if (up)
		status |= PCI_STATUS_INTERRUPT;
	else
		status &= (uint16_t)~PCI_STATUS_INTERRUPT;
	le16_store(c->now + PCI_STATUS, status);
}
