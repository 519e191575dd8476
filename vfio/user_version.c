/* vfio/user_version.c - what two ends of vfio-user agree on first */
#include "vfio/user_version.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "vfio/user_socket.h"

enum {
	MAX_TEXT = 16384,  /* of JSON; servers need some hundred bytes */
	LEAST_DATA = 8,	   /* the widest register access in one piece */
	LEAST_PAGE = 4096, /* what guest RAM is aligned to at least */
};

size_t user_version_write(void *payload, size_t n)
{
	const struct user_version v = { le16_of(USER_VERSION_MAJOR),
					le16_of(USER_VERSION_MINOR) };
	char *text = (char *)payload + sizeof(v);
	int used;

	memcpy(payload, &v, sizeof(v));
	used = snprintf(text, n - sizeof(v),
			"{\"capabilities\":{\"max_msg_fds\":%d,"
			"\"max_data_xfer_size\":%d}}",
			USER_MAX_FDS_IN, USER_MAX_DATA);
	assert(used > 0 && (size_t)used < n - sizeof(v));
	return sizeof(v) + (size_t)used + 1;
}

/* -------- the server's text -------- */

/* The integer @key of @caps, if it is there; numbers above @most count as
 * @most. */
static int take(const json_t *caps, const char *key, uint64_t least,
		uint64_t most, uint64_t *v, struct err *e)
{
	const json_t *j = json_object_get(caps, key);
	json_int_t n;

	if (!j)
		return 0;
	n = json_integer_value(j);
	if (!json_is_integer(j) || n < 0 || (uint64_t)n < least)
		return err_set(e, -EPROTO,
			       "the server's %s is no number from %" PRIu64
			       " on",
			       key, least);
	*v = (uint64_t)n < most ? (uint64_t)n : most;
	return 0;
}

static int take_all(const json_t *caps, struct user_limits *l, struct err *e)
{
	uint64_t fds = USER_DEFAULT_MAX_FDS, data = USER_DEFAULT_MAX_DATA;
	uint64_t maps = USER_DEFAULT_MAX_DMA_MAPS;
	uint64_t pages = USER_DEFAULT_PAGE_SIZE;
	int rc = 0;

	if (caps && !json_is_object(caps))
		return err_set(e, -EPROTO,
			       "the server's capabilities are no JSON object");
	/* without descriptors there is neither RAM nor an interrupt */
	rc = take(caps, "max_msg_fds", 1, USER_MAX_FDS_OUT, &fds, e);
	if (rc >= 0)
		rc = take(caps, "max_data_xfer_size", LEAST_DATA, USER_MAX_DATA,
			  &data, e);
	if (rc >= 0)
		rc = take(caps, "max_dma_maps", 0, UINT32_MAX - 1, &maps, e);
	if (rc >= 0)
		rc = take(caps, "pgsizes", LEAST_PAGE, INT64_MAX, &pages, e);
	if (rc < 0)
		return rc;
	*l = (struct user_limits){
		.max_fds = (unsigned)fds,
		.max_data = (uint32_t)data,
		.max_maps = (uint32_t)maps,
		.page_sizes = pages,
	};
	return 0;
}

/* The parser quotes the server's bytes, and the sentence may go to a terminal:
 * what is not plain text becomes dots. */
static void make_plain(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '.';
}

static int parse(const char *text, size_t n, struct user_limits *out,
		 struct err *e)
{
	json_error_t why;
	json_t *root;
	int rc;

	if (n == 0)
		return take_all(NULL, out, e);
	if (n > MAX_TEXT || text[n - 1] != '\0')
		return err_set(e, -EPROTO,
			       "the server's version message has %zu bytes of "
			       "text, without an end or too many",
			       n);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (!root) {
		make_plain(why.text);
		return err_set(e, -EPROTO,
			       "the server's version message is no JSON: %s",
			       why.text);
	}
	if (json_is_object(root))
		rc = take_all(json_object_get(root, "capabilities"), out, e);
	else
		rc = err_set(e, -EPROTO,
			     "the server's capabilities are no JSON object");
	json_decref(root);
	return rc;
}

int user_version_read(const void *payload, size_t n, struct user_limits *out,
		      struct err *e)
{
	const struct user_version *v = payload;

	if (n < sizeof(*v))
		return err_set(e, -EPROTO,
			       "the server's version message is too short");
	if (le16_get(v->major) != USER_VERSION_MAJOR ||
	    le16_get(v->minor) > USER_VERSION_MINOR)
		return err_set(e, -EPROTONOSUPPORT,
			       "the server speaks vfio-user %u.%u, minivmm "
			       "%d.%d",
			       le16_get(v->major), le16_get(v->minor),
			       USER_VERSION_MAJOR, USER_VERSION_MINOR);
	return parse((const char *)payload + sizeof(*v), n - sizeof(*v), out,
		     e);
}
