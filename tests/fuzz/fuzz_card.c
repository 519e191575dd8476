/* tests/fuzz/fuzz_card.c - a client that sends anything to the simulated card
 *
 * The first byte chooses: a description that anybody may have written, or a
 * stream of messages to a function's dispatcher, some with descriptors, and
 * pieces of the engine's work in between. Afterwards no descriptor is left.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/card/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char card[] =
	"function 0\nintx A\n"
	"bar 0 mem64 64K\nbar 2 mem32 64K map 0+0x1000 0x8000+0x2000\n"
	"bar 3 io 16\n"
	"engine 0:0\ntable 0:0x2000\nuuid 0:0x3000\nmemory 2:0x100\n"
	"cap pm at 0x40\ncap msi at 0x48 vectors 4 maskable\n"
	"cap msix at 0x60\ncap pcie at 0x70\n"
	"ecap aer at 0x100\necap vsec at 0x200 id 20 table\n";

struct input {
	const uint8_t *at, *end;
};

static uint32_t take(struct input *in, unsigned n)
{
	uint32_t v = 0;

	for (; n && in->at < in->end; n--)
		v = v << 8 | *in->at++;
	return v;
}

/* -------- the client's side -------- */

struct fuzz {
	struct function f;
	struct message m;
	struct answer a;
	struct bus bus;
	struct input in;
};

/* The client's memory, where its maps say so; else a client that lies. */
static int move(struct bus *b, enum way way, uint64_t iova, void *buf,
		uint32_t n)
{
	struct fuzz *z = container_of(b, struct fuzz, bus);
	struct span s;

	if (maps_find(&z->f.maps, iova, way, &s) < 0)
		return -EFAULT;
	if (s.bytes)
		return maps_copy(&s, way, buf, s.n < n ? s.n : n);
	if (take(&z->in, 1) & 1)
		function_reset(&z->f);
	if (way == BUS_READ)
		memset(buf, 0xa5, n);
	return 0;
}

/* Ordinary ones, and some that are not what they should be. */
static int descriptor(unsigned kind)
{
	int fd = -1;

	switch (kind % 4) {
	case 0:
	case 1:
		return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case 2:
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		if (fd >= 0 && ftruncate(fd, 0x4000) == 0)
			return fd;
		return fd;
	default:
		return dup(STDERR_FILENO);
	}
}

static void message(struct fuzz *z)
{
	uint32_t head = take(&z->in, 4);
	uint32_t size = take(&z->in, 1);
	size_t left = (size_t)(z->in.end - z->in.at);

	z->m.command = head & 0x1f;
	z->m.n_fds = head >> 8 & 3;
	for (unsigned i = 0; i < z->m.n_fds; i++)
		z->m.fd[i] = descriptor(head >> (16 + 2 * i));
	z->m.size = size < left ? size : (uint32_t)left;
	memcpy(z->m.payload, z->in.at, z->m.size);
	z->in.at += z->m.size;
	answer_command(&z->f, &z->m, &z->a);
	if (z->a.rc > 0 || z->a.size > LINK_PAYLOAD)
		abort();
	link_drop(&z->m);
}

static void stream(struct fuzz *z)
{
	z->f.greeted = true;
	for (unsigned i = 0; i < 64 && z->in.at < z->in.end; i++) {
		message(z);
		for (unsigned n = 0; n < 2; n++)
			engine_step(&z->f.engine, &z->f.irqs, &z->bus,
				    config_command(&z->f.config) & 4);
		if (engine_busy(&z->f.engine) && z->f.engine.left > MAPS_MOST)
			function_reset(&z->f);
	}
	function_left(&z->f);
}

/* -------- what is fuzzed -------- */

static void messages(struct input in)
{
	struct fuzz z = { .bus.move = move, .in = in };
	struct err e = ERR_NONE;
	struct description d;

	z.m.payload = malloc(LINK_PAYLOAD);
	z.a.data = malloc(LINK_PAYLOAD);
	if (!z.m.payload || !z.a.data ||
	    description_read(&d, "card", card, sizeof(card) - 1, &e) < 0 ||
	    function_open(&z.f, &d.function[0], 0, &e) < 0)
		abort();
	stream(&z);
	function_close(&z.f);
	description_close(&d);
	free(z.a.data);
	free(z.m.payload);
}

static void description(struct input in)
{
	struct err e = ERR_NONE;
	struct description d;

	if (description_read(&d, "card", (const char *)in.at,
			     (size_t)(in.end - in.at), &e) == 0)
		description_close(&d);
	else if (e.text[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, data + n };
	int first = dup(STDERR_FILENO), last;

	close(first);
	if (take(&in, 1) & 1)
		description(in);
	else
		messages(in);
	last = dup(STDERR_FILENO);
	close(last);
	if (first != last)
		abort();
	return 0;
}
