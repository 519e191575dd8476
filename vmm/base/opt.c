/* base/opt.c - see opt.h */
#include "vmm/base/opt.h"

#include <string.h>

bool opt_next(const char **at, struct opt *out)
{
	const char *part = *at, *equals;
	size_t n;

	if (!part)
		return false;
	n = strcspn(part, ",");
	*at = part[n] == ',' ? part + n + 1 : NULL;
	*out = (struct opt){ .key = part, .key_len = n };
	equals = memchr(part, '=', n);
	if (equals) {
		out->key_len = (size_t)(equals - part);
		out->value = equals + 1;
		out->value_len = n - out->key_len - 1;
	}
	return true;
}

bool opt_is(const struct opt *o, const char *name)
{
	return strlen(name) == o->key_len &&
	       memcmp(name, o->key, o->key_len) == 0;
}

/* Keys come from people: no more than this of one in a message. */
#define KEY(o) ((o)->key_len < 64 ? (int)(o)->key_len : 64), (o)->key
#define VALUE(o) ((o)->value_len < 64 ? (int)(o)->value_len : 64), (o)->value

static int no_value(const struct opt *o, struct err *e)
{
	return err_set(e, -EINVAL, "'%.*s' needs a value: %.*s=...", KEY(o),
		       KEY(o));
}

int opt_text(const struct opt *o, char *out, size_t n, struct err *e)
{
	if (!o->value || o->value_len == 0)
		return no_value(o, e);
	if (o->value_len >= n)
		return err_set(e, -E2BIG,
			       "the value of '%.*s' is longer than %zu "
			       "characters",
			       KEY(o), n - 1);
	memcpy(out, o->value, o->value_len);
	out[o->value_len] = '\0';
	return 0;
}

static bool value_is(const struct opt *o, const char *text)
{
	return o->value_len == strlen(text) &&
	       memcmp(o->value, text, o->value_len) == 0;
}

int opt_switch(const struct opt *o, bool *out, struct err *e)
{
	bool on = !o->value || value_is(o, "on");

	if (!on && !value_is(o, "off"))
		return err_set(e, -EINVAL, "'%.*s' is neither on nor off",
			       VALUE(o));
	*out = on;
	return 0;
}

int opt_unknown(const struct opt *o, const char *known, struct err *e)
{
	(void)err_set(e, -EINVAL, "unknown option '%.*s'", KEY(o));
	err_hint(e, "known are %s", known);
	return -EINVAL;
}
