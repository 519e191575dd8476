/* Several vCPUs at one assigned function, its interrupts and the event loop at
 * the same time: no deadlock, nothing torn (build with SAN=tsan), no page shown
 * while the kernel has it switched off (the fake kernel looks). VFIO-IRQ-06. */
#include <linux/kvm.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/vfio/hostile.h"

/* By messages everything takes ten times as long. */
enum { VCPUS = 2, ROUNDS = 1500, USER_ROUNDS = 150, BYTES = 12 };

static struct bench b;
static atomic_bool done; /* the driver is */

static void *vcpu(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	uint8_t bytes[BYTES];

	while (!done) {
		struct hostile h = { bytes, bytes + sizeof(bytes) };

		for (unsigned k = 0; k < BYTES; k++)
			bytes[k] = (uint8_t)(rand_r(&seed) >> 7);
		hostile_step(&b, &h);
	}
	return NULL;
}

/* As a driver would, so that vectors are open now and then. */
static void *driver(void *arg)
{
	uint64_t at = 0x80000000;
	unsigned rounds = bench_user ? USER_ROUNDS : ROUNDS;

	for (unsigned i = 0; i < rounds; i++) {
		pci_config_write(&b.port.dev, PCI_BRIDGE_CONTROL, 2, 0);
		cfg_write(&b, 0x44, 2, 0); /* D0 */
		cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)at);
		cfg_write(&b, PCI_BASE_ADDRESS_1, 4, 0);
		decode_on(&b);
		for (unsigned k = 0; k < 8; k++) {
			uint64_t entry = at + 0x2000 + MSIX_ENTRY * k;

			bus_write(&b.vm.mmio, entry, 8, 0xfee00000);
			bus_write(&b.vm.mmio, entry + 8, 8, 0x40 + k);
		}
		cfg_write(&b, 0xb2, 2, i % 5 ? PCI_MSIX_FLAGS_ENABLE : 0);
		(void)bus_read(&b.vm.mmio, at + 0x3000, 8);
	}
	done = true;
	return NULL;
}

static void *device(void *arg)
{
	for (unsigned i = 0; !done; i++)
		(void)fake_pci_interrupt(BDF, i % 3, i % 8);
	return NULL;
}

static void *event_loop(void *arg)
{
	struct err e = ERR_NONE;

	assert_int_equal(loop_run(&b.vm.loop, &e), 0);
	return NULL;
}

static void run_all(void)
{
	pthread_t t[VCPUS + 2], loop;

	done = false;
	b.vm.loop.stop = false;
	assert_int_equal(pthread_create(&loop, NULL, event_loop, NULL), 0);
	for (uintptr_t i = 0; i < VCPUS; i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, vcpu, (void *)(i + 1)), 0);
	assert_int_equal(pthread_create(&t[VCPUS], NULL, driver, NULL), 0);
	assert_int_equal(pthread_create(&t[VCPUS + 1], NULL, device, NULL), 0);
	for (unsigned i = 0; i < VCPUS + 2; i++)
		pthread_join(t[i], NULL);
	loop_stop(&b.vm.loop);
	pthread_join(loop, NULL);
}

static void vcpus_device_and_loop_neither_race_nor_deadlock(void **state)
{
	bench_open(&b, &plain_function);
	for (unsigned i = 0; i < 10 && fake_kvm_injected(IRQ_PINS) == 0; i++)
		run_all();
	assert_int_not_equal(fake_kvm_injected(IRQ_PINS), 0);
	hostile_check(&b);
	bench_close(&b);
}

/* Vectors through the event loop. */
static void nor_do_they_when_routes_run_out(void **state)
{
	fake_kvm_cap(KVM_CAP_IRQ_ROUTING, IRQ_PINS + 2);
	bench_open(&b, &plain_function);
	/* on a busy machine the threads may miss each other */
	for (unsigned i = 0; i < 10 && b.vm.irq.by_userspace == 0; i++)
		run_all();
	assert_int_not_equal(b.vm.irq.by_userspace, 0);
	hostile_check(&b);
	bench_close(&b);
}

static void *goes_away(void *arg)
{
	for (unsigned i = 0; !done; i++) {
		fake_pci_gone(BDF, i % 4);
		(void)vfio_device_withdraw(b.dev, VM_GPA_UNKNOWN);
		sys_sleep_ms(1);
	}
	fake_pci_gone(BDF, FAKE_PRESENT);
	return NULL;
}

static void nor_when_the_function_comes_and_goes(void **state)
{
	pthread_t t;

	bench_open(&b, &plain_function);
	done = false;
	assert_int_equal(pthread_create(&t, NULL, goes_away, NULL), 0);
	run_all();
	pthread_join(t, NULL);
	bench_close(&b);
}

static const struct CMUnitTest both[] = {
	FAKE_TEST(vcpus_device_and_loop_neither_race_nor_deadlock),
	FAKE_TEST(nor_do_they_when_routes_run_out),
	FAKE_TEST(nor_when_the_function_comes_and_goes),
};

int main(void)
{
	int rc = cmocka_run_group_tests_name("kernel", both, NULL, NULL);

	bench_user = &bench_server;
	rc += cmocka_run_group_tests_name("vfio-user", both, NULL, NULL);
	return rc;
}
