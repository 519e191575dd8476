/* tests/guest/zoo/module/edu.c - a driver for QEMU's "edu" function
 *
 * Linux has none. This one tries everything that the function can do while it
 * is bound, and keeps what came of it for /sys/bus/pci/devices/BDF/edu/:
 *
 *	alive	a word written comes back inverted
 *	sum	10! as the function computes it, announced by an interrupt
 *	dma	a page goes into the function and comes back, two interrupts
 *	irqs	how many interrupts came
 *
 * The function drives 28 address lines. MSI is taken if the kernel gives it,
 * or else the line. Registers: QEMU, docs/specs/edu.rst.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>

enum {
	EDU_ALIVE = 0x04,
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_FROM = 0x80,
	EDU_DMA_TO = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,

	EDU_STATUS_IRQ = 0x80,

	EDU_DMA_START = 1,
	EDU_DMA_TO_RAM = 2,
	EDU_DMA_IRQ = 4,

	EDU_BUFFER = 0x40000, /* as the DMA engine sees the function's own */
	EDU_ADDRESS_BITS = 28,

	WAIT_MS = 5000,
};

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	int irq;
	atomic_t irqs;
	struct completion came;
	u32 alive, sum;
	const char *dma;
};

static irqreturn_t irq_came(int irq, void *data)
{
	struct edu *edu = data;
	u32 status = readl(edu->regs + EDU_IRQ_STATUS);

	if (!status)
		return IRQ_NONE;
	writel(status, edu->regs + EDU_IRQ_ACK);
	/* The line has to be down before the interrupt controller looks. */
	readl(edu->regs + EDU_IRQ_STATUS);
	atomic_inc(&edu->irqs);
	complete(&edu->came);
	return IRQ_HANDLED;
}

static bool waited(struct edu *edu)
{
	return wait_for_completion_timeout(&edu->came,
					   msecs_to_jiffies(WAIT_MS)) != 0;
}

static void compute(struct edu *edu)
{
	writel(0x12345678, edu->regs + EDU_ALIVE);
	edu->alive = readl(edu->regs + EDU_ALIVE);
	writel(EDU_STATUS_IRQ, edu->regs + EDU_STATUS);
	writel(10, edu->regs + EDU_FACTORIAL);
	if (waited(edu))
		edu->sum = readl(edu->regs + EDU_FACTORIAL);
	writel(0, edu->regs + EDU_STATUS);
}

static bool dma(struct edu *edu, u64 from, u64 to, u32 flags)
{
	writeq(from, edu->regs + EDU_DMA_FROM);
	writeq(to, edu->regs + EDU_DMA_TO);
	writeq(PAGE_SIZE, edu->regs + EDU_DMA_COUNT);
	writeq(EDU_DMA_START | EDU_DMA_IRQ | flags,
	       edu->regs + EDU_DMA_COMMAND);
	return waited(edu);
}

/* Out and back, to another page. */
static const char *there_and_back(struct edu *edu)
{
	struct device *dev = &edu->pdev->dev;
	const char *outcome = "no memory below 256 MiB";
	dma_addr_t at;
	u8 *pages = dma_alloc_coherent(dev, 2 * PAGE_SIZE, &at, GFP_KERNEL);

	if (!pages)
		return outcome;
	get_random_bytes(pages, PAGE_SIZE);
	memset(pages + PAGE_SIZE, 0, PAGE_SIZE);
	if (!dma(edu, at, EDU_BUFFER, 0))
		outcome = "no interrupt on the way there";
	else if (!dma(edu, EDU_BUFFER, at + PAGE_SIZE, EDU_DMA_TO_RAM))
		outcome = "no interrupt on the way back";
	else if (memcmp(pages, pages + PAGE_SIZE, PAGE_SIZE) != 0)
		outcome = "other bytes came back";
	else
		outcome = "ok";
	dma_free_coherent(dev, 2 * PAGE_SIZE, pages, at);
	return outcome;
}

/* -------- what came of it -------- */

static ssize_t alive_show(struct device *dev, struct device_attribute *a,
			  char *buf)
{
	struct edu *edu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%#x\n", edu->alive);
}
static DEVICE_ATTR_RO(alive);

static ssize_t sum_show(struct device *dev, struct device_attribute *a,
			char *buf)
{
	struct edu *edu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", edu->sum);
}
static DEVICE_ATTR_RO(sum);

static ssize_t dma_show(struct device *dev, struct device_attribute *a,
			char *buf)
{
	struct edu *edu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", edu->dma);
}
static DEVICE_ATTR_RO(dma);

static ssize_t irqs_show(struct device *dev, struct device_attribute *a,
			 char *buf)
{
	struct edu *edu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", atomic_read(&edu->irqs));
}
static DEVICE_ATTR_RO(irqs);

static struct attribute *edu_attrs[] = {
	&dev_attr_alive.attr,
	&dev_attr_sum.attr,
	&dev_attr_dma.attr,
	&dev_attr_irqs.attr,
	NULL,
};
static const struct attribute_group edu_group = {
	.name = "edu",
	.attrs = edu_attrs,
};
static const struct attribute_group *edu_groups[] = { &edu_group, NULL };

/* -------- coming and going -------- */

static int take_function(struct edu *edu)
{
	struct pci_dev *pdev = edu->pdev;
	int rc = pcim_enable_device(pdev);

	if (rc < 0)
		return rc;
	pci_set_master(pdev);
	rc = pcim_iomap_regions(pdev, BIT(0), "edu");
	if (rc < 0)
		return rc;
	edu->regs = pcim_iomap_table(pdev)[0];
	return dma_set_mask_and_coherent(&pdev->dev,
					 DMA_BIT_MASK(EDU_ADDRESS_BITS));
}

static int take_irq(struct edu *edu)
{
	int rc = pci_alloc_irq_vectors(edu->pdev, 1, 1,
				       PCI_IRQ_MSI | PCI_IRQ_INTX);

	if (rc < 0)
		return rc;
	edu->irq = pci_irq_vector(edu->pdev, 0);
	return request_irq(edu->irq, irq_came, IRQF_SHARED, "edu", edu);
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	int rc;

	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	init_completion(&edu->came);
	rc = take_function(edu);
	if (rc < 0)
		return rc;
	rc = take_irq(edu);
	if (rc < 0) {
		pci_free_irq_vectors(pdev);
		return rc;
	}
	compute(edu);
	edu->dma = there_and_back(edu);
	pci_set_drvdata(pdev, edu);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);

	free_irq(edu->irq, edu);
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{},
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "minivmm_edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.dev_groups = edu_groups,
};
module_pci_driver(edu_driver);
MODULE_DESCRIPTION("QEMU's edu function, tried while it is bound");
MODULE_LICENSE("GPL");
