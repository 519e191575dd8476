"""What a guest's boot log must not say, and must (VFIO-KVM-09, -11, -15, -16, -19)."""
import re

BAD = [r"\[Firmware Bug\]", r"APIC ID mismatch", r"calibration .*fail", r"PIT calibration",
       r"can't claim", r"BAR \d+.*(failed to assign|can't assign|no space)", r"no compatible bridge window",
       r"ACPI (BIOS )?Error", r"ACPI Exception", r"\bBUG:", r"Call Trace", r"WARNING: CPU", r"MCFG.*not reserved"]


def judge_log(r, run, cpus):
    log = run.guest.blob("dmesg").decode(errors="replace")
    r.check(log, "no boot log")
    bad = [line.split("] ", 1)[-1] for line in log.splitlines()
           if any(re.search(b, line) for b in BAD)]
    r.equal(f"vCPUs of the guest with {cpus}", run.guest.get("cpus"), str(cpus))
    r.check(not bad, f"{len(bad)} bad lines in the log with {cpus} vCPUs: {' | '.join(bad[:3])}")
    r.check(re.search(r"ECAM .*reserved as (ACPI motherboard resource|E820)", log),
            "the log has no 'ECAM ... reserved as'")
    if r.strict:
        # By ACPI too, not only in the memory map: PNP0C02.
        r.check(re.search(r"system 00:.*\[mem 0xe0000000-0xefffffff\] has been reserved", log),
                "no ACPI device reserves the ECAM")
