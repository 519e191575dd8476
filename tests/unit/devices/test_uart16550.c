/* A 16550A as PC16550D describes it and Linux's 8250 driver probes it. */
#include "tests/unit/devices/bench.h"

#include <fcntl.h>
#include <linux/serial_reg.h>
#include <sched.h>
#include <unistd.h>

#include "devices/uart16550.h"

enum { PORT = 0x3f8, GSI = 4 };

struct scene {
	struct vm vm;
	struct console console;
	struct uart16550 uart;
};

static void scene_open(struct scene *s)
{
	struct err e = ERR_NONE;

	bench_open(&s->vm);
	assert_int_equal(
		console_open(&s->console, "file:/out", &s->vm.loop, &e), 0);
	assert_int_equal(
		uart16550_open(&s->uart, &s->vm, &s->console, PORT, GSI, &e),
		0);
}

static void scene_close(struct scene *s)
{
	uart16550_close(&s->uart);
	uart16550_close(&s->uart);
	console_close(&s->console);
	bench_close(&s->vm);
}

static uint8_t in(struct scene *s, unsigned reg)
{
	return inb(&s->vm, (uint16_t)(PORT + reg));
}

static void out(struct scene *s, unsigned reg, unsigned v)
{
	outb(&s->vm, (uint16_t)(PORT + reg), (uint8_t)v);
}

/* As a driver that wants to receive leaves the port. */
static void set_up(struct scene *s, unsigned fcr, unsigned ier)
{
	out(s, UART_FCR, fcr);
	out(s, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	out(s, UART_IER, ier);
}

static size_t type(struct scene *s, const char *text)
{
	return s->uart.wire.take(&s->uart.wire, (const uint8_t *)text,
				 strlen(text));
}

static int line(void)
{
	return fake_kvm_line(GSI);
}

/* -------- what Linux's autoconfig() asks -------- */

static void interrupt_enable_keeps_four_bits(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_IER, 0);
	assert_int_equal(in(&s, UART_IER), 0);
	out(&s, UART_IER, 0xff);
	assert_int_equal(in(&s, UART_IER), 0x0f);
	scene_close(&s);
}

static void loopback_turns_modem_outputs_into_inputs(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_MCR, UART_MCR_LOOP | 0x0a);
	assert_int_equal(in(&s, UART_MSR) & 0xf0, 0x90);
	out(&s, UART_MCR, UART_MCR_LOOP | 0x05);
	assert_int_equal(in(&s, UART_MSR) & 0xf0, 0x60);
	out(&s, UART_MCR, 0);
	assert_int_equal(in(&s, UART_MSR) & 0xf0, 0xb0);
	scene_close(&s);
}

static unsigned count_fifo(struct scene *s)
{
	unsigned n = 0;

	out(s, UART_LCR, 0);
	out(s, UART_FCR,
	    UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(s, UART_MCR, UART_MCR_LOOP);
	out(s, UART_LCR, UART_LCR_CONF_MODE_A);
	out(s, UART_DLL, 1);
	out(s, UART_DLM, 0);
	out(s, UART_LCR, UART_LCR_WLEN8);
	for (unsigned i = 0; i < 256; i++)
		out(s, UART_TX, i);
	while ((in(s, UART_LSR) & UART_LSR_DR) && n < 256) {
		assert_int_equal(in(s, UART_RX), n);
		n++;
	}
	return n;
}

static void linux_finds_a_16550a(void **state)
{
	static struct scene s;
	uint8_t scratch;

	scene_open(&s);
	/* autoconfig(): LCR 0xbf selects nothing here but the divisor latch,
	 * so this write goes to FCR. */
	out(&s, UART_LCR, UART_LCR_CONF_MODE_B);
	out(&s, UART_EFR, 0);
	out(&s, UART_LCR, 0);
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(&s, UART_IIR) >> 6, 3);
	/* autoconfig_16550a(): no EFR in either mode */
	out(&s, UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(in(&s, UART_EFR), 0);
	out(&s, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(in(&s, UART_EFR), 0);
	/* no bank 2 of a National SuperIO: LOOP is not seen in EXCR1 */
	for (unsigned mcr = 0; mcr <= UART_MCR_LOOP; mcr += UART_MCR_LOOP) {
		out(&s, UART_LCR, 0);
		out(&s, UART_MCR, mcr);
		out(&s, UART_LCR, 0xe0);
		assert_int_equal(in(&s, 2) & UART_MCR_LOOP, 0);
	}
	/* no 64-byte FIFO, with and without DLAB */
	out(&s, UART_LCR, 0);
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(in(&s, UART_IIR) >> 5, 6);
	out(&s, UART_LCR, UART_LCR_CONF_MODE_A);
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(in(&s, UART_IIR) >> 5, 6);
	/* no XScale */
	out(&s, UART_LCR, 0);
	scratch = in(&s, UART_IER);
	out(&s, UART_IER, scratch | UART_IER_UUE);
	assert_int_equal(in(&s, UART_IER) & UART_IER_UUE, 0);
	assert_int_equal(count_fifo(&s), 16);
	scene_close(&s);
}

static void without_fifo_it_looks_like_a_16450(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_FCR, 0);
	assert_int_equal(in(&s, UART_IIR) >> 6, 0);
	out(&s, UART_SCR, 0xa5);
	assert_int_equal(in(&s, UART_SCR), 0xa5);
	out(&s, UART_SCR, 0x5a);
	assert_int_equal(in(&s, UART_SCR), 0x5a);
	scene_close(&s);
}

static void divisor_latch_is_behind_dlab(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_LCR, UART_LCR_DLAB);
	out(&s, UART_DLL, 0x12);
	out(&s, UART_DLM, 0x34);
	assert_int_equal(in(&s, UART_DLL), 0x12);
	assert_int_equal(in(&s, UART_DLM), 0x34);
	out(&s, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(in(&s, UART_LCR), UART_LCR_WLEN8);
	assert_int_equal(in(&s, UART_IER), 0);
	assert_int_equal(in(&s, UART_RX), 0);
	scene_close(&s);
}

static void thr_interrupt_comes_back_when_enabled_again(void **state)
{
	static struct scene s;

	scene_open(&s);
	/* serial8250_do_startup(), the test for UART_BUG_THRE */
	out(&s, UART_IER, UART_IER_THRI);
	assert_int_equal(in(&s, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in(&s, UART_IIR), UART_IIR_NO_INT);
	out(&s, UART_IER, 0);
	out(&s, UART_IER, UART_IER_THRI);
	assert_int_equal(in(&s, UART_IIR), UART_IIR_THRI);
	scene_close(&s);
}

static void enabling_again_what_is_enabled_raises_nothing(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_IER, UART_IER_THRI);
	in(&s, UART_IIR);
	out(&s, UART_IER, UART_IER_THRI | UART_IER_RDI);
	assert_int_equal(in(&s, UART_IIR), UART_IIR_NO_INT);
	scene_close(&s);
}

/* -------- interrupts -------- */

static void each_interrupt_is_an_edge(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO, UART_IER_THRI);
	assert_int_equal(fake_kvm_injected(GSI), 1);
	assert_int_equal(line(), 1);
	in(&s, UART_IIR);
	assert_int_equal(line(), 0);
	for (unsigned i = 0; i < 16; i++)
		out(&s, UART_TX, 'x');
	assert_int_equal(fake_kvm_injected(GSI), 2);
	assert_int_equal(line(), 1);
	scene_close(&s);
}

static void interrupts_need_out2_and_no_loopback(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_IER, UART_IER_THRI);
	assert_int_equal(line(), 0);
	out(&s, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(line(), 1);
	out(&s, UART_MCR, UART_MCR_OUT2 | UART_MCR_LOOP);
	assert_int_equal(line(), 0);
	scene_close(&s);
}

static void received_bytes_interrupt_at_the_trigger_level(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_4, UART_IER_RDI);
	assert_int_equal(type(&s, "abc"), 3);
	assert_int_equal(in(&s, UART_IIR), 0xc0 | UART_IIR_RX_TIMEOUT);
	assert_int_equal(type(&s, "d"), 1);
	assert_int_equal(in(&s, UART_IIR), 0xc0 | UART_IIR_RDI);
	assert_int_equal(line(), 1);
	for (const char *c = "abcd"; *c != '\0'; c++) {
		assert_int_equal(in(&s, UART_LSR), 0x61);
		assert_int_equal(in(&s, UART_RX), *c);
	}
	assert_int_equal(line(), 0);
	assert_int_equal(in(&s, UART_LSR), 0x60);
	assert_int_equal(in(&s, UART_RX), 0);
	scene_close(&s);
}

static void receiving_is_more_urgent_than_sending(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO, UART_IER_THRI | UART_IER_RDI);
	type(&s, "a");
	assert_int_equal(in(&s, UART_IIR) & 0xf, UART_IIR_RDI);
	in(&s, UART_RX);
	/* that read of IIR did not take the THR interrupt away */
	assert_int_equal(in(&s, UART_IIR) & 0xf, UART_IIR_THRI);
	scene_close(&s);
}

static void modem_changes_interrupt_until_msr_is_read(void **state)
{
	static struct scene s;

	scene_open(&s);
	in(&s, UART_MSR);
	out(&s, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	out(&s, UART_IER, UART_IER_MSI);
	assert_int_equal(in(&s, UART_IIR) & 0xf, UART_IIR_MSI);
	assert_int_equal(in(&s, UART_MSR),
			 UART_MSR_CTS | UART_MSR_DDSR | UART_MSR_DDCD);
	assert_int_equal(in(&s, UART_IIR) & 0xf, UART_IIR_NO_INT);
	/* ring: the trailing edge counts */
	out(&s, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT1);
	assert_int_equal(in(&s, UART_MSR) & 0xf, 0);
	out(&s, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	assert_int_equal(in(&s, UART_MSR) & 0xf, UART_MSR_TERI);
	scene_close(&s);
}

static void a_line_that_kvm_refuses_does_not_end_the_vm(void **state)
{
	static struct scene s;

	scene_open(&s);
	fake_fail_ioctl("KVM_IRQ_LINE", 0, EINVAL);
	set_up(&s, UART_FCR_ENABLE_FIFO, UART_IER_THRI);
	assert_false(vm_stopping(&s.vm));
	scene_close(&s);
}

/* -------- the FIFO -------- */

static void fifo_takes_sixteen_bytes(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO, 0);
	assert_int_equal(type(&s, "0123456789abcdefgh"), 16);
	assert_int_equal(type(&s, "x"), 0);
	for (const char *c = "0123456789abcdef"; *c != '\0'; c++)
		assert_int_equal(in(&s, UART_RX), *c);
	scene_close(&s);
}

static void fifo_wraps(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO, 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(type(&s, "0123456789"), 10);
		for (unsigned k = 0; k < 10; k++)
			assert_int_equal(in(&s, UART_RX), '0' + k);
	}
	scene_close(&s);
}

static void without_fifo_one_byte_is_held(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, 0, UART_IER_RDI);
	assert_int_equal(type(&s, "ab"), 1);
	assert_int_equal(in(&s, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in(&s, UART_RX), 'a');
	scene_close(&s);
}

static void clearing_or_switching_the_fifo_drops_what_it_held(void **state)
{
	static struct scene s;

	scene_open(&s);
	set_up(&s, UART_FCR_ENABLE_FIFO, 0);
	type(&s, "abc");
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(in(&s, UART_LSR), 0x60);
	type(&s, "abc");
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_14);
	assert_int_equal(in(&s, UART_LSR), 0x61);
	out(&s, UART_FCR, 0);
	assert_int_equal(in(&s, UART_LSR), 0x60);
	scene_close(&s);
}

static void input_waits_for_rts(void **state)
{
	static struct scene s;

	scene_open(&s);
	out(&s, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(type(&s, "a"), 0);
	out(&s, UART_MCR, UART_MCR_RTS | UART_MCR_LOOP);
	assert_int_equal(type(&s, "a"), 0);
	out(&s, UART_MCR, UART_MCR_RTS);
	assert_int_equal(type(&s, "a"), 1);
	scene_close(&s);
}

/* -------- output, widths -------- */

static void what_is_sent_reaches_the_console(void **state)
{
	static struct scene s;
	char text[16] = "";

	scene_open(&s);
	for (const char *c = "hello\r\n"; *c != '\0'; c++) {
		out(&s, UART_TX, (unsigned char)*c);
		assert_int_equal(in(&s, UART_LSR), 0x60);
	}
	scene_close(&s);
	assert_int_equal(fake_file_read("/out", text, sizeof(text)), 7);
	assert_string_equal(text, "hello\r\n");
}

static void loopback_reaches_no_console(void **state)
{
	static struct scene s;
	char text[16];

	scene_open(&s);
	assert_int_equal(count_fifo(&s), 16);
	scene_close(&s);
	assert_int_equal(fake_file_read("/out", text, sizeof(text)), 0);
}

static void wide_accesses_are_bytes_in_order(void **state)
{
	static struct scene s;

	scene_open(&s);
	bus_write(&s.vm.pio, PORT + UART_LCR, 1, UART_LCR_DLAB);
	bus_write(&s.vm.pio, PORT, 2, 0x3412);
	assert_int_equal(bus_read(&s.vm.pio, PORT, 2), 0x3412);
	/* LCR, MCR, and LSR and MSR, which cannot be written */
	bus_write(&s.vm.pio, PORT + UART_LCR, 4, 0xffff0703);
	assert_int_equal(bus_read(&s.vm.pio, PORT + UART_LCR, 4), 0xb0600703);
	bus_write(&s.vm.pio, PORT, 8, 0x5a00000003010000);
	assert_int_equal(in(&s, UART_SCR), 0x5a);
	assert_int_equal(in(&s, UART_IIR), 0xc1);
	bus_read(&s.vm.pio, PORT, 8);
	scene_close(&s);
}

static void any_access_is_survived(void **state)
{
	static struct scene s;
	uint32_t random = 1;

	scene_open(&s);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned len, off;

		random = random * 1664525 + 1013904223;
		len = 1u << (random >> 30);
		off = (random >> 20) % (9 - len);
		if (random & 0x10000)
			bus_write(&s.vm.pio, PORT + off, len, random >> 8);
		else
			bus_read(&s.vm.pio, PORT + off, len);
		if (i % 7 == 0)
			type(&s, "some input");
		assert_true(s.uart.count <= UART16550_FIFO);
	}
	scene_close(&s);
}

/* -------- two threads -------- */

enum { TYPED = 4000 };

/* A guest's driver that sends back what it receives. */
static void *echo(void *arg)
{
	struct scene *s = arg;

	set_up(s, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8, UART_IER_RDI);
	for (unsigned n = 0; n < TYPED;) {
		if (!(in(s, UART_LSR) & UART_LSR_DR)) {
			sched_yield();
			continue;
		}
		out(s, UART_TX, in(s, UART_RX));
		n++;
	}
	return NULL;
}

static void guest_and_typist_work_at_once(void **state)
{
	static struct scene s;
	struct err e = ERR_NONE;
	unsigned typed = 0, echoed = 0;
	uint8_t buf[256];
	pthread_t guest;
	ssize_t n;
	int far;

	bench_open(&s.vm);
	fake_real("/dev/pts");
	assert_int_equal(console_open(&s.console, "pty", &s.vm.loop, &e), 0);
	assert_int_equal(
		uart16550_open(&s.uart, &s.vm, &s.console, PORT, GSI, &e), 0);
	far = open(s.console.pty_path, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(far >= 0);
	assert_int_equal(pthread_create(&guest, NULL, echo, &s), 0);
	while (echoed < TYPED) {
		uint8_t key = (uint8_t)(typed * 7);

		if (typed < TYPED && write(far, &key, 1) == 1)
			typed++;
		run_loop(&s.vm, typed < TYPED ? 0 : 1);
		n = read(far, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++, echoed++)
			assert_int_equal(buf[i], (uint8_t)(echoed * 7));
	}
	pthread_join(guest, NULL);
	assert_int_equal(s.console.out.lost, 0);
	close(far);
	scene_close(&s);
}

/* -------- its life -------- */

static void an_occupied_port_is_refused(void **state)
{
	static struct uart16550 second;
	static struct scene s;
	struct err e = ERR_NONE;

	scene_open(&s);
	assert_int_equal(
		uart16550_open(&second, &s.vm, &s.console, PORT + 4, GSI, &e),
		-EEXIST);
	assert_non_null(strstr(e.text, "uart"));
	uart16550_close(&second);
	/* the first one is still the console's */
	assert_ptr_equal(s.console.user, &s.uart.wire);
	scene_close(&s);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	static struct uart16550 never;

	uart16550_close(&never);
	uart16550_close(&never);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(interrupt_enable_keeps_four_bits),
		FAKE_TEST(loopback_turns_modem_outputs_into_inputs),
		FAKE_TEST(linux_finds_a_16550a),
		FAKE_TEST(without_fifo_it_looks_like_a_16450),
		FAKE_TEST(divisor_latch_is_behind_dlab),
		FAKE_TEST(thr_interrupt_comes_back_when_enabled_again),
		FAKE_TEST(enabling_again_what_is_enabled_raises_nothing),
		FAKE_TEST(each_interrupt_is_an_edge),
		FAKE_TEST(interrupts_need_out2_and_no_loopback),
		FAKE_TEST(received_bytes_interrupt_at_the_trigger_level),
		FAKE_TEST(receiving_is_more_urgent_than_sending),
		FAKE_TEST(modem_changes_interrupt_until_msr_is_read),
		FAKE_TEST(a_line_that_kvm_refuses_does_not_end_the_vm),
		FAKE_TEST(fifo_takes_sixteen_bytes),
		FAKE_TEST(fifo_wraps),
		FAKE_TEST(without_fifo_one_byte_is_held),
		FAKE_TEST(clearing_or_switching_the_fifo_drops_what_it_held),
		FAKE_TEST(input_waits_for_rts),
		FAKE_TEST(what_is_sent_reaches_the_console),
		FAKE_TEST(loopback_reaches_no_console),
		FAKE_TEST(wide_accesses_are_bytes_in_order),
		FAKE_TEST(any_access_is_survived),
		FAKE_TEST(guest_and_typist_work_at_once),
		FAKE_TEST(an_occupied_port_is_refused),
		FAKE_TEST(closing_what_was_never_opened_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
