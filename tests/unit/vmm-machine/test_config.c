/* Command lines, good and bad, and what is said about the bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/config.h"
#include "vmm/machine/option.h"

#define MIB (UINT64_C(1) << 20)

/* Parse @line, words apart by one blank each; "_" stands for a blank in a
 * word, and "''" for an empty word. */
static int parse(const char *line, struct config *c, struct err *e)
{
	static char buf[4096];
	static char program[] = "minivmm", empty[] = "";
	static char *argv[256];
	char *rest = buf, *word;
	int argc = 1;

	assert_true(strlen(line) < sizeof(buf));
	strcpy(buf, line);
	argv[0] = program;
	while (*rest != '\0' && (word = strsep(&rest, " "))) {
		for (char *at = word; *at != '\0'; at++)
			if (*at == '_')
				*at = ' ';
		argv[argc++] = strcmp(word, "''") == 0 ? empty : word;
		if (!rest)
			break;
	}
	argv[argc] = NULL;
	memset(e, 0, sizeof(*e));
	return config_parse(argc, argv, c, e);
}

static struct config accept(const char *line)
{
	struct config c;
	struct err e;

	if (parse(line, &c, &e) != 0)
		fail_msg("'%s' was refused: %s", line, e.text);
	return c;
}

/* -------- good ones -------- */

static void a_kernel_is_enough(void **state)
{
	struct config c = accept("--kernel k");

	assert_int_equal(c.action, CONFIG_RUN);
	assert_string_equal(c.kernel, "k");
	assert_null(c.initrd);
	assert_string_equal(c.append, "");
	assert_int_equal(c.mem, 512 * MIB);
	assert_int_equal(c.cpus, 1);
	assert_false(c.hugepages);
	assert_int_equal(c.n_functions, 0);
	assert_string_equal(c.console, "stdio");
	assert_int_equal(c.timeout_s, 0);
	assert_null(c.trace);
	assert_null(c.log_level);
	assert_int_equal(c.debug_exit, -1);
	assert_null(c.dump_dtb);
}

static void every_option_is_understood(void **state)
{
	struct config c = accept(
		"--kernel k --initrd i --append console=ttyS0_quiet --mem 2G "
		"--cpus 4 --hugepages --vfio 0000:01:00.0 --vfio "
		"02:00.0,cfg-gaps=block --console pty --timeout 60 "
		"--trace=host,pci:/t --log-level debug --debug-exit 0xf4 "
		"--dump-dtb d --stats /run/s");

	assert_string_equal(c.initrd, "i");
	assert_string_equal(c.append, "console=ttyS0 quiet");
	assert_int_equal(c.mem, 2048 * MIB);
	assert_int_equal(c.cpus, 4);
	assert_true(c.hugepages);
	assert_int_equal(c.n_functions, 2);
	assert_string_equal(c.function[0].text, "0000:01:00.0");
	assert_string_equal(c.function[1].text, "02:00.0,cfg-gaps=block");
	assert_string_equal(c.console, "pty");
	assert_int_equal(c.timeout_s, 60);
	assert_string_equal(c.trace, "host,pci:/t");
	assert_string_equal(c.log_level, "debug");
	assert_int_equal(c.debug_exit, 0xf4);
	assert_string_equal(c.dump_dtb, "d");
	assert_string_equal(c.stats, "/run/s");
}

static void functions_keep_their_order_whoever_has_them(void **state)
{
	struct config c = accept("--kernel k --vfio 01:00.0 --vfio-user /a,x=y "
				 "--vfio 02:00.0 --vfio-user=/b");

	assert_int_equal(c.n_functions, 4);
	assert_int_equal(c.function[0].backend, CONFIG_VFIO);
	assert_int_equal(c.function[1].backend, CONFIG_VFIO_USER);
	assert_string_equal(c.function[1].text, "/a,x=y");
	assert_int_equal(c.function[2].backend, CONFIG_VFIO);
	assert_int_equal(c.function[3].backend, CONFIG_VFIO_USER);
	assert_string_equal(c.function[3].text, "/b");
}

static void the_kernels_interface_can_be_chosen(void **state)
{
	struct config c = accept("--kernel k");

	assert_int_equal(c.iommu, CONFIG_IOMMU_AUTO);
	c = accept("--kernel k --iommu=group");
	assert_int_equal(c.iommu, CONFIG_IOMMU_GROUP);
	c = accept("--kernel k --iommu iommufd");
	assert_int_equal(c.iommu, CONFIG_IOMMU_FD);
	c = accept("--kernel k --iommu=auto");
	assert_int_equal(c.iommu, CONFIG_IOMMU_AUTO);
}

static void a_reboot_ends_the_vm_unless_asked_otherwise(void **state)
{
	struct config c = accept("--kernel k");

	assert_int_equal(c.on_reboot, CONFIG_REBOOT_EXIT);
	c = accept("--kernel k --on-reboot=reset");
	assert_int_equal(c.on_reboot, CONFIG_REBOOT_RESET);
	c = accept("--kernel k --on-reboot exit");
	assert_int_equal(c.on_reboot, CONFIG_REBOOT_EXIT);
}

/* VFIO-ERR-09. Sanitizers make calls of their own. */
static void there_is_a_sandbox_unless_asked_otherwise(void **state)
{
	struct config c = accept("--kernel k");

	assert_int_equal(c.sandbox, MINIVMM_SANITIZED ? CONFIG_SANDBOX_OFF
						      : CONFIG_SANDBOX_ON);
	c = accept("--kernel k --sandbox=on");
	assert_int_equal(c.sandbox, CONFIG_SANDBOX_ON);
	c = accept("--kernel k --sandbox log");
	assert_int_equal(c.sandbox, CONFIG_SANDBOX_LOG);
	c = accept("--kernel k --sandbox=off");
	assert_int_equal(c.sandbox, CONFIG_SANDBOX_OFF);
}

static void a_group_is_that_of_the_user_unless_it_is_given(void **state)
{
	struct config c = accept("--kernel k");

	assert_int_equal(c.user, 0);
	c = accept("--kernel k --user 65534");
	assert_int_equal(c.user, 65534);
	assert_int_equal(c.group, 65534);
	c = accept("--kernel k --user=1000:36");
	assert_int_equal(c.user, 1000);
	assert_int_equal(c.group, 36);
}

static void a_value_may_follow_an_equals_sign(void **state)
{
	struct config c = accept("--kernel=k --append=a=b --mem=64 "
				 "--vfio=01:00.0,x=y --console=file:/a=b");

	assert_string_equal(c.kernel, "k");
	assert_string_equal(c.append, "a=b");
	assert_int_equal(c.mem, 64 * MIB);
	assert_string_equal(c.function[0].text, "01:00.0,x=y");
	assert_string_equal(c.console, "file:/a=b");
}

static void sizes_are_mebibytes_unless_said_otherwise(void **state)
{
	static const struct {
		const char *text;
		uint64_t mib;
	} sizes[] = { { "1024", 1024 },	  { "512M", 512 }, { "512m", 512 },
		      { "2G", 2048 },	  { "2g", 2048 },  { "65536K", 64 },
		      { "131072k", 128 }, { "064", 64 },   { "64G", 65536 } };
	char line[64];

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct config c;

		snprintf(line, sizeof(line), "--kernel k --mem %s",
			 sizes[i].text);
		c = accept(line);
		assert_int_equal(c.mem, sizes[i].mib * MIB);
	}
}

static void an_empty_kernel_command_line_is_allowed(void **state)
{
	assert_string_equal(accept("--kernel k --append ''").append, "");
	assert_string_equal(accept("--kernel k --append=").append, "");
}

static void a_value_may_begin_with_dashes(void **state)
{
	struct config c =
		accept("--kernel k --append --_single --initrd=--mem");

	assert_string_equal(c.append, "-- single");
	assert_string_equal(c.initrd, "--mem");
}

static void thirty_functions_fit(void **state)
{
	char line[1024] = "--kernel k";
	struct config c;
	struct err e;

	for (unsigned i = 0; i < CONFIG_MAX_FUNCTIONS; i++)
		strcat(line, " --vfio 01:00.0");
	assert_int_equal(accept(line).n_functions, CONFIG_MAX_FUNCTIONS);
	strcat(line, " --vfio 01:00.0");
	assert_int_equal(parse(line, &c, &e), -EINVAL);
	assert_string_equal(e.text, "--vfio: more than 30 functions");
}

static void a_device_tree_needs_no_kernel(void **state)
{
	struct config c = accept("--dump-dtb d");

	assert_null(c.kernel);
	assert_string_equal(c.dump_dtb, "d");
}

static void help_and_version_need_nothing_else(void **state)
{
	assert_int_equal(accept("--help").action, CONFIG_HELP);
	assert_int_equal(accept("--version").action, CONFIG_VERSION);
	assert_int_equal(accept("--mem 1G --help --nonsense").action,
			 CONFIG_HELP);
	assert_int_equal(accept("--version --kernel").action, CONFIG_VERSION);
}

/* -------- bad ones -------- */

#define USAGE "see minivmm --help"
#define SIZES "write 512M or 2G; a plain number is MiB"

static const struct refusal {
	const char *line, *text, *hint;
} refusals[] = {
	/* clang-format off: one line of words, one sentence */
	{ "", "--kernel is missing", USAGE },
	{ "--initrd i --mem 256M", "--kernel is missing", USAGE },
	{ "--initrd i --dump-dtb d", "--initrd needs --kernel", USAGE },
	{ "--kernel", "--kernel needs a value", USAGE },
	{ "--kernel --initrd i", "--kernel needs a value", USAGE },
	{ "--kernel --initrd=i", "--kernel needs a value", USAGE },
	{ "--kernel ''", "--kernel needs a value", USAGE },
	{ "--kernel=", "--kernel needs a value", USAGE },
	{ "--kernel k --append", "--append needs a value", USAGE },
	{ "--kernel k --vfio", "--vfio needs a value", USAGE },
	{ "--kernel k --kernel l", "--kernel was given twice", USAGE },
	{ "--kernel k --hugepages --hugepages", "--hugepages was given twice",
	  USAGE },
	{ "--kernel k --hugepages=on", "--hugepages takes no value", USAGE },
	{ "--help=me", "--help takes no value", USAGE },
	{ "--kernel k stray", "'stray' belongs to no option", USAGE },
	{ "k", "'k' belongs to no option", USAGE },
	{ "--kernel k ''", "'' belongs to no option", USAGE },

	{ "--kernel k --frobnicate", "unknown option '--frobnicate'", USAGE },
	{ "--kernel k --frobnicate=9", "unknown option '--frobnicate'", USAGE },
	{ "--kernel k --", "unknown option '--'", USAGE },
	{ "--kernel k -", "unknown option '-'", USAGE },
	{ "-h", "unknown option '-h'", USAGE },
	{ "-mem 1G", "unknown option '-mem'", USAGE },
	{ "--kern k", "unknown option '--kern'",
	  "did you mean --kernel? see minivmm --help" },
	{ "--kernal=k", "unknown option '--kernal'",
	  "did you mean --kernel? see minivmm --help" },
	{ "--memory 1G", "unknown option '--memory'",
	  "did you mean --mem? see minivmm --help" },
	{ "--ver", "unknown option '--ver'",
	  "did you mean --version? see minivmm --help" },
	{ "--cpu 2", "unknown option '--cpu'",
	  "did you mean --cpus? see minivmm --help" },
	{ "--loglevel debug", "unknown option '--loglevel'",
	  "did you mean --log-level? see minivmm --help" },
	{ "--x", "unknown option '--x'", USAGE },

	{ "--kernel k --mem 12Q", "--mem: '12Q' is no size", SIZES },
	{ "--kernel k --mem G", "--mem: 'G' is no size", SIZES },
	{ "--kernel k --mem -1", "--mem: '-1' is no size", SIZES },
	{ "--kernel k --mem +64", "--mem: '+64' is no size", SIZES },
	{ "--kernel k --mem 64MB", "--mem: '64MB' is no size", SIZES },
	{ "--kernel k --mem 1.5G", "--mem: '1.5G' is no size", SIZES },
	{ "--kernel k --mem 0x40", "--mem: '0x40' is no size", SIZES },
	{ "--kernel k --mem _64", "--mem: ' 64' is no size", SIZES },
	{ "--kernel k --mem 18446744073709551616",
	  "--mem: '18446744073709551616' is no size", SIZES },
	{ "--kernel k --mem 17592186044416",
	  "--mem: '17592186044416' is no size", SIZES },
	{ "--kernel k --mem 16777216T", "--mem: '16777216T' is no size",
	  SIZES },
	{ "--kernel k --mem 0", "--mem: '0' is less than 64 MiB",
	  "a Linux kernel does not boot with less" },
	{ "--kernel k --mem 62M", "--mem: '62M' is less than 64 MiB",
	  "a Linux kernel does not boot with less" },
	{ "--kernel k --mem 65M", "--mem: '65M' is not a multiple of 2 MiB",
	  "66M is" },
	{ "--kernel k --mem 65537K",
	  "--mem: '65537K' is not a multiple of 2 MiB", "66M is" },
	{ "--kernel k --mem 65G",
	  "--mem: '65G' is more than this host has (65536 MiB)",
	  "a plain number is MiB; with a suffix: 512M, 2G" },
	{ "--kernel k --mem 536870912",
	  "--mem: '536870912' is more than this host has (65536 MiB)",
	  "a plain number is MiB; with a suffix: 512M, 2G" },
	{ "--kernel k --mem 1G --mem 1G", "--mem was given twice", USAGE },

	{ "--kernel k --cpus 0", "--cpus: '0' is no number from 1 to 255",
	  USAGE },
	{ "--kernel k --cpus 256", "--cpus: '256' is no number from 1 to 255",
	  USAGE },
	{ "--kernel k --cpus two", "--cpus: 'two' is no number from 1 to 255",
	  USAGE },
	{ "--kernel k --cpus 2x", "--cpus: '2x' is no number from 1 to 255",
	  USAGE },
	{ "--kernel k --cpus 0x", "--cpus: '0x' is no number from 1 to 255",
	  USAGE },
	{ "--kernel k --timeout 0",
	  "--timeout: '0' is no number from 1 to 999999999", USAGE },
	{ "--kernel k --timeout 1.5",
	  "--timeout: '1.5' is no number from 1 to 999999999", USAGE },
	{ "--kernel k --timeout 4294967297",
	  "--timeout: '4294967297' is no number from 1 to 999999999", USAGE },
	{ "--kernel k --debug-exit 0x10000",
	  "--debug-exit: '0x10000' is no number from 0 to 65535", USAGE },
	{ "--kernel k --debug-exit f4",
	  "--debug-exit: 'f4' is no number from 0 to 65535", USAGE },
	{ "--kernel k --on-reboot=restart",
	  "--on-reboot: 'restart' is not exit or reset", USAGE },
	{ "--kernel k --sandbox=true",
	  "--sandbox: 'true' is not on, log or off", USAGE },
	{ "--kernel k --user 0",
	  "--user: '0' is no number from 1 to 4294967294", USAGE },
	{ "--kernel k --user nobody",
	  "--user: 'nobody' is no number from 1 to 4294967294", USAGE },
	{ "--kernel k --user 7:",
	  "--user: '' is no number from 1 to 4294967294", USAGE },
	{ "--kernel k --user 7:4294967295",
	  "--user: '4294967295' is no number from 1 to 4294967294", USAGE },
	{ "--kernel k --user 11111111111111111111111111111:3",
	  "--user: '11111111111111111111111' is no number from 1 to "
	  "4294967294",
	  USAGE },
	{ "--kernel k --iommu cdev",
	  "--iommu: 'cdev' is not group, iommufd or auto", USAGE },
	{ "--kernel k --iommu=group --iommu=group", "--iommu was given twice",
	  USAGE },
	{ "--kernel k --console tty", "--console: 'tty' is no console",
	  "consoles are stdio, none, pty and file:PATH" },
	{ "--kernel k --console file:", "--console: 'file:' is no console",
	  "consoles are stdio, none, pty and file:PATH" },
	/* clang-format on */
};

static void each_mistake_has_its_sentence(void **state)
{
	struct config c, before;
	struct err e;

	memset(&before, 0xa5, sizeof(before));
	for (unsigned i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];

		c = before;
		if (parse(r->line, &c, &e) != -EINVAL || e.code != -EINVAL)
			fail_msg("'%s' was accepted", r->line);
		if (strcmp(e.text, r->text) != 0)
			fail_msg("'%s': '%s'", r->line, e.text);
		if (strcmp(e.hint, r->hint) != 0)
			fail_msg("'%s': hint '%s'", r->line, e.hint);
		assert_memory_equal(&c, &before, sizeof(c));
	}
}

static void a_program_without_any_argument_is_refused(void **state)
{
	char *none[] = { NULL };
	struct config c;
	struct err e = ERR_NONE;

	assert_int_equal(config_parse(0, none, &c, &e), -EINVAL);
	assert_string_equal(e.text, "--kernel is missing");
}

static void endless_words_are_cut_in_the_sentence(void **state)
{
	static char word[100000] = "--", program[] = "minivmm";
	char *argv[] = { program, word, NULL };
	struct config c;
	struct err e = ERR_NONE;

	memset(word + 2, 'k', sizeof(word) - 3);
	assert_int_equal(config_parse(2, argv, &c, &e), -EINVAL);
	assert_memory_equal(e.text, "unknown option '--kkk", 21);
}

static void memory_of_this_host_is_the_limit(void **state)
{
	struct config c;
	struct err e;

	fake_memory_total(130 * MIB);
	assert_int_equal(accept("--kernel k --mem 130").mem, 130 * MIB);
	assert_int_equal(parse("--kernel k --mem 132", &c, &e), -EINVAL);
	assert_string_equal(e.text,
			    "--mem: '132' is more than this host has (130 "
			    "MiB)");
}

/* -------- the rest -------- */

static void help_names_every_option_in_80_columns(void **state)
{
	static const char *const names[] = {
		"--kernel",  "--initrd",     "--append",   "--mem",
		"--cpus",    "--hugepages",  "--vfio",	   "--console",
		"--timeout", "--debug-exit", "--trace",	   "--log-level",
		"--version", "--help",	     "--dump-dtb", "--stats",
	};
	const char *text = config_help();

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strstr(text, names[i]))
			fail_msg("%s is missing", names[i]);
	assert_int_equal(text[strlen(text) - 1], '\n');
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		assert_in_range(n, 0, 79);
		text += n + 1;
	}
}

static void distance_counts_letters_that_differ(void **state)
{
	assert_int_equal(option_distance("kernel", 6, "kernel"), 0);
	assert_int_equal(option_distance("kernel=x", 6, "kernel"), 0);
	assert_int_equal(option_distance("kernal", 6, "kernel"), 1);
	assert_int_equal(option_distance("kenrel", 6, "kernel"), 2);
	assert_int_equal(option_distance("", 0, "kernel"), 6);
	assert_int_equal(option_distance("kitten", 6, "sitting"), 3);
	assert_int_equal(option_distance("flaw", 4, "lawn"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(a_kernel_is_enough),
		FAKE_TEST(every_option_is_understood),
		FAKE_TEST(functions_keep_their_order_whoever_has_them),
		FAKE_TEST(the_kernels_interface_can_be_chosen),
		FAKE_TEST(a_reboot_ends_the_vm_unless_asked_otherwise),
		FAKE_TEST(there_is_a_sandbox_unless_asked_otherwise),
		FAKE_TEST(a_group_is_that_of_the_user_unless_it_is_given),
		FAKE_TEST(a_value_may_follow_an_equals_sign),
		FAKE_TEST(sizes_are_mebibytes_unless_said_otherwise),
		FAKE_TEST(an_empty_kernel_command_line_is_allowed),
		FAKE_TEST(a_value_may_begin_with_dashes),
		FAKE_TEST(thirty_functions_fit),
		FAKE_TEST(a_device_tree_needs_no_kernel),
		FAKE_TEST(help_and_version_need_nothing_else),
		FAKE_TEST(each_mistake_has_its_sentence),
		FAKE_TEST(a_program_without_any_argument_is_refused),
		FAKE_TEST(endless_words_are_cut_in_the_sentence),
		FAKE_TEST(memory_of_this_host_is_the_limit),
		FAKE_TEST(help_names_every_option_in_80_columns),
		FAKE_TEST(distance_counts_letters_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
