"""SCSI processors whose programs reach the chip's own BARs by DMA: they are given that unasked."""
from animals import SCSI_PROCESSORS as animals
from zoo import files_of, judge_zoo, zoo_case

disks = files_of(animals)
# L1's own IOMMU domain would not hold the BARs either.
case = zoo_case(animals, host_append="iommu=pt", slow=True, own_kernel="own-7")


def judge(r):
    if r.case.host_kernel == "6.12":
        return judge_zoo(r, animals)
    # The 256 bytes of lsi53c810 have no file that iommufd could map.
    r.check("0000:02:00.0: BAR 1: the other functions cannot reach it" in r.runs[0].stderr,
            f"what it said: {r.runs[0].stderr.strip()}")
    r.equal("lsi53c810", r.guest.get("lsi53c810/fault"), "no driver takes it")
    return judge_zoo(r, animals[:1]) + "; lsi53c810's BAR is smaller than a page, which is said"
