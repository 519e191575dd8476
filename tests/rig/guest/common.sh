# Functions for both guests, L1 and L2. What they report goes to the console as
# lines that tests/rig/rig/machine.py collects:
#   @@ KEY VALUE            one fact
#   @@+ KEY BASE64          a piece of a file, gzipped

PCI=/sys/bus/pci/devices

mark() { echo "@@ $*"; }

# blob KEY [FILE]: report a file, or standard input.
blob() {
    _key=$1
    shift
    cat "$@" | gzip -1 | base64 | sed "s|^|@@+ $_key |"
}

# load NAME...: modules and what they need; NAME.options may hold parameters.
load() {
    for _name; do
        while read -r _m; do
            grep -q "^$_m " /proc/modules || insmod /modules/$_m.ko $(cat /modules/$_m.options 2>/dev/null) ||
                mark trouble "insmod $_m"
        done </modules/$_name.load
    done
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 if it does not in time.
wait_for() {
    _end=$(($(cut -d. -f1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt $_end ] || { mark trouble "waited in vain: $*"; return 1; }
        usleep 20000
    done
}

# pci_find VENDOR:DEVICE: the address of the first such function.
pci_find() {
    for _d in /sys/bus/pci/devices/*; do
        [ "$(cat $_d/vendor):$(cat $_d/device)" = "0x${1%:*}:0x${1#*:}" ] || continue
        basename $_d
        return 0
    done
    return 1
}

# The hash of MIB mebibytes of FILE from FROM on.
sha_range() { # FILE FROM MIB
    dd if=$1 bs=1M skip=$2 count=$3 2>/dev/null | sha256sum | cut -d' ' -f1
}

# DHCP on the first interface with a link to a PCI function.
net_up() {
    for _i in /sys/class/net/*; do
        [ -e $_i/device ] && NIC=$(basename $_i) && break
    done
    [ -n "$NIC" ] || { mark trouble "no network interface"; return 1; }
    mark nic "$NIC $(basename $(readlink /sys/class/net/$NIC/device/driver))"
    ip link set $NIC up
    wait_for 15 grep -q 1 /sys/class/net/$NIC/carrier || return 1
    mark link "up"
    udhcpc -i $NIC -n -q -f -t 10 -T 1 -s /lib/udhcpc >/tmp/udhcpc 2>&1 || { mark trouble "no DHCP lease"; return 1; }
}
