# Debian's QEMU, for comparison. Each function sits behind a root port, as
# minivmm does it.
VMM_NAME=ld.so     # as which it runs, through its own loader

vmm_exec() {
    _args= _ports= _n=0
    for _f in $VFIO; do
        _n=$((_n + 1)) _port=$_n _fn=0
        case $_f in
        *,slot=*) _at=${_f#*,slot=} _at=${_at%%,*} _port=${_at%.*} _fn=${_at#*.} ;;
        esac
        case " $_ports " in
        *" $_port "*) ;;
        *) _args="$_args -device pcie-root-port,id=vp$_port,slot=$_port,chassis=$_port" _ports="$_ports $_port" ;;
        esac
        case $_f in
        /*) _host=sysfsdev=${_f%%,*} ;;
        *) _host=host=${_f%%,*} ;;
        esac
        _args="$_args -device vfio-pci,$_host,bus=vp$_port,addr=0.$_fn,multifunction=on"
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
