"""Guests with 1, 2 and 4 vCPUs and no device boot with a clean log."""
from bootlog import judge_log
from case import Case

CPUS = (1, 2, 4)

case = Case(
    host="for n in 1 2 4; do vmm --cpus $n; done",
    guest="""
        mark cpus $(nproc)
        dmesg | blob dmesg
    """,
    status=[0, 0, 0],
    limit=180,
)


def judge(r):
    for run, cpus in zip(r.runs, CPUS):
        judge_log(r, run, cpus)
    return "init after " + ", ".join(f"{run.guest.get('guest-up')} s" for run in r.runs) + " (1, 2, 4 vCPUs)"
