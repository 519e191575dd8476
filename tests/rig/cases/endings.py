"""Power-off, reboot, panic, triple fault, debug exit, time limit: each with its status."""
from case import Case

ENDS = ("poweroff", "reboot", "panic", "triple", "debug-exit", "timeout")

case = Case(
    host="""
        vmm --append ending=poweroff
        vmm --append ending=reboot
        vmm --append ending=panic
        vmm --append "ending=triple reboot=triple"
        vmm --append ending=debug-exit --debug-exit 0xf4
        vmm --append ending=timeout --timeout 20
    """,
    guest_modules=["pvpanic_mmio"],
    guest="""
        mark ending "$(sed 's/.*ending=//' /proc/cmdline)"
        case $(cat /proc/cmdline) in
        *ending=poweroff*) poweroff -f ;;
        *ending=reboot*) reboot -f ;;
        *ending=panic*) echo c >/proc/sysrq-trigger ;;
        *ending=triple*) reboot -f ;;
        *ending=debug-exit*) poke f4 2a ;;
        *ending=timeout*) sleep 60 ;;
        esac
        sleep 60
    """,
    # QEMU takes a triple fault for a reset.
    status={"minivmm": [0, 0, 126, 126, 42, 124], "qemu": [0, 0, 126, 0, 42, 124]},
    only=("minivmm", "qemu"),   # kvmtool has no ACPI to power off with
    guest_limit=40, limit=200,
)


def judge(r):
    for run, name in zip(r.runs, ENDS):
        r.check(run.guest.get("ending").startswith(name), f"the guest of '{name}' did not come to its end")
    return ", ".join(f"{n} {run.status}" for n, run in zip(ENDS, r.runs))
