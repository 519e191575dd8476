"""Two functions that the IOMMU cannot tell apart, behind a bridge to PCI: both, one of them, one with a neighbour on its driver."""
from case import Case, net, net_file_sha, root_port
from nic import give_back

ONE, TWO = "0000:02:01.0", "0000:02:02.0"

HOST = f"""
    group_of() {{ basename $(readlink $PCI/$1/iommu_group); }}
    bind {ONE}; bind {TWO}
    mark groups $(group_of {ONE}) $(group_of {TWO})
    vmm --vfio {ONE} --vfio {TWO}
    vmm --vfio {ONE}
    echo >$PCI/{TWO}/driver_override
    echo {TWO} >$PCI/{TWO}/driver/unbind
    load e1000
    [ -e $PCI/{TWO}/driver ] || echo {TWO} >/sys/bus/pci/drivers_probe
    vmm --vfio {ONE}
"""

case = Case(
    l0=root_port(1) + ["-device", "pcie-pci-bridge,id=br,bus=rp1"]
    + net("e1000", "br", "n1", extra=",addr=1") + net("e1000", "br", "n2", extra=",addr=2"),
    bind=[ONE, TWO],
    guest_modules=["e1000"],
    host_modules=["e1000"],
    host=HOST,
    vmm_iommu="--iommu=group",
    guest="""
        mark nics $(ls -d /sys/class/net/*/device | wc -l)
        net_up || finish
        mark file $(nc 10.0.2.100 9000 </dev/null | head -c 16777216 | sha256sum | cut -d' ' -f1)
        irq_report $NIC
    """,
    give_back=f"give_back {TWO} e1000" + give_back(ONE, "e1000"),
    status=[0, 0, 125],
    only=("minivmm", "qemu"),
    limit=240,
    slow=True,
)



def judge(r):
    both, one, held = r.runs
    groups = r.host.get("groups").split()
    r.check(len(set(groups)) == 1, f"groups {groups}: not one")
    for run, nics in (both, "2"), (one, "1"):
        r.equal("network cards", run.guest.get("nics"), nics)
        r.equal("hash of 16 MiB", run.guest.get("file"), net_file_sha())
    words = f": {TWO} is bound to e1000" if r.strict else ""
    r.check(f"group {groups[0]} is not viable{words}" in held.stderr,
            f"a neighbour on its driver: {held.stderr.strip()}")
    return f"both, one alone, and a neighbour on e1000 is {'named' if r.strict else 'refused'}; {r.check_irqs(1, 100)}"
