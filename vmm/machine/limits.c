/* machine/limits.c - see limits.h */
#include "vmm/machine/limits.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "pcie/msix.h"
#include "vmm/base/sys.h"
#include "vmm/base/trace.h"

/* KVM, vCPUs and their statistics, the loop, the console; a function's own, its
 * group, INTx. */
enum { FDS_OF_THE_VM = 576, FDS_OF_A_FUNCTION = MSIX_MAX + 16 };

void limits_raise_fds(unsigned functions)
{
	rlim_t wanted = FDS_OF_THE_VM + (rlim_t)functions * FDS_OF_A_FUNCTION;
	struct rlimit r;

	if (sys_getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= wanted)
		return;
	r.rlim_cur = wanted < r.rlim_max ? wanted : r.rlim_max;
	if (sys_setrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur < wanted)
		log_info("%" PRIu64 " file descriptors are all there are: "
			 "functions with very many vectors may not get all",
			 (uint64_t)r.rlim_cur);
}
