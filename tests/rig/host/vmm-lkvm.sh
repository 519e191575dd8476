# kvmtool, for comparison. It has no ACPI: the guest reboots in order to end.
VMM_NAME=lkvm

vmm_exec() {
    _args=
    for _bdf in $VFIO; do _args="$_args --vfio-pci $_bdf"; done
    exec traced timeout $LIMIT /vmm/lkvm run --name l2 -k $KERNEL -i $INITRD -p "$APPEND rig.end=reboot" \
        -m $((${MEM%[MG]} * $(case $MEM in *G) echo 1024 ;; *) echo 1 ;; esac))  -c $CPUS \
        --console serial --network mode=none $_args
}

vmm_status() {
    case $1 in
    137|143) echo 124 ;;
    *) echo $1 ;;
    esac
}
