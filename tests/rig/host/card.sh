# For an L1 that serves the simulated card itself, over vfio-user.

# card_start NAME SOCKET...: one socket for each function.
card_start() {
    _name=$1
    shift
    minivmm-card --control /tmp/card /card/$_name.card "$@" >/tmp/card.log 2>&1 &
    CARD=$!
    for _s in /tmp/card "$@"; do wait_for 5 [ -S $_s ] || cat /tmp/card.log; done
}

card_tell() { minivmm-card --tell /tmp/card "$@"; }

# card_obey SIGNAL: the server gets it when the next guest prints `@@ card now`.
card_obey() {
    _console=/tmp/console-$((RUN + 1))
    (
        until grep -q "^@@ card now" $_console 2>/dev/null; do usleep 50000; done
        kill -$1 $CARD
    ) &
}

card_stop() {
    kill -KILL $CARD 2>/dev/null
    wait $CARD
    rm -f /tmp/card
}
