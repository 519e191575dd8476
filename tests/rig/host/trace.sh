# L1 watches the VMM with the kernel's own trace events. Only the VMM's process
# and its threads are recorded. The guest marks its phases by writing to port
# 84h, which no device decodes:
#   b1   init is reached
#   a1   the I/O phase begins, a2 it ends
TR=/sys/kernel/tracing/instances

trace_start() {
    mkdir -p $TR/io $TR/boot
    # io: every exit to userspace and every system call, between a1 and a2.
    (
        cd $TR/io
        echo 0 >tracing_on
        echo >trace
        echo 4096 >buffer_size_kb
        echo 1 >options/event-fork
        for e in kvm/kvm_userspace_exit kvm/kvm_pio kvm/kvm_mmio raw_syscalls/sys_enter; do
            echo 1 >events/$e/enable
        done
        [ $MEASURE = 0 ] || echo 1 >events/kvm/kvm_exit/enable
        # From the first instruction on, whatever is recorded.
        echo 'hist:keys=reason' >events/kvm/kvm_userspace_exit/trigger
        echo 'traceon if port == 0x84 && val == 0xa1' >events/kvm/kvm_pio/trigger
    ) || mark trouble "tracing"
    [ $MEASURE = 1 ] || return 0
    # boot: exits to userspace from start to b1, and the first KVM_RUN.
    (
        cd $TR/boot
        echo 1 >tracing_on
        echo 16 >buffer_size_kb
        echo 0 >options/overwrite       # full means enough: keep the oldest
        echo 1 >options/event-fork
        echo 1 >events/sched/sched_process_exec/enable
        echo 1 >events/kvm/kvm_entry/enable
        echo 'hist:keys=reason' >events/kvm/kvm_userspace_exit/trigger
        echo 'hist:keys=port.hex' >events/kvm/kvm_pio/trigger
        echo 'disable_hist:kvm:kvm_pio if port == 0x84 && val == 0xb1' >>events/kvm/kvm_pio/trigger
        echo 'disable_hist:kvm:kvm_userspace_exit if port == 0x84 && val == 0xb1' >>events/kvm/kvm_pio/trigger
    ) || mark trouble "tracing"
}

trace_stop() {
    # One line per kind: why KVM returned, and what the guest had touched. The
    # first return is still that of a1.
    awk '/kvm_pio: pio_write at 0x84 .* val 0xa2/ { exit }
         /kvm_pio:/ { split($0, a, " at "); split(a[2], b, " "); last[$1] = b[1] }
         /kvm_mmio:/ { split($0, a, " gpa "); split(a[2], b, " "); last[$1] = b[1] }
         /kvm_userspace_exit:/ { split($0, a, "reason "); split(a[2], b, " "); if (!seen++ && last[$1] == "") last[$1] = "0x84"; n[b[1] " " last[$1]]++; last[$1] = "" }
         /sys_enter:/ && $1 !~ /^timeout-/ { sys++; split($0, a, " NR "); split(a[2], b, " "); call[b[1] (b[1] == 16 ? " " b[3] : "")]++ }
         /kvm_exit:/ { kexit++ }
         END { for (k in n) print "@@ io-exit", n[k], k
               for (k in call) print "@@ io-syscall", call[k], k
               print "@@ io-syscalls", sys + 0; print "@@ io-kernel-exits", kexit + 0 }' $TR/io/trace
    # KVM_EXIT_SHUTDOWN: not every VMM says so.
    ! grep -q 'reason: *8 ' $TR/io/events/kvm/kvm_userspace_exit/hist || mark triple-fault yes
    [ $MEASURE = 0 ] || {
        grep -v '^#' $TR/boot/events/kvm/kvm_userspace_exit/hist | grep . | blob boot-exits
        grep -v '^#' $TR/boot/events/kvm/kvm_pio/hist | grep . | blob boot-ports
        grep -v '^#' $TR/boot/trace | grep sched_process_exec | tail -n1 | blob exec
        grep -v '^#' $TR/boot/trace | grep kvm_entry | head -n1 | blob first-run
    }
    rmdir $TR/io $TR/boot
}
