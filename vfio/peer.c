/* vfio/peer.c - the DMA of one function reaches the BARs of another
 *
 * How it works. The guest tells function A the address at which it sees a BAR
 * of function B. A emits that address, which the IOMMU has to know:
 *
 *     guest's CPUs   at ----- KVM's memory slot -----> pages of B's BAR
 *     A's DMA        at ----- the IOMMU's tables ----> the same pages
 *
 * So what bars.c shows to the guest's CPUs is mapped for DMA at the same
 * address, and goes where the BAR goes: mapped once the function decodes,
 * unmapped before decode goes off, the BAR moves, the function is reset or
 * closed (VFIO-DMA-14). What fails costs a warning and this one feature.
 *
 * It is off unless p2p=on was asked for the function whose BARs they are. A BAR
 * may be huge, and kernels before 6.15 go through it page by page each time the
 * guest moves it or switches decode on, while the vCPU that did so waits, and
 * every other that wants this function: about a second for 32 GiB where they
 * know huge pages of devices (6.12 and later), much longer where they do not.
 *
 * How pages get into an IOMMU's tables is the backend's matter: containers take
 * the address of our map, iommufd a file that the function's driver makes
 * (dmabuf.h), a vfio-user server the file that we have mapped.
 *
 * Not modelled: functions of different backends do not reach each other, which
 * is said at the start. A server would need a file with the pages of the
 * kernel's function, and there is none that gives it only these: the function's
 * own descriptor gives all of it, and its dma-bufs cannot be mapped. The other
 * direction alone, a container that pins the pages of a server's file, would
 * be half of what peers expect. Pages that trap (the MSI-X table's) are not
 * reached.
 */
#include <inttypes.h>

#include "vfio/internal.h"
#include "vmm/base/sys.h"

#define MIB (UINT64_C(1) << 20)

enum { NS_PER_MS = 1000000, SLOW_NS = 100 * NS_PER_MS };

static uint64_t mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

/* DMA reads and writes, so what is only to be read is not mapped. */
static bool is_candidate(const struct vfio_bar *b, const struct vfio_view *v)
{
	return v->hva && b->region.flags & VFIO_REGION_INFO_FLAG_WRITE;
}

static bool is_possible(struct vfio_device *d)
{
	const struct vfio_iommu_ops *ops = d->iommu->ops;
	struct err e = ERR_NONE;

	if (!ops->peer_check || ops->peer_check(d->iommu, d->dev, &e) >= 0)
		return true;
	log_warn("vfio: %s: p2p=on has no effect: %s%s%s", vfio_name(d), e.text,
		 e.hint[0] ? "; " : "", e.hint);
	return false;
}

void vfio_peer_check(struct vfio_device *d)
{
	uint64_t sum = 0;

	if (!d->opt.p2p)
		return;
	d->opt.p2p = is_possible(d);
	if (!d->opt.p2p)
		return;
	for (unsigned i = 0; i < PCI_BARS; i++)
		for (unsigned k = 0; k < d->bar[i].n_views; k++)
			if (is_candidate(&d->bar[i], &d->bar[i].view[k]))
				sum += d->bar[i].view[k].area.size;
	log_info("vfio: %s: p2p: the other functions will reach %" PRIu64
		 " MiB of its BARs",
		 vfio_name(d), mib(sum));
}

static struct vfio_peer peer_of(struct vfio_device *d, unsigned bar,
				const struct vfio_view *v)
{
	struct vfio_peer p = {
		.at = d->bar[bar].at + v->area.base,
		.size = v->area.size,
		.hva = v->hva,
		.fd = -1,
		.dev = d->dev,
		.index = bar,
		.off = v->area.base,
	};

	if (d->dev->ops->view_file)
		p.fd = d->dev->ops->view_file(d->dev, bar, v->area.base,
					      &p.fd_off);
	return p;
}

static void say_if_slow(const struct vfio_device *d, unsigned bar,
			uint64_t size, uint64_t ns)
{
	if (ns >= SLOW_NS)
		log_info("vfio: %s: BAR %u: it took %" PRIu64 " ms to let the "
			 "other functions reach %" PRIu64 " MiB",
			 vfio_name(d), bar, ns / NS_PER_MS, mib(size));
}

void vfio_peer_map(struct vfio_device *d, unsigned bar, struct vfio_view *v)
{
	struct vfio_bar *b = &d->bar[bar];
	struct vfio_peer p;
	struct err e = ERR_NONE;
	uint64_t began, took;

	if (!d->opt.p2p || v->peer.size != 0 || v->peer_refused ||
	    !is_candidate(b, v))
		return;
	p = peer_of(d, bar, v);
	began = sys_now_ns();
	if (d->iommu->ops->peer_map(d->iommu, &p, &e) >= 0) {
		v->peer = p;
		took = sys_now_ns() - began;
		maplog_bar(&d->iommu->log, p.at, p.size, took);
		say_if_slow(d, bar, p.size, took);
		return;
	}
	v->peer_refused = true;
	if (!b->peer_warned)
		log_warn("vfio: %s: BAR %u: the other functions cannot reach "
			 "it: %s",
			 vfio_name(d), bar, e.text);
	b->peer_warned = true;
}

void vfio_peer_unmap(struct vfio_device *d, struct vfio_view *v)
{
	struct err e = ERR_NONE;

	v->peer_refused = false;
	if (v->peer.size == 0)
		return;
	if (d->iommu->ops->peer_unmap(d->iommu, &v->peer, &e) < 0) {
		/* still there, so another try comes before another map */
		log_limited(&d->peer_limit, LOG_WARN, "vfio: %s: %s",
			    vfio_name(d), e.text);
		return;
	}
	v->peer = (struct vfio_peer){ 0 };
	maplog_unmapped(&d->iommu->log);
}
