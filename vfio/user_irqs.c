/* vfio/user_irqs.c - interrupts of a function behind vfio-user
 *
 * As with the kernel, an interrupt is an eventfd that the server signals and
 * KVM takes. A message carries few descriptors, so a block of vectors goes in
 * pieces; "no eventfd" is a message without descriptors.
 *
 * Servers differ in what they support: masking INTx, unmasking it by eventfd,
 * ERR and REQ. Whoever refuses these with EINVAL or ENOTSUP is believed not to
 * have them. Where the unmask eventfd is refused, the event loop watches it and
 * says "unmask" by message, at each end of an interrupt.
 */
#include "vfio/user_dev.h"

static bool unsupported(int rc)
{
	return rc == -EINVAL || rc == -ENOTSUP || rc == -ENOSYS ||
	       rc == -ENOTTY;
}

/* -------- messages -------- */

int user_irq_info(struct vfio_dev *d, unsigned index,
		  struct vfio_irq_facts *out, struct err *e)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	const struct user_request r = {
		.command = USER_DEVICE_GET_IRQ_INFO,
		.head = &info,
		.head_size = sizeof(info),
		.reply = &info,
		.reply_room = sizeof(info),
		.reply_least = sizeof(info),
	};
	int rc = user_link_call(&user_of(d)->link, &r, e);

	if (rc < 0)
		return e ? err_in(e, rc, "cannot ask for interrupt index %u",
				  index)
			 : rc;
	out->count = info.count;
	out->flags = info.flags;
	return 0;
}

static struct user_request request(const struct vfio_irq_set *s, const int *fds,
				   unsigned n_fds)
{
	return (struct user_request){
		.command = USER_DEVICE_SET_IRQS,
		.head = s,
		.head_size = sizeof(*s),
		.fds = fds,
		.n_fds = n_fds,
	};
}

static int send_set(struct user_dev *u, struct vfio_irq_set *s, const int *fds,
		    unsigned n_fds, struct err *e)
{
	struct user_request r = request(s, fds, n_fds);
	int rc;

	s->argsz = sizeof(*s);
	rc = user_link_call(&u->link, &r, e);
	if (rc >= 0)
		return 0;
	return e ? err_in(e, rc, "cannot set interrupts %u to %u of index %u",
			  s->start, s->start + s->count, s->index)
		 : rc;
}

/* -------- a block of vectors -------- */

static int send_piece(struct user_dev *u, unsigned index, unsigned start,
		      unsigned n, const int *fds, struct err *e)
{
	struct vfio_irq_set s = {
		.flags =
			VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD,
		.index = index,
		.start = start,
		.count = n,
	};

	return send_set(u, &s, fds, fds[0] < 0 ? 0 : n, e);
}

/* How many of the last of @n fds go into one message: as many as fit, all with
 * an eventfd or all without. */
static unsigned piece_of(const struct user_dev *u, const int *fds, unsigned n)
{
	bool none = fds[n - 1] < 0;
	unsigned i = 1;

	while (i < n && (fds[n - 1 - i] < 0) == none &&
	       (none || i < u->link.limits.max_fds))
		i++;
	return i;
}

/* From the end: a server whose index cannot grow (VFIO_IRQ_INFO_NORESIZE)
 * learns from the first message how many vectors there will be. */
static int send_block(struct user_dev *u, unsigned index, unsigned start,
		      unsigned n, const int *fds, struct err *e)
{
	const int none = -1;

	for (unsigned left = n; left != 0;) {
		unsigned piece = piece_of(u, fds, left);
		int rc;

		left -= piece;
		rc = send_piece(u, index, start + left, piece, fds + left, e);
		if (rc >= 0)
			continue;
		/* the block is undone as a whole, as the kernel does */
		if (left + piece != n)
			(void)send_piece(u, index, start + left + piece,
					 n - left - piece, &none, NULL);
		return rc;
	}
	return 0;
}

static int index_off(struct user_dev *u, unsigned index, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE,
		.index = index,
	};

	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		user_irqs_close(u);
	return send_set(u, &s, NULL, 0, e);
}

int user_irqs(struct vfio_dev *d, unsigned index, unsigned start, unsigned n,
	      const int *fds, struct err *e)
{
	struct user_dev *u = user_of(d);
	int rc = fds ? send_block(u, index, start, n, fds, e)
		     : index_off(u, index, e);

	if (unsupported(rc) && (index == VFIO_PCI_ERR_IRQ_INDEX ||
				index == VFIO_PCI_REQ_IRQ_INDEX)) {
		if (e)
			*e = ERR_NONE;
		return 0; /* never signalled, then */
	}
	return rc;
}

/* -------- INTx: masked while the guest serves it -------- */

static int tolerate(int rc, struct err *e)
{
	if (!unsupported(rc))
		return rc;
	if (e)
		*e = ERR_NONE;
	return 0;
}

/* One message about the line, @fd -1 or an eventfd. */
static int send_intx(struct user_dev *u, uint32_t action, int fd, struct err *e)
{
	struct vfio_irq_set s = {
		.flags = action | (fd < 0 ? VFIO_IRQ_SET_DATA_NONE
					  : VFIO_IRQ_SET_DATA_EVENTFD),
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return send_set(u, &s, &fd, fd < 0 ? 0 : 1, e);
}

int user_intx_mask(struct vfio_dev *d, struct err *e)
{
	return tolerate(send_intx(user_of(d), VFIO_IRQ_SET_ACTION_MASK, -1, e),
			e);
}

/* The guest has ended an interrupt: the loop's handler. Another thread that is
 * in the middle of a call does not hold up the loop. */
static void ended(struct loop_fd *f, uint32_t events)
{
	struct user_dev *u = container_of(f, struct user_dev, eoi);
	const struct vfio_irq_set s = {
		.argsz = sizeof(s),
		.flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};
	const struct user_request r = request(&s, NULL, 0);
	struct err e = ERR_NONE;
	int rc = user_link_pass_on(&u->link, &r, f, &e);

	if (rc < 0 && !unsupported(rc))
		log_limited(&u->limit, LOG_WARN,
			    "vfio: %s: INTx may be stuck: %s", u->dev.name,
			    e.text);
}

int user_intx_unmask(struct vfio_dev *d, int fd, struct err *e)
{
	struct user_dev *u = user_of(d);
	int rc = send_intx(u, VFIO_IRQ_SET_ACTION_UNMASK, fd, e);

	if (!unsupported(rc) || fd < 0)
		return tolerate(rc, e);
	if (e)
		*e = ERR_NONE;
	return user_link_watch(&u->link, &u->eoi, ended, fd, e);
}

void user_irqs_close(struct user_dev *u)
{
	user_link_unwatch(&u->link, &u->eoi);
}
