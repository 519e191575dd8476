"""RAID controllers of two generations, in one guest: blocks are read and written."""
from animals import RAID as animals
from zoo import LINE_ONLY, files_of, judge_zoo, zoo_case

disks = files_of(animals)
case = zoo_case(animals, slow=True)
variants = LINE_ONLY


def judge(r):
    return judge_zoo(r, animals)
