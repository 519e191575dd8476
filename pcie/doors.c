/* pcie/doors.c - ECAM and CF8/CFC, the two doors to config space
 *
 * Both find the function, do the access in naturally aligned pieces of at most
 * a dword, and let BARs that wait for room try again. Where no function is,
 * reads give all ones.
 */
#include "pcie/doors.h"

#include <assert.h>

#include "pcie/host.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

enum {
	CF8_DATA = 4,
	CF8_RESET = 1, /* CF9, in the gap of the 32-bit address register */
	RESET_CPU = 0x04,
	RESET_KIND = 0x0a,
};

#define CF8_ENABLE (1u << 31)

static uint64_t config_read(struct pci_host *h, uint8_t bus, uint8_t devfn,
			    unsigned reg, unsigned len)
{
	struct pci_device *d = pci_host_find(h, bus, devfn);

	return d ? pci_config_read(d, reg, len) : all_ones(len);
}

static void config_write(struct pci_host *h, uint8_t bus, uint8_t devfn,
			 unsigned reg, unsigned len, uint64_t v)
{
	struct pci_device *d = pci_host_find(h, bus, devfn);

	if (!d)
		return;
	pci_config_write(d, reg, len, (uint32_t)v);
	pci_host_settle(h);
}

/* -------- ECAM: bus << 20 | device << 15 | function << 12 | register --------
 */

static uint64_t ecam_read(struct region *r, uint64_t off, unsigned len)
{
	struct pci_host *h = container_of(r, struct pci_host, ecam);
	uint64_t v = 0;
	unsigned n;

	assert(len <= 8);
	for (unsigned done = 0; done < len; done += n) {
		uint64_t at = off + done;

		n = pci_piece(at, len - done, 4);
		v |= config_read(h, (uint8_t)(at >> 20), (uint8_t)(at >> 12),
				 at & 0xfff, n)
		     << (8 * done);
	}
	return v;
}

static void ecam_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct pci_host *h = container_of(r, struct pci_host, ecam);
	unsigned n;

	for (unsigned done = 0; done < len; done += n) {
		uint64_t at = off + done;

		n = pci_piece(at, len - done, 4);
		config_write(h, (uint8_t)(at >> 20), (uint8_t)(at >> 12),
			     at & 0xfff, n, v >> (8 * done));
	}
}

/* -------- CF8/CFC -------- */

/* An access to CFC to CFF while the latch has its enable bit. */
struct cf8_target {
	uint8_t bus, devfn;
	unsigned reg;
};

static bool cf8_target(struct pci_host *h, uint64_t off, struct cf8_target *out)
{
	uint32_t latch;

	pthread_mutex_lock(&h->cf8_lock);
	latch = h->cf8_latch;
	pthread_mutex_unlock(&h->cf8_lock);
	out->bus = (uint8_t)(latch >> 16);
	out->devfn = (uint8_t)(latch >> 8);
	out->reg = (latch & 0xfc) + (unsigned)(off - CF8_DATA);
	return latch & CF8_ENABLE;
}

static uint64_t cf8_read_register(struct pci_host *h, uint64_t off,
				  unsigned len)
{
	uint64_t v = all_ones(len);

	pthread_mutex_lock(&h->cf8_lock);
	if (off == 0 && len == 4)
		v = h->cf8_latch;
	else if (off == CF8_RESET && len == 1)
		v = h->reset_control;
	pthread_mutex_unlock(&h->cf8_lock);
	return v;
}

static uint64_t cf8_read(struct region *r, uint64_t off, unsigned len)
{
	struct pci_host *h = container_of(r, struct pci_host, cf8);
	struct cf8_target t;
	uint64_t v = 0;
	unsigned n;

	if (off < CF8_DATA)
		return cf8_read_register(h, off, len);
	assert(len <= 4);
	for (unsigned done = 0; done < len; done += n) {
		if (!cf8_target(h, off + done, &t))
			return all_ones(len);
		n = pci_piece(t.reg, len - done, 4);
		v |= config_read(h, t.bus, t.devfn, t.reg, n) << (8 * done);
	}
	return v;
}

/* The rising edge of bit 2 resets; bits 1 and 3 choose how deep, which for a
 * virtual machine is all the same. Linux writes 0x02, 0x06 or 0x0e
 * (native_machine_emergency_restart). */
static void reset_write(struct pci_host *h, uint8_t v)
{
	pthread_mutex_lock(&h->cf8_lock);
	h->reset_control = v & RESET_KIND;
	pthread_mutex_unlock(&h->cf8_lock);
	if ((v & RESET_CPU) && h->reset)
		h->reset(h);
}

static void cf8_write_register(struct pci_host *h, uint64_t off, unsigned len,
			       uint64_t v)
{
	if (off == 0 && len == 4) {
		pthread_mutex_lock(&h->cf8_lock);
		h->cf8_latch = (uint32_t)v;
		pthread_mutex_unlock(&h->cf8_lock);
	} else if (off == CF8_RESET && len == 1) {
		reset_write(h, (uint8_t)v);
	} else {
		trace_cf8_ignored(PCI_CF8_PORT + off, len, v);
	}
}

static void cf8_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct pci_host *h = container_of(r, struct pci_host, cf8);
	struct cf8_target t;
	unsigned n;

	if (off < CF8_DATA) {
		cf8_write_register(h, off, len, v);
		return;
	}
	for (unsigned done = 0; done < len; done += n) {
		if (!cf8_target(h, off + done, &t))
			return;
		n = pci_piece(t.reg, len - done, 4);
		config_write(h, t.bus, t.devfn, t.reg, n, v >> (8 * done));
	}
}

const struct region_ops pci_ecam_ops = {
	.read = ecam_read,
	.write = ecam_write,
};

const struct region_ops pci_cf8_ops = {
	.read = cf8_read,
	.write = cf8_write,
};
