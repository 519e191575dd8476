/* vfio/capability.h - how the header and single capabilities are shown
 *
 * Between policy.c, which decides, and capability.c, which paints.
 */
#ifndef VFIO_CAPABILITY_H
#define VFIO_CAPABILITY_H

#include "vfio/internal.h"

/* Give [off, off + len) to @klass; what is blocked reads 0. */
void vfio_paint(struct vfio_device *d, unsigned off, unsigned len,
		enum vfio_class klass);

void vfio_show_header(struct vfio_device *d);

/* Paint the body of a capability; c->size is what is known of its length, at
 * most up to its neighbour. VFIO_SHOWN; VFIO_HIDDEN: it turned out unusable;
 * negative errno: the function cannot be assigned. */
enum { VFIO_HIDDEN = 0, VFIO_SHOWN = 1 };
typedef int vfio_show(struct vfio_device *d, const struct pci_cap *c,
		      struct err *e);

vfio_show vfio_show_pass, vfio_show_guarded, vfio_show_read_only, vfio_show_pm,
	vfio_show_af, vfio_show_msi, vfio_show_msix, vfio_show_pcie;

#endif
