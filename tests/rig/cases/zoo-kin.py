"""Relatives of what lives elsewhere in the zoo: the same drivers, other IDs and registers."""
from animals import KIN as animals
from animals import UARTS
from zoo import files_of, judge_zoo, zoo_case

disks = files_of(animals)
case = zoo_case(animals, slow=True, append="quiet " + UARTS, host_append=UARTS)


def judge(r):
    return judge_zoo(r, animals)
