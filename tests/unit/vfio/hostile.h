/* tests/unit/vfio/hostile.h - a guest that does anything to its function
 *
 * Bytes become accesses: config space in every width, BARs, table, time that
 * passes, interrupts of the device. Shared by the unit test, which feeds it
 * random numbers, and by the fuzzer.
 */
#ifndef VFIO_HOSTILE_H
#define VFIO_HOSTILE_H

#include "tests/unit/vfio/bench.h"

struct hostile {
	const uint8_t *at, *end;
};

/* Fill the @n bytes of @data, and go on from @seed the next time. */
static inline void hostile_random(uint8_t *data, size_t n, uint64_t *seed)
{
	for (size_t i = 0; i < n; i++) {
		*seed = *seed * 6364136223846793005 + 1442695040888963407;
		data[i] = (uint8_t)(*seed >> 56);
	}
}

static inline uint32_t hostile_take(struct hostile *h, unsigned n)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint32_t)(h->at < h->end ? *h->at++ : 0) << (8 * i);
	return v;
}

/* A function with a ROM; @moved: its MSI-X table is behind its registers. */
static inline void hostile_open(struct bench *b, bool moved)
{
	struct fake_pci p = plain_function;

	p.rom_size = 0x4000;
	fake_pci_add(&p);
	bench_vm(b);
	if (moved)
		b->o.msix_reloc = VFIO_RELOC_BAR;
	MUST(bench_attach(b, &why));
	MUST(bench_place(b, &why));
}

/* Registers where something happens, more often than chance would have it. */
static inline unsigned hostile_offset(struct hostile *h, unsigned len)
{
	static const uint16_t hot[] = {
		0x04, 0x06, 0x10, 0x14, 0x18, 0x24, 0x30,  0x34,  0x3c,
		0x44, 0x45, 0x50, 0x52, 0x53, 0x54, 0x58,  0x5c,  0x60,
		0x78, 0x79, 0xb0, 0xb2, 0xb3, 0xb4, 0x100, 0x104, 0xffc,
	};
	unsigned pick = hostile_take(h, 1);
	unsigned off = pick < ARRAY_LEN(hot) * 8 ? hot[pick % ARRAY_LEN(hot)]
						 : hostile_take(h, 2) % 4096;

	return off & ~(len - 1);
}

static inline void hostile_bar(struct bench *b, struct hostile *h, bool write)
{
	unsigned len = 1u << hostile_take(h, 1) % 4;
	uint64_t off = hostile_take(h, 2) % 0x5000;
	uint64_t v = hostile_take(h, 4);
	unsigned bar = v % 8 == 7 ? PCI_ROM_BAR : 0;
	uint64_t at;

	pthread_mutex_lock(&b->pci->lock);
	at = (bar_at(b, bar) ? bar_at(b, bar) : 0x80000000) + off;
	pthread_mutex_unlock(&b->pci->lock);
	if (write)
		bus_write(&b->vm.mmio, at, len, v);
	else
		(void)bus_read(&b->vm.mmio, at, len);
}

static inline void hostile_step(struct bench *b, struct hostile *h)
{
	unsigned what = hostile_take(h, 1);
	unsigned len = 1u << what / 16 % 3;

	switch (what % 16) {
	default:
		cfg_write(b, hostile_offset(h, len), len, hostile_take(h, 4));
		break;
	case 8:
	case 9:
		(void)cfg_read(b, hostile_offset(h, len), len);
		break;
	case 10:
		hostile_bar(b, h, true);
		break;
	case 11:
		hostile_bar(b, h, false);
		break;
	case 12:
		(void)fake_pci_interrupt(BDF, hostile_take(h, 1) % 3,
					 hostile_take(h, 1) % 16);
		break;
	case 13:
		decode_on(b);
		break;
	case 14:
		(void)vfio_device_withdraw(b->dev, hostile_take(h, 4));
		break;
	case 15:
		pci_config_write(&b->port.dev, PCI_BRIDGE_CONTROL, 2,
				 hostile_take(h, 2));
		pci_host_settle(&b->host);
		break;
	}
}

/* Whatever happened: a reset brings it back, and nothing is left over. */
static inline void hostile_check(struct bench *b)
{
	(void)vfio_reset_await(b->dev, NULL);
	pthread_mutex_lock(&b->pci->lock);
	b->dev->touched = true;
	pci_device_reset(b->pci);
	pthread_mutex_unlock(&b->pci->lock);
	(void)vfio_reset_await(b->dev, NULL);
	for (unsigned off = 0; off < 4096; off++) {
		if (b->pci->config[off] != b->dev->power_on[off])
			fail_msg("after a reset config %#x is %#x, was %#x",
				 off, b->pci->config[off],
				 b->dev->power_on[off]);
	}
	if (fake_kvm_slots() != 1)
		fail_msg("%u slots are left", fake_kvm_slots());
	if (fake_kvm_irqfds() != 1)
		fail_msg("%u irqfds are left", fake_kvm_irqfds());
	if (fake_pci_vectors(BDF, 1) || fake_pci_vectors(BDF, 2))
		fail_msg("messages are still on");
}

#endif
