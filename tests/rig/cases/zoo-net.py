"""Network cards of every age, in one guest: each has its lease, its file, its interrupts."""
from animals import NICS as animals
from zoo import LINE_ONLY, files_of, judge_zoo, zoo_case

disks = files_of(animals)
case = zoo_case(animals, slow=True)
variants = LINE_ONLY


def judge(r):
    return judge_zoo(r, animals)
