"""Errors that the hardware reports by AER, and a card pulled out: each ends the guest or lets it go on, as told (VFIO-ERR-01, VFIO-ERR-02)."""
from case import Case, net, net_file_sha, resettable_root_port
from nic import give_back

BDF = "0000:01:00.0"

# (what L0 is told, options, status, what minivmm says, status of a QEMU, which
# stops its guest's vCPUs for good; None: it has no such option, or the same again)
UNCORRECTABLE = f"vfio: {BDF}: the function reported an uncorrectable error"
RUNS = (
    ("pcie_aer_inject_error nic POISON_TLP", "", 125, UNCORRECTABLE, 124),
    ("pcie_aer_inject_error nic DLP", "", 125, UNCORRECTABLE, None),
    ("pcie_aer_inject_error nic BAD_TLP", "", 0, "", 0),
    ("pcie_aer_inject_error nic POISON_TLP", ",on-error=report", 0, UNCORRECTABLE + "; data may be wrong", None),
    ("pcie_aer_inject_error nic POISON_TLP", ",on-error=reset", 0, UNCORRECTABLE + "; it is reset now", None),
    ("device_del nic", "", 128, f"vfio: {BDF}: the host wants the function back", 0),
)


def vmm(i):
    unless = "[ $VMM_NAME != minivmm ] || " if RUNS[i][4] is None else ""
    return f"{unless}vmm --append rig.run={i} --vfio {BDF}{RUNS[i][1]}\n"


case = Case(
    # Of QEMU's network cards only this one sends error messages.
    l0=resettable_root_port(1) + net("virtio-net-pci", "rp1", extra=",id=nic,aer=on,iommu_platform=on,disable-legacy=on"),
    bind=[BDF],
    guest_modules=["virtio_net", "virtio_pci"],
    host_modules=["virtio_net", "virtio_pci"],
    monitor=True,
    host=f"bind {BDF}\n" + "".join(vmm(i) for i in range(len(RUNS) - 1)) + give_back(BDF, "virtio_net") + f"""
        ip link set $NIC down
        bind {BDF}
    """ + vmm(len(RUNS) - 1) + f"""
        wait_for 10 [ ! -e /sys/bus/pci/devices/{BDF} ] && mark pulled out
        dmesg | grep -c 'AER:.*{BDF}' >/tmp/aer
        mark reports $(cat /tmp/aer)
    """,
    guest="""
        net_up || finish
        ran=$(sed 's/.*rig.run=//; s/ .*//' /proc/cmdline)
        case $ran in
    """ + "".join(f'{i}) act="{run[0]}" ;;\n' for i, run in enumerate(RUNS)) + f"""
        esac
        # After a reset a driver has to start it anew. This one waits for an
        # answer before it lets go, for ever where there is none: first that.
        [ $ran != 4 ] || echo {BDF} >/sys/bus/pci/drivers/virtio-pci/unbind
        mark l0 $act
        sleep 3
        if [ $ran = 4 ]; then
            echo {BDF} >/sys/bus/pci/drivers/virtio-pci/bind
            net_up || finish
        fi
        mark file $(nc 10.0.2.100 9000 </dev/null | head -c 16777216 | sha256sum | cut -d' ' -f1)
    """,
    status={"minivmm": [run[2] for run in RUNS], "qemu": [run[4] for run in RUNS if run[4] is not None]},
    only=("minivmm", "qemu"), slow=True,
    iommufd="no",       # our own kernel has neither AER nor hot-plug
    limit=240,
)


def judge(r):
    runs = [run for run in RUNS if r.strict or run[4] is not None]
    for run, (act, _, status, words, _) in zip(r.runs, runs):
        r.check("nic" in run.guest, f"{act}: the guest had no network before")
        r.check(not r.strict or (words in run.stderr if words else not run.stderr), f"{act}: said {run.stderr!r}")
        if not r.strict and act.startswith("device_del"):
            continue    # it goes on, without a card
        r.equal(f"{act}: file read by the guest afterwards", run.guest.get("file"), "" if status else net_file_sha())
    r.check(r.host.get("host-address").startswith("10.0.2."), "L1 gets no lease afterwards")
    r.equal("the card", r.runs[-1].host.get("pulled"), "out")
    if not r.strict:
        return "poisoned: the guest stops; correctable: nothing; pulled out: the guest goes on without"
    return "poisoned: ends, goes on, is reset; link error: ends; correctable: nothing; pulled out: status 128"
