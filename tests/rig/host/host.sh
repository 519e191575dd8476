# Functions for L1: bind functions, run the VMM, give functions back.

# bind BDF: hand a function to vfio-pci, after a look at its config space.
bind() {
    _d=/sys/bus/pci/devices/$1
    [ -e $_d ] || { mark trouble "L1 has no $1"; return 1; }
    blob host-config-$1 $_d/config
    echo vfio-pci >$_d/driver_override
    [ ! -e $_d/driver ] || echo $1 >$_d/driver/unbind
    echo $1 >/sys/bus/pci/drivers_probe
    [ "$(driver_of $1)" = vfio-pci ] || { mark trouble "$1 does not bind to vfio-pci"; return 1; }
}

driver_of() { basename "$(readlink /sys/bus/pci/devices/$1/driver)" 2>/dev/null; }

# give_back BDF MODULE: the function's own driver must take it again, if L1 has it.
give_back() {
    [ $AT_HOME = 1 ] || { release $1; return; }
    _d=/sys/bus/pci/devices/$1
    echo >$_d/driver_override
    [ ! -e $_d/driver ] || echo $1 >$_d/driver/unbind
    load $2
    [ -e $_d/driver ] || echo $1 >/sys/bus/pci/drivers_probe
    mark back-$1 "$(driver_of $1)"
}

# release BDF: as give_back, for a function that has no driver of its own.
release() {
    _d=/sys/bus/pci/devices/$1
    echo >$_d/driver_override
    [ ! -e $_d/driver ] || echo $1 >$_d/driver/unbind
    [ -e $_d/driver ] || mark back-$1 nobody
}

# vmm [--mem M] [--cpus N] [--append TEXT] [--vfio BDF]... [--kernel K]
#     [--initrd I] [--timeout S] [OTHER...]: run the VMM under test with L2.
# Its console goes to the second serial line, its errors and status to marks.
RUN=0
vmm() {
    KERNEL=/l2/bzImage INITRD=/case/guest.cpio MEM=$MEMORY CPUS=1 LIMIT=$GUEST_LIMIT
    APPEND="console=ttyS0 panic=-1 $GUEST_APPEND" VFIO= CONSOLE=stdio OTHER=$VMM_IOMMU
    while [ $# -gt 0 ]; do
        case $1 in
        --kernel) KERNEL=$2 ;;
        --initrd) INITRD=$2 ;;
        --mem) MEM=$2 ;;
        --cpus) CPUS=$2 ;;
        --append) APPEND="$APPEND $2" ;;
        --vfio) VFIO="$VFIO $2" ;;
        --timeout) LIMIT=$2 ;;
        --console) CONSOLE=$2 ;;
        *) OTHER="$OTHER $1"; shift; continue ;;
        esac
        shift 2
    done
    trace_start
    watched vmm_exec
    trace_stop
}

now_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }

# beside RUN COMMAND...: once the guest of that run marks at-work, COMMAND; how
# long it took, in ms. Call it with & before vmm.
beside() {
    _console=/tmp/console-$1
    shift
    until grep -q "^@@ at-work" $_console 2>/dev/null; do usleep 50000; done
    sleep 1
    _start=$(now_ms)
    "$@"
    mark took $(($(now_ms) - _start))
}

# watched FUNCTION ARGS...: FUNCTION execs a VMM.
watched() {
    RUN=$((RUN + 1))
    mark run $RUN
    rm -f /tmp/stats
    [ "$1" != vmm_exec ] || mark reports "to /tmp/stats"
    echo "@@@ run $RUN" >/dev/ttyS1
    {
        ("$@" </dev/null 2>/tmp/err)
        echo $? >/tmp/status
    } | tee /tmp/console-$RUN >/dev/ttyS1 &
    wait $!
    STATUS=$(cat /tmp/status)
    mark status "$(vmm_status $STATUS)"
    [ ! -s /tmp/err ] || blob stderr /tmp/err
    [ ! -s /tmp/stats ] || blob stats /tmp/stats
    # Nothing of the VMM may be left: no process, no VM.
    [ -z "$(pidof "$VMM_NAME")" ] || mark trouble "$VMM_NAME still runs"
    [ -z "$(ls -d /sys/kernel/debug/kvm/*-* 2>/dev/null)" ] || mark trouble "a VM is left"
}
