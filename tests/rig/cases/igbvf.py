"""A network card's virtual function: igbvf sets up its three vectors, talks to the parent, fetches a file."""
import config_space
from case import Case, net, net_file_sha, root_port
from config_space import ext_caps

PF, VF = "0000:01:00.0", "0000:01:10.0"

# The parent has to be up: it answers the mailbox of its virtual functions.
# VFIO-VF-01, -03, -04, VFIO-CFG-20
case = Case(
    l0=root_port(1) + net("igb", "rp1"),
    bind=[VF],
    guest_modules=["igbvf"],
    host_modules=["igb"],
    host=f"""
        load igb
        wait_for 10 [ -d $PCI/{PF}/net ] || return
        parent=$(ls $PCI/{PF}/net)
        ip link set $parent up
        wait_for 15 grep -q 1 /sys/class/net/$parent/carrier
        echo 1 >$PCI/{PF}/sriov_numvfs || mark trouble "no virtual function"
        wait_for 15 grep -q 1 /sys/class/net/$parent/carrier
        bind {VF}
        mark identity $(cd $PCI/{VF} && cat vendor device class)
        mark bars $(head -n 6 $PCI/{VF}/resource | awk '$1 != $2 {{ print NR - 1, $1, $2 }}')
        vmm --vfio {VF}
    """,
    guest="""
        vf=0000:01:00.0
        wait_for 10 [ -d $PCI/$vf/net ] || finish
        nic=$(ls $PCI/$vf/net)
        mark driver $(basename $(readlink $PCI/$vf/driver))
        mark identity $(cd $PCI/$vf && cat vendor device class)
        mark bars $(head -n 6 $PCI/$vf/resource | awk '$1 != $2 { print NR - 1, $1, $2 }')
        mark mac $(cat /sys/class/net/$nic/address)
        mark said $(dmesg | awk '/igbvf .*Address: / { print $NF }')
        net_up || finish
        mark vectors $(ls $PCI/$vf/msi_irqs | wc -l)
        mark handlers $(awk -v nic=$nic 'index($NF, nic) == 1 { sub(nic, "", $NF); print "nic" $NF }' /proc/interrupts)
        mark file $(nc 10.0.2.100 9000 </dev/null | head -c 16777216 | sha256sum | cut -d' ' -f1)
        irq_report $nic
        blob config $PCI/$vf/config
    """,
    guest_limit=120,
    limit=240,
    give_back=f"""
        echo 0 >$PCI/{PF}/sriov_numvfs
        [ -e $PCI/{VF} ] || mark back-{VF} gone
        net_up && mark host-address $(ip -4 addr show dev $NIC | awk '$1 == "inet" {{ print $2 }}')
    """,
)


def sizes(bars):
    """{number: bytes} of `NUMBER FIRST LAST ...`."""
    words = bars.split()
    return {n: int(last, 16) - int(first, 16) + 1 for n, first, last in zip(*(words[i::3] for i in range(3)))}


def check_config(r):
    host, guest = r.host.blob("host-config-" + VF), r.guest.blob("config")
    r.equal("raw identity in L1", host[:4], b"\xff" * 4)
    r.equal("raw BARs in L1", host[0x10:0x28], bytes(24))
    r.equal("identity", r.guest.get("identity"), r.host.get("identity"))
    r.equal("sizes of BARs", sizes(r.guest.get("bars")), sizes(r.host.get("bars")))
    r.equal("pin", guest[0x3d], 0)
    r.equal("capabilities", config_space.caps(guest), config_space.caps(host))
    hidden = config_space.hidden_by(r.vmm) | {0x0e, 0x10}
    r.equal("extended chain", [str(c) for c in ext_caps(guest)],
            [str(c) for c in ext_caps(host) if c.id not in hidden])


def judge(r):
    g = r.guest
    check_config(r)
    r.equal("driver", g.get("driver"), "igbvf")
    r.equal("vectors", g.get("vectors"), "3")
    r.equal("handlers", sorted(g.get("handlers").split()), ["nic", "nic-rx-0", "nic-tx-0"])
    r.check(g.get("mac") not in ("", "00:00:00:00:00:00"), "no MAC address")
    r.equal("MAC address", g.get("mac"), g.get("said"))
    r.equal("hash of 16 MiB", g.get("file"), net_file_sha())
    r.check(r.host.get("host-address").startswith("10.0.2."), "the parent gets no lease afterwards")
    irqs = r.check_irqs(2, 50)
    if r.strict:
        vectors = r.runs[0].stats["functions"][0]["interrupts"]["vectors"]
        r.equal("vectors tied to KVM", len([v for v in vectors if v["irqfds"] > 0]), 3)
    how = r.check_delivery(VF, int(g.get("irq").split()[1]))
    return f"igbvf, MAC, link, 16 MiB sha ok, {irqs}, {how}"
