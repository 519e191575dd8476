"""What minivmm still is while a guest reads its disk: another user, without capabilities, behind a filter of calls."""
import json

from case import Case, Disk, root_port
from driver import logged

DISK = "0000:01:00.0"
NOBODY = "65534"

disk = Disk()
disks = [disk]

# One reboot; the disk's last MiB counts. The look comes before the I/O phase,
# which it would disturb.
GUEST = """
wait_for 20 [ -b /dev/nvme0n1 ] || finish
n=$(boots 79)
mark boot-$((n & 1)) $(sha_range /dev/nvme0n1 0 8)
set_boots 79 $((n + 1))
[ $((n & 1)) = 1 ] || { reboot -f; sleep 60; }
mark at-work
sleep 6
io_begin
read=$(sha_range /dev/nvme0n1 0 64)
io_end
mark read $read
irq_report nvme
"""

# The second run is as the first, but that unlisted calls are only logged.
HOST = f"""
    bind {DISK}
    chmod 1777 /tmp         # for the report of --stats
    look() {{               # RUN
        wait_for 150 grep -q "^@@ at-work" /tmp/console-$1 || return
        pid=$(pidof minivmm)
        mark threads-$1 $(ls /proc/$pid/task | wc -l)
        for key in Uid Gid Groups CapPrm CapEff CapAmb NoNewPrivs Seccomp; do
            # one line if it is the same in all threads
            mark $key-$1 "$(sed -n "s/^$key:[[:space:]]*//p" /proc/$pid/task/*/status | tr '\\t' ' ' | sort -u |
                tr '\\n' ';')"
        done
        kill -USR1 $pid
        wait_for 5 [ -s /tmp/stats ] || return
        mark owner-$1 $(stat -c %u:%g /tmp/stats)
        blob running-$1 /tmp/stats
    }}
    log_lines() {{ dmesg | grep -c type=1326; }}
    run() {{                # RUN HOW
        look $1 &
        looking=$!
        vmm --vfio {DISK} --user {NOBODY} --sandbox=$2 --on-reboot=reset
        wait $looking
        mark logged-$1 $(log_lines)
        dmesg | grep type=1326 | sed 's/.*comm=/comm=/' | sort | uniq -c | while read -r l; do mark called-$1 "$l"; done
    }}
    run 1 on
    run 2 log
    logged
    logs() {{ dmesg | grep -q type=1326; }}
    wait_for 5 logs
    mark would-log $(log_lines)
"""

# VFIO-ERR-09
case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[DISK],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host_files=lambda kernel: {"/bin/logged": logged()},
    host=HOST,
    guest=GUEST,
    give_back=f"""
        give_back {DISK} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 1)
    """,
    status=[0, 0],
    only=("minivmm",),
    guest_limit=200,
    limit=500,
)


def judge_run(r, n):
    run = r.runs[n - 1]
    for boot in (0, 1):
        r.equal(f"hash of 8 MiB at boot {boot} of run {n}", run.guest.get(f"boot-{boot}"), disk.known_sha(8))
    r.equal(f"hash of 64 MiB in run {n}", run.guest.get("read"), disk.known_sha())
    for key, wanted in (("Uid", " ".join([NOBODY] * 4)), ("Gid", " ".join([NOBODY] * 4)), ("CapPrm", "0" * 16),
                        ("CapEff", "0" * 16), ("CapAmb", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2")):
        r.equal(f"{key} of all threads in run {n}", r.host.get(f"{key}-{n}"), wanted + ";")
    r.equal(f"Groups of all threads in run {n}", r.host.get(f"Groups-{n}").strip(" ;"), "")
    r.check(int(r.host.get(f"threads-{n}")) >= 2, "there is one thread only")
    r.equal(f"owner of the report in run {n}", r.host.get(f"owner-{n}"), f"{NOBODY}:{NOBODY}")
    r.equal(f"state in that report of run {n}", json.loads(r.host.blob(f"running-{n}"))["state"], "running")
    r.check("sandbox refused" not in run.stderr, f"a call was refused: {run.stderr}")
    calls = " ".join(r.host.all(f"called-{n}"))
    r.equal(f"lines of seccomp in L1's log after run {n} ({calls})", r.host.get(f"logged-{n}"), "0")
    return r.check_io_exits(run)


def judge(r):
    io = [judge_run(r, n) for n in (1, 2)]
    r.check(int(r.host.get("would-log")) > 0, "L1's kernel logs no call at all")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(1))
    return (f"{r.host.get('threads-1')} threads are {NOBODY}, no capability, filtered; a reboot, a report, 64 MiB, "
            f"{r.check_irqs(2, 100)}, {io[0]}; no call beside the list")
