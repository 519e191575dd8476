"""A disk is given to guests and taken back, again and again: nothing is left in the host."""
import hostile
from case import Case, Disk, root_port

disk = Disk()
disks = [disk]

BDF = "0000:01:00.0"


def host(cycles):
    """What L1 holds is looked at after the first cycles, which fill caches."""
    return hostile.RAW + hostile.COMPLAINTS + f"""
        held() {{
            mark $1 $(cut -f1 /proc/sys/fs/file-nr) $(awk '/^MemAvailable/ {{ print $2 }}' /proc/meminfo) \\
                $(ls -d /sys/kernel/debug/kvm/*-* 2>/dev/null | wc -l)
        }}
        bind {BDF}
        for i in $(seq {cycles}); do
            raw_vmm $i 0 {BDF}
            _status=$?
            [ $_status = 42 ] || {{ mark trouble "cycle $i: status $_status: $(head -n 3 /tmp/raw)"; break; }}
            [ $i != 5 ] || held early
            mark cycle $i
        done
        held late
        [ -z "$(pidof minivmm)" ] || mark trouble "minivmm still runs"
        mark driver $(driver_of {BDF})
    """


case = Case(
    l0=root_port(1) + disk.args("rp1"),
    bind=[BDF],
    host_modules=["nvme"],
    host=host(20),
    host_files=hostile.files,
    status=(),
    give_back=f"""
        give_back {BDF} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 8)
        complaints
    """,
    limit=60,
    only=("minivmm",),
)

variants = {
    "": {},
    "-200": {"host": host(200), "limit": 400, "slow": True},
}


def judge(r):
    cycles = len(r.host.all("cycle"))
    files, memory, vms = zip(*((int(n) for n in r.host.get(k).split()) for k in ("early", "late")))
    r.check(cycles >= 20, f"only {cycles} cycles")
    # Counted per CPU and in batches by the kernel: some more or less mean nothing.
    r.check(files[1] - files[0] < 64, f"open files on the host: {files[0]}, then {files[1]}")
    r.check(memory[0] - memory[1] < 32 * 1024, f"memory available on the host: {memory[0]} KiB, then {memory[1]}")
    r.equal("VMs left", vms, (0, 0))
    r.equal("driver at the end", r.host.get("driver"), "vfio-pci")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(8))
    hostile.no_complaints(r)
    return f"{cycles} cycles, {files[1] - files[0]:+} files, {memory[1] - memory[0]:+} KiB available, no complaint"
