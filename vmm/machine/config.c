/* machine/config.c - see config.h. One table says what options there are. */
#include "vmm/machine/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "devices/console.h"
#include "vmm/base/bytes.h"
#include "vmm/base/sys.h"
#include "vmm/machine/option.h"
#include "vmm/vm.h"

#define MIB (UINT64_C(1) << 20)

/* Two of them are one large page of KVM and of the IOMMU. */
#define MEM_STEP (2 * MIB)
#define MEM_MIN (64 * MIB)
#define MEM_DEFAULT (512 * MIB)
#define TIMEOUT_MAX UINT64_C(999999999)
#define ID_MAX (UINT32_MAX - 1) /* the last says "as it is" (setresuid(2)) */

/* The run-time library of a sanitizer makes calls of its own. */
#define SANDBOX_DEFAULT \
	(MINIVMM_SANITIZED ? CONFIG_SANDBOX_OFF : CONFIG_SANDBOX_ON)

/* -------- one setter for each option -------- */

static int set_kernel(struct config *c, const char *v, struct err *e)
{
	c->kernel = v;
	return 0;
}

static int set_initrd(struct config *c, const char *v, struct err *e)
{
	c->initrd = v;
	return 0;
}

static int set_append(struct config *c, const char *v, struct err *e)
{
	c->append = v;
	return 0;
}

static int set_mem(struct config *c, const char *v, struct err *e)
{
	uint64_t host = sys_memory_total(), mem;
	int rc;

	rc = option_size(v, &mem, e);
	if (rc < 0)
		return rc;
	if (mem < MEM_MIN) {
		(void)err_set(e, -EINVAL, "'%s' is less than %" PRIu64 " MiB",
			      v, MEM_MIN / MIB);
		err_hint(e, "a Linux kernel does not boot with less");
		return -EINVAL;
	}
	if (mem > host) {
		(void)err_set(e, -EINVAL,
			      "'%s' is more than this host has (%" PRIu64
			      " MiB)",
			      v, host / MIB);
		err_hint(e, "a plain number is MiB; with a suffix: 512M, 2G");
		return -EINVAL;
	}
	if (mem % MEM_STEP != 0) {
		(void)err_set(e, -EINVAL, "'%s' is not a multiple of 2 MiB", v);
		err_hint(e, "%" PRIu64 "M is", (mem / MEM_STEP + 1) * 2);
		return -EINVAL;
	}
	c->mem = mem;
	return 0;
}

static int set_cpus(struct config *c, const char *v, struct err *e)
{
	uint64_t n;
	int rc;

	rc = option_number(v, 1, VM_MAX_CPUS, &n, e);
	if (rc == 0)
		c->cpus = (unsigned)n;
	return rc;
}

static int set_hugepages(struct config *c, const char *v, struct err *e)
{
	c->hugepages = true;
	return 0;
}

static int add_function(struct config *c, enum config_backend backend,
			const char *v, struct err *e)
{
	if (c->n_functions == CONFIG_MAX_FUNCTIONS)
		return err_set(e, -EINVAL, "more than %d functions",
			       CONFIG_MAX_FUNCTIONS);
	c->function[c->n_functions++] = (struct config_function){ backend, v };
	return 0;
}

static int set_vfio(struct config *c, const char *v, struct err *e)
{
	return add_function(c, CONFIG_VFIO, v, e);
}

static int set_vfio_user(struct config *c, const char *v, struct err *e)
{
	return add_function(c, CONFIG_VFIO_USER, v, e);
}

/* Which of the @n @names is @v? @n: none. */
static unsigned which(const char *v, const char *const *names, unsigned n)
{
	unsigned i = 0;

	while (i < n && strcmp(v, names[i]) != 0)
		i++;
	return i;
}

static int set_iommu(struct config *c, const char *v, struct err *e)
{
	static const char *const names[] = {
		[CONFIG_IOMMU_AUTO] = "auto",
		[CONFIG_IOMMU_GROUP] = "group",
		[CONFIG_IOMMU_FD] = "iommufd",
	};
	unsigned i = which(v, names, ARRAY_LEN(names));

	if (i == ARRAY_LEN(names))
		return err_set(e, -EINVAL, "'%s' is not group, iommufd or auto",
			       v);
	c->iommu = (enum config_iommu)i;
	return 0;
}

static int set_sandbox(struct config *c, const char *v, struct err *e)
{
	static const char *const names[] = {
		[CONFIG_SANDBOX_ON] = "on",
		[CONFIG_SANDBOX_LOG] = "log",
		[CONFIG_SANDBOX_OFF] = "off",
	};
	unsigned i = which(v, names, ARRAY_LEN(names));

	if (i == ARRAY_LEN(names))
		return err_set(e, -EINVAL, "'%s' is not on, log or off", v);
	c->sandbox = (enum config_sandbox)i;
	return 0;
}

static int set_user(struct config *c, const char *v, struct err *e)
{
	const char *colon = strchr(v, ':');
	uint64_t user, group;
	char text[24];
	int rc;

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(v, ":"), v);
	rc = option_number(text, 1, ID_MAX, &user, e);
	if (rc < 0)
		return rc;
	rc = option_number(colon ? colon + 1 : text, 1, ID_MAX, &group, e);
	if (rc < 0)
		return rc;
	c->user = (unsigned)user;
	c->group = (unsigned)group;
	return 0;
}

static int set_console(struct config *c, const char *v, struct err *e)
{
	c->console = v;
	return console_check(v, e);
}

static int set_on_reboot(struct config *c, const char *v, struct err *e)
{
	if (strcmp(v, "exit") == 0)
		c->on_reboot = CONFIG_REBOOT_EXIT;
	else if (strcmp(v, "reset") == 0)
		c->on_reboot = CONFIG_REBOOT_RESET;
	else
		return err_set(e, -EINVAL, "'%s' is not exit or reset", v);
	return 0;
}

static int set_timeout(struct config *c, const char *v, struct err *e)
{
	uint64_t n;
	int rc;

	rc = option_number(v, 1, TIMEOUT_MAX, &n, e);
	if (rc == 0)
		c->timeout_s = (unsigned)n;
	return rc;
}

static int set_trace(struct config *c, const char *v, struct err *e)
{
	c->trace = v;
	return 0;
}

static int set_log_level(struct config *c, const char *v, struct err *e)
{
	c->log_level = v;
	return 0;
}

static int set_stats(struct config *c, const char *v, struct err *e)
{
	c->stats = v;
	return 0;
}

static int set_debug_exit(struct config *c, const char *v, struct err *e)
{
	uint64_t n;
	int rc;

	rc = option_number(v, 0, UINT16_MAX, &n, e);
	if (rc == 0)
		c->debug_exit = (int)n;
	return rc;
}

static int set_dump_dtb(struct config *c, const char *v, struct err *e)
{
	c->dump_dtb = v;
	return 0;
}

static int set_help(struct config *c, const char *v, struct err *e)
{
	c->action = CONFIG_HELP;
	return 0;
}

static int set_version(struct config *c, const char *v, struct err *e)
{
	c->action = CONFIG_VERSION;
	return 0;
}

enum {
	FLAG = 1,     /* takes no value */
	REPEATED = 2, /* may be given more than once */
	EMPTY_OK = 4, /* the value may be empty */
};

static const struct option {
	const char *name;
	unsigned how;
	int (*set)(struct config *c, const char *value, struct err *e);
} options[] = {
	{ "kernel", 0, set_kernel },
	{ "initrd", 0, set_initrd },
	{ "append", EMPTY_OK, set_append },
	{ "mem", 0, set_mem },
	{ "cpus", 0, set_cpus },
	{ "hugepages", FLAG, set_hugepages },
	{ "vfio", REPEATED, set_vfio },
	{ "vfio-user", REPEATED, set_vfio_user },
	{ "iommu", 0, set_iommu },
	{ "sandbox", 0, set_sandbox },
	{ "user", 0, set_user },
	{ "console", 0, set_console },
	{ "on-reboot", 0, set_on_reboot },
	{ "timeout", 0, set_timeout },
	{ "trace", 0, set_trace },
	{ "log-level", 0, set_log_level },
	{ "stats", 0, set_stats },
	{ "debug-exit", 0, set_debug_exit },
	{ "dump-dtb", 0, set_dump_dtb },
	{ "version", FLAG, set_version },
	{ "help", FLAG, set_help },
};

/* -------- the line -------- */

/* What is left of the command line, and what came already. */
struct line {
	char **at, **end;
	bool seen[ARRAY_LEN(options)];
};

/* Every message about usage ends here, unless it has better advice. */
static int usage(struct err *e)
{
	err_hint(e, "see minivmm --help");
	return -EINVAL;
}

/* The option that @word ("--name" or "--name=value") begins with. */
static const struct option *find(const char *word)
{
	size_t n;

	if (strncmp(word, "--", 2) != 0)
		return NULL;
	word += 2;
	n = strcspn(word, "=");
	for (unsigned i = 0; i < ARRAY_LEN(options); i++)
		if (strncmp(word, options[i].name, n) == 0 &&
		    options[i].name[n] == '\0')
			return &options[i];
	return NULL;
}

/* The option that @word was meant to be, if it is near: few letters differ, or
 * one of them begins with the other. */
static const char *guess(const char *word, size_t n)
{
	const char *best = NULL;
	unsigned least = 3;

	for (unsigned i = 0; i < ARRAY_LEN(options); i++) {
		const char *name = options[i].name;
		size_t m = strlen(name);
		unsigned d = option_distance(word, n, name);

		if (n >= 2 && strncmp(word, name, n < m ? n : m) == 0)
			d = 1;
		if (d < least && d < m) {
			least = d;
			best = name;
		}
	}
	return best;
}

static int unknown(const char *word, struct err *e)
{
	size_t n = strcspn(word, "=");
	const char *meant;

	if (word[0] != '-') {
		(void)err_set(e, -EINVAL, "'%s' belongs to no option", word);
		return usage(e);
	}
	(void)err_set(e, -EINVAL, "unknown option '%.*s'", (int)n, word);
	meant = strncmp(word, "--", 2) == 0 ? guess(word + 2, n - 2) : NULL;
	if (meant)
		err_hint(e, "did you mean --%s? see minivmm --help", meant);
	return usage(e);
}

/* The value of @o, whose word is @word: behind "=" or the next word, unless
 * that is an option itself. */
static int value_of(struct line *l, const struct option *o, const char *word,
		    const char **out, struct err *e)
{
	const char *equals = strchr(word, '=');

	*out = NULL;
	if (o->how & FLAG) {
		if (!equals)
			return 0;
		(void)err_set(e, -EINVAL, "--%s takes no value", o->name);
		return usage(e);
	}
	if (equals)
		*out = equals + 1;
	else if (l->at < l->end && !find(*l->at))
		*out = *l->at++;
	if (*out && (**out != '\0' || (o->how & EMPTY_OK)))
		return 0;
	(void)err_set(e, -EINVAL, "--%s needs a value", o->name);
	return usage(e);
}

static int take_option(struct line *l, struct config *c, struct err *e)
{
	const char *word = *l->at++, *value;
	const struct option *o = find(word);
	int rc;

	if (!o)
		return unknown(word, e);
	if (l->seen[o - options] && !(o->how & REPEATED)) {
		(void)err_set(e, -EINVAL, "--%s was given twice", o->name);
		return usage(e);
	}
	l->seen[o - options] = true;
	rc = value_of(l, o, word, &value, e);
	if (rc < 0)
		return rc;
	rc = o->set(c, value, e);
	if (rc < 0) {
		err_in(e, rc, "--%s", o->name);
		return usage(e);
	}
	return 0;
}

static int check_together(const struct config *c, struct err *e)
{
	if (c->action != CONFIG_RUN)
		return 0;
	if (!c->kernel && !c->dump_dtb) {
		(void)err_set(e, -EINVAL, "--kernel is missing");
		return usage(e);
	}
	if (c->initrd && !c->kernel) {
		(void)err_set(e, -EINVAL, "--initrd needs --kernel");
		return usage(e);
	}
	return 0;
}

int config_parse(int argc, char **argv, struct config *out, struct err *e)
{
	struct line l = { .at = argv + (argc > 0), .end = argv + argc };
	struct config c = {
		.append = "",
		.mem = MEM_DEFAULT,
		.cpus = 1,
		.sandbox = SANDBOX_DEFAULT,
		.console = "stdio",
		.debug_exit = -1,
	};
	int rc = 0;

	while (l.at < l.end && c.action == CONFIG_RUN && rc == 0)
		rc = take_option(&l, &c, e);
	if (rc == 0)
		rc = check_together(&c, e);
	if (rc == 0)
		*out = c;
	return rc;
}
