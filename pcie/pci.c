/* pcie/pci.c - config space of a function: bytes, masks, and who reacts
 *
 * See pci.h for the life of a write. Nothing here knows what the bytes mean
 * but the few that every function has.
 */
#include "pcie/pci.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "pcie/bar.h"
#include "pcie/host.h"
#include "pcie/msi.h"
#include "pcie/msix.h"
#include "pcie/trace.h"
#include "vmm/base/bytes.h"

/* Errors that a function reports about itself, PCIe 6.2 7.5.1.1.4. */
#define STATUS_W1C                                                   \
	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |           \
	 PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT | \
	 PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

#define COMMAND_WRITABLE                                            \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
	 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

void pci_device_init(struct pci_device *d, const struct pci_ops *ops,
		     const char *name)
{
	assert(ops);
	memset(d, 0, sizeof(*d));
	d->ops = ops;
	d->config_size = PCIE_CONFIG_SIZE;
	d->powered = true;
	snprintf(d->name, sizeof(d->name), "%s", name);
	pthread_mutex_init(&d->lock, NULL);
	pci_config_set_writable(d, PCI_COMMAND, 2, COMMAND_WRITABLE);
	pci_config_set_writable(d, PCI_CACHE_LINE_SIZE, 1, 0xff);
	pci_config_set_writable(d, PCI_INTERRUPT_LINE, 1, 0xff);
	le16_store(d->w1c + PCI_STATUS, STATUS_W1C);
}

void pci_device_fini(struct pci_device *d)
{
	if (!d->ops)
		return;
	pci_host_remove(d);
	pthread_mutex_destroy(&d->lock);
	d->ops = NULL;
}

/* Guests look for functions 1 to 7 only if bit 7 of the header type is set. */
void pci_functions_mark(struct pci_device *const function[PCI_FUNCTIONS])
{
	unsigned n = 0;

	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		n += function[f] ? 1 : 0;
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++) {
		struct pci_device *d = function[f];
		uint32_t type;

		if (!d)
			continue;
		type = pci_config_load(d, PCI_HEADER_TYPE, 1) & 0x7f;
		pci_config_set(d, PCI_HEADER_TYPE, 1,
			       n > 1 ? type | 0x80 : type);
	}
}

void pci_device_reset(struct pci_device *d)
{
	trace_reset(d);
	if (d->msi)
		msi_reset(d->msi);
	if (d->msix)
		msix_reset(d->msix);
	pci_bars_unmap(d);
	pci_config_set(d, PCI_COMMAND, 2, 0);
	for (unsigned i = 0; i < ARRAY_LEN(d->bars); i++)
		if (d->bars[i].kind != PCI_BAR_NONE)
			pci_bar_assign(d, i, 0);
	d->powered = true;
	if (d->ops->reset)
		d->ops->reset(d);
}

/* -------- config space -------- */

static bool fits(unsigned off, unsigned len)
{
	return (len == 1 || len == 2 || len == 4) &&
	       range_fits(0, PCIE_CONFIG_SIZE, off, len);
}

uint32_t pci_config_load(const struct pci_device *d, unsigned off, unsigned len)
{
	assert(fits(off, len));
	return (uint32_t)le_load(d->config + off, len);
}

void pci_config_set(struct pci_device *d, unsigned off, unsigned len,
		    uint32_t v)
{
	assert(fits(off, len));
	le_store(d->config + off, len, v);
}

void pci_config_set_writable(struct pci_device *d, unsigned off, unsigned len,
			     uint32_t mask)
{
	assert(fits(off, len));
	le_store(d->writable + off, len, mask);
}

void pci_config_keep(struct pci_device *d)
{
	memcpy(d->power_on, d->config, sizeof(d->power_on));
}

void pci_config_recall(struct pci_device *d)
{
	memcpy(d->config, d->power_on, sizeof(d->config));
}

void pci_config_store(struct pci_device *d, unsigned off, unsigned len,
		      uint32_t v)
{
	assert(fits(off, len));
	for (unsigned i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(v >> (8 * i));
		uint8_t mask = d->writable[off + i];
		uint8_t *c = &d->config[off + i];

		*c = (uint8_t)((*c & ~mask) | (byte & mask));
		*c = (uint8_t)(*c & ~(byte & d->w1c[off + i]));
	}
}

static bool touches_bars(unsigned off, unsigned len)
{
	return pci_touches(off, len, PCI_BASE_ADDRESS_0, 4 * PCI_BARS) ||
	       pci_touches(off, len, PCI_ROM_ADDRESS, 4);
}

void pci_config_changed(struct pci_device *d, unsigned off, unsigned len)
{
	if (pci_touches(off, len, PCI_COMMAND, 2) || touches_bars(off, len))
		pci_bars_update(d);
	if (d->msi)
		msi_changed(d->msi, off, len);
	if (d->msix)
		msix_changed(d->msix, off, len);
}

uint32_t pci_config_read_default(struct pci_device *d, unsigned off,
				 unsigned len)
{
	return pci_config_load(d, off, len);
}

void pci_config_write_default(struct pci_device *d, unsigned off, unsigned len,
			      uint32_t v)
{
	pci_config_store(d, off, len, v);
	pci_config_changed(d, off, len);
}

/* -------- what the host bridge calls -------- */

static uint32_t look(struct pci_device *d, unsigned off, unsigned len)
{
	/* Linux sizes config space by reading 0x100 and comparing with all
	 * ones (pci_cfg_space_size_ext). VFIO-CFG-03. */
	if (off + len > d->config_size)
		return (uint32_t)all_ones(len);
	if (d->ops->config_read)
		return d->ops->config_read(d, off, len) &
		       (uint32_t)all_ones(len);
	return pci_config_read_default(d, off, len);
}

uint32_t pci_config_read_held(struct pci_device *d, unsigned off, unsigned len)
{
	uint32_t v;

	assert(fits(off, len) && off % len == 0);
	counter_add_owned(&d->config_reads, 1);
	v = look(d, off, len);
	trace_config_read(d, off, len, v);
	return v;
}

uint32_t pci_config_read(struct pci_device *d, unsigned off, unsigned len)
{
	uint32_t v;

	pthread_mutex_lock(&d->lock);
	v = pci_config_read_held(d, off, len);
	pthread_mutex_unlock(&d->lock);
	return v;
}

void pci_config_write_held(struct pci_device *d, unsigned off, unsigned len,
			   uint32_t v)
{
	assert(fits(off, len) && off % len == 0);
	v &= (uint32_t)all_ones(len);
	counter_add_owned(&d->config_writes, 1);
	trace_config_write(d, off, len, v);
	if (off + len > d->config_size)
		return;
	if (d->ops->config_write)
		d->ops->config_write(d, off, len, v);
	else
		pci_config_write_default(d, off, len, v);
}

void pci_config_write(struct pci_device *d, unsigned off, unsigned len,
		      uint32_t v)
{
	pthread_mutex_lock(&d->lock);
	pci_config_write_held(d, off, len, v);
	pthread_mutex_unlock(&d->lock);
}
