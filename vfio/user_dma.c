/* vfio/user_dma.c - a vfio-user server reads and writes guest RAM by messages
 *
 * Not modelled: the guest's bus master bit, which real hardware heeds itself;
 * a server that ignores it in its own command register is not stopped here.
 */
#include "vfio/user_dma.h"

#include <string.h>

#include "vfio/trace.h"
#include "vmm/base/range.h"

/* The part of [at, at + n) that begins in RAM: its address, its length in *n;
 * NULL if it does not begin in RAM. */
static uint8_t *ram_at(const struct vfio_maps *maps, uint64_t at, uint64_t *n)
{
	for (unsigned i = 0; i < maps->n; i++) {
		const struct vfio_map *m = &maps->map[i];
		uint64_t off = at - m->at;

		if (!range_has(m->at, m->size, at))
			continue;
		if (*n > m->size - off)
			*n = m->size - off;
		return (uint8_t *)m->hva + off;
	}
	return NULL;
}

/* All or nothing: is every byte RAM? */
static bool is_ram(const struct vfio_maps *maps, uint64_t at, uint64_t count)
{
	while (count != 0) {
		uint64_t n = count;

		if (!ram_at(maps, at, &n))
			return false;
		at += n;
		count -= n;
	}
	return true;
}

/* The guest may write to the same bytes meanwhile, as with any DMA. */
static void read_ram(const struct vfio_maps *maps, uint64_t at, uint8_t *to,
		     uint64_t count)
{
	while (count != 0) {
		uint64_t n = count;

		memcpy(to, ram_at(maps, at, &n), n);
		at += n;
		to += n;
		count -= n;
	}
}

static void write_ram(const struct vfio_maps *maps, uint64_t at,
		      const uint8_t *from, uint64_t count)
{
	while (count != 0) {
		uint64_t n = count;

		memcpy(ram_at(maps, at, &n), from, n);
		at += n;
		from += n;
		count -= n;
	}
}

static void answer(struct user_socket *s, int rc, size_t size)
{
	struct user_head h = user_socket_head(s);

	if (h.flags & USER_NO_REPLY)
		return;
	h.flags = USER_TYPE_REPLY | (rc < 0 ? USER_ERROR : 0);
	h.error = (uint32_t)-rc;
	user_socket_post(s, &h, rc < 0 ? 0 : size, NULL, 0);
}

static void transfer(struct user_socket *s, const struct vfio_maps *maps,
		     bool write)
{
	struct user_dma_access a;
	uint8_t *room = user_socket_room(s);
	size_t size;
	const uint8_t *payload = user_socket_payload(s, &size);
	uint64_t at, count;
	int rc = 0;

	memcpy(&a, payload, sizeof(a));
	at = le64_get(a.address);
	count = le64_get(a.count);
	if (count > USER_MAX_DATA ||
	    size != sizeof(a) + (write ? (size_t)count : 0))
		rc = -EINVAL;
	else if (!is_ram(maps, at, count))
		rc = -EFAULT;
	else if (write)
		write_ram(maps, at, payload + sizeof(a), count);
	else
		read_ram(maps, at, room + sizeof(a), count);
	trace_user_dma(write ? "write" : "read", at, count, rc);
	memcpy(room, &a, sizeof(a));
	answer(s, rc, sizeof(a) + (write ? 0 : (size_t)count));
}

int user_dma_serve(struct user_socket *s, const struct vfio_maps *maps,
		   struct err *e)
{
	struct user_head h = user_socket_head(s);
	bool write = h.command == USER_DMA_WRITE;
	size_t size;

	(void)user_socket_payload(s, &size);
	if (!write && h.command != USER_DMA_READ) {
		answer(s, -ENOTSUP, 0);
		return 0;
	}
	if (size < sizeof(struct user_dma_access))
		return err_set(e, -EPROTO, "the server breaks the protocol: %s",
			       "a DMA request without an address");
	transfer(s, maps, write);
	return 0;
}
