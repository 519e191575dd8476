/* tests/unit/devices/bench.h - a VM for devices to stand in, and its ports */
#ifndef DEVICES_BENCH_H
#define DEVICES_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/vm.h"

static inline void bench_open(struct vm *vm)
{
	struct err e = ERR_NONE;

	assert_int_equal(vm_open(vm, &e), 0);
	assert_int_equal(mem_add_ram(&vm->mem, 0, 2 << 20, MEM_PLAIN, &e), 0);
	assert_int_equal(vm_create_cpus(vm, 1, &e), 0);
}

static inline void bench_close(struct vm *vm)
{
	vm_close(vm);
}

/* What the guest's IN and OUT do. */
static inline uint8_t inb(struct vm *vm, uint16_t port)
{
	return (uint8_t)bus_read(&vm->pio, port, 1);
}

static inline void outb(struct vm *vm, uint16_t port, uint8_t v)
{
	bus_write(&vm->pio, port, 1, v);
}

/* Handle events until none comes for @ms. */
static inline void run_loop(struct vm *vm, int ms)
{
	struct epoll_event ev;

	while (sys_epoll_wait(vm->loop.epfd, &ev, 1, ms) > 0) {
		struct loop_fd *f = (struct loop_fd *)(uintptr_t)ev.data.u64;

		f->handler(f, ev.events);
	}
}

#endif
