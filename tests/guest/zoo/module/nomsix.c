/* tests/guest/zoo/module/nomsix.c - one function without MSI-X, for Linux
 *
 * pci=nomsi takes MSI and MSI-X from all functions; nothing takes MSI-X alone,
 * and so no driver that has the choice ever uses MSI. This makes the kernel
 * forget where the MSI-X capability of the function BDF is:
 *
 *	insmod minivmm_nomsix.ko function=BDF
 *
 * A driver that is bound afterwards goes on with MSI. Config space is as it
 *was.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/pci.h>

static char *function;
module_param(function, charp, 0);

static int __init nomsix_start(void)
{
	unsigned int domain, bus, slot, fn;
	struct pci_dev *dev;

	if (!function ||
	    sscanf(function, "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4)
		return -EINVAL;
	dev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, fn));
	if (!dev)
		return -ENODEV;
	dev->msix_cap = 0;
	pci_dev_put(dev);
	return 0;
}
module_init(nomsix_start);

MODULE_DESCRIPTION("a function without MSI-X");
MODULE_LICENSE("GPL");
