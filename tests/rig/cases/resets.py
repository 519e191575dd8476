"""How often a function is reset: once when it is opened, its bus at a reboot, once when it is closed, even by SIGKILL."""
import hostile
from case import Case, Disk, resettable_root_port

BDF = "0000:01:00.0"

disk = Disk(known=16, spare=16)
disks = [disk]

# L1's kernel says when it resets the function, which has an FLR, or its bus,
# which is the VM's alone. The descriptors are looked at meanwhile: each closes
# on exec, and only minivmm has any of VFIO.
HOST = hostile.COMPLAINTS + """
    T=/sys/kernel/tracing
    echo 'p:rig/flr pcie_flr' >$T/kprobe_events
    echo 'p:rig/bus pcibios_reset_secondary_bus' >>$T/kprobe_events     # weak, so never inlined
    [ $(wc -l <$T/kprobe_events) = 2 ] || mark trouble "no probes"
    # traced limits every instance to the VMM, and without this to its first thread.
    mkdir $T/instances/resets && echo 1 >$T/instances/resets/options/event-fork &&
        echo 1 >$T/instances/resets/events/rig/enable || mark trouble "no probes"
    resets() { grep -c " $1: " $T/instances/resets/trace; }
    counted() { # NAME VMM_ARGUMENT...
        _name=$1
        shift
        echo >$T/instances/resets/trace
        vmm --vfio BDF --append run=$_name "$@"
        # The kernel may close what a killed process had after it has ended.
        for _i in $(seq 50); do [ $(resets flr) -lt 2 ] || break; usleep 100000; done
        mark resets-$_name $(resets flr) $(resets bus)
        mark holders-$_name $(holders)
    }
    holders() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c '/dev/vfio/\\|/dev/iommu\\|anon_inode:.vfio'; }
    look() {
        mark resets-at-work $(resets flr) $(resets bus)
        _pid=$(pidof minivmm)
        mark held $(ls -l /proc/$_pid/fd | grep -c '/dev/vfio/\\|anon_inode:.vfio') of $(holders)
        # O_CLOEXEC is 02000000 of fcntl.h; 0, 1 and 2 are not minivmm's.
        for _f in /proc/$_pid/fdinfo/*; do
            _flags=$(awk '$1 == "flags:" { print $2 }' $_f)
            [ ${_f##*/} -le 2 ] || [ $((_flags & 02000000)) != 0 ] ||
                mark trouble "$(readlink /proc/$_pid/fd/${_f##*/}) would be inherited"
        done
    }
    killed() { kill -KILL $(pidof minivmm); }
    bind BDF
    beside 1 look &
    counted quits
    counted reboots --on-reboot=reset
    beside 3 killed &
    counted killed
    wait
""".replace("BDF", BDF)

# VFIO-RST-05, VFIO-OPEN-20
case = Case(
    l0=resettable_root_port(1) + disk.args("rp1"),
    bind=[BDF],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    host=HOST,
    # The last byte of the disk says whether this guest was here before.
    guest="""
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        mark read $(sha_range /dev/nvme0n1 0 8)
        case $(cat /proc/cmdline) in
        *run=reboots*)
            [ $(boots 31) = 0 ] || finish
            set_boots 31 1
            reboot -f
            ;;
        *run=killed*)
            dd if=/dev/urandom of=/tmp/random bs=1M count=8 2>/dev/null
            while :; do dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=16 conv=notrunc,fsync; done 2>/dev/null &
            ;;
        *) mark at-work; sleep 4; finish ;;
        esac
        mark at-work
        sleep 60
    """,
    give_back=f"""
        give_back {BDF} nvme
        wait_for 10 [ -b /dev/nvme0n1 ] && mark host-read $(sha_range /dev/nvme0n1 0 16)
        dd if=/dev/nvme0n1 of=/dev/nvme0n1 bs=1M count=2 seek=24 conv=notrunc 2>/dev/null
        sync
        complaints
    """,
    status=[0, 0, 137],
    only=("minivmm",),
    iommufd="no",       # our own kernel has no probes
    limit=200,
)

# Of the function, of its bus.
WANTED = {"quits": (2, 0), "reboots": (2, 1), "killed": (2, 0)}


def judge(r):
    for run in r.runs:
        r.check(run.guest.all("read"), "the guest did not read")
        r.check(all(h == disk.known_sha(8) for h in run.guest.all("read")), "the guest read something else")
    r.equal("boots of the second guest", len(r.runs[1].guest.all("read")), 2)
    r.equal("resets before the guest works", r.host.get("resets-at-work"), "1 0")
    for name, n in WANTED.items():
        r.equal(f"resets of the run that {name}", r.host.get("resets-" + name), "%d %d" % n)
        r.equal(f"descriptors of VFIO after the run that {name}", r.host.get("holders-" + name), "0")
    mine, _, everyone = r.host.get("held").split()
    r.check(mine == everyone and int(mine) >= 3, f"minivmm holds {mine} descriptors of VFIO, everyone {everyone}")
    r.equal("hash read by L1 afterwards", r.host.get("host-read"), disk.known_sha(16))
    r.equal("written by L1", disk.sha(24, 2), disk.known_sha(2))
    hostile.no_complaints(r)
    return f"resets: {', '.join(f'{name} {own}+{bus}' for name, (own, bus) in WANTED.items())}; {mine} descriptors, all close on exec"
