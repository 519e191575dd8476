/* p2p=on: the DMA of other functions reaches a BAR, and follows it.
 * VFIO-DMA-13, VFIO-DMA-14. */
#include "tests/unit/vfio/bench.h"
#include "tests/unit/vfio/hostile.h"

/* Registers, table and pending bits of plain_function: what is shown of it. */
enum { SHOWN = 0x2000 };

/* What the call is named that maps BARs, and the one that ends it. */
static const char *map_call(void)
{
	return bench_iommufd ? "IOMMU_IOAS_MAP_FILE" : "VFIO_IOMMU_MAP_DMA";
}

static const char *unmap_call(void)
{
	return bench_iommufd ? "IOMMU_IOAS_UNMAP" : "VFIO_IOMMU_UNMAP_DMA";
}

static void fail_map(unsigned nth, int err)
{
	char call[64];

	snprintf(call, sizeof(call), "ioctl %s", map_call());
	fake_fail_call(call, nth, err);
}

static void open_p2p(struct bench *b, const struct fake_pci *p)
{
	fake_pci_add(p);
	if (bench_iommufd)
		fake_dmabufs();
	bench_vm(b);
	b->o.p2p = true;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

/* RAM is not mapped in these tests, so this counts BARs. */
static unsigned maps(void)
{
	return bench_user ? fake_user_maps(BDF) : fake_dma_maps();
}

/* As the fake's trace has it; how a server got it is the same to it. */
static const char *map_line(const char *call, uint64_t at, char *buf, size_t n)
{
	snprintf(buf, n, "%s %s iova=%#jx size=%#x", call,
		 bench_iommufd ? "iommufd ioas=2" : "container", (uintmax_t)at,
		 SHOWN);
	return buf;
}

static void without_the_option_no_bar_is_mapped(void **state)
{
	struct bench b;

	bench_open(&b, &plain_function);
	decode_on(&b);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	assert_int_equal(maps(), 0);
	bench_close(&b);
}

static void pages_are_where_the_guest_sees_them(void **state)
{
	char line[80];
	struct bench b;

	open_p2p(&b, &plain_function);
	assert_int_equal(maps(), 0);
	decode_on(&b);
	assert_int_equal(maps(), 1);
	assert_int_equal(fake_trace_count(map_line(map_call(), bar_at(&b, 0),
						   line, sizeof(line))),
			 1);
	/* and never the table's */
	assert_false(fake_dma_mapped(bar_at(&b, 0) + SHOWN, 0x1000));
	bench_close(&b);
}

/* The fake complains about decode that goes off under a map. VFIO-DMA-14 */
static void whatever_ends_decode_ends_the_map(void **state)
{
	struct bench b;

	open_p2p(&b, &plain_function);
	decode_on(&b);
	cfg_write(&b, PCI_COMMAND, 1, PCI_COMMAND_MASTER);
	assert_int_equal(maps(), 0);
	decode_on(&b);
	assert_int_equal(maps(), 1);
	/* D3hot and back */
	cfg_write(&b, 0x44, 2, 3);
	assert_int_equal(maps(), 0);
	cfg_write(&b, 0x44, 2, 0);
	decode_on(&b);
	assert_int_equal(maps(), 1);
	/* function level reset */
	cfg_write(&b, 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(maps(), 0);
	MUST(pci_host_assign(&b.host, &why));
	decode_on(&b);
	assert_int_equal(maps(), 1);
	/* the port's window, its bus reset */
	pci_config_write(&b.port.dev, PCI_COMMAND, 2, 0);
	assert_int_equal(maps(), 0);
	pci_config_write(&b.port.dev, PCI_COMMAND, 2, 7);
	assert_int_equal(maps(), 1);
	bench_port_write(&b, PCI_BRIDGE_CTL_BUS_RESET);
	assert_int_equal(maps(), 0);
	bench_close(&b);
}

/* VFIO-DMA-14 */
static void old_place_goes_before_the_new_one_comes(void **state)
{
	char before[80], after[80];
	struct bench b;
	uint64_t at;

	open_p2p(&b, &plain_function);
	decode_on(&b);
	at = bar_at(&b, 0);
	fake_trace_clear();
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)at + 0x4000);
	assert_true(fake_trace_has_in_order(
		map_line(unmap_call(), at, before, sizeof(before)),
		map_line(map_call(), at + 0x4000, after, sizeof(after))));
	assert_int_equal(maps(), 1);
	/* sizing, with decode on as some guests do */
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(maps(), 0);
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)at);
	assert_int_equal(maps(), 1);
	for (unsigned i = 0; i < 100; i++)
		cfg_write(&b, PCI_BASE_ADDRESS_0, 4,
			  (uint32_t)at + i % 8 * 0x4000);
	assert_int_equal(maps(), 1);
	bench_close(&b);
}

static void withdrawn_pages_are_out_of_reach(void **state)
{
	struct bench b;

	open_p2p(&b, &plain_function);
	decode_on(&b);
	assert_true(vfio_device_withdraw(b.dev, bar_at(&b, 0)));
	assert_int_equal(maps(), 0);
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)bar_at(&b, 0) + 0x4000);
	assert_int_equal(maps(), 1);
	bench_close(&b);
}

static void over_ram_nothing_is_mapped(void **state)
{
	struct region ram = { .name = "RAM", .size = 64 * MIB };
	struct bench b;

	open_p2p(&b, &plain_function);
	MUST(bus_add(&b.vm.mmio, &ram, &why));
	pci_config_write(&b.port.dev, PCI_MEMORY_BASE, 4, 0xfff00000);
	decode_on(&b);
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, MIB);
	assert_int_equal(maps(), 0);
	bus_remove(&b.vm.mmio, &ram);
	bench_close(&b);
}

static void bar_goes_before_its_pages_and_its_device(void **state)
{
	struct bench b;

	open_p2p(&b, &plain_function);
	decode_on(&b);
	fake_trace_clear();
	vfio_device_close(b.dev);
	b.dev = NULL;
	assert_true(fake_trace_has_in_order(unmap_call(), "munmap",
					    bench_user ? "close "
						       : "close "
							 "device"));
	bench_close(&b);
}

/* -------- best effort -------- */

/* VFIO-DMA-13 */
static void refused_map_costs_that_feature_only(void **state)
{
	struct fake_pci p = plain_function;
	struct bench b;

	p.bar[2] = (struct fake_bar){ .size = 0x1000 };
	open_p2p(&b, &p);
	fail_map(0, ENOSPC);
	decode_on(&b);
	assert_int_equal(fake_trace_count(map_call()), 2);
	assert_int_equal(maps(), 0);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 2)));
	/* BAR 2 moves and is tried again, BAR 0 is not */
	cfg_write(&b, PCI_BASE_ADDRESS_2, 4, (uint32_t)bar_at(&b, 2) + 0x1000);
	assert_int_equal(fake_trace_count(map_call()), 3);
	fake_fail_none();
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)bar_at(&b, 0) + 0x8000);
	assert_int_equal(maps(), 1);
	bench_close(&b);
}

/* VFIO-DMA-16: what the IOMMU does not translate is out of reach, no more. */
static void addresses_that_the_iommu_reserves_are_not_fatal(void **state)
{
	struct bench b;

	open_p2p(&b, &plain_function);
	fake_group_reserve(12, bar_at(&b, 0), bar_at(&b, 0) + 0xfff,
			   "reserved");
	decode_on(&b);
	assert_int_equal(maps(), 0);
	cfg_write(&b, PCI_BASE_ADDRESS_0, 4, (uint32_t)bar_at(&b, 0) + 0x4000);
	assert_int_equal(maps(), 1);
	bench_close(&b);
}

/* -------- two functions -------- */

struct pair {
	struct bench b;
	struct vfio_device *two;
	struct pci_device *pci_two;
	struct pci_port port;
};

static void open_pair(struct pair *p)
{
	static const struct fake_user other = { .path = "/run/other",
						.bdf = "0000:02:00.0" };
	struct fake_pci second = plain_function;
	struct bench *b = &p->b;
	struct vfio_function f;

	second.bdf = other.bdf;
	second.group = 13;
	fake_pci_add(&plain_function);
	fake_pci_add(&second);
	fake_group_incompatible(13);
	if (bench_iommufd)
		fake_dmabufs();
	bench_vm(b);
	b->o.p2p = true;
	MUST(bench_attach(b, &why));
	if (bench_user) {
		fake_user_add(&other);
		MUST(vfio_user_function(other.path, &f, &why));
	} else {
		MUST(vfio_function_find(second.bdf, &f, &why));
	}
	MUST(vfio_device_open(&b->vm, b->iommu, &f, &b->o, &p->two, &why));
	p->pci_two = vfio_device_pci(p->two);
	MUST(pci_host_open(&b->host, &b->vm, &bench_apertures, &why));
	pci_port_init(&b->port, 1);
	pci_port_init(&p->port, 2);
	MUST(pci_host_add_port(&b->host, &b->port, 1 << 3, &why));
	MUST(pci_host_add_port(&b->host, &p->port, 2 << 3, &why));
	pci_port_plug(&b->port, b->pci);
	pci_port_plug(&p->port, p->pci_two);
	MUST(pci_host_assign(&b->host, &why));
}

static void close_pair(struct pair *p)
{
	vfio_device_close(p->two);
	pci_port_fini(&p->port);
	bench_close(&p->b);
}

/* How many spaces (containers, servers) hold a BAR, together. */
static unsigned pair_maps(void)
{
	return bench_user ? fake_user_maps(BDF) + fake_user_maps("0000:02:00.0")
			  : fake_dma_maps();
}

static void each_is_reached_in_every_space(void **state)
{
	struct pair p;

	open_pair(&p);
	decode_on(&p.b);
	assert_int_equal(pair_maps(), 2);
	pci_config_write(p.pci_two, PCI_COMMAND, 2, 6);
	assert_int_equal(pair_maps(), 4);
	if (!bench_user) {
		assert_true(fake_dma_mapped(bar_at(&p.b, 0), SHOWN));
		assert_true(
			fake_dma_mapped(pci_bar_address(p.pci_two, 0), SHOWN));
	}
	pci_config_write(p.pci_two, PCI_COMMAND, 2, 0);
	assert_int_equal(pair_maps(), 2);
	pci_config_write(p.pci_two, PCI_COMMAND, 2, 6);
	/* the second one goes, with a space of its own; the first stays */
	vfio_device_close(p.two);
	p.two = NULL;
	assert_int_equal(maps(), 1);
	close_pair(&p);
}

static void two_swap_places(void **state)
{
	struct pair p;
	uint64_t one, two;

	open_pair(&p);
	decode_on(&p.b);
	pci_config_write(p.pci_two, PCI_COMMAND, 2, 6);
	one = bar_at(&p.b, 0);
	two = pci_bar_address(p.pci_two, 0);
	/* both ports let both through */
	pci_config_write(&p.b.port.dev, PCI_MEMORY_BASE, 4, 0xdff08000);
	pci_config_write(&p.port.dev, PCI_MEMORY_BASE, 4, 0xdff08000);
	pci_config_write(p.pci_two, PCI_BASE_ADDRESS_0, 4, (uint32_t)one);
	pci_host_settle(&p.b.host);
	assert_int_equal(pair_maps(), 2);
	cfg_write(&p.b, PCI_BASE_ADDRESS_0, 4, (uint32_t)two);
	assert_int_equal(pair_maps(), 4);
	close_pair(&p);
}

static void what_one_space_refuses_is_in_none(void **state)
{
	struct pair p;

	open_pair(&p);
	fail_map(2, ENOSPC);
	decode_on(&p.b);
	assert_int_equal(pair_maps(), 0);
	fake_fail_none();
	cfg_write(&p.b, PCI_COMMAND, 2, 0);
	decode_on(&p.b);
	assert_int_equal(pair_maps(), 2);
	close_pair(&p);
}

static void *toggle(void *arg)
{
	struct pci_device *d = arg;
	unsigned rounds = bench_user ? 30 : 300;

	for (unsigned i = 0; i < rounds; i++) {
		pci_config_write(d, PCI_COMMAND, 2, i % 2 ? 6 : 0);
		pci_host_settle(d->host);
	}
	return NULL;
}

/* Build with SAN=tsan. */
static void both_come_and_go_at_the_same_time(void **state)
{
	struct pair p;
	pthread_t one, two;

	open_pair(&p);
	assert_int_equal(pthread_create(&one, NULL, toggle, p.b.pci), 0);
	assert_int_equal(pthread_create(&two, NULL, toggle, p.pci_two), 0);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	assert_int_equal(pair_maps(), 4);
	close_pair(&p);
}

/* -------- everything goes wrong -------- */

/* Map, unmap, map again at another place, unmap at the end: each fails once. A
 * map that could not be ended is ended later. */
static void any_of_these_calls_may_fail(void **state)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct bench b;

		fake_reset();
		open_p2p(&b, &plain_function);
		fake_fail_call(bench_iommufd ? "ioctl IOMMU_IOAS_"
					     : "ioctl VFIO_IOMMU_",
			       n, EIO);
		decode_on(&b);
		cfg_write(&b, PCI_BASE_ADDRESS_0, 4,
			  (uint32_t)bar_at(&b, 0) + 0x4000);
		assert_int_equal(maps(), n == 3 ? 0 : 1);
		assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
		cfg_write(&b, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
		fake_fail_none();
		bench_close(&b);
		if (fake_leaks())
			fail_msg("call %u: %s", n, fake_leaks());
	}
}

static void random_accesses_leave_nothing_behind(void **state)
{
	uint64_t seed = 5;

	for (unsigned round = 0; round < 20; round++) {
		uint8_t data[4096];
		struct hostile h = { data, data + sizeof(data) };
		struct bench b;

		hostile_random(data, sizeof(data), &seed);
		fake_reset();
		open_p2p(&b, &plain_function);
		while (h.at < h.end)
			hostile_step(&b, &h);
		hostile_check(&b);
		bench_close(&b);
		if (fake_leaks())
			fail_msg("round %u: %s", round, fake_leaks());
	}
}

/* -------- through iommufd: VFIO-DMA-13 -------- */

/* A kernel before 6.19 */
static void without_files_of_bars_iommufd_maps_none(void **state)
{
	struct bench b;

	fake_pci_add(&plain_function);
	bench_vm(&b);
	b.o.p2p = true;
	MUST(bench_attach(&b, &why));
	MUST(bench_place(&b, &why));
	assert_int_equal(fake_trace_count("VFIO_DEVICE_FEATURE"), 1);
	decode_on(&b);
	assert_int_equal(fake_trace_count("VFIO_DEVICE_FEATURE"), 1);
	assert_int_equal(fake_trace_count("IOMMU_IOAS_MAP"), 0);
	assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
	bench_close(&b);
}

static void a_file_that_cannot_be_made_costs_that_feature_only(void **state)
{
	static const int errors[] = { EMFILE, EINVAL, ENODEV };

	for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
		struct bench b;

		fake_reset();
		open_p2p(&b, &plain_function);
		fake_fail_ioctl("VFIO_DEVICE_FEATURE", 1, errors[i]);
		decode_on(&b);
		assert_int_equal(maps(), 0);
		assert_non_null(fake_kvm_slot_at(bar_at(&b, 0)));
		cfg_write(&b, PCI_COMMAND, 2, 0);
		decode_on(&b);
		assert_int_equal(maps(), 1);
		bench_close(&b);
	}
}

/* A file for each map, closed at once; what is mapped needs it no more. */
static void files_of_bars_are_not_kept(void **state)
{
	struct bench b;

	open_p2p(&b, &plain_function);
	for (unsigned i = 1; i <= 5; i++) {
		decode_on(&b);
		assert_int_equal(maps(), 1);
		assert_int_equal(fake_trace_count("close dma-buf"), i);
		cfg_write(&b, PCI_COMMAND, 2, 0);
		assert_int_equal(maps(), 0);
	}
	bench_close(&b);
}

/* -------- nobody asked -------- */

static bool wants_p2p(uint16_t vendor, uint16_t device)
{
	struct vfio_function f = { .vendor = vendor, .device = device };
	struct vfio_options o = { .p2p = false };

	vfio_quirk_options(&f, &o);
	return o.p2p;
}

static void scsi_processors_reach_their_own_bars(void **state)
{
	assert_true(wants_p2p(0x1000, 0x0001)); /* 53C810 */
	assert_true(wants_p2p(0x1000, 0x0012)); /* 53C895A */
	assert_true(wants_p2p(0x1000, 0x0021)); /* 53C1010-66 */
	assert_true(wants_p2p(0x1000, 0x008f)); /* 53C875J */
	/* the same maker's that do not, other makers' */
	assert_false(wants_p2p(0x1000, 0x0000));
	assert_false(wants_p2p(0x1000, 0x0030)); /* 53C1030 */
	assert_false(wants_p2p(0x1000, 0x0060)); /* SAS1078 */
	assert_false(wants_p2p(0x8086, 0x0012));
}

static void who_says_off_to_a_scsi_processor_means_it(void **state)
{
	struct vfio_function f = { .vendor = 0x1000, .device = 0x0012 };
	struct vfio_options o;
	struct err e = ERR_NONE;

	assert_int_equal(vfio_options_parse(BDF ",p2p=off", &o, &e), 0);
	vfio_quirk_options(&f, &o);
	assert_false(o.p2p);
}

int main(void)
{
	const struct CMUnitTest both[] = {
		FAKE_TEST(without_the_option_no_bar_is_mapped),
		FAKE_TEST(pages_are_where_the_guest_sees_them),
		FAKE_TEST(whatever_ends_decode_ends_the_map),
		FAKE_TEST(old_place_goes_before_the_new_one_comes),
		FAKE_TEST(withdrawn_pages_are_out_of_reach),
		FAKE_TEST(over_ram_nothing_is_mapped),
		FAKE_TEST(bar_goes_before_its_pages_and_its_device),
		FAKE_TEST(refused_map_costs_that_feature_only),
		FAKE_TEST(each_is_reached_in_every_space),
		FAKE_TEST(two_swap_places),
		FAKE_TEST(what_one_space_refuses_is_in_none),
		FAKE_TEST(both_come_and_go_at_the_same_time),
		FAKE_TEST(any_of_these_calls_may_fail),
		FAKE_TEST(random_accesses_leave_nothing_behind),
	};
	const struct CMUnitTest kernel_only[] = {
		FAKE_TEST(addresses_that_the_iommu_reserves_are_not_fatal),
		FAKE_TEST(scsi_processors_reach_their_own_bars),
		FAKE_TEST(who_says_off_to_a_scsi_processor_means_it),
	};
	const struct CMUnitTest iommufd_only[] = {
		FAKE_TEST(addresses_that_the_iommu_reserves_are_not_fatal),
		FAKE_TEST(without_files_of_bars_iommufd_maps_none),
		FAKE_TEST(a_file_that_cannot_be_made_costs_that_feature_only),
		FAKE_TEST(files_of_bars_are_not_kept),
	};
	int rc = cmocka_run_group_tests_name("group", both, NULL, NULL);

	rc += cmocka_run_group_tests_name("group only", kernel_only, NULL,
					  NULL);
	bench_iommufd = true;
	rc += cmocka_run_group_tests_name("iommufd", both, NULL, NULL);
	rc += cmocka_run_group_tests_name("iommufd only", iommufd_only, NULL,
					  NULL);
	bench_iommufd = false;
	bench_user = &bench_server;
	rc += cmocka_run_group_tests_name("vfio-user", both, NULL, NULL);
	return rc;
}
