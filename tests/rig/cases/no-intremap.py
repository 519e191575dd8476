"""An IOMMU that does not remap interrupts: refused with the parameter's name, never set; works once the host set it."""
from case import Case, Disk, root_port

BDF = "0000:01:00.0"

disk = Disk(known=8, spare=8)
disks = [disk]

# VFIO-OPEN-08
case = Case(
    l0=root_port(1) + disk.args("rp1"),
    iommu="intel-unsafe",
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host=f"""
        case "$VMM_IOMMU" in *iommufd) module=iommufd ;; *) module=vfio_iommu_type1 ;; esac
        parameter=/sys/module/$module/parameters/allow_unsafe_interrupts
        bind {BDF}
        vmm --vfio {BDF}
        mark parameter $(cat $parameter)
        echo 1 >$parameter
        vmm --vfio {BDF}
        echo 0 >$parameter
        vmm --vfio {BDF}
        mark parameter $(cat $parameter)
    """,
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        mark read $(sha_range /dev/nvme0n1 0 8)
        irq_report nvme
    """,
    give_back=f"give_back {BDF} nvme",
    status=[125, 0, 125],
    only=("minivmm", "qemu"),
)


def judge(r):
    module = "iommufd" if "iommufd" in r.case.vmm_iommu else "vfio_iommu_type1"
    for run in (r.runs[0], r.runs[2]) if r.strict else ():
        for words in (BDF, "cannot keep the function from forging interrupts: no interrupt remapping",
                      f" {module}.allow_unsafe_interrupts=1 overrides this", "inject any interrupt into the host"):
            r.check(words in run.stderr, f"no '{words}': {run.stderr.strip()}")
    r.equal("the parameter, which is the operator's", r.host.all("parameter"), ["N", "N"])
    taken = r.runs[1].guest
    r.equal("hash of 8 MiB", taken.get("read"), disk.known_sha(8))
    vectors, count = map(int, taken.get("irq").split())
    r.check(vectors >= 2 and count >= 8, f"{count} interrupts by {vectors} vectors")
    if not r.strict:
        return f"refused; once allowed {vectors} vectors, {count} irqs"
    return f"refused, {module}.allow_unsafe_interrupts named and left alone; with it {vectors} vectors, {count} irqs"
