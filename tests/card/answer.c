/* tests/card/answer.c - what a client's command does, and the reply to it
 *
 * Facts: docs/interop/vfio-user.rst of QEMU; the structures that are the
 * kernel's are described in linux/vfio.h.
 */
#include "tests/card/answer.h"

#include <jansson.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

enum {
	INFO_SIZE = offsetof(struct vfio_device_info, cap_offset),
	REGION_SIZE = sizeof(struct vfio_region_info),
	IRQ_SIZE = sizeof(struct vfio_irq_info),
	SET_SIZE = sizeof(struct vfio_irq_set),
	LEAST_DATA = 256, /* a client that takes less is not served */
};

/* -------- version -------- */

/* The greatest message that the client takes. -EINVAL: no such text. */
static int read_limits(struct function *f, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	const json_t *caps = json_object_get(root, "capabilities");
	const json_t *most = json_object_get(caps, "max_data_xfer_size");
	json_int_t n = USER_DEFAULT_MAX_DATA;
	int rc = json_is_object(root) ? 0 : -EINVAL;

	if (most)
		n = json_integer_value(most);
	if (n < LEAST_DATA)
		rc = -EINVAL;
	f->max_data =
		n < USER_DEFAULT_MAX_DATA ? (uint32_t)n : USER_DEFAULT_MAX_DATA;
	json_decref(root);
	return rc;
}

static int greet(struct function *f, struct message *m, struct answer *a)
{
	const struct user_version ours = { le16_of(USER_VERSION_MAJOR),
					   le16_of(USER_VERSION_MINOR) };
	const char *text = (const char *)m->payload + sizeof(ours);
	size_t n = m->size - sizeof(ours);
	int rc = 0;

	if (f->greeted || le16_load(m->payload) != USER_VERSION_MAJOR)
		return -EINVAL;
	if (n && text[n - 1] != '\0')
		return -EINVAL;
	if (n > 1)
		rc = read_limits(f, text);
	if (rc < 0)
		return rc;
	memcpy(a->data, &ours, sizeof(ours));
	if (le16_load(m->payload + 2) < USER_VERSION_MINOR)
		memcpy(a->data + 2, m->payload + 2, 2);
	n = (size_t)snprintf((char *)a->data + sizeof(ours), LINK_DATA,
			     "{\"capabilities\":{\"max_msg_fds\":%d,"
			     "\"max_data_xfer_size\":%d,\"max_dma_maps\":%d,"
			     "\"pgsizes\":%d}}",
			     LINK_FDS, LINK_DATA, MAPS_MOST, CARD_PAGE);
	a->size = (uint32_t)(sizeof(ours) + n + 1);
	f->greeted = true;
	return 0;
}

/* -------- DMA maps -------- */

static int map(struct function *f, struct message *m, struct answer *a)
{
	struct user_dma_map q;
	int rc;

	memcpy(&q, m->payload, sizeof(q));
	if (m->n_fds > 1)
		return -EINVAL;
	rc = maps_add(&f->maps,
		      &(struct map){ .iova = le64_get(q.address),
				     .size = le64_get(q.size),
				     .off = le64_get(q.offset),
				     .ways = le32_get(q.flags) },
		      m->n_fds ? m->fd[0] : -1);
	if (rc == 0)
		f->counts.maps++;
	return rc;
}

static int unmap(struct function *f, struct message *m, struct answer *a)
{
	struct user_dma_unmap q;
	uint64_t at, size;
	int rc;

	memcpy(&q, m->payload, sizeof(q));
	at = le64_get(q.address);
	size = le64_get(q.size);
	if (le32_get(q.flags) & ~USER_DMA_UNMAP_ALL)
		return -EINVAL;
	if (!(le32_get(q.flags) & USER_DMA_UNMAP_ALL))
		rc = maps_remove(&f->maps, at, size);
	else
		rc = at || size ? -EINVAL : maps_remove_all(&f->maps);
	if (rc < 0)
		return rc;
	f->counts.unmaps += (unsigned)rc;
	memcpy(a->data, &q, sizeof(q));
	a->size = sizeof(q);
	return 0;
}

/* -------- descriptions -------- */

static int device_info(struct function *f, struct message *m, struct answer *a)
{
	const struct vfio_device_info info = {
		.argsz = INFO_SIZE,
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	memcpy(a->data, &info, INFO_SIZE);
	a->size = INFO_SIZE;
	return 0;
}

/* The capability that says which areas may be mapped; its size. */
static uint32_t put_areas(const struct bar_text *t, uint8_t *to)
{
	const struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
			    .version = 1 },
		.nr_areas = t->n_areas,
	};
	uint32_t n = sizeof(cap);

	memcpy(to, &cap, sizeof(cap));
	for (unsigned i = 0; i < t->n_areas; i++) {
		const struct vfio_region_sparse_mmap_area area = {
			t->area[i].base, t->area[i].size
		};

		memcpy(to + n, &area, sizeof(area));
		n += (uint32_t)sizeof(area);
	}
	return n;
}

/* A BAR of which parts may be mapped. The descriptor goes with the reply that
 * has room for all of the description; the client asks again for that. */
static void mappable(struct function *f, struct vfio_region_info *info,
		     uint32_t room, struct answer *a)
{
	const struct bar_text *t = &f->text->bar[info->index];
	bool whole = t->n_areas == 1 && t->area[0].size == t->size;

	info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (!whole) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		info->argsz += put_areas(t, a->data + REGION_SIZE);
		/* QEMU believes no offset of 0, not even in a short reply */
		info->cap_offset = REGION_SIZE;
	}
	if (room < info->argsz)
		return;
	a->size = info->argsz;
	a->fd = f->bars.bar[info->index].fd;
}

static int region_info(struct function *f, struct message *m, struct answer *a)
{
	struct vfio_region_info info;
	uint32_t room;

	memcpy(&info, m->payload, sizeof(info));
	room = info.argsz;
	if (info.index >= VFIO_PCI_NUM_REGIONS || room < REGION_SIZE)
		return -EINVAL;
	info = (struct vfio_region_info){
		.argsz = REGION_SIZE,
		.index = info.index,
		.size = function_region(f, info.index),
	};
	if (info.size)
		info.flags = VFIO_REGION_INFO_FLAG_READ |
			     VFIO_REGION_INFO_FLAG_WRITE;
	a->size = REGION_SIZE;
	if (info.index < CARD_BARS && f->text->bar[info.index].n_areas)
		mappable(f, &info, room, a);
	memcpy(a->data, &info, sizeof(info));
	return 0;
}

static int irq_info(struct function *f, struct message *m, struct answer *a)
{
	struct vfio_irq_info info;

	memcpy(&info, m->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = f->irqs.index[info.index].count;
	info.flags = info.count ? irqs_flags(info.index) : 0;
	memcpy(a->data, &info, sizeof(info));
	a->size = sizeof(info);
	return 0;
}

/* -------- interrupts, regions, reset -------- */

static int set_irqs(struct function *f, struct message *m, struct answer *a)
{
	struct vfio_irq_set set;

	memcpy(&set, m->payload, sizeof(set));
	if (set.argsz < sizeof(set))
		return -EINVAL;
	return irqs_set(&f->irqs,
			&(struct irq_order){ .flags = set.flags,
					     .index = set.index,
					     .start = set.start,
					     .count = set.count,
					     .bools = m->payload + SET_SIZE,
					     .n_bools = m->size - SET_SIZE,
					     .fds = m->fd,
					     .n_fds = m->n_fds });
}

static int region_read(struct function *f, struct message *m, struct answer *a)
{
	struct user_region_access q;
	uint32_t n;
	int rc;

	memcpy(&q, m->payload, sizeof(q));
	n = le32_get(q.count);
	if (n > LINK_DATA)
		return -EINVAL;
	rc = function_read(f, le32_get(q.region), le64_get(q.offset),
			   a->data + sizeof(q), n);
	if (rc < 0)
		return rc;
	memcpy(a->data, &q, sizeof(q));
	a->size = (uint32_t)sizeof(q) + n;
	return 0;
}

static int region_write(struct function *f, struct message *m, struct answer *a)
{
	struct user_region_access q;
	uint32_t n;
	int rc;

	memcpy(&q, m->payload, sizeof(q));
	n = le32_get(q.count);
	if (n != m->size - sizeof(q))
		return -EINVAL;
	rc = function_write(f, le32_get(q.region), le64_get(q.offset),
			    m->payload + sizeof(q), n);
	if (rc < 0)
		return rc;
	memcpy(a->data, &q, sizeof(q));
	a->size = sizeof(q);
	return 0;
}

static int reset(struct function *f, struct message *m, struct answer *a)
{
	function_reset(f);
	/* the reply is late instead of the function */
	f->away_until = 0;
	a->delay_ms = f->faults.reset_ms;
	return 0;
}

/* -------- all of them -------- */

static const struct command {
	size_t least; /* bytes of payload */
	int (*run)(struct function *f, struct message *m, struct answer *a);
} commands[] = {
	[USER_VERSION] = { sizeof(struct user_version), greet },
	[USER_DMA_MAP] = { sizeof(struct user_dma_map), map },
	[USER_DMA_UNMAP] = { sizeof(struct user_dma_unmap), unmap },
	[USER_DEVICE_GET_INFO] = { INFO_SIZE, device_info },
	[USER_DEVICE_GET_REGION_INFO] = { REGION_SIZE, region_info },
	[USER_DEVICE_GET_IRQ_INFO] = { IRQ_SIZE, irq_info },
	[USER_DEVICE_SET_IRQS] = { SET_SIZE, set_irqs },
	[USER_REGION_READ] = { sizeof(struct user_region_access), region_read },
	[USER_REGION_WRITE] = { sizeof(struct user_region_access),
				region_write },
	[USER_DEVICE_RESET] = { 0, reset },
};

static int run(struct function *f, struct message *m, struct answer *a)
{
	const struct command *c = NULL;

	if (m->command < ARRAY_LEN(commands))
		c = &commands[m->command];
	if (!c || !c->run)
		return -ENOTSUP;
	if (m->size < c->least || (!f->greeted && m->command != USER_VERSION))
		return -EINVAL;
	return c->run(f, m, a);
}

void answer_command(struct function *f, struct message *m, struct answer *a)
{
	a->size = 0;
	a->fd = -1;
	a->delay_ms = 0;
	a->rc = run(f, m, a);
	if (a->rc < 0) {
		a->size = 0;
		a->fd = -1;
	}
}
