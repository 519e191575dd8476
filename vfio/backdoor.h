/* vfio/backdoor.h - registers in a BAR that lead to what we emulate
 *
 * Some functions show their config space, or their MSI-X table, a second time
 * among the registers of a BAR. A driver that uses that way would meet the
 * host's addresses and the host's messages. Such a range traps, with the whole
 * pages that it touches, and its accesses end at our models.
 *
 * A few cards have one; which, and where, is a table in backdoor.c.
 */
#ifndef VFIO_BACKDOOR_H
#define VFIO_BACKDOOR_H

#include <stdbool.h>
#include <stdint.h>

struct vfio_device;

/* Not more of them in one BAR. */
enum { VFIO_MAX_BACKDOORS = 3 };

struct vfio_backdoor {
	const char *what; /* for the log */
	unsigned bar;
	uint64_t at, size; /* in the BAR, multiples of 8 */
	/* Is @d such a function? */
	bool (*applies)(const struct vfio_device *d);
	/* An access inside of the range, @off from its start, naturally
	 * aligned, @len 1 to 8; on a vCPU thread with the function's lock.
	 * False: the device's own register is meant after all. */
	bool (*read)(struct vfio_device *d, const struct vfio_backdoor *b,
		     unsigned off, unsigned len, uint64_t *out);
	bool (*write)(struct vfio_device *d, const struct vfio_backdoor *b,
		      unsigned off, unsigned len, uint64_t v);
	/* Does write() answer false whatever comes before, and miss nothing
	 * that it does not hear of? NULL: never. */
	bool (*unwatched)(const struct vfio_device *d, unsigned off,
			  unsigned len);
};

/* One after the other, those of BAR @bar: NULL to begin, NULL at the end. */
const struct vfio_backdoor *
vfio_backdoor_next(const struct vfio_device *d, unsigned bar,
		   const struct vfio_backdoor *last);

/* Does an access to a BAR end at one? Lock held. */
bool vfio_backdoor_read(struct vfio_device *d, unsigned bar, uint64_t off,
			unsigned len, uint64_t *out);
bool vfio_backdoor_write(struct vfio_device *d, unsigned bar, uint64_t off,
			 unsigned len, uint64_t v);
/* May a write there go without us, see shortcut.c? Lock held. */
bool vfio_backdoor_unwatched(const struct vfio_device *d, unsigned bar,
			     uint64_t off, unsigned len);
/* It was reset. */
void vfio_backdoor_reset(struct vfio_device *d);

/* -------- backdoor_nvidia.c -------- */

bool vfio_nvidia_applies(const struct vfio_device *d);
bool vfio_nvidia_read(struct vfio_device *d, const struct vfio_backdoor *b,
		      unsigned off, unsigned len, uint64_t *out);
bool vfio_nvidia_write(struct vfio_device *d, const struct vfio_backdoor *b,
		       unsigned off, unsigned len, uint64_t v);
bool vfio_nvidia_unwatched(const struct vfio_device *d, unsigned off,
			   unsigned len);

/* -------- backdoor_rtl8168.c -------- */

struct vfio_rtl8168 {
	bool selected; /* the MSI-X table, by: */
	uint32_t address;
	uint32_t data; /* what a write to it would take */
};

bool vfio_rtl8168_applies(const struct vfio_device *d);
bool vfio_rtl8168_read(struct vfio_device *d, const struct vfio_backdoor *b,
		       unsigned off, unsigned len, uint64_t *out);
bool vfio_rtl8168_write(struct vfio_device *d, const struct vfio_backdoor *b,
			unsigned off, unsigned len, uint64_t v);

#endif
