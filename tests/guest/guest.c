/* tests/guest/guest.c - the harness, see guest.h; and main
 *
 * Each case runs in a child process, so that one that hangs or crashes costs
 * only itself.
 */
#include "tests/guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/bytes.h"

enum { PATIENCE_S = 5, CASE_LIMIT_S = 30, STATUS_FAILED = 1 };

const char *guest_folder;

void guest_check(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	printf("  %s:%d: not so: %s\n", file, line, what);
	fflush(stdout);
	_exit(STATUS_FAILED);
}

static void need(int rc, const struct err *e)
{
	if (rc >= 0)
		return;
	printf("  %s\n", e->text);
	fflush(stdout);
	_exit(STATUS_FAILED);
}

/* -------- ports -------- */

static void report_write(struct region *r, uint64_t off, unsigned len,
			 uint64_t v)
{
	struct guest *g = container_of(r, struct guest, report);

	if (g->n_reports < GUEST_LOG)
		g->reports[g->n_reports++] = (uint32_t)v;
	pthread_cond_broadcast(&g->changed);
}

static void ready_write(struct region *r, uint64_t off, unsigned len,
			uint64_t v)
{
	struct guest *g = container_of(r, struct guest, ready);

	g->n_ready++;
	pthread_cond_broadcast(&g->changed);
}

static void done_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	struct guest *g = container_of(r, struct guest, done);

	vm_stop(&g->vm, VM_DEBUG_EXIT, (int)v, NULL);
}

static uint64_t remember(struct guest *g, bool write, uint64_t off,
			 unsigned len, uint64_t v)
{
	if (g->n_accesses < GUEST_LOG)
		g->accesses[g->n_accesses++] =
			(struct guest_access){ off, v, len, write };
	return v;
}

/* Reads answer a pattern that shows which bytes arrived. */
#define PATTERN UINT64_C(0x8877665544332211)

static uint64_t device_read(struct region *r, uint64_t off, unsigned len)
{
	return remember(container_of(r, struct guest, device), false, off, len,
			PATTERN & all_ones(len));
}

static void device_write(struct region *r, uint64_t off, unsigned len,
			 uint64_t v)
{
	remember(container_of(r, struct guest, device), true, off, len, v);
}

static uint64_t mmio_read(struct region *r, uint64_t off, unsigned len)
{
	return remember(container_of(r, struct guest, mmio), false, off, len,
			PATTERN & all_ones(len));
}

static void mmio_write(struct region *r, uint64_t off, unsigned len, uint64_t v)
{
	remember(container_of(r, struct guest, mmio), true, off, len, v);
}

static const struct region_ops report_ops = { .write = report_write };
static const struct region_ops ready_ops = { .write = ready_write };
static const struct region_ops done_ops = { .write = done_write };
static const struct region_ops device_ops = { device_read, device_write };
static const struct region_ops mmio_ops = { mmio_read, mmio_write };

static void add_port(struct guest *g, struct region *r, const char *name,
		     const struct region_ops *ops, uint64_t port, uint64_t size)
{
	struct err e = ERR_NONE;

	*r = (struct region){ .name = name,
			      .ops = ops,
			      .base = port,
			      .size = size,
			      .lock = &g->lock };
	need(bus_add(&g->vm.pio, r, &e), &e);
}

void guest_add_mmio(struct guest *g)
{
	struct err e = ERR_NONE;

	g->mmio = (struct region){ .name = "mmio",
				   .ops = &mmio_ops,
				   .base = GUEST_MMIO,
				   .size = GUEST_MMIO_SIZE,
				   .lock = &g->lock };
	need(bus_add(&g->vm.mmio, &g->mmio, &e), &e);
}

/* -------- a guest's life -------- */

void guest_open(struct guest *g, unsigned cpus)
{
	struct err e = ERR_NONE;

	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	need(vm_open(&g->vm, &e), &e);
	need(mem_add_ram(&g->vm.mem, 0, GUEST_RAM, MEM_PLAIN, &e), &e);
	need(vm_create_cpus(&g->vm, cpus, &e), &e);
	add_port(g, &g->report, "report", &report_ops, 0xe0, 4);
	add_port(g, &g->ready, "ready", &ready_ops, 0xe4, 1);
	add_port(g, &g->done, "done", &done_ops, 0xf4, 1);
	add_port(g, &g->device, "device", &device_ops, 0x500, 8);
}

void guest_load(struct guest *g, const char *name, enum arch_entry entry,
		uint64_t info)
{
	const struct arch_boot boot = { .entry = entry,
					.pc = GUEST_ENTRY,
					.info = info,
					.scratch = GUEST_SCRATCH };
	struct err e = ERR_NONE;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.bin", guest_folder, name);
	f = fopen(path, "rb");
	guest_check(f != NULL, path, __FILE__, __LINE__);
	check(fread(mem_at(&g->vm.mem, GUEST_ENTRY, 0x5000), 1, 0x5000, f) > 0);
	fclose(f);
	need(arch_vcpu_boot(&g->vm.vcpus[0], &boot, &e), &e);
}

void guest_start(struct guest *g)
{
	struct err e = ERR_NONE;

	need(vm_start(&g->vm, &e), &e);
}

static bool wait_for(struct guest *g, const unsigned *count, unsigned n)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&g->lock);
	while (*count < n && rc == 0)
		rc = pthread_cond_timedwait(&g->changed, &g->lock, &until);
	pthread_mutex_unlock(&g->lock);
	return rc == 0;
}

bool guest_wait_ready(struct guest *g, unsigned n)
{
	return wait_for(g, &g->n_ready, n);
}

bool guest_wait_reports(struct guest *g, unsigned n)
{
	return wait_for(g, &g->n_reports, n);
}

bool guest_stays_at(struct guest *g, unsigned n)
{
	bool same;

	usleep(50000);
	pthread_mutex_lock(&g->lock);
	same = g->n_reports == n;
	pthread_mutex_unlock(&g->lock);
	return same;
}

enum vm_end guest_finish(struct guest *g)
{
	for (unsigned i = 0; !vm_stopping(&g->vm) && i < PATIENCE_S * 1000; i++)
		usleep(1000);
	return guest_quit(g);
}

enum vm_end guest_quit(struct guest *g)
{
	vm_stop(&g->vm, VM_QUIT, 0, NULL);
	vm_join(&g->vm);
	return g->vm.stop.end;
}

void guest_close(struct guest *g)
{
	vm_close(&g->vm);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

uint64_t guest_result(struct guest *g, unsigned off, unsigned len)
{
	return le_load(mem_at(&g->vm.mem, GUEST_RESULTS + off, len), len);
}

/* -------- main -------- */

static struct guest the_guest; /* of the child: a megabyte is no stack */

static int run_case(const struct guest_case *c)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		alarm(CASE_LIMIT_S);
		c->run(&the_guest);
		guest_close(&the_guest);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return STATUS_FAILED;
	if (WIFSIGNALED(status))
		printf("  ended by signal %d\n", WTERMSIG(status));
	return status;
}

static void run_cases(const struct guest_case *c, unsigned *passed,
		      unsigned *failed)
{
	for (; c->name; c++) {
		bool ok = run_case(c) == 0;

		printf("%s %s\n", ok ? "ok  " : "FAIL", c->name);
		*(ok ? passed : failed) += 1;
	}
}

/* Zero, or why there is nothing to run on. */
static int kvm_missing(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	int missing = kvm_missing();

	guest_folder = argc > 1 ? argv[1] : ".";
	if (missing != 0) {
		printf("skip guest tests: /dev/kvm: %s\n", strerror(missing));
		printf("0 passed, 0 failed\n");
		return 0;
	}
	run_cases(exit_cases, &passed, &failed);
	run_cases(memory_cases, &passed, &failed);
	run_cases(interrupt_cases, &passed, &failed);
	run_cases(pci_cases, &passed, &failed);
	run_cases(reboot_cases, &passed, &failed);
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
