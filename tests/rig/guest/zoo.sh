# For both guests: one function of the zoo at a time is tried with its stock
# driver. tests/rig/rig/zoo.py writes the calls; every fact begins with NAME/.

# zoo NAME KIND ADDRESS [WORDS]: is it there, who drives it, does it work, and
# which interrupts did that take?
zoo() {
    Z=$1 _kind=$2 B=$3
    shift 3
    [ -e $PCI/$B ] || { mark $Z/fault "no function at $B"; return; }
    blob $Z/config $PCI/$B/config
    case $_kind in
    memory|testdev) ;;
    edu) load minivmm_edu ;;
    *) soon 20 [ -e $PCI/$B/driver ] || { mark $Z/fault "no driver takes it"; return; } ;;
    esac
    mark $Z/driver "$(basename "$(readlink $PCI/$B/driver)")"
    _before=$(zoo_irqs)
    zoo_$_kind "$@" || { mark $Z/fault "$_kind fails"; dmesg | tail -n 40 | blob $Z/dmesg; }
    mark $Z/irq $(zoo_kind) $(($(zoo_irqs) - _before))
    # Only now: a driver that is not used forgets its interrupts.
    case $_kind in net|tty) zoo_${_kind}_end ;; esac
    mark $Z/done
}

# soon SECONDS COMMAND...: as wait_for, but in vain is no trouble.
soon() {
    _until=$(($(cut -d. -f1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt $_until ] || return 1
        usleep 20000
    done
}

# Linux's numbers of the interrupts of $B: its messages, or else its line.
zoo_irq_numbers() {
    ls $PCI/$B/msi_irqs 2>/dev/null | grep . || cat $PCI/$B/irq
}

zoo_irqs() {
    awk -v list=" $(zoo_irq_numbers | tr '\n' ' ') " 'NR == 1 { cpus = NF; next }
        { n = $1; sub(":", "", n) }
        index(list, " " n " ") { for (i = 2; i <= cpus + 1; i++) sum += $i }
        END { printf "%d\n", sum }' /proc/interrupts
}

zoo_kind() {
    _n=$(ls $PCI/$B/msi_irqs 2>/dev/null | head -n 1)
    if [ -n "$_n" ]; then cat $PCI/$B/msi_irqs/$_n; else echo intx; fi
}

# zoo_class CLASS [PREFIX]: the first device of that class that $B has, set in $N.
zoo_class() {
    for _c in /sys/class/$1/${2:-}*; do
        case $(readlink -f $_c) in
        */$B/*) N=$(basename $_c); return 0 ;;
        esac
    done
    return 1
}

# -------- what each kind has to do --------

# A driver is bound, that is all that can be seen.
zoo_bind() { :; }

# Blocks are read, written, read again. WORDS: MiB to read, MiB to write.
zoo_blk() {
    soon 30 zoo_disk || return 1
    mark $Z/read $(sha_range /dev/$N 0 $1)
    [ $2 != 0 ] || return 0
    dd if=/dev/urandom of=/tmp/random bs=1M count=$2 2>/dev/null
    mark $Z/random $(sha_range /tmp/random 0 $2)
    dd if=/tmp/random of=/dev/$N bs=1M seek=$1 conv=notrunc,fsync 2>/dev/null || return 1
    echo 3 >/proc/sys/vm/drop_caches
    mark $Z/back $(sha_range /dev/$N $1 $2)
}
zoo_disk() {
    # A namespace belongs to a subsystem, not to the function below it.
    _c=$(ls $PCI/$B/nvme 2>/dev/null) && N=${_c}n1 || zoo_class block || return 1
    [ -b /dev/$N ] && [ "$(cat /sys/class/block/$N/size)" != 0 ]
}

# WORDS: bytes to fetch.
zoo_net() {
    soon 20 zoo_class net || return 1
    ip link set $N up || return 1
    soon 20 grep -q 1 /sys/class/net/$N/carrier || return 1
    udhcpc -i $N -n -q -f -t 10 -T 1 -s /lib/udhcpc >/tmp/udhcpc 2>&1 || return 1
    mark $Z/fetched $(nc 10.0.2.100 9000 </dev/null | head -c $1 | sha256sum | cut -d' ' -f1)
}

# The next one has the same address.
zoo_net_end() {
    ip addr flush dev $N
    ip link set $N down
}

# Bytes go out of a serial port; L0 has them in a file.
zoo_tty() {
    soon 10 zoo_class tty || return 1
    stty -F /dev/$N raw -echo 115200 || return 1
    mark $Z/port $N
    exec 8>/dev/$N
    dd if=/lib/zoo.sh bs=1k count=1 >&8 2>/dev/null
    stty -F /dev/$N -a >/dev/null
    sleep 1     # it takes a tenth of that
}
zoo_tty_end() { exec 8>&-; }

# The same by a port of virtio-console.
zoo_port() {
    soon 10 zoo_class virtio-ports || return 1
    dd if=/lib/zoo.sh bs=1k count=1 of=/dev/$N 2>/dev/null
}

# A folder of L0 is seen.
zoo_9p() {
    mkdir -p /tmp/9p
    mount -t 9p -o trans=virtio,ro zoo /tmp/9p || return 1
    mark $Z/sees $(ls /tmp/9p | grep virtio-console)
    umount /tmp/9p
}

# A second of noise is played.
zoo_sound() {
    load snd_pcm_oss
    soon 20 zoo_class sound dsp || return 1
    dd if=/dev/urandom bs=800 count=10 of=/dev/$N 2>/dev/null
}

# What our driver for edu found.
zoo_edu() {
    soon 10 [ -e $PCI/$B/edu/irqs ] || return 1
    for _a in alive sum dma irqs; do mark $Z/$_a "$(cat $PCI/$B/edu/$_a)"; done
}

# The memory of a BAR: whoever comes second finds what the first has written.
# WORDS: the BAR, its size in bytes.
zoo_memory() {
    echo 1 >$PCI/$B/enable
    _bar=$PCI/$B/resource$1
    mark $Z/size $(stat -c %s $_bar)
    mark $Z/before $(bars check $_bar $2)
    bars fill $_bar $2 && mark $Z/wrong $(bars check $_bar $2)
}

# QEMU's own test function counts what reaches it. WORDS: its large BAR's size.
zoo_testdev() {
    echo 1 >$PCI/$B/enable
    mark $Z/mmio "$(bars testdev $PCI/$B/resource0 mmio)"
    mark $Z/io "$(bars testdev $PCI/$B/resource1 io)"
    mark $Z/size $(stat -c %s $PCI/$B/resource2)
}

# Random bytes come out of a generator.
zoo_rng() {
    mark $Z/bytes $(dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c)
}
