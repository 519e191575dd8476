/* tests/fuzz/fuzz_user.c - a vfio-user server that answers anything
 *
 * For each request the input says what comes back: the right thing, a reply
 * with any payload and any errno, descriptors, requests of the server's own for
 * any address, bytes without sense, silence, the end. Whatever it was: no
 * access outside of what is ours (asan), nothing left over, no time limit
 * missed, and DMA reached nothing but RAM (VFIO-VU-13).
 */
#include <sys/mman.h>

#include "tests/unit/vfio/script.h"
#include "vfio/user_dev.h"
#include "vmm/base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input {
	const uint8_t *at, *end;
};

static struct input in;

static uint32_t take(unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint32_t)(in.at < in.end ? *in.at++ : 0) << (8 * i);
	return v;
}

/* As many bytes as are left, up to @n. */
static const uint8_t *take_bytes(size_t *n)
{
	const uint8_t *at = in.at;

	if (*n > (size_t)(in.end - in.at))
		*n = (size_t)(in.end - in.at);
	in.at += *n;
	return at;
}

static void any_reply(struct script *s, struct message *m, unsigned what)
{
	struct user_header h = m->h;
	size_t n = take(1);
	const uint8_t *payload = take_bytes(&n);
	int fd = what & 1 ? memfd_create("any", MFD_CLOEXEC) : -1;

	if (fd >= 0 && ftruncate(fd, (off_t)take(2) << 8) < 0)
		abort();
	h.flags = le32_of(USER_TYPE_REPLY | (what & 2 ? USER_ERROR : 0));
	h.error = le32_of(what & 2 ? take(4) : 0);
	script_post(s, &h, payload, n, fd);
	if (fd >= 0)
		(void)close(fd);
}

/* The polite payload with a few bytes changed: region and interrupt info,
 * data. */
static void almost(struct script *s, struct message *m)
{
	uint8_t payload[4096 + 64] = { 0 };
	size_t n = 16 + take(1) % 64;
	struct user_header h = m->h;

	memcpy(payload, m->payload, m->size < 64 ? m->size : 64);
	for (unsigned i = take(1) % 8; i > 0; i--)
		payload[take(1) % 64] = (uint8_t)take(1);
	h.flags = le32_of(USER_TYPE_REPLY);
	script_post(s, &h, payload, n, -1);
}

static void ask(struct script *s)
{
	static const uint8_t zero[256];
	uint64_t at = take(4) | (uint64_t)take(1) << 56;
	uint64_t count = take(3) | (uint64_t)(take(1) & 1) << 63;
	unsigned command = USER_DMA_READ + take(1) % 3;
	size_t n = command == USER_DMA_WRITE ? take(1) : 0;

	script_ask(s, command, at, take(1) & 1 ? n : count, zero, n);
}

static bool answer(struct script *s, struct message *m)
{
	unsigned what = take(1);
	const uint8_t *raw;
	size_t n;

	switch (what % 8) {
	case 0:
	case 1:
		return false;
	case 2:
		any_reply(s, m, what >> 3);
		return true;
	case 3:
	case 4:
		almost(s, m);
		return true;
	case 5:
		ask(s);
		return what >> 4 & 1;
	case 6:
		n = take(1);
		raw = take_bytes(&n);
		script_send(s, raw, n, &s->fd, what >> 5 & 1);
		return what >> 4 & 1;
	default:
		(void)shutdown(s->fd, SHUT_RDWR);
		return true;
	}
}

static void idle(struct user_bench *b)
{
	struct epoll_event ev;

	for (unsigned i = 0; i < 8; i++) {
		struct loop_fd *f;

		if (sys_epoll_wait(b->loop.epfd, &ev, 1, 0) != 1)
			return;
		f = (struct loop_fd *)(uintptr_t)ev.data.u64;
		f->handler(f, ev.events);
	}
}

static void use_region(struct vfio_dev *d, unsigned i)
{
	struct vfio_region r;
	struct err e = ERR_NONE;
	uint8_t buf[4096];
	void *p;

	if (d->ops->region(d, i, &r, &e) < 0)
		return;
	for (unsigned k = 0; k < r.n_areas; k++) {
		uint64_t size = r.area[k].size;

		if (size > 1 << 30 ||
		    d->ops->map(d, i, r.area[k].base, size, 3, &p, &e) < 0)
			continue;
		*(volatile uint8_t *)p = 1;
		((volatile uint8_t *)p)[size - 1] = 1;
		sys_munmap(p, size);
	}
	(void)d->ops->read(d, i, 0, buf, i == 7 ? 4096 : 8, &e);
	(void)d->ops->write(d, i, 0x10, buf, 4, NULL);
}

static void use(struct user_bench *b)
{
	struct vfio_dev *d = b->dev;
	struct vfio_irq_facts f;
	struct err e = ERR_NONE;
	int fds[20], fd = sys_eventfd();

	for (unsigned i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = i % 5 == 3 ? -1 : fd;
	for (unsigned i = 0; i < 9; i++)
		use_region(d, i);
	for (unsigned i = 0; i < 5; i++)
		(void)d->ops->irq_info(d, i, &f, NULL);
	(void)d->ops->irqs(d, 0, 0, 1, &fd, &e);
	(void)d->ops->intx_mask(d, &e);
	(void)d->ops->intx_unmask(d, fd, &e);
	sys_eventfd_signal(fd);
	idle(b);
	(void)d->ops->irqs(d, 0, 0, 0, NULL, NULL);
	(void)d->ops->irqs(d, 2, 3, ARRAY_LEN(fds), fds, &e);
	(void)d->ops->irqs(d, 2, 0, 0, NULL, NULL);
	(void)d->ops->reset(d, &e);
	idle(b);
	(void)b->iommu->ops->unmap(b->iommu, b->ram[1].base, b->ram[1].size,
				   &e);
	d->ops->close(d);
	sys_close(&fd);
	b->dev = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct user_bench b;
	struct err e = ERR_NONE;

	(void)log_set_level("error", &e);
	fake_reset();
	fake_impatient(1);
	memset(&b, 0, sizeof(b));
	in = (struct input){ data, data + n };
	b.s.intercept = answer;
	b.s.irqs[0] = b.s.irqs[2] = 8;
	if (user_bench_open(&b, &e) >= 0)
		use(&b);
	else if (e.text[0] == '\0')
		abort();
	user_bench_close(&b);
	if (fake_leaks()) {
		fputs(fake_leaks(), stderr);
		abort();
	}
	return 0;
}
