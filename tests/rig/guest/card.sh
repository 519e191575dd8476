# For L2 with functions of the simulated card: its driver, by sysfs.
# tests/guest/card/README.md says what each attribute does.

# card_up BDF...: load the driver; it must take each of these.
card_up() {
    load minivmm_card
    for _b; do
        wait_for 10 [ -e $PCI/$_b/card/vsec ] || { dmesg | tail -n 20; return 1; }
    done
}

card_get() { cat $PCI/$1/card/$2; }                     # BDF ATTRIBUTE

# card_facts BDF: what it found.
card_facts() {
    for _a in vsec uuid irq_kind vectors; do
        mark $1/$_a $(card_get $1 $_a)
    done
}

# card_do BDF COMMAND [WORDS]: run it; marks BDF/COMMAND with the outcome.
card_do() {
    _b=$1 _c=$2
    shift 2
    if echo "$*" 2>/tmp/why >$PCI/$_b/card/$_c; then
        mark $_b/$_c ok $(card_get $_b result)
    else
        mark $_b/$_c failed "$(sed 's/.*: //' /tmp/why)" $(card_get $_b result)
        return 1
    fi
}

# card_refused BDF COMMAND [WORDS]: it has to fail.
card_refused() {
    _b=$1 _c=$2
    shift 2
    if echo "$*" 2>/tmp/why >$PCI/$_b/card/$_c; then
        mark trouble "$_c $* of $_b succeeded"
    else
        mark $_b/$_c refused "$(sed 's/.*: //' /tmp/why)"
    fi
}

# card_all BDF: what every function of every card has to do.
card_all() {
    card_facts $1
    blob config-$1 $PCI/$1/config
    for _v in $(seq 0 $(($(card_get $1 vectors) - 1))); do
        card_do $1 fire $_v >/dev/null || mark trouble "vector $_v of $1 does not fire"
    done
    mark $1/interrupts $(card_get $1 interrupts)
    card_do $1 transfer both 64 0
    card_refused $1 wild 7f0000000000
}
