/* pcie/msi.c - the MSI capability: registers into routes
 *
 * The registers are plain masked bytes of config space; after each write this
 * file compares what they ask for with what runs, and closes the gap. So it
 * does not matter in which widths or order a guest writes them.
 */
#include "pcie/msi.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "pcie/msix.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

static uint32_t flags(const struct msi *m)
{
	return pci_config_load(m->dev, m->offset + PCI_MSI_FLAGS, 2);
}

unsigned msi_cap_size(uint16_t flags)
{
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	bool maskable = flags & PCI_MSI_FLAGS_MASKBIT;

	if (maskable)
		return wide ? 24 : 20;
	return wide ? 14 : 10;
}

static unsigned data_register(const struct msi *m)
{
	return m->offset + (flags(m) & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64
							   : PCI_MSI_DATA_32);
}

void msi_init(struct msi *m, struct pci_device *d, struct irq *irq,
	      unsigned offset, const struct msi_ops *ops)
{
	*m = (struct msi){
		.dev = d,
		.irq = irq,
		.ops = ops,
		.offset = offset,
	};
	for (unsigned i = 0; i < MSI_MAX; i++)
		m->route[i] = MSI_ROUTE_EMPTY;
	pci_config_set_writable(d, offset + PCI_MSI_FLAGS, 2,
				PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	pci_config_set_writable(d, offset + PCI_MSI_ADDRESS_LO, 4, ~3u);
	if (flags(m) & PCI_MSI_FLAGS_64BIT)
		pci_config_set_writable(d, offset + PCI_MSI_ADDRESS_HI, 4,
					UINT32_MAX);
	pci_config_set_writable(d, data_register(m), 2, 0xffff);
	d->msi = m;
}

bool msi_enabled(const struct msi *m)
{
	return flags(m) & PCI_MSI_FLAGS_ENABLE;
}

/* Vectors the registers ask for. A guest may not enable more than the function
 * offers; values 6 and 7 are reserved (PCIe 6.2 7.7.1.2). */
static unsigned wanted(const struct msi *m)
{
	uint32_t f = flags(m);
	unsigned offered = (f & PCI_MSI_FLAGS_QMASK) >> 1;
	unsigned chosen = (f & PCI_MSI_FLAGS_QSIZE) >> 4;

	if (!(f & PCI_MSI_FLAGS_ENABLE))
		return 0;
	if (chosen > offered)
		chosen = offered;
	return 1u << (chosen > 5 ? 5 : chosen);
}

/* The function replaces the low bits of the data by the vector's number. */
static struct msi_msg message(const struct msi *m, unsigned i)
{
	const struct pci_device *d = m->dev;
	uint32_t data = pci_config_load(d, data_register(m), 2);
	struct msi_msg msg = {
		.address =
			pci_config_load(d, m->offset + PCI_MSI_ADDRESS_LO, 4),
		.data = (data & ~(m->asked - 1)) | i,
	};

	if (flags(m) & PCI_MSI_FLAGS_64BIT)
		msg.address |= (uint64_t)pci_config_load(
				       d, m->offset + PCI_MSI_ADDRESS_HI, 4)
			       << 32;
	return msg;
}

static void warn(struct msi *m, const char *what, const struct err *e)
{
	log_limited(&m->limit, LOG_WARN, "%s: %s: %s", m->dev->name, what,
		    e->text);
}

static void close_routes(struct msi *m)
{
	struct err e = ERR_NONE;

	for (unsigned i = 0; i < MSI_MAX; i++)
		msi_route_close(&m->route[i]);
	if (irq_commit(m->irq, &e) < 0)
		warn(m, "MSI routes stay in KVM's table", &e);
}

/* Linux takes a vector out of use so, with MSI still on: address first, then
 * data (msi_domain_deactivate, kernel/irq/msi.c). */
static bool is_blank(const struct msi_msg *msg)
{
	return msg->address == 0;
}

/* Bring the first @n routes to what the registers say. A vector whose message
 * is refused is masked: its events stay pending. */
static int set_routes(struct msi *m, unsigned n, struct err *e)
{
	bool refused[MSI_MAX] = { false };
	int rc;

	for (unsigned i = 0; i < n; i++) {
		struct msi_msg msg = message(m, i);

		rc = msi_route_set(&m->route[i], &msg, e);
		if (rc == -EINVAL) {
			trace_message_refused(m->dev, i, &msg);
			if (!is_blank(&msg))
				warn(m, "MSI message refused", e);
			refused[i] = true;
		} else if (rc < 0) {
			return rc;
		}
	}
	if (m->ops->changes && irq_is_dirty(m->irq))
		m->ops->changes(m);
	rc = irq_commit(m->irq, e);
	for (unsigned i = 0; rc >= 0 && i < n; i++) {
		if (refused[i]) {
			msi_route_mask(&m->route[i]);
			continue;
		}
		rc = msi_route_unmask(&m->route[i], e);
		if (rc >= 0)
			trace_vector_open(m->dev, i, &m->route[i]);
	}
	return rc < 0 ? rc : 0;
}

/* 0, or how many vectors there are when fewer than @n, or negative errno. */
static int try_start(struct msi *m, unsigned n, struct err *e)
{
	int fds[MSI_MAX];
	int rc;

	for (unsigned i = 0; i < n; i++) {
		if (m->route[i].fd < 0) {
			rc = msi_route_open(&m->route[i], m->irq, e);
			if (rc < 0)
				return rc;
		}
		fds[i] = m->route[i].fd;
	}
	rc = set_routes(m, n, e);
	if (rc < 0)
		return rc;
	return m->ops->start(m, n, fds, e);
}

/* The largest power of two that is at most @have and below @n. */
static unsigned fewer(unsigned n, unsigned have)
{
	do {
		n >>= 1;
	} while (n > have);
	return n;
}

static void start(struct msi *m)
{
	unsigned n = m->asked;
	struct err e = ERR_NONE;
	int rc;

	/* The two exclude each other (PCIe 6.2 7.7.1.2); a guest that enables
	 * both gets what it enabled last. VFIO-MSIX-11. */
	if (m->dev->msix && m->dev->msix->on) {
		log_limited(&m->limit, LOG_WARN,
			    "%s: the guest enables MSI while MSI-X is on",
			    m->dev->name);
		msix_suspend(m->dev->msix);
	}
	for (;;) {
		rc = try_start(m, n, &e);
		if (rc <= 0)
			break;
		n = fewer(n, (unsigned)rc);
	}
	if (rc < 0) {
		warn(m, "MSI stays off", &e);
		close_routes(m);
		return;
	}
	for (unsigned i = n; i < MSI_MAX; i++)
		msi_route_close(&m->route[i]);
	m->n = n;
	trace_msi_on(m->dev, n, m->asked);
}

/* The source first, then its routes, in one commit. */
static void stop(struct msi *m)
{
	if (m->n == 0)
		return;
	m->ops->stop(m);
	m->n = 0;
	close_routes(m);
	trace_msi_off(m->dev);
}

void msi_changed(struct msi *m, unsigned off, unsigned len)
{
	unsigned end = data_register(m) + 2;
	unsigned want = wanted(m);
	struct err e = ERR_NONE;

	if (!pci_touches(off, len, m->offset + PCI_MSI_FLAGS,
			 end - m->offset - PCI_MSI_FLAGS))
		return;
	if (want != m->asked) {
		stop(m);
		m->asked = want;
		if (want != 0)
			start(m);
	} else if (m->n != 0 && set_routes(m, m->n, &e) < 0) {
		warn(m, "MSI message not changed", &e);
	}
}

void msi_suspend(struct msi *m)
{
	stop(m);
}

void msi_reset(struct msi *m)
{
	uint32_t keep = flags(m) &
			~(uint32_t)(PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);

	stop(m);
	m->asked = 0;
	pci_config_set(m->dev, m->offset + PCI_MSI_FLAGS, 2, keep);
	pci_config_set(m->dev, m->offset + PCI_MSI_ADDRESS_LO, 4, 0);
	if (keep & PCI_MSI_FLAGS_64BIT)
		pci_config_set(m->dev, m->offset + PCI_MSI_ADDRESS_HI, 4, 0);
	pci_config_set(m->dev, data_register(m), 2, 0);
}

void msi_fini(struct msi *m)
{
	if (!m->dev)
		return;
	stop(m);
	m->dev->msi = NULL;
	m->dev = NULL;
}
