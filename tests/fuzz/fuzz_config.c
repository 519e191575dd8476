/* tests/fuzz/fuzz_config.c - any command line
 *
 * The input is the words of a command line, each ended by a zero byte. It is
 * refused with a sentence and a hint, or gives a configuration within limits
 * whose strings lie inside the words.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/kernel.h"
#include "vmm/base/sys.h"
#include "vmm/machine/config.h"

enum { MAX_WORDS = 128, MAX_SIZE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct words {
	char buf[MAX_SIZE + 1], program[8];
	size_t size;
	char *argv[MAX_WORDS + 2];
	int argc;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void split(struct words *w, const uint8_t *data, size_t size)
{
	w->size = size < MAX_SIZE ? size : MAX_SIZE;
	memcpy(w->buf, data, w->size);
	w->buf[w->size] = '\0';
	strcpy(w->program, "minivmm");
	w->argv[0] = w->program;
	w->argc = 1;
	for (size_t at = 0; at < w->size && w->argc <= MAX_WORDS;
	     at += strlen(w->buf + at) + 1)
		w->argv[w->argc++] = w->buf + at;
	w->argv[w->argc] = NULL;
}

static void must_be_ours(const struct words *w, const char *s)
{
	must(!s || (s >= w->buf && s <= w->buf + w->size));
}

static void check(const struct words *w, const struct config *c)
{
	if (c->action != CONFIG_RUN)
		return;
	must(c->kernel || c->dump_dtb);
	must(c->kernel || !c->initrd);
	must(c->mem >= 64 << 20 && c->mem % (2 << 20) == 0);
	must(c->mem <= sys_memory_total());
	must(c->cpus >= 1 && c->cpus <= 255);
	must(c->n_functions <= CONFIG_MAX_FUNCTIONS);
	must(c->debug_exit >= -1 && c->debug_exit <= 0xffff);
	must_be_ours(w, c->kernel);
	must_be_ours(w, c->initrd);
	must_be_ours(w, c->trace);
	must_be_ours(w, c->log_level);
	must_be_ours(w, c->dump_dtb);
	for (unsigned i = 0; i < c->n_functions; i++)
		must_be_ours(w, c->function[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct words w;
	struct config c;
	struct err e = ERR_NONE;

	fake_reset();
	split(&w, data, size);
	if (config_parse(w.argc, w.argv, &c, &e) == 0)
		check(&w, &c);
	else
		must(e.code < 0 && e.text[0] != '\0' && e.hint[0] != '\0');
	return 0;
}
