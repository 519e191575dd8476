/* tests/guest/card/explore.h - what the two halves of card-explore share
 *
 * explore.c finds its way and prints it, explore_dma.c moves data.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stddef.h>
#include <stdint.h>

enum {
	CONFIG_BYTES = 4096,
	PAGE = 4096,
};

struct place {
	int bar; /* -1: not there */
	uint64_t offset;
};

struct card {
	const char *bdf;
	int config;		     /* a descriptor; -1: not open */
	uint8_t space[CONFIG_BYTES]; /* as it was when we came */
	uint16_t command;	     /* likewise; put back at the end */
	struct place table, uuid, engine, memory;
};

/* A part of a BAR, mapped. */
struct window {
	void *pages;
	size_t length;
	volatile uint32_t *registers;
};

/* Prints a sentence about the card to standard error. */
__attribute__((format(printf, 2, 3))) void complain(const struct card *card,
						    const char *format, ...);

/* The same with the value -1, as all functions have that fail and have said
 * why. A macro, so that the analysers see it. */
#define fail(...) (complain(__VA_ARGS__), -1)

/* Reads or writes a register; its offset is a multiple of 4. */
uint32_t reg(const struct window *w, unsigned int offset);
void set_reg(const struct window *w, unsigned int offset, uint32_t value);

/* Writes the command register, PCI_COMMAND_... */
int set_command(const struct card *card, uint16_t command);

/* A page of ours there, a page of ours back, by the card's engine. Memory
 * decode is on; the caller puts card->command back. */
int move_data(struct card *card, const struct window *engine);

#endif
