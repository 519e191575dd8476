/* A function behind vfio-user: regions, accesses, interrupts, RAM.
 * VFIO-VU-05, -06, -08, -09, -10, -12. */
#include <sys/mman.h>

#include "tests/unit/vfio/script.h"
#include "vfio/user_dev.h"

static bool is(const struct message *m, unsigned command)
{
	return le16_get(m->h.command) == command;
}

static struct user_bench b;

static void open_with(const char *json,
		      bool (*intercept)(struct script *s, struct message *m))
{
	memset(&b, 0, sizeof(b));
	b.s.json = json;
	OUGHT(user_bench_open(&b, &why));
	b.s.n = b.s.step = 0;
	b.s.intercept = intercept;
}

/* -------- regions: VFIO-VU-08 -------- */

/* What BAR 0 is said to be. */
static struct {
	uint64_t size, offset;
	uint32_t flags, index, argsz;
	uint64_t file; /* bytes of it; 0: no descriptor */
	unsigned n_fds, n_areas;
	uint64_t area[4][2];
	uint32_t room; /* the capability needs that much */
} bar;

static const uint32_t RWM = VFIO_REGION_INFO_FLAG_READ |
			    VFIO_REGION_INFO_FLAG_WRITE |
			    VFIO_REGION_INFO_FLAG_MMAP;

static size_t describe(uint8_t *out, uint32_t room)
{
	struct vfio_region_info i = { .flags = bar.flags,
				      .index = bar.index,
				      .size = bar.size,
				      .offset = bar.offset };
	struct vfio_region_info_cap_sparse_mmap s = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 },
		.nr_areas = bar.n_areas,
	};
	size_t n = sizeof(i);

	if (bar.n_areas != 0) {
		i.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		n = bar.room + sizeof(s) + bar.n_areas * sizeof(bar.area[0]);
	}
	i.argsz = bar.argsz ? bar.argsz : (uint32_t)n;
	if (bar.n_areas != 0 && n <= room) {
		i.cap_offset = bar.room;
		memcpy(out + bar.room, &s, sizeof(s));
		memcpy(out + bar.room + sizeof(s), bar.area,
		       bar.n_areas * sizeof(bar.area[0]));
	}
	memcpy(out, &i, sizeof(i));
	return n <= room ? n : sizeof(i);
}

static bool describe_bar(struct script *s, struct message *m)
{
	static uint8_t out[1 << 17];
	uint32_t room = le32_load(m->payload);
	uint8_t whole[sizeof(struct user_header)];
	struct user_header h = m->h;
	int fds[2] = { -1, -1 };
	size_t n;

	if (!is(m, USER_DEVICE_GET_REGION_INFO))
		return false;
	memset(out, 0, sizeof(out));
	n = describe(out, room);
	for (unsigned i = 0; bar.file != 0 && i < bar.n_fds; i++) {
		fds[i] = memfd_create("bar", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fds[i], (off_t)bar.file), 0);
		assert_int_equal(pwrite(fds[i], "front", 5, (off_t)bar.offset),
				 5);
	}
	h.flags = le32_of(USER_TYPE_REPLY);
	h.size = le32_of((uint32_t)(sizeof(h) + n));
	memcpy(whole, &h, sizeof(h));
	script_send(s, whole, sizeof(whole), fds,
		    bar.file != 0 ? bar.n_fds : 0);
	script_send(s, out, n, NULL, 0);
	for (unsigned i = 0; i < 2; i++)
		(void)close(fds[i]);
	return true;
}

static void plain_bar(void)
{
	memset(&bar, 0, sizeof(bar));
	bar.size = bar.file = 0x4000;
	bar.flags = RWM;
	bar.n_fds = 1;
	bar.room = sizeof(struct vfio_region_info);
}

static struct vfio_region ask_bar(void)
{
	struct vfio_region r = { 0 };

	OUGHT(b.dev->ops->region(b.dev, 0, &r, &why));
	return r;
}

static void a_region_is_mapped_from_its_file(void **state)
{
	struct vfio_region r;
	void *p;

	plain_bar();
	bar.offset = 0x2000;
	bar.file = 0x6000;
	open_with(NULL, describe_bar);
	r = ask_bar();
	assert_int_equal(r.size, 0x4000);
	assert_int_equal(r.flags, RWM);
	assert_int_equal(r.n_areas, 1);
	OUGHT(b.dev->ops->map(b.dev, 0, 0, 0x4000, PROT_READ, &p, &why));
	assert_memory_equal(p, "front", 5);
	sys_munmap(p, 0x4000);
	/* asked again, the older descriptor goes */
	(void)ask_bar();
	user_bench_close(&b);
}

static void sparse_areas_are_taken_over(void **state)
{
	struct vfio_region r;

	plain_bar();
	bar.n_areas = 2;
	bar.area[0][0] = 0x3000;
	bar.area[0][1] = 0x1000;
	bar.area[1][0] = 0x1000;
	bar.area[1][1] = 0x1000;
	open_with(NULL, describe_bar);
	r = ask_bar();
	assert_int_equal(r.n_areas, 2);
	assert_int_equal(r.area[0].base, 0x1000);
	assert_int_equal(r.area[1].base, 0x3000);
	user_bench_close(&b);
}

/* All that a server may get wrong ends in trapping. */
static void what_cannot_be_mapped_traps(void **state)
{
	for (unsigned i = 0; i < 11; i++) {
		struct vfio_region r;

		fake_reset();
		plain_bar();
		bar.n_areas = i >= 5 && i < 10;
		bar.area[0][1] = 0x1000;
		switch (i) {
		case 0: /* no descriptor */
			bar.file = 0;
			break;
		case 1: /* too short by a page */
			bar.file = 0x3000;
			break;
		case 2: /* too short for the offset */
			bar.offset = 0x1000;
			break;
		case 3:
			bar.offset = UINT64_C(0x7ffffffffffff000);
			bar.n_fds = 0;
			break;
		case 4: /* not at a page */
			bar.offset = 0x200;
			bar.file = 0x8000;
			break;
		case 5: /* outside of the region */
			bar.area[0][0] = 0x4000;
			break;
		case 6:
			bar.area[0][1] = UINT64_MAX & ~0xfffull;
			break;
		case 7:
			bar.area[0][0] = UINT64_MAX & ~0xfffull;
			break;
		case 8: /* no whole page */
			bar.area[0][1] = 0x800;
			break;
		case 9: /* overlapping */
			bar.n_areas = 2;
			bar.area[1][1] = 0x2000;
			break;
		default: /* the flag is missing */
			bar.flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
		}
		open_with(NULL, describe_bar);
		r = ask_bar();
		if (r.n_areas != 0)
			fail_msg("%u: %u areas", i, r.n_areas);
		assert_int_equal(r.size, 0x4000);
		user_bench_close(&b);
		if (fake_leaks())
			fail_msg("%u: %s", i, fake_leaks());
	}
}

static void a_long_description_is_asked_for_again(void **state)
{
	struct vfio_region r;

	plain_bar();
	bar.n_areas = 1;
	bar.area[0][1] = 0x1000;
	bar.room = 20000;
	open_with(NULL, describe_bar);
	r = ask_bar();
	assert_int_equal(r.n_areas, 1);
	assert_int_equal(b.s.n, 2);
	assert_true(b.s.note[1].word[0] >= 20000);
	user_bench_close(&b);
}

static void a_description_without_end_is_not_followed(void **state)
{
	struct vfio_region r;

	plain_bar();
	bar.argsz = UINT32_MAX;
	open_with(NULL, describe_bar);
	r = ask_bar();
	assert_int_equal(r.size, 0x4000);
	assert_true(b.s.n <= 6);
	user_bench_close(&b);
}

static void two_descriptors_are_one_too_many(void **state)
{
	plain_bar();
	bar.n_fds = 2;
	open_with(NULL, describe_bar);
	(void)ask_bar();
	b.dev->ops->close(b.dev);
	b.dev = NULL;
	assert_int_equal(fake_trace_count("close received"), 2);
	user_bench_close(&b);
}

static void another_regions_description_is_refused(void **state)
{
	struct vfio_region r;
	struct err e = ERR_NONE;

	plain_bar();
	bar.index = 3;
	open_with(NULL, describe_bar);
	assert_int_equal(b.dev->ops->region(b.dev, 0, &r, &e), -EPROTO);
	assert_string_equal(e.text,
			    "the server describes region 3, asked for 0");
	user_bench_close(&b);
}

/* -------- accesses: VFIO-VU-09 -------- */

static void long_accesses_go_in_pieces_in_order(void **state)
{
	uint8_t buf[100];

	open_with("{\"capabilities\":{\"max_msg_fds\":8,"
		  "\"max_data_xfer_size\":32}}",
		  NULL);
	OUGHT(b.dev->ops->read(b.dev, 7, 0x10, buf, 100, &why));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(buf[i], 0x10 + i);
	assert_int_equal(b.s.n, 4);
	OUGHT(b.dev->ops->write(b.dev, 7, 0x10, buf, 100, &why));
	assert_int_equal(b.s.n, 8);
	for (unsigned i = 0; i < 4; i++) {
		const struct note *n = &b.s.note[4 + i];

		assert_int_equal(n->command, USER_REGION_WRITE);
		assert_int_equal(n->word[0], 0x10 + 32 * i); /* offset */
		assert_int_equal(n->word[2], 7);
		assert_int_equal(n->word[3], i < 3 ? 32 : 4);
	}
	user_bench_close(&b);
}

/* Another offset, region, count; data too short, too long. */
static bool answer_another(struct script *s, struct message *m)
{
	struct user_region_access a;
	uint8_t out[sizeof(a) + 8] = { 0 };
	size_t n = sizeof(a) + 4;

	if (!is(m, USER_REGION_READ))
		return false;
	memcpy(&a, m->payload, sizeof(a));
	switch (s->step++) {
	case 0:
		a.offset = le64_of(0x44);
		break;
	case 1:
		a.region = le32_of(6);
		break;
	case 2:
		a.count = le32_of(2);
		break;
	case 3:
		n -= 2;
		break;
	default:
		n += 4;
	}
	memcpy(out, &a, sizeof(a));
	script_reply(s, m, out, n);
	return true;
}

static void the_answer_has_to_be_to_the_access(void **state)
{
	open_with(NULL, answer_another);
	for (unsigned i = 0; i < 5; i++) {
		uint32_t v = 0x12345678;
		struct err e = ERR_NONE;

		assert_int_equal(user_bench_read(&b, &v, 4, &e), -ENODATA);
		assert_int_equal(v, 0x12345678);
	}
	assert_int_equal(b.dev->ops->read(b.dev, 7, 0, &b.ram, 4, NULL),
			 -ENODATA); /* without an err, too */
	user_bench_close(&b);
}

/* -------- interrupts -------- */

enum { MANY = 2048 };

static int *many_eventfds(unsigned n)
{
	int *fds = test_malloc(n * sizeof(*fds));

	fds[0] = sys_eventfd();
	for (unsigned i = 1; i < n; i++)
		fds[i] = fds[0];
	return fds;
}

static void free_eventfds(int *fds)
{
	sys_close(&fds[0]);
	test_free(fds);
}

/* VFIO-VU-05 */
static void blocks_go_in_pieces_that_the_server_takes(void **state)
{
	static const unsigned limits[] = { 1, 8, 16, 64, 1000 };

	for (unsigned i = 0; i < ARRAY_LEN(limits); i++) {
		unsigned most = limits[i] < 64 ? limits[i] : 64;
		unsigned n = most == 1 ? 100 : MANY, end = n;
		char json[80];
		int *fds;

		fake_reset();
		snprintf(json, sizeof(json),
			 "{\"capabilities\":{\"max_msg_fds\":%u}}", limits[i]);
		open_with(json, NULL);
		fds = many_eventfds(n);
		OUGHT(b.dev->ops->irqs(b.dev, 2, 0, n, fds, &why));
		assert_int_equal(b.s.n, (n + most - 1) / most);
		/* all of them, once; the last ones first */
		for (unsigned k = 0; k < b.s.n; k++) {
			const struct note *o = &b.s.note[k];

			assert_int_equal(o->command, USER_DEVICE_SET_IRQS);
			assert_int_equal(o->word[1],
					 VFIO_IRQ_SET_DATA_EVENTFD |
						 VFIO_IRQ_SET_ACTION_TRIGGER);
			assert_int_equal(o->word[2], 2);
			assert_int_equal(o->word[3] + o->word[4], end);
			assert_int_equal(o->n_fds, o->word[4]);
			end = o->word[3];
		}
		assert_int_equal(end, 0);
		free_eventfds(fds);
		user_bench_close(&b);
	}
}

static void holes_are_messages_without_descriptors(void **state)
{
	int *fds;

	open_with(NULL, NULL);
	fds = many_eventfds(10);
	fds[3] = fds[4] = fds[9] = -1;
	OUGHT(b.dev->ops->irqs(b.dev, 2, 4, 10, fds, &why));
	assert_int_equal(b.s.n, 4);
	for (unsigned i = 0; i < 4; i++) {
		static const struct {
			unsigned start, count, fds;
		} want[] = {
			{ 13, 1, 0 }, { 9, 4, 4 }, { 7, 2, 0 }, { 4, 3, 3 }
		};
		const struct note *o = &b.s.note[i];

		assert_int_equal(o->word[3], want[i].start);
		assert_int_equal(o->word[4], want[i].count);
		assert_int_equal(o->n_fds, want[i].fds);
	}
	free_eventfds(fds);
	user_bench_close(&b);
}

static bool refuse_third(struct script *s, struct message *m)
{
	if (!is(m, USER_DEVICE_SET_IRQS) || ++s->step != 3)
		return false;
	script_refuse(s, m, ENOSPC);
	return true;
}

static void a_block_is_taken_back_as_a_whole(void **state)
{
	struct err e = ERR_NONE;
	int *fds;

	open_with(NULL, refuse_third);
	fds = many_eventfds(32);
	assert_int_equal(b.dev->ops->irqs(b.dev, 2, 0, 32, fds, &e), -ENOSPC);
	assert_int_equal(b.s.n, 4);
	assert_int_equal(b.s.note[3].word[3], 16);
	assert_int_equal(b.s.note[3].word[4], 16);
	assert_int_equal(b.s.note[3].n_fds, 0);
	free_eventfds(fds);
	user_bench_close(&b);
}

static void off_is_one_message_without_data(void **state)
{
	open_with(NULL, NULL);
	OUGHT(b.dev->ops->irqs(b.dev, 2, 0, 0, NULL, &why));
	assert_int_equal(b.s.n, 1);
	assert_int_equal(b.s.note[0].word[1],
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(b.s.note[0].word[4], 0);
	user_bench_close(&b);
}

static uint32_t refusal;

static bool refuse_irqs(struct script *s, struct message *m)
{
	if (is(m, USER_DEVICE_SET_IRQS))
		script_refuse(s, m, refusal);
	return is(m, USER_DEVICE_SET_IRQS);
}

/* VFIO-VU-10 */
static void what_a_server_does_not_have_is_done_without(void **state)
{
	static const struct {
		uint32_t error;
		bool tolerated;
	} rows[] = { { EINVAL, true }, { ENOTSUP, true }, { ENOTTY, true },
		     { ENOSYS, true }, { EIO, false },	  { ENOMEM, false } };

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct vfio_dev_ops *ops;
		struct err e = ERR_NONE;
		int fd;

		fake_reset();
		open_with(NULL, refuse_irqs);
		ops = b.dev->ops;
		refusal = rows[i].error;
		fd = sys_eventfd();
		assert_int_equal(ops->intx_mask(b.dev, NULL) == 0,
				 rows[i].tolerated);
		assert_int_equal(ops->intx_unmask(b.dev, -1, &e) == 0,
				 rows[i].tolerated);
		for (unsigned index = 3; index < 5; index++)
			assert_int_equal(
				ops->irqs(b.dev, index, 0, 1, &fd, &e) == 0,
				rows[i].tolerated);
		if (rows[i].tolerated)
			assert_int_equal(e.text[0], 0);
		/* never for what a guest needs */
		assert_true(ops->irqs(b.dev, 0, 0, 1, &fd, &e) < 0);
		assert_true(ops->irqs(b.dev, 2, 0, 1, &fd, &e) < 0);
		sys_close(&fd);
		user_bench_close(&b);
	}
}

static bool refuse_unmask_fd(struct script *s, struct message *m)
{
	uint32_t flags = le32_load(m->payload + 4);

	if (!is(m, USER_DEVICE_SET_IRQS) ||
	    !(flags & VFIO_IRQ_SET_ACTION_UNMASK) ||
	    !(flags & VFIO_IRQ_SET_DATA_EVENTFD))
		return false;
	script_refuse(s, m, ENOTSUP);
	return true;
}

static unsigned unmasks(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b.s.n; i++)
		n += b.s.note[i].command == USER_DEVICE_SET_IRQS &&
		     b.s.note[i].word[1] == (VFIO_IRQ_SET_DATA_NONE |
					     VFIO_IRQ_SET_ACTION_UNMASK);
	return n;
}

static bool one_more(struct user_bench *u)
{
	return unmasks() > u->s.step;
}

static void the_end_of_an_interrupt_is_told_by_message(void **state)
{
	int fd;

	open_with(NULL, refuse_unmask_fd);
	fd = sys_eventfd();
	OUGHT(b.dev->ops->intx_unmask(b.dev, fd, &why));
	for (unsigned i = 0; i < 5; i++) {
		b.s.step = unmasks();
		sys_eventfd_signal(fd);
		assert_true(user_bench_loop(&b, one_more));
	}
	/* two at once are one */
	b.s.step = unmasks();
	sys_eventfd_signal(fd);
	sys_eventfd_signal(fd);
	assert_true(user_bench_loop(&b, one_more));
	assert_int_equal(unmasks(), b.s.step + 1);
	/* and none once it is off */
	OUGHT(b.dev->ops->irqs(b.dev, 0, 0, 0, NULL, &why));
	b.s.step = unmasks();
	sys_eventfd_signal(fd);
	assert_false(user_bench_loop(&b, one_more));
	/* on again */
	OUGHT(b.dev->ops->intx_unmask(b.dev, fd, &why));
	assert_true(user_bench_loop(&b, one_more));
	user_bench_close(&b);
	sys_close(&fd);
}

static bool slow_read(struct script *s, struct message *m)
{
	struct pollfd p = { .fd = -1 };

	if (is(m, USER_REGION_READ))
		(void)poll(&p, 0, 100);
	return refuse_unmask_fd(s, m);
}

static void *reader(void *arg)
{
	uint32_t v;

	OUGHT(user_bench_read(&b, &v, 4, &why));
	return NULL;
}

static void an_end_during_a_call_is_told_after_it(void **state)
{
	pthread_t t;
	int fd;

	open_with(NULL, slow_read);
	fd = sys_eventfd();
	OUGHT(b.dev->ops->intx_unmask(b.dev, fd, &why));
	for (unsigned i = 0; i < 3; i++) {
		b.s.step = unmasks();
		fake_trace_clear();
		assert_int_equal(pthread_create(&t, NULL, reader, NULL), 0);
		while (fake_trace_count("poll socket") == 0)
			sys_sleep_ms(1);
		sys_eventfd_signal(fd);
		assert_true(user_bench_loop(&b, one_more));
		pthread_join(t, NULL);
	}
	user_bench_close(&b);
	sys_close(&fd);
}

/* What stands behind a map, for who would map it too. VFIO-DMA-13 */
static void a_regions_file_can_be_passed_on(void **state)
{
	uint64_t off = 99;

	plain_bar();
	bar.offset = 0x2000;
	bar.file = 0x6000;
	open_with(NULL, describe_bar);
	(void)ask_bar();
	assert_true(b.dev->ops->view_file(b.dev, 0, 0x1000, &off) >= 0);
	assert_int_equal(off, 0x3000);
	bar.file = 0;
	(void)ask_bar();
	off = 99;
	assert_int_equal(b.dev->ops->view_file(b.dev, 0, 0x1000, &off), -1);
	assert_int_equal(off, 99);
	user_bench_close(&b);
}

/* -------- RAM: VFIO-VU-06 -------- */

static const struct note *ram_note(unsigned command, unsigned nth)
{
	for (unsigned i = 0; i < b.s.n; i++) {
		if (b.s.note[i].command == command && nth-- == 0)
			return &b.s.note[i];
	}
	fail_msg("no such message");
	return NULL;
}

static void ram_is_replayed_for_a_function_that_comes_later(void **state)
{
	memset(&b, 0, sizeof(b));
	OUGHT(user_bench_open(&b, &why));
	for (unsigned i = 0; i < 2; i++) {
		const struct note *n = ram_note(USER_DMA_MAP, i);

		assert_int_equal(n->n_fds, 1);
		assert_int_equal(n->word[0], sizeof(struct user_dma_map));
		assert_int_equal(n->word[1], 3);
		assert_int_equal(n->word[2], 0); /* offset */
		assert_int_equal(n->word[4], i ? 0x300000 : 0x100000);
	}
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x100000, 0x200000, &why));
	assert_int_equal(ram_note(USER_DMA_UNMAP, 0)->word[2], 0x100000);
	user_bench_close(&b);
}

static void ranges_are_unmapped_as_they_were_mapped(void **state)
{
	struct err e = ERR_NONE;

	open_with(NULL, NULL);
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0x100000, 0x100000, &e),
			 -EINVAL);
	assert_int_equal(b.s.n, 0);
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x100000, 0x200000, &why));
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x300000, 0x100000, &why));
	assert_int_equal(b.iommu->ops->unmap(b.iommu, 0x300000, 0x100000, &e),
			 -EINVAL);
	/* and again */
	OUGHT(b.iommu->ops->map(b.iommu, b.ram[1].base, &b.ram[1], &why));
	user_bench_close(&b);
}

static void private_ram_is_refused(void **state)
{
	struct ram r = { .base = 0x800000, .size = 0x1000, .fd = -1 };
	struct err e = ERR_NONE;

	open_with(NULL, NULL);
	assert_int_equal(b.iommu->ops->map(b.iommu, r.base, &r, &e), -EINVAL);
	assert_non_null(strstr(e.text, "private memory"));
	user_bench_close(&b);
}

static bool refuse_map(struct script *s, struct message *m)
{
	if (is(m, USER_DMA_MAP))
		script_refuse(s, m, EEXIST);
	return is(m, USER_DMA_MAP);
}

static void a_refused_map_fails_by_name_and_leaves_nothing(void **state)
{
	static struct script other;
	struct vfio_dev *two;
	struct err e = ERR_NONE;

	open_with(NULL, NULL);
	memset(&other, 0, sizeof(other));
	other.config_size = 4096;
	fake_server("/run/other", script_serve, &other);
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x300000, 0x100000, &why));
	OUGHT(b.iommu->ops->attach(b.iommu, WANT("/run/other"), &two, &why));
	other.intercept = refuse_map;
	b.s.n = 0;
	assert_int_equal(
		b.iommu->ops->map(b.iommu, b.ram[1].base, &b.ram[1], &e),
		-EEXIST);
	assert_non_null(strstr(e.text, "/run/other: cannot map guest RAM "
				       "0x300000 to 0x3fffff"));
	/* the first one was told, and told again */
	assert_int_equal(b.s.n, 2);
	assert_int_equal(b.s.note[1].command, USER_DMA_UNMAP);
	two->ops->close(two);
	/* attaching fails for the same reason */
	assert_int_equal(
		b.iommu->ops->attach(b.iommu, WANT("/run/other"), &two, &e),
		-EEXIST);
	user_bench_close(&b);
}

/* -------- a BAR for the other functions: VFIO-DMA-13 -------- */

static void a_bar_is_told_with_its_place_in_the_file(void **state)
{
	struct vfio_peer p = { .at = 0x800000,
			       .size = 0x2000,
			       .fd_off = 0x5000 };

	open_with(NULL, NULL);
	p.fd = b.ram[0].fd;
	OUGHT(b.iommu->ops->peer_map(b.iommu, &p, &why));
	assert_int_equal(b.s.n, 1);
	assert_int_equal(ram_note(USER_DMA_MAP, 0)->n_fds, 1);
	assert_int_equal(ram_note(USER_DMA_MAP, 0)->word[2], 0x5000);
	assert_int_equal(ram_note(USER_DMA_MAP, 0)->word[4], 0x800000);
	OUGHT(b.iommu->ops->peer_unmap(b.iommu, &p, &why));
	assert_int_equal(ram_note(USER_DMA_UNMAP, 0)->word[2], 0x800000);
	/* it is no RAM: RAM is what it was */
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x100000, 0x200000, &why));
	user_bench_close(&b);
}

static bool die_at_map(struct script *s, struct message *m)
{
	if (is(m, USER_DMA_MAP))
		(void)shutdown(s->fd, SHUT_RDWR);
	return is(m, USER_DMA_MAP);
}

static void who_refuses_a_bar_is_named_and_who_dies_is_passed_over(void **state)
{
	static struct script other;
	struct vfio_peer p = { .at = 0x800000, .size = 0x2000 };
	struct vfio_dev *two;
	struct err e = ERR_NONE;

	open_with(NULL, NULL);
	p.fd = b.ram[0].fd;
	memset(&other, 0, sizeof(other));
	other.config_size = 4096;
	fake_server("/run/other", script_serve, &other);
	OUGHT(b.iommu->ops->attach(b.iommu, WANT("/run/other"), &two, &why));
	other.intercept = refuse_map;
	assert_int_equal(b.iommu->ops->peer_map(b.iommu, &p, &e), -EEXIST);
	assert_non_null(strstr(e.text, "/run/other: "));
	assert_int_equal(b.s.n, 2);
	assert_int_equal(b.s.note[1].command, USER_DMA_UNMAP);
	/* dies of it; then is dead already */
	other.intercept = die_at_map;
	for (unsigned i = 0; i < 2; i++) {
		OUGHT(b.iommu->ops->peer_map(b.iommu, &p, &why));
		OUGHT(b.iommu->ops->peer_unmap(b.iommu, &p, &why));
		assert_int_equal(b.s.n, 4 + 2 * i);
	}
	two->ops->close(two);
	user_bench_close(&b);
}

static void a_dead_server_does_not_keep_ram(void **state)
{
	open_with(NULL, NULL);
	(void)shutdown(b.s.fd, SHUT_RDWR);
	assert_true(user_bench_read(&b, &(uint32_t){ 0 }, 4,
				    &(struct err){ 0 }) < 0);
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x100000, 0x200000, &why));
	OUGHT(b.iommu->ops->unmap(b.iommu, 0x300000, 0x100000, &why));
	user_bench_close(&b);
}

static void limits_of_servers_are_facts(void **state)
{
	struct vfio_iommu_facts f;

	open_with("{\"capabilities\":{\"max_msg_fds\":8,\"max_dma_maps\":3,"
		  "\"pgsizes\":2101248}}",
		  NULL);
	OUGHT(b.iommu->ops->facts(b.iommu, &f, &why));
	assert_int_equal(f.maps_left, 1);
	assert_int_equal(f.page_sizes, 0x201000);
	assert_int_equal(f.spaces, 0); /* nothing is pinned */
	user_bench_close(&b);
}

/* -------- opening -------- */

static bool odd_info(struct script *s, struct message *m)
{
	struct vfio_device_info i = { .argsz = 16,
				      .flags = VFIO_DEVICE_FLAGS_PCI,
				      .num_regions = 9 };

	if (!is(m, USER_DEVICE_GET_INFO))
		return false;
	if (s->step == 0)
		i.flags = VFIO_DEVICE_FLAGS_AP;
	else if (s->step == 1)
		i.num_regions = 7;
	script_reply(s, m, &i, s->step == 2 ? 12 : 16);
	return true;
}

static void what_is_no_pci_function_is_refused(void **state)
{
	static const int want[] = { -EINVAL, -EINVAL, -EPROTO };

	for (unsigned i = 0; i < 3; i++) {
		struct err e = ERR_NONE;

		fake_reset();
		memset(&b, 0, sizeof(b));
		b.s.step = i;
		b.s.intercept = odd_info;
		assert_int_equal(user_bench_open(&b, &e), want[i]);
		user_bench_close(&b);
		if (fake_leaks())
			fail_msg("%u: %s", i, fake_leaks());
	}
}

/* VFIO-VU-12 */
static void the_reset_flag_means_reset(void **state)
{
	open_with(NULL, NULL);
	assert_true(b.dev->can_reset);
	OUGHT(b.dev->ops->reset(b.dev, &why));
	assert_int_equal(b.s.note[0].command, USER_DEVICE_RESET);
	b.dev->ops->close(b.dev);
	b.s.intercept = odd_info;
	b.s.step = 3;
	OUGHT(b.iommu->ops->attach(b.iommu, WANT(SCRIPT_SOCKET), &b.dev, &why));
	assert_false(b.dev->can_reset);
	user_bench_close(&b);
}

static void nobody_at_the_socket_is_said(void **state)
{
	struct vfio_dev *d;
	struct err e = ERR_NONE;

	open_with(NULL, NULL);
	assert_int_equal(
		b.iommu->ops->attach(b.iommu, WANT("/run/none"), &d, &e),
		-ENOENT);
	assert_string_equal(e.text, "cannot connect to the socket: No such "
				    "file or directory");
	assert_non_null(strstr(e.hint, "has to listen"));
	assert_int_equal(
		b.iommu->ops->attach(b.iommu, WANT(SCRIPT_SOCKET), &d, &e),
		-EEXIST);
	user_bench_close(&b);
}

static void paths_that_no_socket_can_have_are_refused(void **state)
{
	struct vfio_function f;
	struct err e = ERR_NONE;
	char path[120];

	assert_int_equal(vfio_user_function("", &f, &e), -EINVAL);
	memset(path, 'p', sizeof(path));
	path[108] = '\0';
	assert_int_equal(vfio_user_function(path, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "107 bytes"));
	path[107] = '\0';
	OUGHT(vfio_user_function(path, &f, &why));
	assert_string_equal(f.name, path);
	assert_string_equal(f.driver, "vfio-user");
	assert_int_equal(f.group, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(a_region_is_mapped_from_its_file),
		FAKE_TEST(sparse_areas_are_taken_over),
		FAKE_TEST(what_cannot_be_mapped_traps),
		FAKE_TEST(a_long_description_is_asked_for_again),
		FAKE_TEST(a_description_without_end_is_not_followed),
		FAKE_TEST(two_descriptors_are_one_too_many),
		FAKE_TEST(another_regions_description_is_refused),
		FAKE_TEST(long_accesses_go_in_pieces_in_order),
		FAKE_TEST(the_answer_has_to_be_to_the_access),
		FAKE_TEST(blocks_go_in_pieces_that_the_server_takes),
		FAKE_TEST(holes_are_messages_without_descriptors),
		FAKE_TEST(a_block_is_taken_back_as_a_whole),
		FAKE_TEST(off_is_one_message_without_data),
		FAKE_TEST(what_a_server_does_not_have_is_done_without),
		FAKE_TEST(the_end_of_an_interrupt_is_told_by_message),
		FAKE_TEST(an_end_during_a_call_is_told_after_it),
		FAKE_TEST(ram_is_replayed_for_a_function_that_comes_later),
		FAKE_TEST(ranges_are_unmapped_as_they_were_mapped),
		FAKE_TEST(private_ram_is_refused),
		FAKE_TEST(a_refused_map_fails_by_name_and_leaves_nothing),
		FAKE_TEST(a_bar_is_told_with_its_place_in_the_file),
		FAKE_TEST(
			who_refuses_a_bar_is_named_and_who_dies_is_passed_over),
		FAKE_TEST(a_regions_file_can_be_passed_on),
		FAKE_TEST(a_dead_server_does_not_keep_ram),
		FAKE_TEST(limits_of_servers_are_facts),
		FAKE_TEST(what_is_no_pci_function_is_refused),
		FAKE_TEST(the_reset_flag_means_reset),
		FAKE_TEST(nobody_at_the_socket_is_said),
		FAKE_TEST(paths_that_no_socket_can_have_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
