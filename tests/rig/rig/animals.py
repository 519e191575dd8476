"""Who lives in the zoo: every PCI function that Debian's QEMU emulates, Linux
6.12 has a driver for, and an IOMMU does not break. zoo.py says what follows from
an entry; docs/peers.md has the list of those that are missing here, and why.
"""
import os

from case import MIB
from driver import bars, edu_driver
from zoo import Animal, File, disk_behind, nic

GIB = 1024 * MIB
MODERN = "disable-legacy=on,iommu_platform=on"      # virtio behind an IOMMU

NICS = [
    nic("e1000", "e1000", ["e1000"], "intx"),
    nic("e1000-82544gc", "e1000-82544gc", ["e1000"], "intx"),
    nic("e1000-82545em", "e1000-82545em", ["e1000"], "intx"),
    nic("rtl8139", "rtl8139", ["8139cp"], "intx"),
    nic("pcnet", "pcnet", ["pcnet32"], "intx"),
    nic("ne2k", "ne2k_pci", ["ne2k_pci"], "intx"),
    nic("tulip", "tulip", ["tulip"], "intx"),
    nic("vmxnet3", "vmxnet3", ["vmxnet3"], "msix"),
    # The others of this family want firmware from linux-firmware.
    nic("i82557b", "i82557b", ["e100"], "intx"),
    nic("i82559er", "i82559er", ["e100"], "intx"),
    nic("i82801", "i82801", ["e100"], "intx"),
    nic("virtio-net", "virtio-net-pci," + MODERN, ["virtio_net"], "msix"),
]


def scsi(name, module, irq):
    return disk_behind(name, name, "scsi-hd,bus=CONTROLLER.0", [module, "sd_mod"], irq)


# By themselves: their driver shares no line with anybody, even if it has no other.
RAID = [scsi("megasas", "megaraid_sas", "msix"), scsi("megasas-gen2", "megaraid_sas", "msix")]

DISKS = [
    scsi("am53c974", "am53c974", "intx"),
    scsi("dc390", "am53c974", "intx"),
    disk_behind("ahci", "ich9-ahci", "ide-hd,bus=CONTROLLER.0", ["ahci", "sd_mod"], "msi"),
    disk_behind("sdhci", "sdhci-pci", "sd-card", ["sdhci_pci", "mmc_block"], "intx"),
    disk_behind("ufs", "ufs,serial=zoo", "ufs-lu,bus=CONTROLLER,lun=0", ["ufshcd_pci", "sd_mod"], "intx"),
    disk_behind("virtio-blk", "virtio-blk-pci," + MODERN, "", ["virtio_blk"], "msix"),
    disk_behind("virtio-scsi", "virtio-scsi-pci," + MODERN, "scsi-hd,bus=CONTROLLER.0",
                ["virtio_scsi", "sd_mod"], "msix"),
    disk_behind("nvme-cmb", "nvme,serial=cmb,cmb_size_mb=16", "", ["nvme"], "msix"),
]

SCSI_PROCESSORS = [scsi("lsi53c895a", "sym53c8xx", "intx"), scsi("lsi53c810", "sym53c8xx", "intx")]


def usb(name, driver, irq, words="4 1", device=None):
    return disk_behind(name, device or name, "usb-storage,bus=CONTROLLER.0",
                       [driver, "usb_storage", "sd_mod"], irq, words)


USB = [
    usb("qemu-xhci", "xhci_pci", "msix"),
    usb("nec-usb-xhci", "xhci_pci", "msix"),
    usb("nec-usb-xhci-msi", "xhci_pci", "msi", device="nec-usb-xhci,msix=off"),
    usb("usb-ehci", "ehci_pci", "intx"),
    usb("ich9-usb-ehci1", "ehci_pci", "intx"),
    usb("ich9-usb-uhci1", "uhci_hcd", "intx", "1 1"),
    usb("piix3-usb-uhci", "uhci_hcd", "intx", "1 1"),
    usb("pci-ohci", "ohci_pci", "intx", "1 1"),
]


def serial(name, device, chardev):
    out = File(f"zoo-{name}.out")
    return Animal(name, ["-chardev", f"file,id=o-{name},path={out.path}",
                         "-device", device + f",{chardev}=o-{name},bus=BUS"], "tty", [], "intx",
                  out=out, owner="none")


def sound(name, device, modules, irq, below="", **more):
    out = File(f"zoo-{name}.wav")
    l0 = ["-audiodev", f"wav,id=a-{name},path={out.path}", "-device", device + ",bus=BUS"]
    if below:
        l0 += ["-device", f"{below},audiodev=a-{name}"]
    else:
        l0[-1] += f",audiodev=a-{name}"
    return Animal(name, l0, "sound", [*modules, "snd_pcm_oss"], irq, out=out, **more)


def plain(name, device, modules, irq, kind="bind", **more):
    return Animal(name, ["-device", device + ",bus=BUS"], kind, modules, irq, **more)


port = File("zoo-virtio-console.out")
VIRTIO = [
    Animal("virtio-console", ["-chardev", f"file,id=o-virtio,path={port.path}",
                              "-device", f"virtio-serial-pci,id=vs,{MODERN},bus=BUS",
                              "-device", "virtserialport,bus=vs.0,chardev=o-virtio"],
           "port", [], "msix", out=port, owner="none"),
    Animal("virtio-9p", ["-fsdev", f"local,id=fs,path={os.path.dirname(port.path)},security_model=none,readonly=on",
                         "-device", f"virtio-9p-pci,fsdev=fs,mount_tag=zoo,{MODERN},bus=BUS"],
           "9p", ["9pnet_virtio", "9p"], "msix", facts={"sees": os.path.basename(port.path)}),
    sound("virtio-sound", "virtio-sound-pci," + MODERN, ["virtio_snd"], "msix"),
    Animal("virtio-crypto", ["-object", "cryptodev-backend-builtin,id=crypto",
                             "-device", f"virtio-crypto-pci,cryptodev=crypto,{MODERN},bus=BUS"],
           "bind", ["virtio_crypto"], "msix", least=0),
    plain("virtio-rng", "virtio-rng-pci," + MODERN, ["virtio_rng"], "msix", "rng", facts={"bytes": "256"}),
    plain("virtio-input", "virtio-keyboard-pci," + MODERN, ["virtio_input"], "msix", least=0),
]

REST = [
    serial("pci-serial", "pci-serial", "chardev"),
    serial("pci-serial-4x", "pci-serial-4x", "chardev1"),
    sound("ac97", "AC97", ["snd_intel8x0"], "intx"),
    sound("es1370", "ES1370", ["snd_ens1370"], "intx"),
    sound("intel-hda", "intel-hda,id=hda", ["snd_hda_intel"], "msi", "hda-output,bus=hda.0",
          before=["snd_hda_codec_generic"]),
    plain("bochs-display", "bochs-display", ["bochs"], ""),
    plain("pvpanic", "pvpanic-pci", ["pvpanic_pci"], ""),
    plain("i6300esb", "i6300esb", ["i6300esb"], ""),
    Animal("ipmi-kcs", ["-device", "ipmi-bmc-sim,id=bmc0", "-device", "pci-ipmi-kcs,bmc=bmc0,bus=BUS"],
           "bind", ["ipmi_si", "ipmi_devintf"], "intx", least=0),
    Animal("kvaser", ["-object", "can-bus,id=can0", "-device", "kvaser_pci,canbus=can0,bus=BUS"],
           "bind", ["kvaser_pci"], "intx", least=0),
]
# pci-serial takes more than the four ports that Debian's kernel has.
UARTS = "8250.nr_uarts=16"

# Relatives of others here, with what tells them apart: an ID, a place for registers.
TRANSLATED = "iommu_platform=on"        # virtio that has no legacy face to hide
KIN = [
    disk_behind("virtio-blk-1.0", "virtio-blk-pci-non-transitional," + TRANSLATED, "", ["virtio_blk"], "msix"),
    disk_behind("virtio-scsi-1.0", "virtio-scsi-pci-non-transitional," + TRANSLATED, "scsi-hd,bus=CONTROLLER.0",
                ["virtio_scsi", "sd_mod"], "msix"),
    nic("virtio-net-1.0", "virtio-net-pci-non-transitional," + TRANSLATED, ["virtio_net"], "msix"),
    usb("ich9-usb-ehci2", "ehci_pci", "intx"),
    usb("ich9-usb-uhci4", "uhci_hcd", "intx", "1 1"),
    usb("piix4-usb-uhci", "uhci_hcd", "intx", "1 1"),
    serial("pci-serial-2x", "pci-serial-2x", "chardev1"),
    sound("ich9-intel-hda", "ich9-intel-hda,id=hda9", ["snd_hda_intel"], "msi", "hda-output,bus=hda9.0",
          before=["snd_hda_codec_generic"]),
    Animal("ipmi-bt", ["-device", "ipmi-bmc-sim,id=bmc1", "-device", "pci-ipmi-bt,bmc=bmc1,bus=BUS"],
           "bind", ["ipmi_si", "ipmi_devintf"], "intx", least=0),
    plain("virtio-tablet", "virtio-tablet-pci," + MODERN, ["virtio_input"], "msix", least=0),
    plain("virtio-mouse", "virtio-mouse-pci," + MODERN, ["virtio_input"], "msix", least=0),
    plain("virtio-multitouch", "virtio-multitouch-pci," + MODERN, ["virtio_input"], "msix", least=0),
    plain("secondary-vga", "secondary-vga", ["bochs"], ""),
]

# No stock driver knows these three.
shared = File("zoo-ivshmem")
OWN = [
    plain("edu", "edu", [], "msi", "edu", least=0, owner="minivmm_edu",
          facts={"alive": "0xedcba987", "sum": "3628800", "dma": "ok", "irqs": "3"}),
    Animal("ivshmem", ["-object", f"memory-backend-file,id=shared,share=on,size=1G,mem-path={shared.path}",
                       "-device", "ivshmem-plain,memdev=shared,bus=BUS"], "memory", [], "", f"2 {GIB}",
           facts={"size": str(GIB), "wrong": "0"}, owner="nobody"),
    plain("testdev", "pci-testdev,membar=64G", [], "", "testdev", facts={"size": str(64 * GIB)}, owner="nobody"),
]
# What L0's firmware gives out for 64-bit BARs is 32 GiB by default.
BIG_HOLE = ["-global", "q35-pcihost.pci-hole64-size=256G"]


def own_files(kernel):
    """What both guests need for them."""
    if not kernel.takes_modules:
        return {}
    return {"/modules/minivmm_edu.ko": edu_driver(kernel), "/modules/minivmm_edu.load": b"minivmm_edu\n",
            "/bin/bars": bars()}


def pick(*names):
    everybody = {a.name: a for a in NICS + RAID + DISKS + SCSI_PROCESSORS + USB + VIRTIO + REST + KIN + OWN}
    return [everybody[name] for name in names]
