"""USB controllers of every speed, each with a disk, in one guest."""
from animals import USB as animals
from zoo import LINE_ONLY, files_of, judge_zoo, zoo_case

disks = files_of(animals)
# pci-ohci of QEMU 11.1 dies when its disk is written, in L1 without a VMM too.
case = zoo_case(animals, slow=True, l0_qemu="10.0")
variants = LINE_ONLY


def judge(r):
    return judge_zoo(r, animals)
