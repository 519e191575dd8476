# Debian's QEMU, for comparison. Each function sits behind a root port, as
# minivmm does it.
VMM_NAME=ld.so     # as which it runs, through its own loader

vmm_exec() {
    _args= _n=0
    for _bdf in $VFIO; do
        _n=$((_n + 1))
        _args="$_args -device pcie-root-port,id=vp$_n,slot=$_n,chassis=$_n -device vfio-pci,host=$_bdf,bus=vp$_n"
    done
    exec traced timeout -s KILL $LIMIT /vmm/ld.so --library-path /vmm /vmm/qemu-system-x86_64 -L /vmm/data \
        -accel kvm -cpu host -M q35 -m $MEM -smp $CPUS -nodefaults -display none -no-reboot -serial stdio \
        -device isa-debug-exit,iobase=0xf4 -device pvpanic -action panic=exit-failure \
        -kernel $KERNEL -initrd $INITRD -append "$APPEND" $_args
}

# To minivmm's numbers: isa-debug-exit gives 2N+1, a panic 1, a killed one 137.
vmm_status() {
    case $1 in
    0) echo 0 ;;
    1) [ -s /tmp/err ] && echo 125 || echo 126 ;;
    137|143) echo 124 ;;
    *) echo $((($1 - 1) / 2)) ;;
    esac
}
