/* tests/card/regs.h - what a driver sees of the simulated card
 *
 * Shared by the card (minivmm-card), the guest's kernel module and the program
 * that drives it from userspace; so plain numbers only. Everything is little
 * endian, registers are 32 bits wide and take naturally aligned 32-bit
 * accesses.
 *
 * The way in:
 *
 *     config space   VSEC of ID CARD_VSEC_ID          which BAR, which offset
 *       BAR          struct: feature table header, entries of 16 bytes
 *         entry      CARD_FEATURE_UUID                BAR, offset: 16 bytes
 *         entry      CARD_FEATURE_ENGINE              BAR, offset: registers
 *         entry      CARD_FEATURE_MEMORY              BAR, offset: card memory
 */
#ifndef CARD_REGS_H
#define CARD_REGS_H

/* -------- the VSEC (PCIe 6.2 7.9.5), offsets from its start -------- */

#define CARD_VSEC_ID 0x20
#define CARD_VSEC_LOW 0x08  /* BAR in bits 3:0, offset in bits 31:4 */
#define CARD_VSEC_HIGH 0x0c /* offset, bits 63:32 */
#define CARD_VSEC_LENGTH 0x10

/* -------- the feature table in that BAR -------- */

#define CARD_TABLE_FORMAT 0x00	   /* CARD_TABLE_FORMAT_1 */
#define CARD_TABLE_LENGTH 0x04	   /* bytes, header included */
#define CARD_TABLE_ENTRY_SIZE 0x08 /* CARD_ENTRY_SIZE */
#define CARD_TABLE_HEADER 0x10	   /* entries begin here */
#define CARD_TABLE_FORMAT_1 1

#define CARD_ENTRY_SIZE 0x10
#define CARD_ENTRY_TYPE 0x00 /* byte: CARD_FEATURE_...; CARD_FEATURE_END */
#define CARD_ENTRY_BAR 0x01  /* byte: BAR in bits 7:4, revision in bits 3:0 */
#define CARD_ENTRY_BAR_SHIFT 4
#define CARD_ENTRY_LOW 0x02  /* 16 bits: offset, bits 15:0 */
#define CARD_ENTRY_HIGH 0x04 /* 32 bits: offset, bits 47:16 */

#define CARD_FEATURE_UUID 0x50	 /* 16 bytes */
#define CARD_FEATURE_ENGINE 0xc0 /* ours: the registers below */
#define CARD_FEATURE_MEMORY 0xc1 /* ours: the card's memory */
#define CARD_FEATURE_END 0xff

/* -------- the engine's registers -------- */

#define CARD_MAGIC 0x00	     /* CARD_MAGIC_VALUE, else not this card */
#define CARD_FUNCTION 0x04   /* number of the function on the card */
#define CARD_VECTORS 0x08    /* interrupt vectors that this function has */
#define CARD_RESETS 0x0c     /* how often it was reset since power-on */
#define CARD_SOURCE_LOW 0x10 /* address to read from: bus or card memory */
#define CARD_SOURCE_HIGH 0x14
#define CARD_TARGET_LOW 0x18 /* address to write to: bus or card memory */
#define CARD_TARGET_HIGH 0x1c
#define CARD_COUNT 0x20	   /* bytes, up to CARD_COUNT_MAX */
#define CARD_DOORBELL 0x24 /* operation in 7:0, vector in 31:16; starts it */
#define CARD_STATUS 0x28   /* CARD_STATUS_...; of the last operation */
#define CARD_CHECKSUM 0x2c /* CRC-32 (as zlib's) of the bytes last moved */
#define CARD_DONE 0x30	   /* operations ended since reset */
#define CARD_SENT 0x34	   /* interrupts sent since reset */
#define CARD_UNSENT 0x38   /* interrupts nobody wanted: no vector enabled */
#define CARD_PENDING                                                       \
	0x3c		     /* INTx: vectors that wait; writing 1s clears \
			      */
#define CARD_MEMORY_LOW 0x40 /* bytes of card memory */
#define CARD_MEMORY_HIGH 0x44
#define CARD_SCRATCH 0x48 /* keeps what is written, 0 after a reset */
#define CARD_BLOCK 0x1000 /* bytes of the register block; the rest reads 0 */

#define CARD_MAGIC_VALUE 0x44524143 /* "CARD" */
#define CARD_COUNT_MAX 0x4000000    /* 64 MiB */

#define CARD_OP_TO_CARD 1   /* bus address to card memory */
#define CARD_OP_FROM_CARD 2 /* card memory to bus address */
#define CARD_OP_BUS 3	    /* bus address to bus address */
#define CARD_OP_IRQ 4	    /* only the interrupt */

#define CARD_STATUS_IDLE 0
#define CARD_STATUS_BUSY 1
#define CARD_STATUS_OK 2
#define CARD_STATUS_BUS_ERROR 3	    /* a bus address did not answer */
#define CARD_STATUS_BAD_COMMAND 4   /* no such operation, count, card address */
#define CARD_STATUS_NO_BUS_MASTER 5 /* Bus Master Enable was clear */

#endif
