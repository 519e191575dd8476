/* tests/fuzz/fuzz_uart.c - a guest that does anything to the serial port,
 * while somebody types
 *
 * The input is a list of steps: accesses of any width, input offered, host
 * calls that fail. After each step the interrupt line must be what the
 * registers say, and the console must have been woken if it waits for room
 * that there is.
 */
#include <assert.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "devices/uart16550.h"
#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"

enum { PORT = 0x3f8, GSI = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
	struct vm vm;
	struct console console;
	struct uart16550 uart;
};

struct step {
	uint8_t what, at;
	le16 value;
};
static_assert(sizeof(struct step) == 4, "packed by nature");

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;

	fake_reset();
	must(vm_open(&s->vm, &e) == 0);
	must(mem_add_ram(&s->vm.mem, 0, 2 << 20, MEM_PLAIN, &e) == 0);
	must(vm_create_cpus(&s->vm, 1, &e) == 0);
	must(console_open(&s->console, "file:/out", &s->vm.loop, &e) == 0);
	must(uart16550_open(&s->uart, &s->vm, &s->console, PORT, GSI, &e) == 0);
}

static void scene_close(struct scene *s)
{
	uart16550_close(&s->uart);
	console_close(&s->console);
	vm_close(&s->vm);
	must(!fake_leaks());
}

static void type(struct scene *s, const struct step *p)
{
	static const uint8_t text[32] = "what somebody may have typed in";
	size_t n = p->at % sizeof(text) + 1;

	must(s->uart.wire.take(&s->uart.wire, text, n) <= n);
}

static void do_step(struct scene *s, const struct step *p)
{
	unsigned len = 1u << (p->at >> 6);
	uint64_t v = le16_get(p->value) * UINT64_C(0x0001000100010001);

	switch (p->what % 4) {
	case 0:
	case 1:
		bus_write(&s->vm.pio, PORT + p->at % 16u, len, v);
		break;
	case 2:
		bus_read(&s->vm.pio, PORT + p->at % 16u, len);
		break;
	default:
		type(s, p);
	}
}

/* The registers as the guest could see them, without reading what reading
 * changes. */
static void check(const struct scene *s)
{
	const struct uart16550 *u = &s->uart;
	bool wants = (u->count != 0 && (u->ier & UART_IER_RDI)) ||
		     (u->thr_pending && (u->ier & UART_IER_THRI)) ||
		     (u->msr_delta != 0 && (u->ier & UART_IER_MSI));
	bool open = (u->mcr & UART_MCR_OUT2) && !(u->mcr & UART_MCR_LOOP);
	bool may_send = (u->mcr & UART_MCR_RTS) && !(u->mcr & UART_MCR_LOOP);

	must(u->count <= UART16550_FIFO && u->head < UART16550_FIFO);
	must(u->count <= 1 || (u->fcr & UART_FCR_ENABLE_FIFO));
	must(u->level == (wants && open));
	must(fake_kvm_line(GSI) == u->level);
	must(!u->hungry || u->count != 0 || !may_send);
	must((u->ier & 0xf0) == 0 && (u->msr_delta & 0xf0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene s;
	struct step p;

	scene_open(&s);
	for (; size >= sizeof(p); data += sizeof(p), size -= sizeof(p)) {
		memcpy(&p, data, sizeof(p));
		do_step(&s, &p);
		check(&s);
	}
	scene_close(&s);
	return 0;
}
