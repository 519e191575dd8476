"""SCSI processors whose programs reach the chip's own BARs by DMA: they are given that unasked."""
from animals import SCSI_PROCESSORS as animals
from zoo import files_of, judge_zoo, zoo_case

disks = files_of(animals)
# L1's own IOMMU domain would not hold the BARs either.
case = zoo_case(animals, host_append="iommu=pt", slow=True, own_kernel="own-7")


def judge(r):
    return judge_zoo(r, animals)
