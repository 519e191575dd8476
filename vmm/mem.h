/* vmm/mem.h - guest physical memory that needs no exit
 *
 * Two kinds of memory are mapped straight into the guest: its RAM, laid out
 * once before the first vCPU runs, and pages of assigned devices (BARs), which
 * come and go. Both take KVM memory slots from one allocator. Whoever must
 * know where RAM is (VFIO's DMA maps, one day vhost and vfio-user) is a
 * listener.
 *
 * RAM is private anonymous memory, 2 MiB aligned so that host virtual and
 * guest physical addresses are equal modulo 1 GiB where possible
 * (transparent huge pages then serve KVM's and the IOMMU's page tables), or
 * hugetlb pages with MEM_HUGEPAGES. It is never inherited by a child. With
 * MEM_SHARED each range is a memfd, sealed against a change of its size, so
 * that a process that maps it cannot take pages away under us.
 *
 * Locks: RAM is immutable while vCPUs run, and read without a lock. Slots of
 * device pages have a lock of their own (a leaf: nothing is called under it
 * but the ioctl).
 */
#ifndef VMM_MEM_H
#define VMM_MEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/counter.h"
#include "vmm/base/err.h"

typedef uint64_t gpa_t; /* guest physical address */

enum { MEM_MAX_RAM = 8, MEM_MAX_LISTENERS = 8 };

struct ram {
	gpa_t base;
	uint64_t size;
	void *hva;
	int fd;	       /* what backs it, from its byte 0; -1: anonymous */
	uint32_t slot; /* KVM's */
};

struct mem_listener;

struct mem_listener_ops {
	/* RAM that is there; main thread, before any vCPU runs. */
	int (*add)(struct mem_listener *l, const struct ram *r, struct err *e);
	/* RAM that goes; after all vCPUs have been joined. */
	void (*remove)(struct mem_listener *l, const struct ram *r);
};

struct mem_listener {
	const struct mem_listener_ops *ops;
};

/* A piece of device memory shown to the guest; embedded in its owner. */
struct mem_window {
	gpa_t base;
	uint64_t size;
	void *hva;
	uint32_t slot;
	bool live;
};

struct mem {
	int vm_fd;
	struct ram ram[MEM_MAX_RAM];
	unsigned n_ram;
	struct mem_listener *listeners[MEM_MAX_LISTENERS];
	unsigned n_listeners;
	pthread_mutex_t lock; /* slot allocator */
	uint8_t *slot_used;   /* n_slots bytes */
	uint32_t n_slots;     /* KVM_CAP_NR_MEMSLOTS */
	counter slot_updates;
	counter slots; /* that KVM holds */
};

enum mem_flags {
	MEM_PLAIN = 0,
	MEM_HUGEPAGES = 1, /* hugetlb, refuse if the pool is short */
	MEM_SHARED = 2,	   /* a memfd, for a vfio-user server to map */
};

/* @vm_fd is borrowed. @n_slots is KVM_CAP_NR_MEMSLOTS. */
int mem_open(struct mem *m, int vm_fd, uint32_t n_slots, struct err *e);
/* Listeners hear remove() for every range, in reverse order, then RAM goes. */
void mem_close(struct mem *m);

/* Allocate and map RAM at @base; both multiples of 2 MiB, not overlapping
 * earlier RAM (an assertion: the board chose them). */
int mem_add_ram(struct mem *m, gpa_t base, uint64_t size, unsigned flags,
		struct err *e);

/* Touch all RAM with several threads (MADV_POPULATE_WRITE, else by hand), so
 * that pinning it later is quick. A short hugetlb pool is an error, not a
 * signal. Ends early, and well, when *stop becomes true (NULL: never): whoever
 * finds that the VM cannot be shall not wait for its memory. */
int mem_prefault(struct mem *m, const atomic_bool *stop, struct err *e);

/* Register @l (borrowed until mem_close or mem_unlisten) and tell it of all
 * RAM there is. On failure it has been told remove() for what it accepted,
 * and is not registered. */
int mem_listen(struct mem *m, struct mem_listener *l, struct err *e);
/* Tell it remove() for everything and forget it; safe if not registered. */
void mem_unlisten(struct mem *m, struct mem_listener *l);

/* Host address of [at, at + len), or NULL unless that is wholly inside one
 * range of RAM. The guest may change the bytes at any time. */
void *mem_at(struct mem *m, gpa_t at, uint64_t len);

/* Total bytes of RAM. */
uint64_t mem_ram_size(const struct mem *m);

/* Show [hva, hva + size) to the guest at @base without exits. All page
 * aligned. Any thread. -ENOSPC: no slot left; -EEXIST: something else is there
 * (the caller keeps trapping then). *w is the caller's and must stay until
 * mem_window_hide. */
int mem_window_show(struct mem *m, struct mem_window *w, gpa_t base, void *hva,
		    uint64_t size, bool readonly, struct err *e);
/* Take it away; nothing happens if it is not shown. When this returns no vCPU
 * can reach it any more. */
void mem_window_hide(struct mem *m, struct mem_window *w);

#endif
