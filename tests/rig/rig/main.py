"""tests/rig/run: builds the images, runs the cases, judges, prints a line each."""
import argparse
import contextlib
import dataclasses
import glob
import importlib.util
import fcntl
import os
import shutil
import signal
import sys
import time
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import demo             # noqa: E402
import fetch            # noqa: E402
import image            # noqa: E402
import jobs             # noqa: E402
import machine          # noqa: E402
import measure          # noqa: E402
import ownkernel        # noqa: E402
import vmlinux          # noqa: E402
from case import Failed, Result         # noqa: E402
from fetch import CACHE, TOP, Trouble   # noqa: E402

RIG = os.path.dirname(fetch.HERE)
VMMS = ("minivmm", "qemu", "lkvm")
RETRIES = 3     # where the emulator may be at fault
BY_FD = "@iommufd"      # ends the name of a case over that interface


def load_cases():
    cases = {}
    for path in sorted(glob.glob(os.path.join(RIG, "cases", "*.py"))):
        name = os.path.basename(path)[:-3]
        spec = importlib.util.spec_from_file_location("case_" + name.replace("-", "_"), path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for suffix, changes in getattr(module, "variants", {"": {}}).items():
            case = dataclasses.replace(module.case, **changes)
            for ending, one in (("", case), (BY_FD, case.by_iommufd())):
                if one:
                    cases[name + suffix + ending] = types.SimpleNamespace(
                        __doc__=module.__doc__, case=one, judge=module.judge,
                        disks=getattr(module, "disks", ()))
    return cases


def by_interface(names, iommu, cases):
    """The same cases, as far as they exist, over the interface asked for."""
    if not iommu:
        return names
    plain = [name.removesuffix(BY_FD) for name in names or cases]
    wanted = [name + (BY_FD if iommu == "iommufd" else "") for name in dict.fromkeys(plain)]
    return [name for name in wanted if name in cases]


def parse(argv, cases):
    p = argparse.ArgumentParser(prog="tests/rig/run", description="Runs rig cases; all of them by default.")
    p.add_argument("case", nargs="*", help="names of cases (see --list)")
    p.add_argument("--vmm", choices=VMMS, default="minivmm",
                   help="what runs in L1: minivmm (build/minivmm or MINIVMM=FILE), "
                        "Debian's qemu, or kvmtool (LKVM=FILE)")
    p.add_argument("-j", type=int, metavar="N", dest="jobs",
                   help="cases at a time (default: what CPUs and memory allow)")
    p.add_argument("--all", action="store_true", help="slow cases too")
    p.add_argument("--iommu", choices=("group", "iommufd"),
                   help="the cases named, or all, over this interface only (CASE@iommufd is one over iommufd)")
    p.add_argument("--list", action="store_true", help="print the cases and what they show")
    p.add_argument("--measure", action="store_true",
                   help="count exits and measure the start of the chosen VMM, with nvme (default) or e1000e")
    p.add_argument("--keep", action="store_true", help="keep disk images after the run")
    p.add_argument("-v", action="store_true", dest="verbose", help="stream both consoles")
    p.add_argument("--demo", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--demo-on-host", metavar="BDF", help=argparse.SUPPRESS)
    p.add_argument("--demo-vfio-user", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args(argv)
    for name in args.case:
        if name not in cases and not args.measure:
            raise Trouble(f"no case {name}; there are: {' '.join(cases)}")
    if args.jobs is not None and args.jobs < 1:
        raise Trouble(f"-j {args.jobs}: at least one case at a time")
    wanted = by_interface(args.case, args.iommu, cases)
    if args.iommu and not wanted:
        raise Trouble("no such case runs over iommufd")
    args.case = wanted
    return args


def made(files, kernel):
    """A case's files: a dictionary, or a function that makes it for a kernel.
    What is in it may be a function, called only when the case runs."""
    files = files(kernel) if callable(files) else files
    return {path: what() if callable(what) else what for path, what in files.items()}


class Rig:
    """Images and programs that all cases share, made when first needed."""

    def __init__(self, vmm):
        self.vmm = vmm
        self.kernel = fetch.Kernel()            # L2's
        self.qemu = fetch.Qemu()                # a VMM to compare with
        self.l0 = {"11.1": fetch.for_l0(fetch.NewQemu(self.qemu)), "10.0": fetch.for_l0(self.qemu)}
        self.tools = fetch.Tools()
        self.modules = image.Modules(self.kernel)
        self.hosts = {}
        self.preparing = contextlib.nullcontext()       # held while files are made that others use too
        self.host_vmm = image.cached_cpio("vmm-" + vmm, self.vmm_files())

    def host(self, series):
        """(kernel, modules, image) of an L1."""
        if series not in self.hosts:
            kernel = ownkernel.Kernel(series) if series in ownkernel.SERIES else fetch.Kernel(series)
            modules = image.Modules(kernel)
            base = image.cached_cpio("l1-" + series, image.host_files(self.tools, self.kernel, modules))
            self.hosts[series] = kernel, modules, base
        return self.hosts[series]

    def vmm_files(self):
        files = {"/vmm/vmm.sh": image.text(f"host/vmm-{self.vmm}.sh")}
        if self.vmm == "qemu":
            return {**files, **self.qemu.files("/vmm")}
        variable = {"minivmm": "MINIVMM", "lkvm": "LKVM"}[self.vmm]
        binary = os.environ.get(variable, os.path.join(TOP, "build", self.vmm))
        if not os.access(binary, os.X_OK):
            raise Trouble(f"no {self.vmm} at {binary} (build it, or give {variable}=FILE)")
        return {**files, f"/vmm/{self.vmm}": os.path.abspath(binary), **fetch.libraries(binary)}

    def images(self, case, logs, measuring):
        """The parts of L1's initramfs; L2's is one of the files in it."""
        extra = self.tools.lspci_files() if case.lspci else {}
        host_kernel, host_modules, host_base = self.host(case.host_kernel)
        guest = open(image.cached_cpio("l2", image.guest_files(self.tools)), "rb").read()
        loads = "".join(f"load {m}\n" for m in case.guest_modules)
        guest += image.cpio({"/case.sh": (loads + case.guest).encode(), **extra, **made(case.guest_files, self.kernel),
                             **self.modules.files(case.guest_modules)})
        settings = (f"MEASURE={int(measuring)}\nMEMORY={case.memory}\nGUEST_LIMIT={int(machine.patience * case.guest_limit)}\n"
                    f"GUEST_APPEND='{case.append}'\nBIND='{' '.join(case.bind)}'\n"
                    f"VMM_ARGS='{case.vmm_args}'\nVMM_IOMMU='{case.vmm_iommu}'\nAT_HOME={int(case.home)}\n")
        part = os.path.join(logs, "case.cpio")
        image.write_atomically(part, image.cpio({
            "/case/host.sh": (case.host + "\n" + case.give_back).encode(),
            "/case/settings": settings.encode(),
            "/case/guest.cpio": guest,
            **({"/l2/vmlinux": vmlinux.cached(self.kernel.image)} if case.with_vmlinux else {}),
            **made(case.host_files, host_kernel), **host_modules.files(case.host_modules)}))
        return [host_base, self.host_vmm, part]

    def run(self, name, module, echo_l1=None, echo_l2=None, measuring=False):
        """One boot of L1; the Result, not yet judged."""
        logs = os.path.join(CACHE, "logs", self.vmm, name)
        shutil.rmtree(logs, ignore_errors=True)
        os.makedirs(logs)
        with self.preparing:
            for disk in getattr(module, "disks", ()):
                disk.prepare()
            parts = self.images(module.case, logs, measuring)
            kernel = self.host(module.case.host_kernel)[0]
        host, guest = machine.run_l0(self.l0[module.case.l0_qemu], kernel, parts, module.case, logs, echo_l1, echo_l2)
        os.unlink(parts[-1])
        return Result(module.case, self.vmm, host, guest)


def judge(module, r):
    """The words behind PASS; raises Failed. First what holds for every case."""
    for run in r.runs:
        r.check(not run.host.all("trouble"), "; ".join(run.host.all("trouble")))
    r.check(not r.host.all("trouble"), "; ".join(r.host.all("trouble")))
    found, wanted = [run.status for run in r.runs], module.case.wanted_status(r.vmm)
    said = next((run.stderr.strip().splitlines()[0] for run in r.runs if run.stderr.strip()), "")
    for i, (have, want) in enumerate(zip(found, wanted)):
        if have != want:
            words = r.runs[i].stderr.strip().splitlines()
            raise Failed(f"run {i + 1}: status {have}, not {want}" + (f" ({words[0]})" if words else ""))
    r.check(len(found) == len(wanted),
            f"{len(found)} runs, not {len(wanted)}" + (f" ({said})" if said else ""))
    for run in r.runs:
        r.check_nothing_left(run)
        r.check(not run.guest.all("trouble"), "guest: " + "; ".join(run.guest.all("trouble")))
    for bdf in module.case.bind if module.case.give_back else ():
        r.check(r.host.get("back-" + bdf) not in ("", "vfio-pci"), f"{bdf} is not back on its own driver")
    words = module.judge(r)
    return words if module.case.home else words + "; L1 has no driver for what it gets back"


def emulators_fault(r, wanted):
    """Words for a run that may have failed by L0: a guest that hung, or whose
    CPU took a triple fault that nobody asked for; empty if there is none."""
    for i, run in enumerate(r.runs):
        if "guest-done" in run.guest:
            continue
        # Only minivmm's status tells it; a case that wants one says so.
        if "triple-fault" in run.host and r.vmm != "minivmm" and not run.guest.get("ending").startswith("triple"):
            return f"run {i + 1}: a triple fault in the guest"
        if wanted[i:i + 1] == [run.status]:
            continue
        if run.status == 124:
            return f"run {i + 1}: the guest hung"
        if run.status == 126 and "triple fault" in run.stderr:
            return f"run {i + 1}: a triple fault in the guest"
    return ""


def attempt(rig, name, module, args):
    """(passed, words, retries). What may be the emulator's fault is retried."""
    echo_l1 = (lambda line: print(f"L1| {line}", flush=True)) if args.verbose else None
    echo_l2 = (lambda line: print(f"L2| {line}", flush=True)) if args.verbose else None
    for retries in range(RETRIES + 1):
        try:
            r = rig.run(name, module, echo_l1, echo_l2)
            words = emulators_fault(r, module.case.wanted_status(rig.vmm))
            if words and retries < RETRIES:
                raise machine.Hang(words)
            return True, judge(module, r), retries
        except machine.Hang as e:
            words = str(e)
            if retries < RETRIES:
                log = os.path.join(CACHE, "logs", rig.vmm, name)
                shutil.rmtree(log + ".hung", ignore_errors=True)
                os.rename(log, log + ".hung")
                print(f"note {name}: {words}; trying once more", flush=True)
        except Failed as e:
            return False, str(e), retries
    return False, words, RETRIES


def run_case(rig, name, module, args):
    """Prints the line of a case; (passed, retries)."""
    start = time.monotonic()
    ok, words, retries = attempt(rig, name, module, args)
    log = os.path.relpath(os.path.join(CACHE, "logs", rig.vmm, name), os.getcwd())
    print(f"{'PASS' if ok else 'FAIL'} {name:<14} {time.monotonic() - start:5.1f}s  {words}" +
          (f" (attempt {retries + 1})" if retries and ok else "") +
          ("" if ok else f" (log: {log}/)"), flush=True)
    return ok, retries


def run_cases(rig, chosen, args):
    mine = {n: m for n, m in chosen.items() if not m.case.only or rig.vmm in m.case.only}
    for name in [name for name in chosen if name not in mine]:
        print(f"skip {name:<14} only for {' '.join(chosen[name].case.only)}", flush=True)
    count = min(len(mine), 1 if args.verbose else args.jobs or jobs.as_many_as_fit())
    if count > 1:
        results = jobs.each(rig, mine, lambda rig, name: run_case(rig, name, mine[name], args), count)
    else:
        results = (run_case(rig, name, module, args) for name, module in mine.items())
    passed = failed = retried = 0
    for ok, retries in results:
        passed, failed, retried = passed + ok, failed + (not ok), retried + retries
    print(f"{passed} passed, {failed} failed" + (f", {retried} retried" if retried else ""), flush=True)
    return 1 if failed or not passed else 0


def only_one():
    """One rig at a time in a cache: they share images, logs and two cores."""
    os.makedirs(CACHE, exist_ok=True)
    lock = open(os.path.join(CACHE, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("rig: another one is running; waiting for it", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main(argv):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cases = load_cases()
    args = parse(argv, cases)
    if args.list:
        for name, module in cases.items():
            slow = " (slow)" if module.case.slow else ""
            print(f"{name:<14} {module.__doc__.strip().splitlines()[0]}{slow}")
        return 0
    if args.demo_on_host:
        return demo.run_on_host(args.demo_on_host)
    if args.demo_vfio_user and demo.kvm_runs_linux():
        return demo.run_user_on_host()
    lock = only_one()  # held until we end
    rig = Rig(args.vmm)
    try:
        if args.demo:
            return demo.run(rig)
        if args.demo_vfio_user:
            return demo.run_user(rig)
        if args.measure:
            return measure.run(rig, args)
        return run_cases(rig, {n: m for n, m in cases.items()
                               if (n in args.case if args.case else args.all or not m.case.slow)}, args)
    finally:
        if not args.keep:
            shutil.rmtree(os.path.join(CACHE, "run"), ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Trouble, Failed, machine.Hang) as e:
        print(f"rig: {e}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
