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

/* The digit @c in a base of at most 16, or 16. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

static bool parse_number(const char *at, size_t n, uint64_t *out)
{
	unsigned base = 10;
	uint64_t v = 0;

	if (n > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
		base = 16;
		at += 2;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned d = digit(at[i]);

		if (d >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, d, &v))
			return false;
	}
	*out = v;
	return n > 0;
}

int opt_number(const struct opt *o, uint64_t max, uint64_t *out, struct err *e)
{
	uint64_t v;

	if (!o->value || o->value_len == 0)
		return no_value(o, e);
	if (!parse_number(o->value, o->value_len, &v))
		return err_set(e, -EINVAL, "%.*s: '%.*s' is no number", KEY(o),
			       VALUE(o));
	if (v > max)
		return err_set(e, -EINVAL, "%.*s: %.*s is more than %ju",
			       KEY(o), VALUE(o), (uintmax_t)max);
	*out = v;
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
		return err_set(e, -EINVAL, "%.*s: '%.*s' is neither on nor off",
			       KEY(o), VALUE(o));
	*out = on;
	return 0;
}

int opt_unknown(const struct opt *o, const char *known, struct err *e)
{
	(void)err_set(e, -EINVAL, "there is no option '%.*s'", KEY(o));
	err_hint(e, "options are %s", known);
	return -EINVAL;
}
