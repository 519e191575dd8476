# minivmm, the VMM that this rig is for.
VMM_NAME=minivmm

vmm_exec() {
    _args=
    case " $OTHER " in
    *" --stats"*) ;;
    *) _args="--stats /tmp/stats" ;;
    esac
    for _bdf in $VFIO; do _args="$_args --vfio $_bdf"; done
    exec traced timeout -s KILL $((LIMIT + 15)) /vmm/minivmm --kernel $KERNEL --initrd $INITRD --append "$APPEND" \
        --mem $MEM --cpus $CPUS --timeout $LIMIT --console $CONSOLE $_args $OTHER
}

vmm_status() { echo $1; }
