# kvmtool, for comparison. It has no ACPI: the guest reboots in order to end.
VMM_NAME=lkvm

vmm_exec() {
    _args= _places= _n=0
    for _f in $VFIO; do
        # It puts functions on bus 0, each into a slot of its own, in this order;
        # guest/init is told which place of the case that is.
        _port=$((_n + 1)) _fn=0
        case $_f in
        *,slot=*) _at=${_f#*,slot=} _at=${_at%%,*} _port=${_at%.*} _fn=${_at#*.} ;;
        esac
        _places="$_places $(printf 'rig.place=0000:%02x:00.%x=0000:00:%02x.0' $_port $_fn $_n)"
        _args="$_args --vfio-pci ${_f%%,*}"
        _n=$((_n + 1))
    done
    case $MEM in
    *G) _mib=$((${MEM%G} * 1024)) ;;
    *) _mib=${MEM%M} ;;
    esac
    exec traced timeout -s KILL $LIMIT /vmm/lkvm run --name l2 -k $KERNEL -i $INITRD \
        -p "$APPEND rig.end=reboot$_places" -m $_mib -c $CPUS --console serial --network mode=none $_args
}

vmm_status() {
    case $1 in
    137) echo 124 ;;
    *) echo $1 ;;
    esac
}
