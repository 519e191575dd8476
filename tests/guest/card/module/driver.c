/* tests/guest/card/module/driver.c - probe, remove, and sysfs
 *
 *     /sys/bus/pci/devices/BDF/card/
 *         vsec uuid irq_kind vectors memory interrupts engine    what there is
 *         transfer fire mask unmask wild peer reset check        commands
 *         result                               what the last command has to say
 *
 * README.md explains each. A command is written; whether the write fails is
 * its outcome.
 */
#include "card.h"

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

int card_fail(struct card *card, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(card->details, sizeof(card->details), format, args);
	va_end(args);
	return rc;
}

int card_tell(struct card *card, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(card->details, sizeof(card->details), format, args);
	va_end(args);
	return 0;
}

/* -------- attributes that are read -------- */

static struct card *card_of(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static ssize_t vsec_show(struct device *dev, struct device_attribute *attr,
			 char *out)
{
	const struct card_found *f = &card_of(dev)->found;

	return sysfs_emit(out, "%#x id %#x rev %u bar %d offset %#llx\n",
			  f->vsec, f->id, f->revision, f->table.bar,
			  f->table.offset);
}
static DEVICE_ATTR_RO(vsec);

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr,
			 char *out)
{
	return sysfs_emit(out, "%pUb\n", &card_of(dev)->uuid);
}
static DEVICE_ATTR_RO(uuid);

static ssize_t irq_kind_show(struct device *dev, struct device_attribute *attr,
			     char *out)
{
	return sysfs_emit(out, "%s\n", card_irq_kind(card_of(dev)));
}
static DEVICE_ATTR_RO(irq_kind);

static ssize_t vectors_show(struct device *dev, struct device_attribute *attr,
			    char *out)
{
	return sysfs_emit(out, "%u\n", card_of(dev)->n_vectors);
}
static DEVICE_ATTR_RO(vectors);

static ssize_t memory_show(struct device *dev, struct device_attribute *attr,
			   char *out)
{
	return sysfs_emit(out, "%llu\n", card_of(dev)->memory);
}
static DEVICE_ATTR_RO(memory);

static ssize_t interrupts_show(struct device *dev,
			       struct device_attribute *attr, char *out)
{
	struct card *card = card_of(dev);
	unsigned int i;
	int n = 0;

	for (i = 0; i < card->n_vectors; i++)
		n += sysfs_emit_at(out, n, "%s%d", i ? " " : "",
				   atomic_read(&card->vectors[i].count));
	return n + sysfs_emit_at(out, n, "\n");
}
static DEVICE_ATTR_RO(interrupts);

static ssize_t engine_show(struct device *dev, struct device_attribute *attr,
			   char *out)
{
	static const struct {
		const char *name;
		unsigned int reg;
	} registers[] = {
		{ "function", CARD_FUNCTION }, { "vectors", CARD_VECTORS },
		{ "resets", CARD_RESETS },     { "status", CARD_STATUS },
		{ "checksum", CARD_CHECKSUM }, { "done", CARD_DONE },
		{ "sent", CARD_SENT },	       { "unsent", CARD_UNSENT },
		{ "pending", CARD_PENDING },   { "scratch", CARD_SCRATCH },
	};
	struct card *card = card_of(dev);
	unsigned int i;
	int n = 0;

	if (card_gone(card))
		return -ENODEV;
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		n += sysfs_emit_at(out, n, "%s=%#x\n", registers[i].name,
				   card_get(card, registers[i].reg));
	return n;
}
static DEVICE_ATTR_RO(engine);

static ssize_t result_show(struct device *dev, struct device_attribute *attr,
			   char *out)
{
	struct card *card = card_of(dev);
	ssize_t n;

	if (mutex_lock_interruptible(&card->lock))
		return -EINTR;
	if (!card->command)
		n = sysfs_emit(out, "command=none\n");
	else if (card->status == 0)
		n = sysfs_emit(out, "command=%s error=0 %s\n", card->command,
			       card->details);
	else
		n = sysfs_emit(out, "command=%s error=%d why=%s\n",
			       card->command, -card->status, card->details);
	mutex_unlock(&card->lock);
	return n;
}
static DEVICE_ATTR_RO(result);

/* -------- commands -------- */

static ssize_t obey(struct device *dev, const char *name, card_command *run,
		    const char *words, size_t n)
{
	struct card *card = card_of(dev);
	int rc;

	if (mutex_lock_interruptible(&card->lock))
		return -EINTR;
	card->command = name;
	card->details[0] = '\0';
	rc = card_gone(card) ? card_fail(card, -ENODEV, "the card is gone")
			     : run(card, words);
	card->status = rc;
	mutex_unlock(&card->lock);
	return rc < 0 ? rc : n;
}

#define COMMAND(name)                                              \
	static ssize_t name##_store(struct device *dev,            \
				    struct device_attribute *attr, \
				    const char *words, size_t n)   \
	{                                                          \
		return obey(dev, #name, card_##name, words, n);    \
	}                                                          \
	static DEVICE_ATTR_WO(name)

COMMAND(transfer);
COMMAND(fire);
COMMAND(mask);
COMMAND(unmask);
COMMAND(wild);
COMMAND(peer);
COMMAND(reset);
COMMAND(check);

static struct attribute *attributes[] = {
	&dev_attr_vsec.attr,
	&dev_attr_uuid.attr,
	&dev_attr_irq_kind.attr,
	&dev_attr_vectors.attr,
	&dev_attr_memory.attr,
	&dev_attr_interrupts.attr,
	&dev_attr_engine.attr,
	&dev_attr_result.attr,
	&dev_attr_transfer.attr,
	&dev_attr_fire.attr,
	&dev_attr_mask.attr,
	&dev_attr_unmask.attr,
	&dev_attr_wild.attr,
	&dev_attr_peer.attr,
	&dev_attr_reset.attr,
	&dev_attr_check.attr,
	NULL,
};

static const struct attribute_group group = {
	.name = "card",
	.attrs = attributes,
};

static const struct attribute_group *groups[] = { &group, NULL };

/* -------- probe and remove -------- */

static int read_uuid(struct card *card)
{
	const struct card_place *place = &card->found.uuid;
	void __iomem *p = pci_iomap_range(card->pdev, place->bar, place->offset,
					  sizeof(card->uuid));

	if (!p)
		return -ENOMEM;
	memcpy_fromio(&card->uuid, p, sizeof(card->uuid));
	pci_iounmap(card->pdev, p);
	return 0;
}

/* Is it the engine that we know, and is its memory where the table says? */
static int open_engine(struct card *card)
{
	const struct card_place *place = &card->found.engine;
	u32 magic;

	card->regs = pci_iomap_range(card->pdev, place->bar, place->offset,
				     CARD_BLOCK);
	if (!card->regs)
		return -ENOMEM;
	magic = card_get(card, CARD_MAGIC);
	if (magic != CARD_MAGIC_VALUE) {
		pci_err(card->pdev, "no engine at BAR %d, %#llx: magic %#x\n",
			place->bar, place->offset, magic);
		return -ENODEV;
	}
	card->memory = (u64)card_get(card, CARD_MEMORY_HIGH) << 32 |
		       card_get(card, CARD_MEMORY_LOW);
	if (card->memory == 0 || card->memory % PAGE_SIZE != 0 ||
	    !card_place_fits(card->pdev, &card->found.memory, card->memory)) {
		pci_err(card->pdev, "%llu bytes of memory are not in a BAR\n",
			card->memory);
		return -ENODEV;
	}
	if (card_get(card, CARD_VECTORS) == 0) {
		pci_err(card->pdev, "the card has no interrupt\n");
		return -ENODEV;
	}
	return 0;
}

/* Stops at the first failure; card_close() takes down what there is. */
static int card_build(struct card *card)
{
	struct pci_dev *pdev = card->pdev;
	int rc = card_find(pdev, &card->found);

	if (rc < 0)
		return rc;
	rc = read_uuid(card);
	if (rc < 0)
		return rc;
	rc = open_engine(card);
	if (rc < 0)
		return rc;
	rc = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (rc < 0)
		return rc;
	/* Bus Master Enable: without it neither DMA nor MSI leaves the card,
	 * which is a write to memory as well. */
	pci_set_master(pdev);
	return card_irqs_open(card);
}

/* Accepts a card that is half built. The engine's right to the bus goes first,
 * so nothing of it can come when its handlers are gone. */
static void card_close(struct card *card)
{
	pci_clear_master(card->pdev);
	card_irqs_close(card);
	if (card->regs)
		pci_iounmap(card->pdev, card->regs);
	card->regs = NULL;
}

static int probe_enabled(struct pci_dev *pdev)
{
	struct card *card = kzalloc(sizeof(*card), GFP_KERNEL);
	int rc;

	if (!card)
		return -ENOMEM;
	card->pdev = pdev;
	mutex_init(&card->lock);
	card->seed = ktime_get_ns();
	rc = card_build(card);
	if (rc < 0) {
		card_close(card);
		kfree(card);
		return rc;
	}
	pci_set_drvdata(pdev, card);
	pci_info(pdev, "VSEC at %#x, card %pUb, %llu MiB, %u vectors (%s)\n",
		 card->found.vsec, &card->uuid, card->memory >> 20,
		 card->n_vectors, card_irq_kind(card));
	return 0;
}

/* A driver for daily use would also claim the BARs, pci_request_mem_regions().
 * Debian's kernels (CONFIG_IO_STRICT_DEVMEM) then refuse to map them through
 * sysfs, and card-explore is to be run beside this driver. */
static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int rc = pci_enable_device_mem(pdev);

	if (rc < 0) {
		pci_err(pdev, "cannot be enabled: %d\n", rc);
		return rc;
	}
	rc = probe_enabled(pdev);
	if (rc < 0)
		pci_disable_device(pdev);
	return rc;
}

static void card_remove(struct pci_dev *pdev)
{
	struct card *card = pci_get_drvdata(pdev);

	card_close(card);
	pci_set_drvdata(pdev, NULL);
	kfree(card);
	pci_disable_device(pdev);
}

/* More by /sys/bus/pci/drivers/minivmm_card/new_id. */
static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_XILINX, 0x5020) },
	{ PCI_DEVICE(PCI_VENDOR_ID_XILINX, 0x5021) },
	{},
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver card_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = card_probe,
	.remove = card_remove,
	.dev_groups = groups,
};
module_pci_driver(card_driver);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Driver for minivmm's simulated card");
