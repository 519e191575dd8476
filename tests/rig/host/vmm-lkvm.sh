# kvmtool, for comparison. It has no ACPI: the guest reboots in order to end.
VMM_NAME=lkvm

vmm_exec() {
    _args=
    for _f in $VFIO; do _args="$_args --vfio-pci ${_f%%,*}"; done
    case $MEM in
    *G) _mib=$((${MEM%G} * 1024)) ;;
    *) _mib=${MEM%M} ;;
    esac
    exec traced timeout -s KILL $LIMIT /vmm/lkvm run --name l2 -k $KERNEL -i $INITRD \
        -p "$APPEND rig.end=reboot" -m $_mib -c $CPUS --console serial --network mode=none $_args
}

vmm_status() {
    case $1 in
    137) echo 124 ;;
    *) echo $1 ;;
    esac
}
