"""A virtual function and its parent: VF tokens where vfio-pci has both; the parent's driver takes it away."""
from case import Case, net, root_port

PF, VF = "0000:01:00.0", "0000:01:10.0"
TOKEN = "2ab74924-c335-45f4-9b16-8569e5b08258"
OTHER = "00000000-c335-45f4-9b16-8569e5b08258"

HOST = f"""
    children() {{ echo $1 >$PCI/{PF}/sriov_numvfs || mark trouble "no virtual function"; }}
    echo 1 >/sys/module/vfio_pci/parameters/enable_sriov
    bind {PF}
    children 1
    mark vf-driver $(driver_of {VF})
    vmm --vfio {VF}
    vmm --vfio {PF},vf-token={TOKEN} --vfio {VF},vf-token={OTHER}
    vmm --vfio {PF},vf-token={TOKEN} --vfio {VF},vf-token={TOKEN} --append run=both
    children 0
    echo >$PCI/{PF}/driver_override
    echo {PF} >$PCI/{PF}/driver/unbind
    load igb
    [ -e $PCI/{PF}/driver ] || echo {PF} >/sys/bus/pci/drivers_probe
    children 1
    bind {VF}
    vmm --vfio {VF},vf-token={TOKEN}
    (
        wait_for 60 grep -q '^@@ vf ' /tmp/console-5 || exit
        children 0
        mark taken-away $(ls -d $PCI/{VF} 2>&1 | grep -c '^/sys')
    ) &
    vmm --vfio {VF} --append run=stays
    wait $!
"""

case = Case(
    l0=root_port(1) + net("igb", "rp1"),
    bind=[PF],
    guest_modules=["igb", "igbvf"],
    host_modules=["igb"],
    host=HOST,
    guest="""
        vf=$(pci_find 8086:10ca) || { mark trouble "no virtual function"; finish; }
        mark command $(od -An -tx2 -j4 -N2 $PCI/$vf/config)
        mark pin $(od -An -tu1 -j61 -N1 $PCI/$vf/config)
        mark rom $([ -e $PCI/$vf/rom ] && echo yes || echo no)
        mark driver $(basename $(readlink $PCI/$vf/driver))
        mark msix $(ls $PCI/$vf/msi_irqs 2>/dev/null | wc -l)
        mark vf "$vf"
        if grep -q run=stays /proc/cmdline; then sleep 40; fi
    """,
    give_back=f"give_back {PF} igb",
    status=[125, 125, 0, 125, 128],
    only=("minivmm",),
    vmm_iommu="--iommu=group",
    iommufd="no",
    limit=300,
    slow=True,
)

# Linux asks for tokens through iommufd, too, since 6.17. minivmm gives them if
# built with headers of such a kernel, which bookworm-backports has not.
variants = {
    "": {},
    "-iommufd": {"host_kernel": "own-7", "vmm_iommu": "--iommu=iommufd", "status": [125, 125, 125, 125, 128]},
}
CANNOT = "this build of minivmm cannot give a VF token to iommufd"


def judge(r):
    bare, wrong, both, needless, taken = r.runs
    by_fd = "iommufd" in r.case.vmm_iommu
    r.equal("driver of a new child of vfio-pci", r.host.get("vf-driver"), "vfio-pci")
    said = [(bare, "they ask for a VF token"), (taken, "wants the function back")]
    if by_fd:
        said += [(run, CANNOT) for run in (wrong, both, needless)]
    else:
        said += [(wrong, "is not the one that its physical function"), (needless, "it has a VF token, but is neither")]
    for run, words in said:
        r.check(words in run.stderr, f"no '{words}': {run.stderr.strip()}")
    for run, place in [(taken, "0000:01:00.0")] + ([] if by_fd else [(both, "0000:02:00.0")]):
        g = run.guest
        r.equal("place", g.get("vf"), place)
        r.equal("pin", g.get("pin"), "0")
        r.equal("ROM", g.get("rom"), "no")
        r.equal("driver", g.get("driver"), "igbvf")
    r.equal("children left", r.host.get("taken-away"), "0")
    if by_fd:
        return "token asked for, none given; igbvf binds without; sriov_numvfs=0 ends the VM"
    return "token asked for, wrong, right, needless; igbvf binds; sriov_numvfs=0 ends the VM"
