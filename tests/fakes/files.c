/* tests/fakes/files.c - the table of paths
 *
 * A list of nodes by full path. Contents of files are real memfds, so reading,
 * writing and mapping them needs no model.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake.h"

static struct node *nodes;

enum { MAX_PATH = 512, MAX_LINKS = 16, MAX_REAL = 4 };

static const char *real_prefix[MAX_REAL];
static unsigned n_real;

static struct node *lookup(const char *path)
{
	for (struct node *n = nodes; n; n = n->next) {
		if (strcmp(n->path, path) == 0)
			return n;
	}
	return NULL;
}

/* Drop the last component of @path; "/" becomes empty. */
static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* Put @target, the contents of link @at, in the place of @at; what followed it
 * is in @todo and stays behind it. */
static void follow(char *at, const char *target, char *todo)
{
	size_t n = strlen(target), rest = strlen(todo);

	if (n + rest + 2 > MAX_PATH)
		abort();
	memmove(todo + n + 1, todo, rest + 1);
	memcpy(todo, target, n);
	todo[n] = '/';
	if (target[0] == '/')
		at[0] = '\0';
	else
		drop_last(at);
}

/* The path without links, "." and "..", in @at; false: too many links. */
static bool resolve(const char *path, bool follow_last, char at[MAX_PATH])
{
	char todo[MAX_PATH], part[256];
	unsigned links = 0;

	at[0] = '\0';
	snprintf(todo, sizeof(todo), "%s", path);
	while (todo[0] != '\0') {
		size_t skip = strspn(todo, "/");
		size_t n = strcspn(todo + skip, "/");
		struct node *node;

		snprintf(part, sizeof(part), "%.*s", (int)n, todo + skip);
		memmove(todo, todo + skip + n, strlen(todo + skip + n) + 1);
		if (n == 0 || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			drop_last(at);
			continue;
		}
		if (strlen(at) + n + 2 > MAX_PATH)
			return false;
		strcat(strcat(at, "/"), part);
		node = lookup(at);
		if (!node || node->type != NODE_LINK ||
		    (todo[strspn(todo, "/")] == '\0' && !follow_last))
			continue;
		if (++links > MAX_LINKS)
			return false;
		follow(at, node->target, todo);
	}
	return true;
}

struct node *node_find(const char *path, bool follow_last)
{
	char at[MAX_PATH];

	return resolve(path, follow_last, at) ? lookup(at) : NULL;
}

static void free_node(struct node *n)
{
	if (n->memfd >= 0)
		(void)close(n->memfd);
	free(n->target);
	free(n->path);
	free(n);
}

static void remove_path(const char *at)
{
	size_t len = strlen(at);

	for (struct node **p = &nodes; *p;) {
		struct node *n = *p;

		if (strncmp(n->path, at, len) == 0 &&
		    (n->path[len] == '\0' || n->path[len] == '/')) {
			*p = n->next;
			free_node(n);
		} else {
			p = &n->next;
		}
	}
}

/* Its path goes with it. */
static void remove_node(const struct node *n)
{
	char at[MAX_PATH];

	snprintf(at, sizeof(at), "%s", n->path);
	remove_path(at);
}

/* A node at @path, its parents made; what was there is replaced. */
static struct node *make(const char *path, enum node_type type)
{
	char at[MAX_PATH], parent[MAX_PATH];
	struct node *n;

	if (!resolve(path, false, at))
		abort();
	n = lookup(at);
	if (n && n->type == NODE_DIR && type == NODE_DIR)
		return n;
	remove_path(at);
	strcpy(parent, at);
	drop_last(parent);
	if (parent[0] != '\0')
		(void)make(parent, NODE_DIR);
	n = xalloc(sizeof(*n));
	*n = (struct node){
		.path = strdup(at), .type = type, .memfd = -1, .next = nodes
	};
	nodes = n;
	return n;
}

void node_add(const char *path, enum node_type type, int number)
{
	make(path, type)->number = number;
}

void files_reset(void)
{
	while (nodes) {
		struct node *n = nodes;

		nodes = n->next;
		free_node(n);
	}
	n_real = 0;
	node_add("/dev/kvm", NODE_KVM, 0);
	node_add("/dev/vfio/vfio", NODE_CONTAINER, 0);
	node_add("/sys/bus/pci/devices", NODE_DIR, 0);
	node_add("/sys/kernel/iommu_groups", NODE_DIR, 0);
}

bool path_is_real(const char *path)
{
	for (unsigned i = 0; i < n_real; i++) {
		if (strncmp(path, real_prefix[i], strlen(real_prefix[i])) == 0)
			return true;
	}
	return false;
}

/* -------- for tests -------- */

void fake_real(const char *prefix)
{
	fake_lock();
	if (n_real == MAX_REAL)
		abort();
	real_prefix[n_real++] = prefix;
	fake_unlock();
}

void fake_blob(const char *path, const void *data, size_t n)
{
	struct node *node;

	fake_lock();
	node = make(path, NODE_FILE);
	node->memfd = memfd_create("fake", MFD_CLOEXEC);
	if (node->memfd < 0 || pwrite(node->memfd, data, n, 0) != (ssize_t)n)
		abort();
	fake_unlock();
}

void fake_file(const char *path, const char *text)
{
	fake_blob(path, text, strlen(text));
}

void fake_link(const char *path, const char *target)
{
	fake_lock();
	make(path, NODE_LINK)->target = strdup(target);
	fake_unlock();
}

void fake_dir(const char *path)
{
	fake_lock();
	node_add(path, NODE_DIR, 0);
	fake_unlock();
}

void fake_remove(const char *path)
{
	char at[MAX_PATH];

	fake_lock();
	if (resolve(path, false, at))
		remove_path(at);
	fake_unlock();
}

long fake_file_read(const char *path, void *buf, size_t n)
{
	struct node *node;
	long rc = -1;

	fake_lock();
	node = node_find(path, true);
	if (node && node->type == NODE_FILE)
		rc = pread(node->memfd, buf, n, 0);
	fake_unlock();
	return rc;
}

/* -------- sys_list -------- */

enum { MAX_NAMES = 1024 };

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names right below @dir, allocated; returns how many. */
static int children(const char *dir, char **names)
{
	size_t len = strlen(dir);
	int n = 0;

	for (struct node *c = nodes; c && n < MAX_NAMES; c = c->next) {
		if (strncmp(c->path, dir, len) == 0 && c->path[len] == '/' &&
		    !strchr(c->path + len + 1, '/'))
			names[n++] = strdup(c->path + len + 1);
	}
	qsort(names, (size_t)n, sizeof(names[0]), by_name);
	return n;
}

int sys_list(const char *path, int (*each)(const char *name, void *arg),
	     void *arg)
{
	char *names[MAX_NAMES];
	struct node *dir;
	struct call c;
	long rc = call_begin(&c, "list %s", path);
	int n = 0;

	dir = node_find(path, true);
	if (rc == 0)
		rc = !dir ? -ENOENT : dir->type != NODE_DIR ? -ENOTDIR : 0;
	if (rc == 0)
		n = children(dir->path, names);
	rc = call_end(&c, rc);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = each(names[i], arg);
		free(names[i]);
	}
	return (int)rc;
}

int sys_unlink(const char *path)
{
	struct node *node;
	struct call c;
	long rc = call_begin(&c, "unlink %s", path);

	if (rc == 0 && path_is_real(path))
		return (int)call_end(&c, unlink(path) < 0 ? -errno : 0);
	node = node_find(path, false);
	if (rc == 0)
		rc = !node ? -ENOENT : node->type == NODE_DIR ? -EISDIR : 0;
	if (rc == 0)
		remove_node(node);
	return (int)call_end(&c, rc);
}

int sys_rename(const char *from, const char *to)
{
	struct node *node;
	struct call c;
	long rc = call_begin(&c, "rename %s to %s", from, to);

	if (rc == 0 && path_is_real(from))
		return (int)call_end(&c, rename(from, to) < 0 ? -errno : 0);
	node = node_find(from, false);
	if (rc == 0 && !node)
		rc = -ENOENT;
	if (rc == 0) {
		struct node *new = make(to, node->type);

		new->memfd = node->memfd;
		node->memfd = -1;
		remove_node(node);
	}
	return (int)call_end(&c, rc);
}

int sys_readlink(const char *path, char *buf, size_t n)
{
	struct node *node;
	struct call c;
	long rc = call_begin(&c, "readlink %s", path);

	node = node_find(path, false);
	if (rc == 0)
		rc = !node ? -ENOENT : node->type != NODE_LINK ? -EINVAL : 0;
	if (rc == 0) {
		snprintf(buf, n, "%s", node->target);
		rc = (long)strlen(buf);
	}
	return (int)call_end(&c, rc);
}

int sys_realpath(const char *path, char *buf, size_t n)
{
	char at[MAX_PATH];
	struct call c;
	long rc = call_begin(&c, "realpath %s", path);

	if (rc == 0 && !resolve(path, true, at))
		rc = -ELOOP;
	if (rc == 0 && !lookup(at))
		rc = -ENOENT;
	if (rc == 0 && strlen(at) >= n)
		rc = -ENAMETOOLONG;
	if (rc == 0) {
		strcpy(buf, at);
		rc = (long)strlen(at);
	}
	return (int)call_end(&c, rc);
}

int sys_read_text(const char *path, char *buf, size_t n)
{
	struct node *node;
	struct call c;
	long rc = call_begin(&c, "read_text %s", path);

	node = node_find(path, true);
	if (rc == 0 && (!node || node->type != NODE_FILE))
		rc = node ? -EISDIR : -ENOENT;
	if (rc == 0)
		rc = pread(node->memfd, buf, n - 1, 0);
	if (rc >= 0) {
		while (rc > 0 && strchr(" \t\r\n", buf[rc - 1]))
			rc--;
		buf[rc] = '\0';
	}
	return (int)call_end(&c, rc);
}
