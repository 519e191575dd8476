/* firmware/dsdt.asl - the machine as ACPI's namespace tells it
 *
 * iasl compiles this at build time. The first names are the machine's numbers:
 * each stands here as a placeholder that firmware/dsdt.c overwrites at the
 * offset iasl reports, so every one must stay a 64-bit constant. The rest are
 * methods that put those numbers into resource templates.
 *
 * Not modelled: processor devices (no states to describe, no hot-plug; the
 * MADT lists the CPUs) and the ports below the bridge, which need none.
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "MINVMM", "MINIVMM", 1)
{
	/* The S5 sleep type: what goes into SLP_TYP of the sleep control
	 * register (ACPI 6.5 7.4.2). */
	Name (S5TY, 0x1122334455667701)
	Name (_S5, Package () { S5TY, Zero })

	Scope (\_SB)
	{
		Name (ECAB, 0x1122334455667702)	/* ECAM: base, size */
		Name (ECAS, 0x1122334455667703)
		Name (BUSN, 0x1122334455667704)	/* buses, from 0 */
		Name (IOWB, 0x1122334455667705)	/* I/O window */
		Name (IOWS, 0x1122334455667706)
		Name (M32B, 0x1122334455667707)	/* 32-bit window */
		Name (M32S, 0x1122334455667708)
		Name (M64B, 0x1122334455667709)	/* 64-bit; size 0: none */
		Name (M64S, 0x112233445566770A)
		Name (INTB, 0x112233445566770B)	/* INTx: first GSI, how many */
		Name (INTN, 0x112233445566770C)
		Name (PWRP, 0x112233445566770D)	/* ports; 0: no such device */
		Name (UARP, 0x112233445566770E)
		Name (UARG, 0x112233445566770F)	/* GSI of the UART */
		Name (RTCP, 0x1122334455667710)
		Name (PANP, 0x1122334455667711)

		/* _STA: present, enabled, shown and working, or not there. */
		Method (HERE, 1)
		{
			If (Arg0 != Zero) { Return (0x0F) }
			Return (Zero)
		}

		/* What the board itself decodes. Linux uses ECAM only where a
		 * device like this one reserves it (arch/x86/pci/
		 * mmconfig-shared.c, is_mmconf_reserved); it must not be in
		 * the bridge's _CRS. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, Zero)
			Name (RSRC, ResourceTemplate () {
				QWordMemory (ResourceConsumer, PosDecode,
					MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0, 0, 0, 1, , , ECAM)
				IO (Decode16, 0, 0, 1, 3, PWR)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateQWordField (RSRC, ^ECAM._MIN, EMIN)
				CreateQWordField (RSRC, ^ECAM._MAX, EMAX)
				CreateQWordField (RSRC, ^ECAM._LEN, ELEN)
				CreateWordField (RSRC, ^PWR._MIN, PMIN)
				CreateWordField (RSRC, ^PWR._MAX, PMAX)
				EMIN = ECAB
				EMAX = ECAB + ECAS - 1
				ELEN = ECAS
				PMIN = PWRP
				PMAX = PWRP
				Return (RSRC)
			}
		}

		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, Zero)
			Name (_SEG, Zero)
			Name (_BBN, Zero)

			/* 0xCF8 is the bridge's own; the I/O window, made by
			 * the board, begins above it. */
			Name (RSRC, ResourceTemplate () {
				WordBusNumber (ResourceProducer, MinFixed,
					MaxFixed, PosDecode, 0, 0, 0, 0, 1,
					, , BUS)
				IO (Decode16, 0xCF8, 0xCF8, 1, 8)
				DWordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange, 0, 0, 0, 0, 1,
					, , IOW)
				DWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0, 0, 0, 1, , , M32)
			})
			Name (RS64, ResourceTemplate () {
				QWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, Prefetchable,
					ReadWrite, 0, 0, 0, 0, 1, , , M64)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateWordField (RSRC, ^BUS._MAX, BMAX)
				CreateWordField (RSRC, ^BUS._LEN, BLEN)
				CreateDWordField (RSRC, ^IOW._MIN, IMIN)
				CreateDWordField (RSRC, ^IOW._MAX, IMAX)
				CreateDWordField (RSRC, ^IOW._LEN, ILEN)
				CreateDWordField (RSRC, ^M32._MIN, MMIN)
				CreateDWordField (RSRC, ^M32._MAX, MMAX)
				CreateDWordField (RSRC, ^M32._LEN, MLEN)
				BMAX = BUSN - 1
				BLEN = BUSN
				IMIN = IOWB
				IMAX = IOWB + IOWS - 1
				ILEN = IOWS
				MMIN = M32B
				MMAX = M32B + M32S - 1
				MLEN = M32S
				If (M64S == Zero) { Return (RSRC) }
				CreateQWordField (RS64, ^M64._MIN, QMIN)
				CreateQWordField (RS64, ^M64._MAX, QMAX)
				CreateQWordField (RS64, ^M64._LEN, QLEN)
				QMIN = M64B
				QMAX = M64B + M64S - 1
				QLEN = M64S
				Return (ConcatenateResTemplate (RSRC, RS64))
			}

			/* Static wiring: device D, pin P ends at GSI INTB +
			 * (D + P) % INTN (pcie/intx.h); ports swizzle. */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				Local1 = Zero
				While (Local1 < 128)
				{
					Local2 = Package (4) { 0, 0, 0, 0 }
					Local3 = Local1 >> 2
					Local4 = Local1 & 3
					Local2 [0] = (Local3 << 16) | 0xFFFF
					Local2 [1] = Local4
					Local2 [3] = INTB +
						((Local3 + Local4) % INTN)
					Local0 [Local1] = Local2
					Local1++
				}
				Return (Local0)
			}

			/* PCI Firmware 3.3 4.5. Granted: the PCI Express
			 * capability structure (bit 4). Not granted, as the
			 * ports do not have it: native hot-plug (0), SHPC (1),
			 * PME (2), AER (3), LTR (5), DPC (7). */
			Name (GRNT, 0x10)
			Method (_OSC, 4, Serialized)
			{
				CreateDWordField (Arg3, 0, STAT)
				If (Arg0 != ToUUID (
					"33DB4D5B-1FF7-401C-9657-7441C03DD766"))
				{
					STAT |= 0x04
					Return (Arg3)
				}
				If (Arg1 != One)
				{
					STAT |= 0x08
					Return (Arg3)
				}
				If (Arg2 < 3 || SizeOf (Arg3) < 12)
				{
					STAT |= 0x02
					Return (Arg3)
				}
				/* A query (STAT bit 0) is answered as the
				 * request would be: nothing here has state. */
				CreateDWordField (Arg3, 8, CTRL)
				Local0 = CTRL & GRNT
				If (Local0 != CTRL) { STAT |= 0x10 }
				CTRL = Local0
				Return (Arg3)
			}
		}

		/* Hardware-reduced Linux has no legacy interrupts: without
		 * this device ttyS0 would have no interrupt. */
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, One)
			Name (RSRC, ResourceTemplate () {
				IO (Decode16, 0, 0, 1, 8, PORT)
				Interrupt (ResourceConsumer, Edge, ActiveHigh,
					Exclusive, , , IRQ) { 0 }
			})
			Method (_STA) { Return (HERE (UARP)) }
			Method (_CRS, 0, Serialized)
			{
				CreateWordField (RSRC, ^PORT._MIN, PMIN)
				CreateWordField (RSRC, ^PORT._MAX, PMAX)
				CreateDWordField (RSRC, ^IRQ._INT, GSI)
				PMIN = UARP
				PMAX = UARP
				GSI = UARG
				Return (RSRC)
			}
		}

		/* No interrupt, so Linux keeps time with it and offers no
		 * alarms (drivers/rtc/rtc-cmos.c, cmos_pnp_probe). */
		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (RSRC, ResourceTemplate () {
				IO (Decode16, 0, 0, 1, 2, PORT)
			})
			Method (_STA) { Return (HERE (RTCP)) }
			Method (_CRS, 0, Serialized)
			{
				CreateWordField (RSRC, ^PORT._MIN, PMIN)
				CreateWordField (RSRC, ^PORT._MAX, PMAX)
				PMIN = RTCP
				PMAX = RTCP
				Return (RSRC)
			}
		}

		/* pvpanic: one port (Linux drivers/misc/pvpanic). */
		Device (PVPN)
		{
			Name (_HID, "QEMU0001")
			Name (RSRC, ResourceTemplate () {
				IO (Decode16, 0, 0, 1, 1, PORT)
			})
			Method (_STA) { Return (HERE (PANP)) }
			Method (_CRS, 0, Serialized)
			{
				CreateWordField (RSRC, ^PORT._MIN, PMIN)
				CreateWordField (RSRC, ^PORT._MAX, PMAX)
				PMIN = PANP
				PMAX = PANP
				Return (RSRC)
			}
		}
	}
}
