/* tests/card/config.h - config space of a running function
 *
 * Bytes change as their masks allow. One write has an effect beyond its byte:
 * Initiate Function Level Reset, which the caller carries out.
 */
#ifndef CARD_CONFIG_H
#define CARD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/card/description.h"

struct config {
	const struct function_text *text;
	bool loops; /* a fault: both chains end where they begin */
	uint8_t now[CONFIG_BYTES];
};

/* Power-on values. */
void config_reset(struct config *c);

/* @off and @n lie inside config space. */
void config_read(const struct config *c, unsigned off, uint8_t *buf,
		 unsigned n);
/* Whether the function is to be reset. */
bool config_write(struct config *c, unsigned off, const uint8_t *buf,
		  unsigned n);

/* The command register, PCI_COMMAND_... */
uint16_t config_command(const struct config *c);
/* Interrupt Status in the status register. */
void config_show_intx(struct config *c, bool up);
void config_set_loops(struct config *c, bool on);

#endif
