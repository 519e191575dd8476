/* machine/boot.c - see boot.h. Each file is read once, by size; one that
 * shrinks meanwhile is an error, not a signal. */
#include "vmm/machine/boot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "firmware/acpi.h"
#include "firmware/reset_vector.h"
#include "vmm/base/sys.h"
#include "vmm/machine/x86_64/board.h"

#define MIB (UINT64_C(1) << 20)

/* No kernel is larger; a wrong --kernel must not be read into memory whole. */
#define KERNEL_MAX (512 * MIB)

static int open_file(const char *path, uint64_t *size, struct err *e)
{
	struct stat st;
	int fd, rc;

	/* a FIFO without a writer would be waited for */
	fd = sys_open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, fd, "cannot open %s", path);
	rc = sys_fstat(fd, &st);
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = err_set(e, -EINVAL, "%s is not a regular file", path);
	else if (rc == 0 && st.st_size == 0)
		rc = err_set(e, -EINVAL, "%s is empty", path);
	else if (rc < 0)
		err_sys(e, rc, "%s", path);
	if (rc < 0) {
		sys_close(&fd);
		return rc;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

static int read_exactly(int fd, const char *path, uint8_t *to, uint64_t size,
			struct err *e)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < size) {
		n = sys_pread(fd, to + done, size - done, done);
		if (n < 0)
			return err_sys(e, (int)n, "cannot read %s", path);
		if (n == 0)
			return err_set(e, -EIO, "%s shrank while it was read",
				       path);
		done += (uint64_t)n;
	}
	return 0;
}

static int read_kernel(struct boot *b, int fd, uint64_t size, struct err *e)
{
	int rc;

	if (size > KERNEL_MAX)
		return err_set(e, -EFBIG,
			       "%s is no kernel: %" PRIu64 " MiB is too large",
			       b->kernel_path, size / MIB);
	rc = sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0, &b->file);
	if (rc < 0)
		return err_sys(e, rc, "no memory to read %s", b->kernel_path);
	b->file_size = size;
	rc = read_exactly(fd, b->kernel_path, b->file, size, e);
	if (rc < 0)
		return rc;
	rc = linux_parse(b->file, size, &b->image, e);
	return rc < 0 ? err_in(e, rc, "%s", b->kernel_path) : 0;
}

static int boot_build(struct boot *b, struct err *e)
{
	uint64_t size;
	int fd, rc;

	fd = open_file(b->kernel_path, &size, e);
	if (fd < 0)
		return err_in(e, fd, "kernel");
	rc = read_kernel(b, fd, size, e);
	sys_close(&fd);
	if (rc < 0)
		return err_in(e, rc, "kernel");
	if (!b->initrd_path)
		return 0;
	b->initrd_fd = open_file(b->initrd_path, &b->initrd_size, e);
	return b->initrd_fd < 0 ? err_in(e, b->initrd_fd, "initrd") : 0;
}

int boot_open(struct boot *b, const char *kernel, const char *initrd,
	      struct err *e)
{
	int rc;

	*b = BOOT_EMPTY;
	b->kernel_path = kernel;
	b->initrd_path = initrd;
	rc = boot_build(b, e);
	if (rc < 0)
		boot_close(b);
	return rc;
}

void boot_close(struct boot *b)
{
	if (b->file)
		sys_munmap(b->file, b->file_size);
	b->file = NULL;
	sys_close(&b->initrd_fd);
}

static int load_kernel(struct boot *b, struct mem *m, struct err *e)
{
	const uint8_t *file = b->file;

	for (unsigned i = 0; i < b->image.n_loads; i++) {
		const struct linux_load *l = &b->image.load[i];
		uint8_t *to = mem_at(m, l->gpa, l->size + l->zero);

		if (!to ||
		    !mem_at(m, b->image.needed.base, b->image.needed.size)) {
			err_set(e, -ENOMEM,
				"kernel: %s needs guest memory up to %" PRIu64
				" MiB",
				b->kernel_path,
				(b->image.needed.base + b->image.needed.size) /
						MIB +
					1);
			err_hint(e, "give the guest more with --mem");
			return -ENOMEM;
		}
		memcpy(to, file + l->offset, l->size);
		memset(to + l->size, 0, l->zero);
	}
	return 0;
}

/* As high as the kernel allows in the first range of RAM, clear of where the
 * kernel unpacks itself. */
static int load_initrd(struct boot *b, struct mem *m, struct platform *p,
		       struct err *e)
{
	uint64_t floor = b->image.needed.base + b->image.needed.size;
	uint64_t top = m->ram[0].size, at;

	if (b->initrd_fd < 0)
		return 0;
	if (top > b->image.initrd_max)
		top = b->image.initrd_max;
	if (floor > top || b->initrd_size > top - floor ||
	    align_down(top - b->initrd_size, 4096) < floor) {
		err_set(e, -ENOMEM,
			"initrd: %s (%" PRIu64 " MiB) does not fit beside the "
			"kernel in %" PRIu64 " MiB of guest memory",
			b->initrd_path, (b->initrd_size + MIB - 1) / MIB,
			mem_ram_size(m) / MIB);
		err_hint(e, "give the guest more with --mem");
		return -ENOMEM;
	}
	at = align_down(top - b->initrd_size, 4096);
	p->initrd = (struct range){ at, b->initrd_size };
	return read_exactly(b->initrd_fd, b->initrd_path,
			    mem_at(m, at, b->initrd_size), b->initrd_size, e);
}

int boot_load(struct boot *b, struct mem *m, struct platform *p,
	      struct arch_boot *out, struct err *e)
{
	int rc;

	rc = load_kernel(b, m, e);
	if (rc < 0)
		return rc;
	rc = load_initrd(b, m, p, e);
	if (rc < 0)
		return rc;
	rc = acpi_build(p, mem_at(m, BOARD_ACPI, ACPI_AREA_SIZE),
			ACPI_AREA_SIZE, BOARD_ACPI, &p->rsdp, e);
	if (rc < 0)
		return err_in(e, rc, "acpi");
	reset_vector_write(p, mem_at(m, RESET_VECTOR_GPA, RESET_VECTOR_SIZE));
	rc = linux_info(&b->image, p, mem_at(m, BOARD_INFO, LINUX_INFO_SIZE),
			LINUX_INFO_SIZE, BOARD_INFO, e);
	if (rc < 0)
		return err_in(e, rc, "kernel");
	*out = (struct arch_boot){
		.entry = b->image.kind == LINUX_PVH ? ARCH_ENTRY_PVH
						    : ARCH_ENTRY_LINUX64,
		.pc = b->image.entry,
		.info = BOARD_INFO,
		.scratch = BOARD_SCRATCH,
	};
	return 0;
}
