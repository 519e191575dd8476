/* vfio/shortcut.h - a write that the guest repeats goes without us
 *
 * See shortcut.c. A function has few of them: each is an eventfd, a place on
 * KVM's list of devices, and one of the thousand that the kernel allows it.
 */
#ifndef VFIO_SHORTCUT_H
#define VFIO_SHORTCUT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/kick.h"

struct vfio_device;

enum { VFIO_SHORTCUTS = 16, VFIO_REPEATS = 8 };

struct vfio_write {
	unsigned bar;
	uint64_t off;
	unsigned len;
	uint64_t v;
};

struct vfio_shortcuts {
	bool refused; /* once, so for good */
	unsigned n;
	struct vfio_shortcut {
		struct vfio_write write;
		struct kick kick;
		bool tied; /* VFIO listens */
	} made[VFIO_SHORTCUTS];
	/* Writes that may become one, the latest first. */
	struct vfio_repeat {
		struct vfio_write write;
		unsigned times; /* 0: nothing here */
	} seen[VFIO_REPEATS];
};

/* A write reached the function; does it from now on without us? Lock held. */
void vfio_shortcut_note(struct vfio_device *d, unsigned bar, uint64_t off,
			unsigned len, uint64_t v);
/* BAR @bar leaves its place: all of its shortcuts end. Lock held. */
void vfio_shortcuts_end(struct vfio_device *d, unsigned bar);

#endif
