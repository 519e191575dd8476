"""Interrupts are masked and moved under load, and none is lost: VFIO-MSIX-07..09.

Three loops in the guest do that to a disk and a card at work: the function mask
of MSI-X, and each vector's affinity, for which Linux masks the vector, writes
the message and unmasks. A lost completion of the disk costs Linux 30 seconds
and a line in dmesg; a lost interrupt of the card fails its command.
"""
import cards
from card import Card
from case import Disk, root_port

disk = Disk()
disks = [disk]

NVME, CARD = "0000:01:00.0", "0000:02:00.0"
ROUNDS = 12

case = cards.case(
    cards=(Card("vsec-first", ports=((2, 0),)),),
    l0=root_port(1) + root_port(2) + disk.args("rp1"),
    bind=[NVME, CARD],
    guest_modules=["nvme"],
    host_modules=["nvme"],
    vmm_args="--cpus 2",
    guest=f"""
        card_up {CARD} || finish
        wait_for 20 [ -b /dev/nvme0n1 ] || finish
        byte() {{ od -An -tu1 -j$2 -N1 $PCI/$1/config | tr -d ' '; }}
        msix_at() {{
            _at=$(byte $1 52)
            while [ $_at != 0 ] && [ $(byte $1 $_at) != 17 ]; do _at=$(byte $1 $((_at + 1))); done
            echo $_at
        }}
        # The upper byte of Message Control: Enable, with Function Mask or not.
        control() {{ printf "\\\\$3" | dd of=$PCI/$1/config bs=1 seek=$(($2 + 3)) conv=notrunc 2>/dev/null; }}
        masks() {{
            _m=$(msix_at $1) _n=0
            until [ -e /tmp/stop ]; do control $1 $_m 300; control $1 $_m 200; _n=$((_n + 1)); usleep 20000; done
            control $1 $_m 200
            mark masks $1 $_n
        }}
        moves() {{
            _n=0
            until [ -e /tmp/stop ]; do
                for _cpu in 1 2; do
                    for _i in $PCI/$1/msi_irqs/*; do
                        echo $_cpu >/proc/irq/${{_i##*/}}/smp_affinity && _n=$((_n + 1))
                    done
                done
                usleep 20000
            done 2>/dev/null
            mark moves $1 $_n
        }}
        for b in {NVME} {CARD}; do masks $b & moves $b & done
        dd if=/dev/urandom of=/tmp/random bs=1M count=8 2>/dev/null
        mark random $(sha_range /tmp/random 0 8)
        (
            for i in $(seq 3); do
                mark read $(sha_range /dev/nvme0n1 0 8)
                dd if=/tmp/random of=/dev/nvme0n1 bs=1M seek=64 conv=notrunc,fsync 2>/dev/null
                echo 3 >/proc/sys/vm/drop_caches
            done
            mark back $(sha_range /dev/nvme0n1 64 8)
            echo >/tmp/disk-done
        ) &
        for i in $(seq {ROUNDS}); do
            for v in 0 1 2 3 4 5 6 7; do
                card_do {CARD} fire $v >/dev/null || mark trouble "round $i: vector $v was lost: $(card_get {CARD} result)"
            done
        done
        mark fired $(card_get {CARD} interrupts)
        wait_for 100 [ -e /tmp/disk-done ]
        echo >/tmp/stop
        wait
        irq_report nvme
        dmesg | grep -iE 'nvme.*(timeout|abort|polled)' | while read -r l; do mark trouble "$l"; done
    """,
    guest_limit=110,
    limit=200,
    slow=True,
)
case.give_back = f"give_back {NVME} nvme\n" + f". /lib/card.sh\ngive_back {CARD} minivmm_card; card_do {CARD} transfer both 1 0"


def judge(r):
    g = r.guest
    r.equal("reads", set(g.all("read")), {disk.known_sha(8)})
    r.equal("hash read back", g.get("back"), g.get("random"))
    r.equal("hash in L0's image", disk.sha(64, 8), g.get("random"))
    counts = [int(n) for n in g.get("fired").split()]
    # KVM's poll at unmasking may repeat an interrupt, never lose one.
    r.check(len(counts) == 8 and all(ROUNDS <= n <= ROUNDS + 3 for n in counts),
            f"{ROUNDS} interrupts were fired on each vector, {counts} came")
    done = {words.split()[0]: int(words.split()[1]) for words in g.all("masks")}
    moved = {words.split()[0]: int(words.split()[1]) for words in g.all("moves")}
    r.check(len(done) == 2 and min(done.values()) >= 20, f"function masks: {done}")
    r.check(len(moved) == 2 and min(moved.values()) >= 20, f"moves: {moved}")
    return (f"{sum(done.values())} function masks, {sum(moved.values())} moves of vectors, "
            f"{sum(counts)} interrupts of the card for {8 * ROUNDS} fired, disk sha ok")
