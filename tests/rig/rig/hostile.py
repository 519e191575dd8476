"""Guests without an operating system, for cases that start many: tests/guest/hostile.

In L1 `raw_vmm SEED OPS BDF...` runs one, without the tracing and the marks of
`vmm`: such a guest is there at once, and so is its end.
"""
import os
import subprocess
import tempfile

from fetch import TOP

# 42 is what the guest writes when it has done all operations.
RAW = """
    raw_vmm() {
        _raw_seed=$1 _raw_ops=$2 _raw=
        shift 2
        for _f; do _raw="$_raw --vfio $_f"; done
        timeout -s KILL 100 /vmm/minivmm --kernel /case/hostile --append "seed=$_raw_seed ops=$_raw_ops" \\
            --mem 64M --cpus 2 --debug-exit 0xf4 --timeout 80 --console none $VMM_IOMMU $_raw </dev/null 2>/tmp/raw
    }
"""

# What the host's kernel says when something was not given back.
COMPLAINTS = r"""
    complaints() {
        dmesg | grep -E 'WARNING: CPU|BUG:|Oops|general protection|DMAR:.*(fault|Fault)|AMD-Vi:.*(FAULT|fault)|still has' |
            while read -r _line; do mark complaint "$_line"; done
        mark complaints looked-for
    }
"""


def files(kernel=None):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hostile")
        subprocess.run([os.path.join(TOP, "tests", "guest", "hostile", "build"), path], check=True)
        with open(path, "rb") as f:
            return {"/case/hostile": f.read()}


def no_complaints(r):
    """L1's kernel has nothing to say, and was asked."""
    r.check(r.host.get("complaints") == "looked-for", "L1's kernel was not asked")
    r.check(not r.host.all("complaint"), "L1's kernel: " + "; ".join(r.host.all("complaint")))
