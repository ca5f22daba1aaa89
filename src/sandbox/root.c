/* root.c - layer directories into one root file system: an overlay that is mounted nowhere yet. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/*
 * Layers come as directory fds.  Overlay wants names, and as many as 250 of them: so the working
 * directory becomes /proc/self/fd, and the names are the bare fd numbers.
 *
 * Two ways, same result, a detached mount:
 *   - fsopen and one "lowerdir+" a layer (Linux 6.7), no limit on the length;
 *   - mount(2), whose options must fit one page (250 layers with names of up to 4 digits do), onto
 *     the scratch directory, a clone of that, and an unmount.
 * Measured alike (0.2 ms with 20 layers), so only the limit decides.
 *
 * The mount is "nodev": root keeps CAP_MKNOD, as in docker, but docker's device cgroup, which makes
 * the nodes useless, cannot be had everywhere.  The devices of /dev come by bind mounts of their
 * own.
 */

/* <linux/mount.h> and <sys/mount.h> of glibc 2.36 exclude each other; these two are all we need. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
int umount2(const char *target, int flags);
enum { MOUNT_NODEV = 4, UMOUNT_DETACH = 2 };

static bool old_api_forced; /* set by tests only, before sandbox_open */

void root_force_old_api(bool on)
{
	old_api_forced = on;
}

bool root_forced_old_api(void)
{
	return old_api_forced;
}

static int sys_fsconfig(int fd, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fd, command, key, value, 0);
}

/* The kernel's own words about what it did not like, as notes. */
static Err *with_log(Err *e, int context_fd)
{
	char line[256];
	ssize_t n;
	while ((n = read(context_fd, line, sizeof line)) > 0) {
		Str text = str_trim((Str){ line, (size_t)n });
		e = err_note(e, "the kernel says: %.*s", STR_ARG(text));
	}
	return e;
}

/*
 * As root these are given explicitly: a distribution may have switched one on, and then the upper
 * directory no longer holds plain files and whiteouts, so the layer made from it would be wrong.
 * In a user namespace they are off anyway, and naming redirect_dir beside userxattr is EINVAL.
 */
static const char *const plain_options[] = { "redirect_dir", "metacopy", "index", "xino" };

static Err *new_api_options(const Host *host, const SandboxSpec *spec, int context)
{
	char number[16];
	for (size_t i = 0; i < spec->lower_count; i++) {
		snprintf(number, sizeof number, "%d", spec->lower_fds[i]);
		if (sys_fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", number) < 0)
			return err_sys(errno, "cannot add layer %zu of %zu to the root", i + 1,
			               spec->lower_count);
	}
	if (spec->upper_fd >= 0) {
		snprintf(number, sizeof number, "%d", spec->upper_fd);
		if (sys_fsconfig(context, FSCONFIG_SET_STRING, "upperdir", number) < 0)
			return err_sys(errno, "cannot use the upper directory");
		snprintf(number, sizeof number, "%d", spec->work_fd);
		if (sys_fsconfig(context, FSCONFIG_SET_STRING, "workdir", number) < 0)
			return err_sys(errno, "cannot use the work directory");
		/* No fsync inside a build: a crash throws the step away anyway. */
		(void)sys_fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL);
	} else {
		/* Overlay without an upper wants two lowers. */
		snprintf(number, sizeof number, "%d", host->empty_fd);
		if (sys_fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", number) < 0)
			return err_sys(errno, "cannot add an empty layer to the root");
	}
	if (host->user_namespace)
		return sys_fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL) < 0
		               ? err_sys(errno, "overlay does not take 'userxattr'")
		               : NULL;
	for (size_t i = 0; i < ARRAY_LEN(plain_options); i++)
		(void)sys_fsconfig(context, FSCONFIG_SET_STRING, plain_options[i], "off");
	return NULL;
}

static bool wants_devices(const Host *host, const SandboxSpec *spec)
{
	return spec->insecure && !host->user_namespace;
}

static Err *mount_by_new_api(const Host *host, const SandboxSpec *spec, int *ret_fd)
{
	AUTO_CLOSE int context = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (context < 0)
		return err_sys(errno, "this kernel has no overlay file system");
	AUTO_ERR Err *e = new_api_options(host, spec, context);
	if (!e && sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		e = err_sys(errno, "cannot make the overlay root");
	if (e)
		return with_log(TAKE_PTR(e), context);
	unsigned attributes = wants_devices(host, spec) ? 0 : MOUNT_ATTR_NODEV;
	int fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return err_sys(errno, "cannot mount the overlay root");
	*ret_fd = fd;
	return NULL;
}

static void old_api_options(const Host *host, const SandboxSpec *spec, bool plain, bool keep,
                            Buf *o)
{
	buf_reset(o);
	buf_addf(o, "lowerdir=");
	for (size_t i = 0; i < spec->lower_count; i++)
		buf_addf(o, "%s%d", i > 0 ? ":" : "", spec->lower_fds[i]);
	if (spec->upper_fd >= 0)
		buf_addf(o, ",upperdir=%d,workdir=%d", spec->upper_fd, spec->work_fd);
	else
		buf_addf(o, ":%d", host->empty_fd);
	if (spec->upper_fd >= 0 && !keep)
		buf_addf(o, ",volatile");
	if (host->user_namespace)
		buf_addf(o, ",userxattr");
	for (size_t i = 0; plain && !host->user_namespace && i < ARRAY_LEN(plain_options); i++)
		buf_addf(o, ",%s=off", plain_options[i]);
}

/* PLACE: an empty directory of this run alone; two runs on one would clone each other's root. */
static Err *mount_at(const Host *host, const SandboxSpec *spec, const char *place, int *ret_fd)
{
	AUTO_CLOSE int place_fd = openat(host->scratch_fd, place, O_PATH | O_CLOEXEC);
	if (place_fd < 0)
		return err_sys(errno, "cannot open the scratch directory '%s'", place);
	char target[16]; /* the working directory is /proc/self/fd: this leads to PLACE */
	AUTO_BUF Buf options = BUF_INIT;
	snprintf(target, sizeof target, "%d", place_fd);
	/* Options that a kernel does not know make all of mount(2) fail: leave them out one set
	 * after the other. "volatile" is from 5.10, the others from 4.18 at the latest. */
	static const struct {
		bool plain, keep;
	} tries[] = { { true, false }, { true, true }, { false, true } };
	int failed = -1;
	for (size_t i = 0; i < ARRAY_LEN(tries) && failed != 0; i++) {
		old_api_options(host, spec, tries[i].plain, tries[i].keep, &options);
		failed = mount("overlay", target, "overlay",
		               wants_devices(host, spec) ? 0 : MOUNT_NODEV, options.ptr);
		if (failed && errno != EINVAL)
			break;
	}
	if (failed)
		return err_sys(errno, "cannot mount the overlay root of %zu layers",
		               spec->lower_count);
	int tree = (int)syscall(SYS_open_tree, host->scratch_fd, place,
	                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int clone_errno = errno;
	AUTO_CLOSE int fd = tree;
	if (fchdir(host->scratch_fd) < 0 || umount2(place, UMOUNT_DETACH) < 0)
		return err_sys(errno, "cannot unmount the overlay root from its first place");
	if (fd < 0)
		return err_sys(clone_errno, "cannot clone the overlay root");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

static Err *mount_by_old_api(const Host *host, const SandboxSpec *spec, unsigned run, int *ret_fd)
{
	char place[32];
	snprintf(place, sizeof place, "root-%u", run);
	if (mkdirat(host->scratch_fd, place, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make the scratch directory '%s'", place);
	Err *e = mount_at(host, spec, place, ret_fd);
	(void)unlinkat(host->scratch_fd, place, AT_REMOVEDIR); /* else the caller removes it */
	return e;
}

Err *root_mount(const Host *host, const SandboxSpec *spec, unsigned run, int *ret_fd)
{
	if (spec->lower_count == 0)
		return err_new(ERR_INPUT, "a root needs at least one layer");
	if (chdir("/proc/self/fd") < 0)
		return err_sys(errno, "cannot enter '/proc/self/fd'");
	Err *e = host->lowerdir_plus ? mount_by_new_api(host, spec, ret_fd)
	                             : mount_by_old_api(host, spec, run, ret_fd);
	if (e)
		return hints_for_mount(e);
	if (fchdir(host->scratch_fd) < 0)
		return err_sys(errno, "cannot enter the scratch directory");
	return NULL;
}

Err *root_mount_layers(const Host *host, const SandboxMount *m, unsigned run, int *ret_fd)
{
	SandboxSpec layers = { .lower_fds = m->lower_fds,
		               .lower_count = m->lower_count,
		               .upper_fd = m->upper_fd,
		               .work_fd = m->work_fd };
	return root_mount(host, &layers, run, ret_fd);
}

static Err *clone_tree(int fd, int *ret_fd)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int tree = (int)syscall(SYS_open_tree, fd, "", flags);
	/* In a user namespace a tree with mounts below it may only be had whole: what they cover
	 * must not be uncovered. */
	if (tree < 0 && errno == EINVAL)
		tree = (int)syscall(SYS_open_tree, fd, "", flags | AT_RECURSIVE);
	if (tree < 0)
		return hints_for_mount(err_sys(errno, "cannot clone the source of a mount"));
	*ret_fd = tree;
	return NULL;
}

Err *root_clone(int fd, bool read_only, int *ret_fd)
{
	int tree = -1;
	TRY(clone_tree(fd, &tree));
	AUTO_CLOSE int clone = tree;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV |
		                               (read_only ? MOUNT_ATTR_RDONLY : 0u) };
	if (syscall(SYS_mount_setattr, clone, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
	            sizeof attr) < 0)
		return hints_for_mount(err_sys(errno, "cannot restrict a mount"));
	*ret_fd = TAKE_FD(clone);
	return NULL;
}

Err *root_clone_device(int fd, int *ret_fd)
{
	return clone_tree(fd, ret_fd);
}
