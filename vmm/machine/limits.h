/* machine/limits.h - descriptors enough for every vector of every function
 *
 * A vector costs an eventfd, made when the guest first uses it. A function may
 * have 2048, the usual soft limit is 1024 (RLIMIT_NOFILE). The soft limit is
 * ours to raise, up to the hard one.
 */
#ifndef MACHINE_LIMITS_H
#define MACHINE_LIMITS_H

/* Make room for @functions assigned functions, as far as the hard limit goes.
 * Never fails: with fewer descriptors late vectors stay masked, with a warning
 * of their own. Main thread, before any function is opened. */
void limits_raise_fds(unsigned functions);

#endif
