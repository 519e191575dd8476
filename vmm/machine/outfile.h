/* machine/outfile.h - a document that is written again and again
 *
 * A name for which there is a regular file, or nothing, gets a new file each
 * time, which takes the place of the old one when it is complete: whoever reads
 * the name finds a whole document, never half of one. Anything else (a FIFO, a
 * terminal, /dev/stderr and other symbolic links, standard output as "-") is a
 * stream: each document is added to it. A reader who reads slowly, or not at
 * all, stops us for OUTFILE_PATIENCE_MS and no longer, which is less than the
 * time limit's last words have; the rest of the document is then missing.
 */
#ifndef MACHINE_OUTFILE_H
#define MACHINE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

enum { OUTFILE_PATIENCE_MS = 1500, OUTFILE_PATH_MAX = 4096 };

/* Could it be written, as far as one can tell beforehand? */
int outfile_check(const char *path, struct err *e);
bool outfile_is_stream(const char *path);
/* The folder that a file of this name is in. */
void outfile_folder(const char *path, char out[OUTFILE_PATH_MAX]);
/* Write the @n bytes of @text. On failure a former document stays. */
int outfile_write(const char *path, const char *text, size_t n, struct err *e);

/* A stream may stand where another user, or a process with fewer rights, finds
 * it no more: the pipe behind /dev/stderr is root's. Devices and links are
 * opened here, once for all documents, which outfile_append then writes; for
 * others, and FIFOs, whose readers wait for an end, *@out stays as it is. */
int outfile_hold(const char *path, int *out, struct err *e);
int outfile_append(int fd, const char *path, const char *text, size_t n,
		   struct err *e);

/* Write all @n bytes of @from to @fd, a regular file; waits as long as that
 * takes. */
int outfile_put(int fd, const void *from, size_t n);

#endif
