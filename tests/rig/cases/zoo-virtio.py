"""What virtio has beside disks and networks, in one guest."""
from animals import VIRTIO as animals
from zoo import LINE_ONLY, files_of, judge_zoo, zoo_case

disks = files_of(animals)
case = zoo_case(animals, slow=True)
variants = LINE_ONLY


def judge(r):
    return judge_zoo(r, animals)
