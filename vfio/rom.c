/* vfio/rom.c - the expansion ROM
 *
 * A function's ROM holds code for firmware and, on graphics cards, tables that
 * the guest's driver reads. The guest sees a ROM BAR of the right size whose
 * bytes are a copy of ours, made when the guest first reads it:
 *
 *     ROM BAR decodes    accesses trap, nothing of the device is touched
 *     first read         the whole ROM is read through VFIO, once
 *     from then on       the copy is shown, read only, without exits
 *     reset              the copy is forgotten: the guest may have written
 *                        another ROM into the card's flash
 *
 * Not earlier, since the kernel has to switch the function's memory decode and
 * its ROM on for the question alone (vfio_pci_core.c, pci_map_rom): there are
 * cards that do not survive it, and others whose ROM is readable only after
 * their first reset. Its size is known without: VFIO's own ROM register.
 *
 * A copy, because many functions answer at their ROM or at their BARs, not at
 * both (PCI 3.0 6.2.5.2), and because a page of a copy cannot go away.
 *
 * Not modelled: the ID in the image, which some virtual machine monitors
 * change to that of the function. The guest reads what the host reads.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vfio/internal.h"
#include "vfio/trace.h"
#include "vmm/base/sys.h"

/* PCI 3.0 6.2.5.2: 11 bits of the register are no address, 8 are fixed. */
#define ROM_LEAST ((uint64_t)2048)
#define ROM_MOST (UINT64_C(16) << 20)

/* Of one read. An error costs no more than that. */
enum { ROM_PIECE = 65536 };

static uint64_t room_of(const struct vfio_rom *r)
{
	return align_up(r->size, sys_page_size());
}

/* -------- is there one, and how large? -------- */

/* The kernel's register, not the hardware's: sizing it disturbs nobody. */
static int size_of(struct vfio_device *d, uint64_t *out, struct err *e)
{
	uint32_t was = le32_load(d->seen + PCI_ROM_ADDRESS);
	uint32_t v = 0;
	int rc = vfio_config_put(d, PCI_ROM_ADDRESS, 4,
				 (uint32_t)PCI_ROM_ADDRESS_MASK);

	if (rc >= 0)
		rc = vfio_config_get(d, PCI_ROM_ADDRESS, 4, &v);
	if (rc >= 0)
		rc = vfio_config_put(d, PCI_ROM_ADDRESS, 4, was);
	if (rc < 0)
		return err_sys(e, rc, "cannot ask for the size of its ROM");
	v &= (uint32_t)PCI_ROM_ADDRESS_MASK;
	*out = v ? (uint64_t)(~v) + 1 : 0;
	return 0;
}

/* Nobody stands between us and a server's registers, so the server is asked.
 * It may say how long the ROM is, which is no size of a BAR. */
static int size_from_server(struct vfio_device *d, uint64_t *out, struct err *e)
{
	struct vfio_region r;
	int rc = d->dev->ops->region(d->dev, VFIO_PCI_ROM_REGION_INDEX, &r, e);

	if (rc < 0)
		return rc;
	*out = 0;
	if (r.size == 0 || r.size > ROM_MOST ||
	    !(r.flags & VFIO_REGION_INFO_FLAG_READ))
		return 0;
	*out = doubled_to(ROM_LEAST, r.size);
	return 0;
}

static int find_size(struct vfio_device *d, uint64_t *out, struct err *e)
{
	int rc = d->dev->raw ? size_from_server(d, out, e) : size_of(d, out, e);

	if (rc < 0 || *out == 0)
		return rc;
	if (is_power_of_two(*out) && *out >= ROM_LEAST && *out <= ROM_MOST)
		return 0;
	log_warn("vfio: %s: a ROM of %llu bytes cannot be; none is shown",
		 vfio_name(d), (unsigned long long)*out);
	*out = 0;
	return 0;
}

/* -------- the copy -------- */

static int image_open(struct vfio_rom *r, struct err *e)
{
	int rc = sys_mmap(room_of(r), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &r->image);

	return rc < 0 ? err_sys(e, rc, "no memory for a copy of the ROM") : 0;
}

/* What an empty one reads. Not before it is needed: few guests read ROMs. */
static void make_empty(struct vfio_rom *r)
{
	memset(r->image, 0xff, room_of(r));
	r->filled = true;
}

/* How many bytes at @off came; what did not stays as it was. */
static uint64_t read_some(struct vfio_device *d, uint64_t off, uint64_t n,
			  struct err *e)
{
	uint8_t *to = (uint8_t *)d->rom.image + off;

	if (n > ROM_PIECE)
		n = ROM_PIECE;
	if (d->dev->ops->read(d->dev, VFIO_PCI_ROM_REGION_INDEX, off, to,
			      (unsigned)n, e) >= 0)
		return n;
	memset(to, 0xff, n);
	return 0;
}

static void read_device(struct vfio_device *d)
{
	struct vfio_rom *r = &d->rom;
	struct vfio_region info;
	struct err e = ERR_NONE;
	uint64_t n = 0, done = 0, piece = 1;

	make_empty(r);
	if (d->dev->ops->region(d->dev, VFIO_PCI_ROM_REGION_INDEX, &info, &e) >=
	    0)
		n = info.size < r->size ? info.size : r->size;
	if (n == 0 && e.text[0] == '\0')
		(void)err_set(&e, -ENXIO, "the host finds no valid image");
	for (; done < n && piece != 0; done += piece)
		piece = read_some(d, done, n - done, &e);
	trace_vfio_rom(vfio_name(d), r->size, done);
	if (done == 0 || done < n)
		log_limited(&d->access_limit, LOG_WARN,
			    "vfio: %s: its ROM cannot be read, the guest sees "
			    "all ones after %llu bytes: %s",
			    vfio_name(d), (unsigned long long)done, e.text);
}

/* -------- shown, or trapped -------- */

/* A copy smaller than a page would show its neighbours' addresses too. */
static void show(struct vfio_device *d)
{
	struct vfio_rom *r = &d->rom;
	struct err e = ERR_NONE;

	if (!r->mapped || !r->filled || r->window.live || r->size != room_of(r))
		return;
	vfio_costly(d);
	/* one slot less is no loss: it traps as before */
	(void)mem_window_show(&d->vm->mem, &r->window, r->at, r->image, r->size,
			      true, &e);
}

void vfio_rom_map(struct vfio_device *d, gpa_t at)
{
	d->rom.mapped = true;
	d->rom.at = at;
	show(d);
}

void vfio_rom_unmap(struct vfio_device *d)
{
	d->rom.mapped = false;
	mem_window_hide(&d->vm->mem, &d->rom.window);
}

uint64_t vfio_rom_read(struct vfio_device *d, uint64_t off, unsigned len)
{
	struct vfio_rom *r = &d->rom;

	if (!r->image || !range_fits(0, r->size, off, len) ||
	    (!r->filled && !vfio_alive(d)))
		return all_ones(len);
	if (!r->filled) {
		/* once, also if it fails */
		read_device(d);
		show(d);
	}
	return le_load((uint8_t *)r->image + off, len);
}

void vfio_rom_forget(struct vfio_device *d)
{
	struct vfio_rom *r = &d->rom;

	if (!r->image || d->opt.rom == VFIO_ROM_FILE)
		return;
	vfio_rom_unmap(d);
	r->filled = false;
}

/* -------- from a file -------- */

static int file_size(const char *path, int fd, uint64_t *out, struct err *e)
{
	struct stat st;
	int rc = sys_fstat(fd, &st);

	if (rc < 0)
		return err_sys(e, rc, "cannot read %s", path);
	if (st.st_size <= 0 || (uint64_t)st.st_size > ROM_MOST)
		return err_set(e, -EINVAL,
			       "%s is no ROM: it has %lld bytes, not 1 to "
			       "16 MiB",
			       path, (long long)st.st_size);
	*out = (uint64_t)st.st_size;
	return 0;
}

static int file_read(struct vfio_rom *r, const char *path, int fd,
		     struct err *e)
{
	uint64_t n;
	ssize_t got;
	int rc = file_size(path, fd, &n, e);

	if (rc < 0)
		return rc;
	r->size = doubled_to(ROM_LEAST, n);
	rc = image_open(r, e);
	if (rc < 0)
		return rc;
	make_empty(r);
	for (uint64_t done = 0; done < n; done += (uint64_t)got) {
		got = sys_pread(fd, (uint8_t *)r->image + done, n - done, done);
		if (got <= 0)
			return err_sys(e, got < 0 ? (int)got : -ENODATA,
				       "cannot read %s", path);
	}
	return 0;
}

static int open_file(struct vfio_device *d, struct err *e)
{
	const char *path = d->opt.rom_file;
	/* a FIFO without a writer would be waited for */
	int fd = sys_open(path, O_RDONLY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return err_sys(e, fd, "cannot open %s", path);
	rc = file_read(&d->rom, path, fd, e);
	sys_close(&fd);
	return rc;
}

/* -------- life -------- */

static int open_device(struct vfio_device *d, struct err *e)
{
	int rc;

	if (vfio_quirk_rom(d))
		return 0;
	rc = find_size(d, &d->rom.size, e);
	if (rc < 0 || d->rom.size == 0)
		return rc;
	return image_open(&d->rom, e);
}

int vfio_rom_open(struct vfio_device *d, struct err *e)
{
	int rc = 0;

	if (d->opt.rom == VFIO_ROM_FILE)
		rc = open_file(d, e);
	else if (d->opt.rom == VFIO_ROM_ON)
		rc = open_device(d, e);
	if (rc < 0)
		return err_in(e, rc, "rom");
	if (d->rom.image)
		pci_bar_init(&d->pci, PCI_ROM_BAR, PCI_BAR_MEM32, false,
			     d->rom.size);
	return 0;
}

void vfio_rom_close(struct vfio_device *d)
{
	struct vfio_rom *r = &d->rom;

	if (!r->image)
		return;
	vfio_rom_unmap(d);
	sys_munmap(r->image, room_of(r));
	r->image = NULL;
}
