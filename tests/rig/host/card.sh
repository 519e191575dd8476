# For an L1 that serves the simulated card itself, over vfio-user.

# card_start NAME SOCKET...: one socket for each function.
card_start() {
    _name=$1
    shift
    minivmm-card --control /tmp/card /card/$_name.card "$@" >/tmp/card.log 2>&1 &
    for _s in /tmp/card "$@"; do wait_for 5 [ -S $_s ] || cat /tmp/card.log; done
}

# What the guest prints as `@@ card NAME WORDS` is told to the card.
card_obey() {
    touch /tmp/console-$((RUN + 1))
    tail -f /tmp/console-$((RUN + 1)) | while read -r _at _card _name _words; do
        [ "$_at $_card" != "@@ card" ] || minivmm-card --tell /tmp/card $_words
    done &
}
