"""Eight functions of eight kinds in one guest: INTx with I/O ports, MSI, MSI-X, DMA of every width."""
from animals import own_files, pick
from zoo import files_of, judge_zoo, zoo_case

animals = pick("e1000", "rtl8139", "qemu-xhci", "nec-usb-xhci-msi", "virtio-blk", "virtio-net", "nvme-cmb", "edu")
disks = files_of(animals)
case = zoo_case(animals, own_files)


def judge(r):
    return judge_zoo(r, animals)
