/* Where the guest finds each function: slot= and at=. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/pci_regs.h>

#include "tests/unit/vmm-machine/assigned.h"
#include "vmm/machine/placement.h"

enum { MOST = 300, ANY = VFIO_ANY_FUNCTION };

struct party {
	unsigned n;
	char name[MOST][16];
	struct placement p[MOST];
};

static void invite(struct party *p, unsigned slot, unsigned function)
{
	struct placement *i = &p->p[p->n];

	snprintf(p->name[p->n], sizeof(p->name[0]), "f%u", p->n);
	i->name = p->name[p->n++];
	i->at = (struct vfio_place){ (uint8_t)slot, (uint8_t)function };
}

static int seat(struct party *p, struct err *e)
{
	return placement_decide(p->p, p->n, e);
}

static void expect(const struct party *p, unsigned i, unsigned slot,
		   unsigned function)
{
	const struct vfio_place *at = &p->p[i].at;

	if (at->slot != slot || at->function != function)
		fail_msg("%s: slot %u.%u, not %u.%u", p->name[i], at->slot,
			 at->function, slot, function);
}

static void without_wishes_each_gets_the_next_slot(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 30; i++)
		invite(&p, VFIO_ANY_SLOT, 0);
	assert_int_equal(seat(&p, &e), 0);
	for (unsigned i = 0; i < 30; i++)
		expect(&p, i, i + 1, 0);
}

static void nobody_at_all_is_fine(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	assert_int_equal(seat(&p, &e), 0);
}

static void wishes_come_first_whatever_the_order(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	invite(&p, VFIO_ANY_SLOT, 0);
	invite(&p, VFIO_ANY_SLOT, 0);
	invite(&p, 1, 0);
	invite(&p, 3, 0);
	invite(&p, VFIO_ANY_SLOT, 0);
	assert_int_equal(seat(&p, &e), 0);
	expect(&p, 0, 2, 0);
	expect(&p, 1, 4, 0);
	expect(&p, 2, 1, 0);
	expect(&p, 3, 3, 0);
	expect(&p, 4, 5, 0);
}

static void slot_alone_takes_its_first_free_function(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	invite(&p, 2, ANY);
	invite(&p, 2, ANY);
	invite(&p, 2, 1);
	invite(&p, 2, ANY);
	assert_int_equal(seat(&p, &e), 0);
	expect(&p, 0, 2, 0);
	expect(&p, 1, 2, 2);
	expect(&p, 2, 2, 1);
	expect(&p, 3, 2, 3);
}

static void gaps_between_functions_stay(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	invite(&p, 30, 7);
	invite(&p, 30, 0);
	assert_int_equal(seat(&p, &e), 0);
	expect(&p, 0, 30, 7);
	expect(&p, 1, 30, 0);
}

static void two_at_one_place_are_both_named(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	invite(&p, 17, 3);
	invite(&p, VFIO_ANY_SLOT, 0);
	invite(&p, 17, 3);
	assert_int_equal(seat(&p, &e), -EINVAL);
	assert_string_equal(e.text,
			    "f0 and f2 cannot both be 11:00.3 of the guest");
}

static void ninth_in_a_slot_is_refused(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 9; i++)
		invite(&p, 4, ANY);
	assert_int_equal(seat(&p, &e), -EINVAL);
	assert_string_equal(
		e.text, "no room for f8 in slot 4: f0 and 7 others are there");
}

static void thirty_first_slot_is_refused_with_a_way_out(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 31; i++)
		invite(&p, VFIO_ANY_SLOT, 0);
	assert_int_equal(seat(&p, &e), -EINVAL);
	assert_string_equal(e.text, "no slot is left for f30: there are 30");
	assert_non_null(strstr(e.hint, "slot=N.0, slot=N.1"));
}

static void all_places_can_be_taken(void **state)
{
	static struct party p;
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < 240; i++)
		invite(&p, 1 + i / 8, ANY);
	assert_int_equal(seat(&p, &e), 0);
	for (unsigned i = 0; i < 240; i++)
		expect(&p, i, 1 + i / 8, i % 8);
}

static void slot_without_function_0_is_refused(void **state)
{
	struct party p = { 0 };
	struct err e = ERR_NONE;

	invite(&p, 1, 0);
	invite(&p, 2, 1);
	assert_int_equal(seat(&p, &e), -EINVAL);
	assert_string_equal(e.text, "f1 would be 02:00.1 of the guest, and "
				    "there is no 02:00.0");
	assert_non_null(strstr(e.hint, "slot=2"));
}

/* -------- from the command line to the guest's bus -------- */

static struct host host;

static void add_card(const char *bdf, unsigned device)
{
	const struct fake_pci p = {
		.bdf = bdf,
		.group = 12,
		.vendor = 0x10ee,
		.device = (uint16_t)device,
		.class_code = 0x120000,
		.pin = 1,
		.bar = { { .size = 0x4000, .mem64 = true } },
		.express_at = 0x80,
		.header_type = 0x80,
	};

	fake_pci_add(&p);
}

static int find(const char *first, const char *second, struct err *e)
{
	const struct config c = {
		.function = { { CONFIG_VFIO, first }, { CONFIG_VFIO, second } },
		.n_functions = 2,
	};

	add_card("0000:65:00.0", 0x5020);
	add_card("0000:65:00.1", 0x5021);
	return host_find(&host, &c, e);
}

static void open_all(void)
{
	struct err e = ERR_NONE;

	if (host_build(&host, &e) < 0)
		fail_msg("%s", e.text);
	assignment_plug(&host.a);
}

static void card_of_two_functions_stays_together(void **state)
{
	struct pci_port *p = &host.a.port[0];
	struct err e = ERR_NONE;

	assert_int_equal(find("65:00.1,at=01:00.1", "65:00.0,slot=1", &e), 0);
	open_all();
	assert_true(host.a.port_made[0]);
	assert_false(host.a.port_made[1]);
	for (unsigned f = 0; f < 2; f++) {
		assert_non_null(p->child[f]);
		assert_int_equal(pci_config_read(p->child[f], PCI_DEVICE_ID, 2),
				 0x5020 + f);
		assert_int_equal(
			pci_config_read(p->child[f], PCI_HEADER_TYPE, 1), 0x80);
	}
	host_close(&host);
	host_close(&host);
}

/* VFIO-CFG-08: the host's multifunction bit is not the guest's */
static void alone_they_are_single_functions(void **state)
{
	struct err e = ERR_NONE;

	assert_int_equal(find("65:00.1", "65:00.0,slot=7", &e), 0);
	open_all();
	assert_int_equal(
		pci_config_read(host.a.port[0].child[0], PCI_DEVICE_ID, 2),
		0x5021);
	assert_int_equal(
		pci_config_read(host.a.port[6].child[0], PCI_DEVICE_ID, 2),
		0x5020);
	assert_int_equal(
		pci_config_read(host.a.port[6].child[0], PCI_HEADER_TYPE, 1),
		0);
	host_close(&host);
}

static void conflicts_are_told_before_anything_is_opened(void **state)
{
	struct err e = ERR_NONE;

	fake_trace_clear();
	assert_int_equal(find("65:00.0,slot=2.0", "65:00.1,at=02:00.0", &e),
			 -EINVAL);
	assert_string_equal(e.text, "vfio: 0000:65:00.0 and 0000:65:00.1 "
				    "cannot both be 02:00.0 of the guest");
	assert_int_equal(fake_trace_count("open /dev/"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(without_wishes_each_gets_the_next_slot),
		FAKE_TEST(nobody_at_all_is_fine),
		FAKE_TEST(wishes_come_first_whatever_the_order),
		FAKE_TEST(slot_alone_takes_its_first_free_function),
		FAKE_TEST(gaps_between_functions_stay),
		FAKE_TEST(two_at_one_place_are_both_named),
		FAKE_TEST(ninth_in_a_slot_is_refused),
		FAKE_TEST(thirty_first_slot_is_refused_with_a_way_out),
		FAKE_TEST(all_places_can_be_taken),
		FAKE_TEST(slot_without_function_0_is_refused),
		FAKE_TEST(card_of_two_functions_stays_together),
		FAKE_TEST(alone_they_are_single_functions),
		FAKE_TEST(conflicts_are_told_before_anything_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
