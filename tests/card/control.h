/* tests/card/control.h - faults and facts on demand, by a socket
 *
 * A line is a command, a line is the answer: "ok ..." or "error ...".
 *
 *     pf1 all-ones on|off      config space and BARs read as ones
 *     pf1 loop on|off          both chains of capabilities loop
 *     pf1 irq lose N           the next N interrupts do not come
 *     pf1 irq double N         the next N come twice
 *     pf1 irq fire V           vector V, now
 *     pf1 reset-delay MS       resets take so long
 *     pf1 dma-bad on|off       the engine uses addresses that are not mapped
 *     pf1 dma-stall MS         operations wait before they begin
 *     pf1 request              ask the client to give the function back
 *     pf1 error                report an error that is fatal
 *     pf1 hang on|off          the client gets no answer
 *     stats                    key=value words for each function
 *     kill                     the process ends at once, as if killed
 */
#ifndef CARD_CONTROL_H
#define CARD_CONTROL_H

#include "tests/card/server.h"

enum { CONTROL_LINE = 256, CONTROL_ANSWER = 4096 };

struct control {
	int listener;
	struct server *server;
	unsigned n;
};

/* What to do once the answer is sent. */
enum control_end { CONTROL_GOES_ON, CONTROL_KILLS };

/* @line has no newline, and is cut into words; the answer has none either. */
enum control_end control_line(const struct control *c, char *line,
			      char answer[CONTROL_ANSWER]);

int control_start(struct control *c, struct err *e);

#endif
