/* Doorbells: writes of the guest that signal an eventfd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/kick.h"
#include "vmm/vm.h"

enum { AT = 0xd0000000 };

static struct vm vm;
static int bell;

static void open_all(void)
{
	struct err e = ERR_NONE;

	vm = VM_EMPTY;
	assert_int_equal(vm_open(&vm, &e), 0);
	bell = sys_eventfd();
	assert_true(bell >= 0);
}

static void close_all(void)
{
	assert_int_equal(fake_kvm_ioeventfds(), 0);
	sys_close(&bell);
	vm_close(&vm);
}

static struct kick doorbell(unsigned len)
{
	return (struct kick){ .vm_fd = vm.fd,
			      .fd = bell,
			      .bus = KICK_MMIO,
			      .at = AT,
			      .len = len };
}

static void attach(struct kick *k)
{
	struct err e = ERR_NONE;

	if (kick_attach(k, &e) < 0)
		fail_msg("%s", e.text);
}

/* VFIO-KVM-07 */
static void a_write_of_its_width_rings(void **state)
{
	static const unsigned lens[] = { 0, 1, 2, 4, 8 };

	open_all();
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		struct kick k = doorbell(lens[i]);

		attach(&k);
		for (unsigned len = 1; len <= 8; len *= 2) {
			bool rings = lens[i] == 0 || lens[i] == len;

			assert_int_equal(fake_kvm_ioeventfd(false, AT, len, 5),
					 rings);
			assert_int_equal(sys_eventfd_drain(bell) > 0, rings);
		}
		assert_false(fake_kvm_ioeventfd(true, AT, 4, 5));
		assert_false(fake_kvm_ioeventfd(false, AT + 8, 4, 5));
		kick_detach(&k);
	}
	close_all();
}

/* VFIO-KVM-07 */
static void only_its_value_rings(void **state)
{
	struct kick k;

	open_all();
	k = doorbell(4);
	k.bus = KICK_PIO;
	k.at = 0xc010;
	k.match = true;
	k.value = 7;
	attach(&k);
	assert_false(fake_kvm_ioeventfd(true, 0xc010, 4, 6));
	assert_true(fake_kvm_ioeventfd(true, 0xc010, 4, 7));
	assert_false(fake_kvm_ioeventfd(false, 0xc010, 4, 7));
	kick_detach(&k);
	close_all();
}

/* VFIO-KVM-07: with the BAR that moves */
static void a_doorbell_moves(void **state)
{
	struct kick k;

	open_all();
	k = doorbell(4);
	for (unsigned i = 0; i < 1000; i++) {
		attach(&k);
		assert_true(fake_kvm_ioeventfd(false, k.at, 4, 0));
		kick_detach(&k);
		kick_detach(&k);
		assert_false(fake_kvm_ioeventfd(false, k.at, 4, 0));
		k.at += 0x1000;
	}
	close_all();
}

static void a_refusal_says_where_and_leaves_nothing(void **state)
{
	struct kick k, twice;
	struct err e = ERR_NONE;

	open_all();
	k = twice = doorbell(4);
	attach(&k);
	assert_int_equal(kick_attach(&twice, &e), -EEXIST);
	assert_non_null(strstr(e.text, "0xd0000000"));
	assert_false(twice.live);
	kick_detach(&twice); /* not the other's */
	assert_int_equal(fake_kvm_ioeventfds(), 1);
	kick_detach(&k);
	/* the bus is full: about 1000 of them in a VM */
	fake_fail_ioctl("KVM_IOEVENTFD", 1, ENOSPC);
	assert_int_equal(kick_attach(&k, &e), -ENOSPC);
	attach(&k);
	kick_detach(&k);
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(a_write_of_its_width_rings),
		FAKE_TEST(only_its_value_rings),
		FAKE_TEST(a_doorbell_moves),
		FAKE_TEST(a_refusal_says_where_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
