/* devices/uart16550.c - see uart16550.h */
#include "devices/uart16550.h"

#include <linux/serial_reg.h>

#include "devices/trace.h"
#include "vmm/base/bytes.h"

enum {
	IER_BITS = UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI,
	MCR_BITS = UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 |
		   UART_MCR_LOOP,
	MSR_LINES = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_RI | UART_MSR_DCD,
	IIR_FIFO = 0xc0, /* both bits: the FIFOs are on, and they work */
};

/* All below is called with u->lock held, but for open and close. */

/* -------- the interrupt -------- */

static unsigned trigger_level(const struct uart16550 *u)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return u->fcr & UART_FCR_ENABLE_FIFO ? levels[u->fcr >> 6] : 1;
}

/* What IIR shows: the most urgent cause that is enabled. */
static uint8_t cause(const struct uart16550 *u)
{
	if ((u->ier & UART_IER_RDI) && u->count >= trigger_level(u))
		return UART_IIR_RDI;
	if ((u->ier & UART_IER_RDI) && u->count != 0)
		return UART_IIR_RX_TIMEOUT;
	if ((u->ier & UART_IER_THRI) && u->thr_pending)
		return UART_IIR_THRI;
	if ((u->ier & UART_IER_MSI) && u->msr_delta != 0)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update_line(struct uart16550 *u)
{
	uint8_t now = cause(u);
	/* OUT2 opens the gate between the chip and the interrupt controller;
	 * loopback takes it inside and so closes the gate. */
	int level = now != UART_IIR_NO_INT &&
		    (u->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
	int rc;

	if (level == u->level)
		return;
	u->level = level;
	trace_uart_line(u->gsi, level, now);
	rc = irq_line_set(&u->vm->irq, u->gsi, level);
	if (rc < 0)
		log_limited(&u->limit, LOG_ERROR,
			    "uart: cannot set interrupt line %u (error %d)",
			    u->gsi, -rc);
}

/* -------- receiving -------- */

static unsigned room(const struct uart16550 *u)
{
	unsigned size = u->fcr & UART_FCR_ENABLE_FIFO ? UART16550_FIFO : 1;

	return u->count < size ? size - u->count : 0;
}

static void receive(struct uart16550 *u, uint8_t byte)
{
	if (room(u) == 0)
		return; /* overrun */
	u->fifo[(u->head + u->count++) % UART16550_FIFO] = byte;
}

static bool other_end_may_send(const struct uart16550 *u)
{
	return (u->mcr & (UART_MCR_RTS | UART_MCR_LOOP)) == UART_MCR_RTS;
}

/* Ask the console for what it holds, if it can come. Not for each byte: when
 * all has been read. */
static void feed(struct uart16550 *u)
{
	if (!u->hungry || u->count != 0 || !other_end_may_send(u))
		return;
	u->hungry = false;
	console_ready(u->console);
}

static uint8_t read_byte(struct uart16550 *u)
{
	uint8_t byte;

	if (u->count == 0)
		return 0;
	byte = u->fifo[u->head];
	u->head = (u->head + 1) % UART16550_FIFO;
	u->count--;
	feed(u);
	return byte;
}

/* console_user.take: the main thread brings input. */
static size_t take(struct console_user *wire, const uint8_t *from, size_t n)
{
	struct uart16550 *u = container_of(wire, struct uart16550, wire);
	size_t taken = 0;

	pthread_mutex_lock(&u->lock);
	while (taken < n && other_end_may_send(u) && room(u) != 0)
		receive(u, from[taken++]);
	u->hungry = taken < n;
	update_line(u);
	pthread_mutex_unlock(&u->lock);
	return taken;
}

/* -------- registers -------- */

/* In loopback the four outputs of MCR are the four inputs of MSR. */
static uint8_t modem_lines(const struct uart16550 *u)
{
	uint8_t m = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (u->mcr & UART_MCR_RTS)
		m |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_DTR)
		m |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_OUT1)
		m |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		m |= UART_MSR_DCD;
	return m;
}

static void write_mcr(struct uart16550 *u, uint8_t v)
{
	uint8_t before = modem_lines(u), after;

	u->mcr = v & MCR_BITS;
	after = modem_lines(u);
	/* Ring counts when it ends, the others whenever they change. */
	u->msr_delta |= ((before ^ after) & (MSR_LINES & ~UART_MSR_RI)) >> 4;
	u->msr_delta |= (before & ~after & UART_MSR_RI) >> 4;
	feed(u);
}

static void write_fcr(struct uart16550 *u, uint8_t v)
{
	bool switched = (u->fcr ^ v) & UART_FCR_ENABLE_FIFO;

	/* Without the enable bit the others are not taken. */
	u->fcr = v & UART_FCR_ENABLE_FIFO
			 ? v & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)
			 : 0;
	if (switched || (v & (UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR)) ==
				(UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR))
		u->count = 0;
	feed(u);
}

static void write_ier(struct uart16550 *u, uint8_t v)
{
	uint8_t rises = v & ~u->ier;

	u->ier = v & IER_BITS;
	/* The transmitter is empty, so enabling the interrupt raises it again:
	 * Linux 8250_port.c tests for it (UART_BUG_THRE). */
	if (rises & UART_IER_THRI)
		u->thr_pending = true;
}

static uint8_t read_iir(struct uart16550 *u)
{
	uint8_t now = cause(u);

	if (now == UART_IIR_THRI)
		u->thr_pending = false;
	return now | (u->fcr & UART_FCR_ENABLE_FIFO ? IIR_FIFO : 0);
}

static uint8_t read_msr(struct uart16550 *u)
{
	uint8_t v = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return v;
}

static void transmit(struct uart16550 *u, uint8_t byte)
{
	if (u->mcr & UART_MCR_LOOP)
		receive(u, byte);
	else
		console_write(u->console, &byte, 1);
	u->thr_pending = true;
}

static uint8_t read_register(struct uart16550 *u, unsigned off)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_RX:
		return dlab ? u->dll : read_byte(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE |
		       (u->count != 0 ? UART_LSR_DR : 0);
	case UART_MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

static void write_register(struct uart16550 *u, unsigned off, uint8_t v)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_TX:
		if (dlab)
			u->dll = v;
		else
			transmit(u, v);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = v;
		else
			write_ier(u, v);
		break;
	case UART_FCR:
		write_fcr(u, v);
		break;
	case UART_LCR:
		u->lcr = v;
		break;
	case UART_MCR:
		write_mcr(u, v);
		break;
	case UART_SCR:
		u->scr = v;
		break;
	default:
		/* LSR and MSR: writing them is for the factory's tests. */
		trace_device_ignored("uart: write to LSR or MSR", v);
	}
}

/* An 8-bit device: the bus bridge cuts wider accesses into bytes. */
static uint64_t uart_read(struct region *r, uint64_t off, unsigned len)
{
	struct uart16550 *u = container_of(r, struct uart16550, region);
	uint64_t v = 0;

	for (unsigned i = 0; i < len; i++)
		v |= (uint64_t)read_register(u, (unsigned)off + i) << (8 * i);
	update_line(u);
	return v;
}

static void uart_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct uart16550 *u = container_of(r, struct uart16550, region);

	for (unsigned i = 0; i < len; i++)
		write_register(u, (unsigned)off + i, (uint8_t)(v >> (8 * i)));
	update_line(u);
}

/* -------- what the board sees -------- */

/* The chip's master reset clears all but the receiver's and the divisor's
 * registers (PC16550D, table I); firmware sets those. Input that the console
 * could not deliver still waits for somebody who reads. */
static void power_on(struct uart16550 *u)
{
	u->ier = u->fcr = u->mcr = u->scr = u->msr_delta = 0;
	u->lcr = UART_LCR_WLEN8;
	u->dll = 1; /* 115200 baud */
	u->dlm = 0;
	u->head = u->count = 0;
	u->thr_pending = false;
}

void uart16550_reset(struct uart16550 *u)
{
	pthread_mutex_lock(&u->lock);
	power_on(u);
	update_line(u);
	pthread_mutex_unlock(&u->lock);
}

static const struct region_ops uart_ops = {
	.read = uart_read,
	.write = uart_write,
};

int uart16550_open(struct uart16550 *u, struct vm *vm, struct console *console,
		   uint16_t port, unsigned gsi, struct err *e)
{
	int rc;

	*u = (struct uart16550){
		.region = { .name = "uart",
			    .ops = &uart_ops,
			    .base = port,
			    .size = UART16550_PORTS },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.console = console,
		.wire = { .take = take },
		.gsi = gsi,
	};
	power_on(u);
	u->region.lock = &u->lock;
	u->vm = vm;
	rc = bus_add(&vm->pio, &u->region, e);
	if (rc < 0) {
		u->vm = NULL;
		return rc;
	}
	console_connect(console, &u->wire);
	return 0;
}

void uart16550_close(struct uart16550 *u)
{
	if (!u->vm)
		return;
	console_connect(u->console, NULL);
	bus_remove(&u->vm->pio, &u->region);
	u->vm = NULL;
}
