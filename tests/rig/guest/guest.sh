# Functions for L2 only.

# poke PORT BYTE (both hexadecimal): write an I/O port.
poke() { printf "\\x$2" | dd of=/dev/port bs=1 seek=$((0x$1)) conv=notrunc 2>/dev/null; }

# A byte of the first disk counts the guest's boots, and outlives them all.
boots() { dd if=/dev/nvme0n1 bs=1 skip=$(($1 << 20)) count=1 2>/dev/null | od -An -tu1 | tr -d ' '; } # MIB
set_boots() { printf "\\x0$2" | dd of=/dev/nvme0n1 bs=1 seek=$(($1 << 20)) conv=notrunc,fsync 2>/dev/null; } # MIB N

# The phase in which L1 counts every exit to userspace. Print nothing inside.
io_begin() { sleep 0.3; poke 84 a1; }
io_end() { poke 84 a2; }

# The whole config space, as root sees it. A short read says how long it is.
dump_config() { blob config /sys/bus/pci/devices/$1/config; } # BDF

# irq_lines WORD: how many vectors of /proc/interrupts carry WORD and have
# fired, and how often together.
irq_lines() {
    awk -v word="$1" 'NR == 1 { cpus = NF; next }
        index($0, word) { n = 0; for (i = 2; i <= cpus + 1; i++) n += $i
                          if (n) { vectors++; sum += n } }
        END { printf "%d %d\n", vectors, sum }' /proc/interrupts
}
irq_report() { # WORD
    mark irq "$(irq_lines "$1")"
    grep "$1" /proc/interrupts | blob interrupts
}

finish() {
    case $(cat /proc/cmdline) in
    *rig.end=reboot*) reboot -f ;;
    *) poweroff -f ;;
    esac
    sleep 30
}
