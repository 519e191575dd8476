/* vmm/kvm_stats.h - what KVM itself counts, by its own names
 *
 * Since Linux 5.14 KVM gives each VM and each vCPU a file of statistics that
 * describes itself (KVM_GET_STATS_FD, Documentation/virt/kvm/api.rst): which
 * there are depends on kernel and CPU. Reading it stops nobody. Asking for a
 * vCPU's file does, until the vCPU leaves KVM_RUN (kvm_vcpu_ioctl takes the
 * vCPU's mutex): so files are opened before vCPUs run.
 *
 * Not modelled: histograms.
 */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include <stdint.h>

/* The statistics of @fd, a VM or a vCPU: another fd, the caller's; -ENOTTY:
 * this kernel has none. */
int kvm_stats_open(int fd);
/* Call @each for every single number. -EPROTO: the file contradicts itself. */
int kvm_stats_each(int stats_fd,
		   void (*each)(const char *name, uint64_t value, void *arg),
		   void *arg);

#endif
