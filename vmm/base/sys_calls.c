/* base/sys_calls.c - see sys_calls.h: the two lists */
#include "vmm/base/sys_calls.h"

#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>

#ifndef IOMMU_IOAS_MAP_FILE
#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, 0x8f)
#endif

/* clang-format off */

const struct sys_call sys_calls[] = {
	/* files */
	{ "sys_open", SYS_RUN, SCMP_SYS(openat) },
	{ "sys_create", SYS_FILES, SCMP_SYS(openat) },
	{ "sys_fill_standard_fds", SYS_START, 0 },
	{ "sys_close", SYS_RUN, SCMP_SYS(close) },
	{ "sys_read", SYS_RUN, SCMP_SYS(read) },
	{ "sys_write", SYS_RUN, SCMP_SYS(write) },
	{ "sys_pread", SYS_RUN, SCMP_SYS(pread64) },
	{ "sys_pwrite", SYS_RUN, SCMP_SYS(pwrite64) },
	{ "sys_rename", SYS_FILES, SCMP_SYS(rename) },
	{ "sys_rename", SYS_FILES, SCMP_SYS(renameat) },
	{ "sys_rename", SYS_FILES, SCMP_SYS(renameat2) },
	{ "sys_unlink", SYS_FILES, SCMP_SYS(unlink) },
	{ "sys_unlink", SYS_FILES, SCMP_SYS(unlinkat) },
	{ "sys_fstat", SYS_RUN, SCMP_SYS(fstat) },
	{ "sys_fstat", SYS_RUN, SCMP_SYS(newfstatat) },
	{ "sys_stat", SYS_RUN, SCMP_SYS(newfstatat) },
	{ "sys_dup", SYS_RUN, SCMP_SYS(fcntl) },
	{ "sys_adopt", SYS_START, 0 },
	{ "sys_set_nonblock", SYS_RUN, SCMP_SYS(fcntl) },
	{ "sys_read_text", SYS_RUN, SCMP_SYS(openat) },
	{ "sys_readlink", SYS_RUN, SCMP_SYS(readlink) },
	{ "sys_readlink", SYS_RUN, SCMP_SYS(readlinkat) },
	{ "sys_realpath", SYS_START, 0 },
	{ "sys_list", SYS_RUN, SCMP_SYS(openat) },
	{ "sys_list", SYS_RUN, SCMP_SYS(getdents64) },

	{ "sys_ioctl_", SYS_RUN, SCMP_SYS(ioctl) },

	/* memory */
	{ "sys_mmap", SYS_RUN, SCMP_SYS(mmap) },
	{ "sys_mmap_fixed", SYS_RUN, SCMP_SYS(mmap) },
	{ "sys_munmap", SYS_RUN, SCMP_SYS(munmap) },
	{ "sys_madvise", SYS_RUN, SCMP_SYS(madvise) },
	{ "sys_memfd", SYS_START, 0 },
	{ "sys_map_unit", SYS_START, 0 },
	{ "sys_page_size", SYS_START, 0 }, /* makes none */
	{ "sys_memory_total", SYS_START, 0 },
	{ "sys_cpus_online", SYS_START, 0 },

	/* events */
	{ "sys_eventfd", SYS_RUN, SCMP_SYS(eventfd2) },
	{ "sys_eventfd_signal", SYS_RUN, SCMP_SYS(poll) },
	{ "sys_eventfd_signal", SYS_RUN, SCMP_SYS(ppoll) },
	{ "sys_eventfd_drain", SYS_RUN, SCMP_SYS(preadv2) },
	{ "sys_readable", SYS_RUN, SCMP_SYS(poll) },
	{ "sys_epoll_create", SYS_START, 0 },
	{ "sys_epoll_ctl", SYS_RUN, SCMP_SYS(epoll_ctl) },
	{ "sys_epoll_wait", SYS_RUN, SCMP_SYS(epoll_wait) },
	{ "sys_epoll_wait", SYS_RUN, SCMP_SYS(epoll_pwait) },
	{ "sys_timerfd", SYS_START, 0 },
	{ "sys_timerfd_arm", SYS_RUN, SCMP_SYS(timerfd_settime) },
	{ "sys_signalfd", SYS_START, 0 },
	{ "sys_signalfd_read", SYS_RUN, SCMP_SYS(read) },
	{ "sys_block_signals", SYS_RUN, SCMP_SYS(rt_sigprocmask) },
	/* the vDSO asks the kernel where it cannot read the host's clock */
	{ "sys_now_ns", SYS_RUN, SCMP_SYS(clock_gettime) },
	{ "sys_wall_s", SYS_RUN, SCMP_SYS(clock_gettime) },
	{ "sys_sleep_ms", SYS_RUN, SCMP_SYS(clock_nanosleep) },

	/* sockets: those of vfio-user servers, which are connected already */
	{ "sys_connect", SYS_START, 0 },
	{ "sys_send", SYS_RUN, SCMP_SYS(sendmsg) },
	{ "sys_recv", SYS_RUN, SCMP_SYS(recvmsg) },
	{ "sys_shutdown", SYS_RUN, SCMP_SYS(shutdown) },
	{ "sys_poll", SYS_RUN, SCMP_SYS(poll) },

	/* process and terminal */
	{ "sys_catch", SYS_RUN, SCMP_SYS(rt_sigaction) },
	{ "sys_catch", SYS_RUN, SCMP_SYS(rt_sigprocmask) },
	{ "sys_is_ignored", SYS_START, 0 },
	{ "sys_getrlimit", SYS_START, 0 },
	{ "sys_setrlimit", SYS_START, 0 },
	{ "sys_can_lock_memory", SYS_START, 0 },
	{ "sys_isatty", SYS_RUN, SCMP_SYS(ioctl) },
	{ "sys_tty_get", SYS_RUN, SCMP_SYS(ioctl) },
	{ "sys_tty_set", SYS_RUN, SCMP_SYS(ioctl) },
	{ "sys_pty", SYS_START, 0 },
	{ "sys_become", SYS_START, 0 },
	{ "sys_drop_capabilities", SYS_START, 0 },
	{ "sys_confine", SYS_START, 0 },
	{ "sys_filter_install", SYS_START, 0 },
	{ "sys_catch_refusals", SYS_START, 0 },
	{ "sys_refused", SYS_RUN, SCMP_SYS(rt_sigqueueinfo) },
	{ "sys_refusal_read", SYS_RUN, SCMP_SYS(read) },

	/* glibc: memory */
	{ "malloc", SYS_RUN, SCMP_SYS(brk) },
	{ "malloc", SYS_RUN, SCMP_SYS(mremap) },
	{ "malloc", SYS_RUN, SCMP_SYS(mprotect) },
	{ "malloc", SYS_RUN, SCMP_SYS(getrandom) },
	{ "malloc", SYS_RUN, SCMP_SYS(sched_getaffinity) },
	/* how much memory there is, before it sorts 1 KiB or more (glibc 2.36),
	 * as of a folder with 128 names */
	{ "qsort", SYS_RUN, SCMP_SYS(sysinfo) },
	/* threads: their start, locks, end, and signals among them */
	{ "pthread", SYS_RUN, SCMP_SYS(clone) },
	{ "pthread", SYS_RUN, SCMP_SYS(set_robust_list) },
	{ "pthread", SYS_RUN, SCMP_SYS(rseq) },
	{ "pthread", SYS_RUN, SCMP_SYS(futex) },
	{ "pthread", SYS_RUN, SCMP_SYS(exit) },
	{ "pthread", SYS_RUN, SCMP_SYS(getpid) },
	{ "pthread", SYS_RUN, SCMP_SYS(gettid) },
	{ "pthread", SYS_RUN, SCMP_SYS(tgkill) },
	{ "sigqueue", SYS_RUN, SCMP_SYS(getuid) },
	{ "signals", SYS_RUN, SCMP_SYS(rt_sigreturn) },
	{ "signals", SYS_RUN, SCMP_SYS(restart_syscall) },
	/* what a closed stream and a failed assertion do */
	{ "stdio", SYS_RUN, SCMP_SYS(writev) },
	{ "stdio", SYS_RUN, SCMP_SYS(lseek) },
	{ "exit", SYS_RUN, SCMP_SYS(exit_group) },
	{ NULL, SYS_START, 0 },
};

#define COMMAND(when, name) { #name, SYS_##when, (unsigned)(name) }

const struct sys_command sys_commands[] = {
	COMMAND(RUN, TCGETS),
	COMMAND(RUN, TCSETSW),

	/* KVM: the VM is made */
	COMMAND(START, KVM_GET_API_VERSION),
	COMMAND(START, KVM_CHECK_EXTENSION),
	COMMAND(START, KVM_ENABLE_CAP),
	COMMAND(START, KVM_CREATE_VM),
	COMMAND(START, KVM_CREATE_VCPU),
	COMMAND(START, KVM_CREATE_IRQCHIP),
	COMMAND(START, KVM_CREATE_DEVICE),
	COMMAND(START, KVM_GET_VCPU_MMAP_SIZE),
	COMMAND(START, KVM_GET_SUPPORTED_CPUID),
	COMMAND(START, KVM_GET_MSR_INDEX_LIST),
	COMMAND(START, KVM_SET_TSC_KHZ),
	COMMAND(START, KVM_SET_CPUID2),
	COMMAND(START, KVM_SET_TSS_ADDR),
	COMMAND(START, KVM_SET_IDENTITY_MAP_ADDR),
	COMMAND(START, KVM_GET_STATS_FD),
	/* it runs */
	COMMAND(RUN, KVM_RUN),
	COMMAND(RUN, KVM_SET_USER_MEMORY_REGION),
	COMMAND(RUN, KVM_IRQFD),
	COMMAND(RUN, KVM_IOEVENTFD),
	COMMAND(RUN, KVM_IRQ_LINE),
	COMMAND(RUN, KVM_SIGNAL_MSI),
	COMMAND(RUN, KVM_SET_GSI_ROUTING),
	COMMAND(RUN, KVM_SET_DEVICE_ATTR), /* a group leaves */
	/* a crash is described */
	COMMAND(RUN, KVM_GET_REGS),
	COMMAND(RUN, KVM_GET_SREGS),
	COMMAND(RUN, KVM_TRANSLATE),
	/* it starts again, as it was at power-on */
	COMMAND(START, KVM_GET_IRQCHIP),
	COMMAND(START, KVM_GET_LAPIC),
	COMMAND(START, KVM_GET_XSAVE),
	COMMAND(START, KVM_GET_XCRS),
	COMMAND(START, KVM_GET_DEBUGREGS),
	COMMAND(START, KVM_GET_VCPU_EVENTS),
	COMMAND(RUN, KVM_GET_MP_STATE),
	COMMAND(RUN, KVM_GET_MSRS),
	COMMAND(RUN, KVM_SET_IRQCHIP),
	COMMAND(RUN, KVM_SET_CLOCK),
	COMMAND(RUN, KVM_SET_REGS),
	COMMAND(RUN, KVM_SET_SREGS),
	COMMAND(RUN, KVM_SET_MSRS),
	COMMAND(RUN, KVM_SET_LAPIC),
	COMMAND(RUN, KVM_SET_XSAVE),
	COMMAND(RUN, KVM_SET_XCRS),
	COMMAND(RUN, KVM_SET_DEBUGREGS),
	COMMAND(RUN, KVM_SET_VCPU_EVENTS),
	COMMAND(RUN, KVM_SET_MP_STATE),

	/* VFIO: a function is opened */
	COMMAND(START, VFIO_GET_API_VERSION),
	COMMAND(START, VFIO_CHECK_EXTENSION),
	COMMAND(START, VFIO_SET_IOMMU),
	COMMAND(START, VFIO_IOMMU_GET_INFO),
	COMMAND(START, VFIO_GROUP_GET_STATUS),
	COMMAND(START, VFIO_GROUP_SET_CONTAINER),
	COMMAND(START, VFIO_GROUP_GET_DEVICE_FD),
	COMMAND(START, VFIO_DEVICE_BIND_IOMMUFD),
	COMMAND(START, VFIO_DEVICE_ATTACH_IOMMUFD_PT),
	COMMAND(START, VFIO_DEVICE_GET_IRQ_INFO),
	COMMAND(START, VFIO_DEVICE_GET_INFO),
	/* it works */
	COMMAND(RUN, VFIO_DEVICE_GET_REGION_INFO), /* a ROM, when it is read */
	COMMAND(RUN, VFIO_DEVICE_SET_IRQS),
	COMMAND(RUN, VFIO_DEVICE_RESET),
	COMMAND(RUN, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO),
	COMMAND(RUN, VFIO_DEVICE_PCI_HOT_RESET),
	COMMAND(RUN, VFIO_DEVICE_FEATURE),
	COMMAND(RUN, VFIO_DEVICE_IOEVENTFD),
	COMMAND(RUN, VFIO_GROUP_UNSET_CONTAINER),
	/* BARs for the DMA of others come and go; RAM goes */
	COMMAND(RUN, VFIO_IOMMU_MAP_DMA),
	COMMAND(RUN, VFIO_IOMMU_UNMAP_DMA),

	COMMAND(START, IOMMU_OPTION),
	COMMAND(START, IOMMU_IOAS_ALLOC),
	COMMAND(START, IOMMU_IOAS_IOVA_RANGES),
	COMMAND(RUN, IOMMU_IOAS_MAP),
	COMMAND(RUN, IOMMU_IOAS_MAP_FILE),
	COMMAND(RUN, IOMMU_IOAS_COPY),
	COMMAND(RUN, IOMMU_IOAS_UNMAP),
	COMMAND(RUN, IOMMU_DESTROY),
	{ NULL, SYS_START, 0 },
};

/* clang-format on */
