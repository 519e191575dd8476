"""Two disks as functions 0 and 1 of one slot, over MSI-X and over INTx: each does its own I/O."""
from zoo import LINE_ONLY, disk_behind, files_of, judge_zoo, zoo_case

animals = [
    disk_behind(f"nvme{n}", f"nvme,serial=slot-{n}", "", ["nvme"], "msix", at=f"0000:01:00.{n}",
                options=f",slot=1.{n}")
    for n in (0, 1)
]
disks = files_of(animals)
case = zoo_case(animals)
variants = LINE_ONLY


def judge(r):
    return judge_zoo(r, animals)
