/* tests/guest/zoo/nvme-virt.c - gives an NVMe controller's queues and vectors
 * to its virtual functions
 *
 *	nvme-virt DEVICE release	the parent gives up all that can be
 *moved nvme-virt DEVICE online FIRST LAST QUEUES VECTORS
 *
 * DEVICE is the parent's /dev/nvmeN. What is released is free after a reset of
 * the parent. Virtual function N is controller N of the subsystem, as QEMU
 * numbers them; it goes online with that many queue pairs (the admin queue is
 * one) and interrupt vectors. NVMe 2.0 5.26, 8.2.6.
 */
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Virtualization Management, its actions and kinds of resources. */
enum { VIRT_MGMT = 0x1c };
enum { PRIMARY_ASSIGN = 1, OFFLINE = 7, ASSIGN = 8, ONLINE = 9 };
enum { QUEUES = 0, VECTORS = 1 };

static void act(int fd, unsigned action, unsigned controller, unsigned kind,
		unsigned count)
{
	struct nvme_admin_cmd c = {
		.opcode = VIRT_MGMT,
		.cdw10 = controller << 16 | kind << 8 | action,
		.cdw11 = count,
	};
	int rc = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &c);

	if (rc == 0)
		return;
	if (rc < 0)
		perror("nvme-virt");
	fprintf(stderr,
		"nvme-virt: controller %u: action %u, kind %u, count %u: "
		"status %#x\n",
		controller, action, kind, count, rc);
	exit(1);
}

static void release(int fd)
{
	act(fd, PRIMARY_ASSIGN, 0, VECTORS, 0);
	act(fd, PRIMARY_ASSIGN, 0, QUEUES, 0);
}

static void online(int fd, unsigned vf, unsigned queues, unsigned vectors)
{
	act(fd, OFFLINE, vf, 0, 0);
	act(fd, ASSIGN, vf, VECTORS, vectors);
	act(fd, ASSIGN, vf, QUEUES, queues);
	act(fd, ONLINE, vf, 0, 0);
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	int fd = argc < 3 ? -1 : open(argv[1], O_RDWR);

	if (fd < 0) {
		perror("nvme-virt");
		return 2;
	}
	if (argc == 3 && strcmp(argv[2], "release") == 0) {
		release(fd);
		return 0;
	}
	if (argc != 7 || strcmp(argv[2], "online") != 0)
		return 2;
	for (unsigned vf = number(argv[3]); vf <= number(argv[4]); vf++)
		online(fd, vf, number(argv[5]), number(argv[6]));
	return 0;
}
