"""The same kernel as an ELF vmlinux, entered by the PVH protocol."""
from bootlog import judge_log
from case import Case

case = Case(
    host="vmm --kernel /l2/vmlinux",
    with_vmlinux=True,
    guest="""
        mark cpus $(nproc)
        dmesg | blob dmesg
    """,
)


def judge(r):
    judge_log(r, r.runs[0], 1)
    return f"init after {r.guest.get('guest-up')} s"
