/* vfio/token.h - the secret that the users of a physical function and of its
 * virtual functions share
 *
 * Who has a physical function can do harm to its virtual ones, and the other
 * way round. Where both are VFIO's, the kernel therefore wants to see that
 * their users know of each other: the first user of the physical function sets
 * a token, a UUID, and whoever opens one of the others has to name it
 * (vfio_pci_validate_vf_token in drivers/vfio/pci/vfio_pci_core.c).
 */
#ifndef VFIO_TOKEN_H
#define VFIO_TOKEN_H

#include <stdint.h>

#include "vmm/base/err.h"

enum { VFIO_TOKEN_SIZE = 37, VFIO_TOKEN_BYTES = 16 };

/* "2ab74924-c335-45f4-9b16-8569e5b08258"; -EINVAL with a sentence. */
int vfio_token_parse(const char *text, uint8_t out[VFIO_TOKEN_BYTES],
		     struct err *e);

#endif
