/* machine/config.h - the command line as data
 *
 * Parsing checks spelling, ranges and what belongs together; of the host it
 * asks only how much memory there is. It prints nothing and never exits.
 * Strings point into argv. What the rooms below understand better stays a
 * string for them: options of assigned functions, trace categories, the log
 * level.
 *
 * Options are spelled out in full, as "--name value" or "--name=value", and
 * only --vfio and --vfio-user may be repeated. getopt_long is not used: it
 * accepts abbreviations, which the next option may make ambiguous, and keeps
 * state of its own.
 */
#ifndef MACHINE_CONFIG_H
#define MACHINE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"

enum { CONFIG_MAX_FUNCTIONS = 30 };

/* Who has a function: the host's kernel, or a vfio-user server. */
enum config_backend { CONFIG_VFIO, CONFIG_VFIO_USER, CONFIG_BACKENDS };

/* Which of the kernel's two interfaces functions come through. AUTO: iommufd
 * where this host has it for all of them. */
enum config_iommu { CONFIG_IOMMU_AUTO, CONFIG_IOMMU_GROUP, CONFIG_IOMMU_FD };

struct config_function {
	enum config_backend backend;
	const char *text; /* as given */
};

/* What a reboot of the guest does: end minivmm, or restart the machine. */
enum config_on_reboot { CONFIG_REBOOT_EXIT, CONFIG_REBOOT_RESET };

/* What becomes of a system call that a machine at work does not need: it fails,
 * it is done and the kernel logs it, or there is no sandbox at all. */
enum config_sandbox {
	CONFIG_SANDBOX_ON,
	CONFIG_SANDBOX_LOG,
	CONFIG_SANDBOX_OFF,
};

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

struct config {
	enum config_action action;
	const char *kernel; /* NULL only with dump_dtb */
	const char *initrd; /* NULL: none */
	const char *append; /* never NULL; "" by default */
	uint64_t mem;	    /* bytes, multiple of 2 MiB, at least 64 MiB */
	unsigned cpus;	    /* 1 to 255 */
	bool hugepages;
	struct config_function function[CONFIG_MAX_FUNCTIONS];
	unsigned n_functions;
	enum config_iommu iommu;
	enum config_on_reboot on_reboot;
	enum config_sandbox sandbox;
	unsigned user, group;  /* to become them; user 0: as we are */
	const char *console;   /* "stdio" by default */
	unsigned timeout_s;    /* 0: none */
	const char *trace;     /* NULL: off */
	const char *log_level; /* NULL: the default */
	const char *stats;     /* where to; NULL: nobody asked */
	int debug_exit;	       /* port, -1: none */
	const char *dump_dtb;  /* NULL: no */
};

/* -EINVAL with a sentence and a hint. *out is complete on success only. At
 * --help or --version the rest is not looked at. */
int config_parse(int argc, char **argv, struct config *out, struct err *e);

/* The text of --help, ending in a newline. */
const char *config_help(void);

#endif
