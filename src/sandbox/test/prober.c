/* prober.c - asks the kernel, from inside the sandbox, what may be done there: one line an answer.
 *
 * Statically linked, so that it runs in a root that holds nothing but busybox.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void answer(const char *name, long result)
{
	int failed = errno;
	printf("%s %s\n", name, result < 0 ? strerrorname_np(failed) : "ok");
	fflush(stdout);
}

/* Arguments that would fail otherwise too, with another error than the filter's EPERM. */
static void probe_calls(void)
{
	answer("mount", syscall(SYS_mount, "none", "/nope", "tmpfs", 0, 0));
	answer("umount2", syscall(SYS_umount2, "/nope", 0));
	answer("unshare-user", syscall(SYS_unshare, CLONE_NEWUSER));
	answer("setns", syscall(SYS_setns, -1, 0));
	answer("keyctl", syscall(SYS_keyctl, 0, 0));
	answer("bpf", syscall(SYS_bpf, -1, 0, 0));
	answer("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, 0, 0));
	answer("perf_event_open", syscall(SYS_perf_event_open, 0, -1, 0, 0, 0));
	answer("swapoff", syscall(SYS_swapoff, "/nope"));
	answer("reboot", syscall(SYS_reboot, 0, 0, 0, 0));
	answer("init_module", syscall(SYS_init_module, 0, 0, 0));
	answer("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
	answer("pivot_root", syscall(SYS_pivot_root, "/nope", "/nope"));
	answer("userfaultfd", syscall(SYS_userfaultfd, 0));
	answer("io_uring_setup", syscall(SYS_io_uring_setup, 1, 0));
	answer("clone3", syscall(SYS_clone3, 0, 0));
	answer("clone-newuser", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	answer("socket-vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
	answer("socket-alg", socket(AF_ALG, SOCK_SEQPACKET, 0));
	answer("personality", syscall(SYS_personality, 0x0040000));
	/* and what must work */
	answer("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
	answer("chroot", chroot("/"));
	answer("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
	answer("fchmodat2", syscall(452, AT_FDCWD, "/", 0755, 0));
	answer("unknown-call", syscall(1000));
}

/* A block device that root may make must not be usable, wherever it is made. */
static void probe_device(const char *path)
{
	char name[64];
	int made = mknod(path, S_IFBLK | 0600, makedev(8, 0));
	if (made < 0) {
		snprintf(name, sizeof name, "device-%s", path);
		answer(name, -1);
		return;
	}
	int fd = open(path, O_RDWR);
	snprintf(name, sizeof name, "device-%s", path);
	answer(name, fd);
	if (fd >= 0)
		close(fd);
	unlink(path);
}

/* /dev/null must be the real one, and writable. */
static void probe_null(void)
{
	struct stat st;
	int fd = open("/dev/null", O_RDWR);
	int good = fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	           st.st_rdev == makedev(1, 3) && write(fd, "x", 1) == 1;
	printf("null %s\n", good ? "ok" : "bad");
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "calls") == 0)
		probe_calls();
	if (argc > 1 && strcmp(argv[1], "devices") == 0) {
		probe_device("/blk");
		probe_device("/dev/blk");
		probe_device("/dev/shm/blk");
		probe_null();
	}
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		__builtin_trap(); /* the kernel forces it on PID 1 too, unlike a kill of its own */
	return 0;
}
