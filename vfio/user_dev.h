/* vfio/user_dev.h - one function behind a vfio-user server: for user*.c only */
#ifndef VFIO_USER_DEV_H
#define VFIO_USER_DEV_H

#include <linux/vfio.h>

#include "vfio/place.h"
#include "vfio/user_link.h"
#include "vfio/vfio.h"
#include "vmm/base/trace.h"

struct user_iommu;

struct user_dev {
	struct vfio_dev dev;
	struct user_link link;
	struct vfio_source source[VFIO_PCI_NUM_REGIONS]; /* fd -1: none */
	struct user_dev **slot; /* the address space's; NULL: in none */

	/* Interrupts that have ended are told by message, where the server
	 * does not take the eventfd: watched while INTx is on. */
	struct loop_fd eoi;
	struct log_limit limit;
};

static inline struct user_dev *user_of(struct vfio_dev *d)
{
	return container_of(d, struct user_dev, dev);
}

/* Connect to @path, ask what is there. @maps and @loop are borrowed. */
int user_dev_open(const char *path, struct loop *loop,
		  const struct vfio_maps *maps, struct user_dev **out,
		  struct err *e);

/* -------- user_irqs.c -------- */

int user_irq_info(struct vfio_dev *d, unsigned index,
		  struct vfio_irq_facts *out, struct err *e);
int user_irqs(struct vfio_dev *d, unsigned index, unsigned start, unsigned n,
	      const int *fds, struct err *e);
int user_intx_mask(struct vfio_dev *d, struct err *e);
int user_intx_unmask(struct vfio_dev *d, int fd, struct err *e);
/* No loop handler of ours runs any more. */
void user_irqs_close(struct user_dev *u);

#endif
