/* tests/guest/zoo/bars.c - a guest's hand on the BARs of functions without
 *driver
 *
 *	bars fill FILE SIZE	a word in each 64 KiB
 *	bars check FILE SIZE	are they all there?
 *	bars testdev FILE KIND	count the writes of pci-testdev's tests
 *	bars copy FILE OFFSET SIZE	its dwords, as they are
 *	bars write FILE OFFSET VALUE [TIMES]	a dword
 *
 * FILE is /sys/bus/pci/devices/BDF/resourceN. KIND is "mmio" or "io": memory is
 * mapped, ports are read and written as that file.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP UINT64_C(0x10000)

/* Each word tells its place, and lies elsewhere in its page. */
static uint64_t place(uint64_t step)
{
	return step * STEP + step * 8 % STEP;
}

static uint64_t word(uint64_t step)
{
	return UINT64_C(0x6d696e69766d6d00) ^ step * UINT64_C(0x100000001b3);
}

static volatile uint8_t *map(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static int fill(int fd, uint64_t size)
{
	volatile uint8_t *bar = map(fd, size);

	for (uint64_t i = 0; i < size / STEP; i++)
		*(volatile uint64_t *)(bar + place(i)) = word(i);
	return 0;
}

static int check(int fd, uint64_t size)
{
	volatile uint8_t *bar = map(fd, size);
	uint64_t bad = 0;

	for (uint64_t i = 0; i < size / STEP; i++)
		bad += *(volatile uint64_t *)(bar + place(i)) != word(i);
	printf("%" PRIu64 "\n", bad);
	return bad != 0;
}

/* -------- pci-testdev: QEMU, docs/specs/pci-testdev.rst -------- */

enum {
	TEST_NUMBER = 0, /* write: begin this test */
	TEST_WIDTH = 1,	 /* of the writes that count, in bytes */
	TEST_OFFSET = 4, /* where they go */
	TEST_DATA = 8,	 /* what they write */
	TEST_COUNT = 12, /* how many came */
	TEST_NAME = 16,
	TEST_BAR_SIZE = 4096,
	TEST_PORTS = 256,

	TESTS = 4,
	WRITES = 100,
};

struct testdev {
	int fd;
	volatile uint8_t *bar; /* NULL: ports */
};

static uint32_t get(struct testdev *t, unsigned at, unsigned width)
{
	uint32_t value = 0;

	if (!t->bar)
		return pread(t->fd, &value, width, at) == (int)width ? value
								     : ~0U;
	if (width == 4)
		return *(volatile uint32_t *)(t->bar + at);
	return width == 2 ? *(volatile uint16_t *)(t->bar + at) : t->bar[at];
}

static void put(struct testdev *t, unsigned at, unsigned width, uint32_t value)
{
	if (!t->bar) {
		if (pwrite(t->fd, &value, width, at) != (int)width)
			perror("write");
	} else if (width == 4) {
		*(volatile uint32_t *)(t->bar + at) = value;
	} else if (width == 2) {
		*(volatile uint16_t *)(t->bar + at) = (uint16_t)value;
	} else {
		t->bar[at] = (uint8_t)value;
	}
}

/* "NAME COUNT": the name shows which of the function's tests it was. */
static void one_test(struct testdev *t, unsigned number)
{
	unsigned width, limit = t->bar ? TEST_BAR_SIZE : TEST_PORTS;
	uint32_t offset, data;
	char name[32] = "";

	put(t, TEST_NUMBER, 1, number);
	width = get(t, TEST_WIDTH, 1);
	offset = get(t, TEST_OFFSET, 4);
	data = get(t, TEST_DATA, 1);
	for (unsigned i = 0; i + 1 < sizeof(name); i++) {
		name[i] = (char)get(t, TEST_NAME + i, 1);
		if (name[i] == 0)
			break;
	}
	if ((width != 1 && width != 2 && width != 4) ||
	    offset + width > limit) {
		printf("%s width=%u offset=%#x;", name, width, offset);
		return;
	}
	for (unsigned i = 0; i < WRITES; i++)
		put(t, offset, width, data);
	printf("%s %u;", name, get(t, TEST_COUNT, 4));
}

static int testdev(int fd, const char *kind)
{
	struct testdev t = { .fd = fd };

	if (strcmp(kind, "mmio") == 0)
		t.bar = map(fd, TEST_BAR_SIZE);
	for (unsigned i = 0; i < TESTS; i++)
		one_test(&t, i);
	printf("\n");
	return 0;
}

/* -------- single registers -------- */

static volatile uint32_t *registers(int fd, uint64_t offset, uint64_t size)
{
	return (volatile uint32_t *)(map(fd, offset + size) + offset);
}

static int copy(int fd, uint64_t offset, uint64_t size)
{
	volatile uint32_t *from = registers(fd, offset, size);

	for (uint64_t i = 0; i < size / sizeof(*from); i++) {
		uint32_t v = from[i];

		if (fwrite(&v, sizeof(v), 1, stdout) != 1)
			return 1;
	}
	return 0;
}

static int repeat(int fd, uint64_t offset, uint32_t v, uint64_t times)
{
	volatile uint32_t *to = registers(fd, offset, sizeof(v));

	for (uint64_t i = 0; i < times; i++)
		*to = v;
	return 0;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

static int run(int fd, int n, char **word)
{
	const char *what = n ? word[1] : "";

	if (n == 4 && strcmp(what, "testdev") == 0)
		return testdev(fd, word[3]);
	if (n == 4 && strcmp(what, "check") == 0)
		return check(fd, number(word[3]));
	if (n == 4 && strcmp(what, "fill") == 0)
		return fill(fd, number(word[3]));
	if (n == 5 && strcmp(what, "copy") == 0)
		return copy(fd, number(word[3]), number(word[4]));
	if (n >= 5 && strcmp(what, "write") == 0)
		return repeat(fd, number(word[3]), (uint32_t)number(word[4]),
			      n > 5 ? number(word[5]) : 1);
	fprintf(stderr, "bars: see the beginning of bars.c\n");
	return 2;
}

int main(int argc, char **argv)
{
	int fd = argc < 3 ? -1 : open(argv[2], O_RDWR | O_SYNC);

	if (argc < 3)
		return run(fd, 0, argv);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	return run(fd, argc, argv);
}
