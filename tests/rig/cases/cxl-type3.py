"""A CXL memory device with DVSECs: the guest's extended capabilities are the host's, less the hidden."""
from case import Case
from config_space import check, ext_caps

BDF = "0000:35:00.0"

case = Case(
    l0_machine="q35,cxl=on,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G",
    l0=["-object", "memory-backend-ram,id=cxlmem,size=256M",
        "-device", "pxb-cxl,bus_nr=52,bus=pcie.0,id=cxl.1",
        "-device", "cxl-rp,port=0,bus=cxl.1,id=cxlrp,chassis=0,slot=2",
        "-device", "cxl-type3,bus=cxlrp,volatile-memdev=cxlmem,id=cxl0,sn=0x1234"],
    bind=[BDF],
    host_modules=["cxl_pci"],
    guest="dump_config $(pci_find 8086:0d93)",
    give_back=f"give_back {BDF} cxl_pci",
)


def judge(r):
    check(r, BDF)
    return f"4096 bytes, chain equal: {', '.join(map(str, ext_caps(r.guest.blob('config'))))}"
