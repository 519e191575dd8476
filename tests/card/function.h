/* tests/card/function.h - one function of the card
 *
 * Everything that a client can see or set, and the faults that the control
 * socket can switch on. One thread serves the client and another one the
 * control socket; both hold the lock while they look or change.
 */
#ifndef CARD_FUNCTION_H
#define CARD_FUNCTION_H

#include <pthread.h>

#include "tests/card/bars.h"
#include "tests/card/config.h"
#include "tests/card/engine.h"
#include "tests/card/irqs.h"
#include "tests/card/maps.h"

struct faults {
	bool all_ones;	   /* config space and BARs read as ones */
	bool dma_bad;	   /* the engine uses addresses that are not mapped */
	bool hang;	   /* the client gets no answer */
	uint32_t reset_ms; /* how long a reset takes */
	uint32_t stall_ms; /* how long an operation waits before it begins */
};

struct counts {
	uint64_t maps, unmaps, reads, writes, resets;
};

struct function {
	unsigned number;
	const struct function_text *text;
	pthread_mutex_t lock;
	struct config config;
	struct bars bars;
	struct maps maps;
	struct irqs irqs;
	struct engine engine;
	struct faults faults;
	struct counts counts;
	uint64_t away_until; /* ms; in a reset, the function does not answer */
	uint64_t due;	     /* ms; the engine's operation begins */
	bool greeted;	     /* versions were exchanged */
	uint32_t max_data;   /* that the client takes in one message */
};

int function_open(struct function *f, const struct function_text *text,
		  unsigned number, struct err *e);
void function_close(struct function *f);

/* Milliseconds of a clock that never goes back. */
uint64_t function_now(void);

/* The rest needs the lock. */

/* FLR, DEVICE_RESET: registers and config space as at power-on. */
void function_reset(struct function *f);
/* The client is gone: what it gave is dropped, the next finds a new card. */
void function_left(struct function *f);

/* A region of VFIO_PCI_..._REGION_INDEX; -EINVAL: it is not there. */
int function_read(struct function *f, unsigned region, uint64_t off, void *buf,
		  uint32_t n);
int function_write(struct function *f, unsigned region, uint64_t off,
		   const void *buf, uint32_t n);
/* How many bytes it has, 0: no such region. */
uint64_t function_region(const struct function *f, unsigned region);

#endif
