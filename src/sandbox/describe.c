/* describe.c - what this kernel and this user can do, in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/child.h"
#include "sandbox/emulate.h"
#include "sandbox/hints.h"
#include "sandbox/idmap.h"
#include "sandbox/sandbox.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

static void describe_rung(Buf *out)
{
	uint64_t uids, gids;
	switch (sandbox_rung()) {
	case SANDBOX_ROOT:
		buf_addf(out, "privileges: root\n");
		return;
	case SANDBOX_NESTED:
		buf_addf(out, "privileges: root of a user namespace (a container)\n");
		return;
	case SANDBOX_SUBIDS:
		if (geteuid() == 0) {
			buf_addf(out, "privileges: root without CAP_SYS_ADMIN (a container)\n");
			return;
		}
		idmap_count(&uids, &gids);
		buf_addf(
			out,
			"privileges: user with %llu subordinate uids and %llu subordinate gids%s\n",
			(unsigned long long)uids, (unsigned long long)gids,
			uids > 0 && gids > 0 ? "" : " (needed: see subuid(5))");
		return;
	}
}

/* What is tried in a child that has entered, as a build would. */
typedef Err *TryFn(void *context);

/* So many things can forbid it that only trying tells.  FN NULL: to enter alone. */
static Err *try_in_child(TryFn *fn, void *context)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	AUTO_BUF Buf report = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	bool end = false;
	pid_t pid = child_fork();
	if (pid < 0)
		return err_sys(errno, "cannot start a process");
	if (pid == 0) {
		AUTO_ERR Err *e = sandbox_enter();
		if (!e && fn)
			e = fn(context);
		wire_put_err(&report, e);
		err_free(wire_send(theirs, buf_str(&report), NULL, 0));
		_exit(0);
	}
	close(TAKE_FD(theirs));
	AUTO_ERR Err *e = wire_recv(mine, &report, &none, &end);
	child_wait(pid, 0);
	if (e)
		return TAKE_PTR(e);
	if (end)
		return err_new(ERR_SYSTEM, "the process that tried it was killed");
	WireReader r = { .rest = buf_str(&report) };
	return wire_get_err(&r);
}

typedef struct Arches {
	const Str *at;
	size_t count;
} Arches;

static Err *register_emulators(void *context)
{
	const Arches *arches = context;
	Emulators emulators = EMULATORS_NONE;
	Err *e = emulate_open(arches->at, arches->count, &emulators);
	emulate_close(&emulators);
	return e;
}

static void put_reason(Buf *out, const Err *e)
{
	buf_addf(out, "%.*s\n", STR_ARG(err_cause(e)));
	for (Str rest = err_notes(e); rest.len > 0;) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		buf_addf(out, "  note: %.*s\n", STR_ARG(line));
	}
}

static void describe_namespaces(Buf *out)
{
	AUTO_ERR Err *e = try_in_child(NULL, NULL);
	buf_addf(out, "namespaces: ");
	if (e)
		put_reason(out, e);
	else
		buf_addf(out, "can be made\n");
}

/* What a RUN can be for. */
static void describe_platforms(Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *within = arena_alloc(&a, (emulate_arch_count() + 1) * sizeof *within, _Alignof(Str));
	size_t count = 0;
	buf_addf(out, "platforms:");
	for (size_t i = 0; i < emulate_arch_count(); i++) {
		Str arch = emulate_arch(i);
		Emulation how = emulate_find(arch);
		if (how == EMULATION_HOST)
			buf_addf(out, " linux/%.*s", STR_ARG(arch));
		else if (how == EMULATION_WITHIN)
			within[count++] = arch;
	}
	buf_add_char(out, '\n');
	if (!count)
		return;
	AUTO_ERR Err *e = try_in_child(register_emulators, &(Arches){ within, count });
	buf_addf(out, "emulated:");
	for (size_t i = 0; i < count && !e; i++)
		buf_addf(out, " linux/%.*s", STR_ARG(within[i]));
	if (!e) {
		buf_addf(out, ", each by the qemu in PATH\n");
		return;
	}
	buf_add_char(out, ' ');
	put_reason(out, e);
}

void sandbox_describe(Buf *out)
{
	struct utsname u;
	if (uname(&u) == 0)
		buf_addf(out, "kernel: %s %s\n", u.release, u.machine);
	describe_rung(out);
	describe_namespaces(out);
	describe_platforms(out);
	if (hints_seccomp_filtered())
		buf_addf(out, "seccomp: a filter from outside is on this process\n");
	bool tun = faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, 0) == 0;
	buf_addf(out, "network default: %s\n",
	         tun ? "own, by slirp4netns" : "the host's ('/dev/net/tun' may not be opened)");
}

/* --- the file system of the store --------------------------------------------------------------
 */

/* Of FD's mount, by its number in fdinfo and mountinfo: st_dev of some file systems is another. */
static void find_type(int fd, char type[static 32])
{
	char path[64], line[4096];
	Str word;
	AUTO_BUF Buf number = BUF_INIT;
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	int info = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	FILE *f = info < 0 ? NULL : fdopen(info, "r");
	while (f && fgets(line, sizeof line, f))
		if (str_starts(str_from(line), STR("mnt_id:")))
			buf_add_str(&number, str_trim(str_from(line + strlen("mnt_id:"))));
	if (f)
		(void)fclose(f); /* only read */
	Str id = buf_str(&number);
	f = fopen("/proc/self/mountinfo", "re");
	while (f && id.len && fgets(line, sizeof line, f)) {
		const char *after = strstr(line, " - ");
		(void)str_cut(str_from(line), ' ', &word);
		if (!after || !str_eq(word, id))
			continue;
		(void)str_cut(str_from(after + strlen(" - ")), ' ', &word);
		snprintf(type, 32, "%.*s", STR_ARG(word));
		break;
	}
	if (f)
		(void)fclose(f); /* only read */
}

static bool try_reflink(int dir_fd)
{
	bool shared = false;
	AUTO_CLOSE int from = openat(dir_fd, "from", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	AUTO_CLOSE int to = openat(dir_fd, "to", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from >= 0 && to >= 0 && write(from, "x", 1) == 1)
		shared = ioctl(to, FICLONE, from) == 0;
	return shared;
}

typedef struct OverlayTry {
	char dir[PATH_MAX]; /* a descriptor leads to the mounts from before entering */
	bool userxattr;
} OverlayTry;

static const char *const overlay_parts[][2] = { { "lowerdir", "lower" },
	                                        { "upperdir", "upper" },
	                                        { "workdir", "work" } };

static Err *try_overlay(void *context)
{
	const OverlayTry *t = context;
	if (chdir(t->dir) < 0) /* fsconfig takes 255 bytes */
		return err_sys(errno, "cannot enter the store");
	AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_sys(errno, "this kernel has no overlay file system");
	for (size_t i = 0; i < ARRAY_LEN(overlay_parts); i++) {
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, overlay_parts[i][0],
		            overlay_parts[i][1], 0))
			return err_sys(errno, "an overlay does not take its %s",
			               overlay_parts[i][0]);
	}
	if (t->userxattr && syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return err_sys(errno, "an overlay does not take 'userxattr'");
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(errno, "an overlay cannot be made");
	return NULL;
}

void sandbox_disk(int scratch_fd, SandboxDisk *ret)
{
	static const char name[] = "probe";
	*ret = (SandboxDisk){ .userxattr = sandbox_rung() != SANDBOX_ROOT };
	find_type(scratch_fd, ret->type);
	if (mkdirat(scratch_fd, name, 0700) < 0) {
		snprintf(ret->reason, sizeof ret->reason, "nothing can be written there: %s",
		         strerror(errno));
		return;
	}
	AUTO_CLOSE int fd = openat(scratch_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_ERR Err *e = NULL;
	for (size_t i = 0; i < ARRAY_LEN(overlay_parts) && !e; i++)
		if (mkdirat(fd, overlay_parts[i][1], 0700) < 0)
			e = err_sys(errno, "cannot make a directory there");
	ret->reflinks = try_reflink(fd);
	OverlayTry t = { .userxattr = ret->userxattr };
	char link[32];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (!e && readlinkat(AT_FDCWD, link, t.dir, sizeof t.dir - 1) < 0)
		e = err_sys(errno, "cannot tell the path of the store");
	e = e ? e : try_in_child(try_overlay, &t);
	ret->overlay = !e;
	if (e)
		snprintf(ret->reason, sizeof ret->reason, "%.*s", STR_ARG(err_cause(e)));
	err_free(path_remove_tree(scratch_fd, name)); /* else the store takes its scratch away */
}
