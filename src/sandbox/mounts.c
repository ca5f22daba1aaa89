/* mounts.c - what every root gets: /dev, /proc, /sys, three files of /etc. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/*
 * All of this happens before the pivot, while the host's /dev/null and the like still have their
 * names.  A place in the new root is never named by a path that the kernel would follow: it is
 * opened below the root's fd first (an image may ship /proc as a symlink, CVE-2019-19921), then the
 * working directory is set to it and the mount goes onto "."; inside file systems of our own making
 * plain relative names are safe.
 */

enum {
	PTY_GROUP = 5, /* "tty" in every distribution; what devpts and docker use */
};

/* --- small steps ----------------------------------------------------------------------------- */

/* Make DIR of the root the working directory: twice, since the first is below a mount made after.
 */
Err *mounts_enter(int root_fd, const char *dir)
{
	int fd = path_try_beneath(root_fd, str_from(dir), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd == -ELOOP || fd == -ENOTDIR || fd == -ENOENT)
		return err_new(ERR_INPUT, "'/%s' of the image is not a directory", dir);
	if (fd < 0)
		return err_sys(-fd, "cannot open '/%s' in the root", dir);
	AUTO_CLOSE int dir_fd = fd;
	if (fchdir(dir_fd) < 0)
		return err_sys(errno, "cannot enter '/%s' in the root", dir);
	return NULL;
}

static Err *mount_here(const char *type, unsigned long flags, const char *options)
{
	if (mount(type, ".", type, flags, options) < 0)
		return hints_for_mount(err_sys(errno, "cannot mount %s", type));
	return NULL;
}

Err *mounts_attach(int tree_fd, int target_fd, const char *what)
{
	if (move_mount(tree_fd, "", target_fd, "",
	               MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return hints_for_mount(err_sys(errno, "cannot mount '%s'", what));
	return NULL;
}

/* NAME, in the working directory, becomes read-only with all its other restrictions. */
static Err *make_read_only(const char *name)
{
	if (mount(name, name, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot bind '%s'", name);
	if (mount(NULL, name, NULL,
	          MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_sys(errno, "cannot make '%s' read-only", name);
	return NULL;
}

/* NAME reads as empty from now on: /dev/null over a file, an empty directory over a directory. */
static Err *mask(const char *name)
{
	if (mount("/dev/null", name, NULL, MS_BIND, NULL) == 0 || errno == ENOENT)
		return NULL;
	if (errno == ENOTDIR &&
	    mount("tmpfs", name, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          "size=0,mode=755") == 0)
		return NULL;
	return hints_for_mount(err_sys(errno, "cannot mask '%s'", name));
}

/* --- /dev ------------------------------------------------------------------------------------ */

/* docker's default devices (OCI runtime-spec, config-linux.md "Default Devices"). */
static const struct {
	const char *name, *host_path;
} devices[] = {
	{ "null", "/dev/null" },     { "zero", "/dev/zero" },       { "full", "/dev/full" },
	{ "random", "/dev/random" }, { "urandom", "/dev/urandom" }, { "tty", "/dev/tty" },
};

static const struct {
	const char *name, *to;
} device_links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },          { "core", "/proc/kcore" },
};

static Err *make_file_here(const char *name, Str content, mode_t mode)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(errno, "cannot make '/dev/%s'", name);
	return content.len > 0 ? path_write_all(fd, content.ptr, content.len, name) : NULL;
}

static Err *make_devices(void)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
		TRY(make_file_here(devices[i].name, STR(""), 0666));
		if (mount(devices[i].host_path, devices[i].name, NULL, MS_BIND, NULL) < 0)
			return hints_for_mount(
				err_sys(errno, "cannot bind '%s'", devices[i].host_path));
	}
	for (size_t i = 0; i < ARRAY_LEN(device_links); i++)
		if (symlinkat(device_links[i].to, AT_FDCWD, device_links[i].name) < 0)
			return err_sys(errno, "cannot make '/dev/%s'", device_links[i].name);
	return NULL;
}

static Err *mount_in_dev(const char *name, const char *type, unsigned long flags,
                         const char *options)
{
	if (mkdirat(AT_FDCWD, name, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make '/dev/%s'", name);
	/* what `mount` shows as the source is as with runc: "shm", "devpts", "mqueue" */
	const char *source = strcmp(type, "tmpfs") == 0 ? name : type;
	if (mount(source, name, type, flags, options) < 0)
		return hints_for_mount(err_sys(errno, "cannot mount '/dev/%s'", name));
	return NULL;
}

static Err *make_pts(void)
{
	char options[64];
	snprintf(options, sizeof options, "newinstance,ptmxmode=0666,mode=0620,gid=%d", PTY_GROUP);
	AUTO_ERR Err *e = mount_in_dev("pts", "devpts", MS_NOSUID | MS_NOEXEC, options);
	/* EINVAL: the group has no id in this user namespace. */
	if (e && err_errno(e) == EINVAL)
		return mount_in_dev("pts", "devpts", MS_NOSUID | MS_NOEXEC,
		                    "newinstance,ptmxmode=0666,mode=0620");
	return TAKE_PTR(e);
}

static bool gives_shm(const SandboxSpec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (strcmp(spec->mounts[i].target, "/dev/shm") == 0)
			return true;
	return false;
}

static Err *make_shm(uint64_t bytes)
{
	char options[64];
	snprintf(options, sizeof options, "mode=1777,size=%llu",
	         (unsigned long long)(bytes ? bytes : 64u << 20));
	return mount_in_dev("shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/* What --security=insecure gets beside, as in BuildKit; of what this machine does not let us make
 * nobody is told: who needs it finds it missing. */
static void make_insecure_devices(void)
{
	enum { LOOPS = 16 };
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = { { "kmsg", 1, 11 },  { "cuse", 10, 203 },    { "fuse", 10, 229 },
		      { "kvm", 10, 232 }, { "net/tun", 10, 200 }, { "loop-control", 10, 237 } };
	(void)mkdirat(AT_FDCWD, "net", 0755);
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		(void)mknodat(AT_FDCWD, nodes[i].name, S_IFCHR | 0666,
		              makedev(nodes[i].major, nodes[i].minor));
	for (unsigned i = 0; i < LOOPS; i++) {
		char name[16];
		snprintf(name, sizeof name, "loop%u", i);
		(void)mknodat(AT_FDCWD, name, S_IFBLK | 0660, makedev(7, i));
	}
}

/* As runc: the terminal is /dev/console too.  Requires the working directory to be /dev. */
static Err *make_terminal(const SandboxSpec *spec, int *ret_fd)
{
	char name[32];
	struct stat st;
	TRY(terminal_open(spec, "pts/ptmx", ret_fd));
	TRY(make_file_here("console", STR(""), 0600));
	if (fstat(*ret_fd, &st) < 0)
		return err_sys(errno, "cannot ask for the terminal's number");
	snprintf(name, sizeof name, "pts/%u", minor(st.st_rdev)); /* as devpts names it */
	if (mount(name, "console", NULL, MS_BIND, NULL) < 0)
		return hints_for_mount(err_sys(errno, "cannot mount '/dev/console'"));
	return NULL;
}

static Err *make_dev(const Inside *in, int *ret_terminal_fd)
{
	bool more = in->spec->insecure && !in->host->user_namespace;
	TRY(mounts_enter(in->root_fd, "dev"));
	TRY(mount_here("tmpfs", MS_NOSUID | (more ? 0ul : MS_NODEV) | MS_STRICTATIME,
	               "mode=755,size=65536k"));
	TRY(mounts_enter(in->root_fd, "dev"));
	TRY(make_devices());
	if (more)
		make_insecure_devices();
	TRY(make_pts());
	if (!gives_shm(in->spec))
		TRY(make_shm(in->spec->shm_bytes));
	/* Absent where the kernel was built without POSIX message queues. */
	AUTO_ERR Err *e = mount_in_dev("mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (e && err_errno(e) != ENODEV)
		return TAKE_PTR(e);
	return in->spec->terminal_fd > 0 ? make_terminal(in->spec, ret_terminal_fd) : NULL;
}

/* --- /proc and /sys: docker's default masked and read-only paths (moby oci/defaults.go) ------ */

static const char *const proc_masked[] = {
	"acpi",          "asound", "interrupts", "kcore",       "keys",
	"latency_stats", "scsi",   "timer_list", "timer_stats", "sched_debug",
};
static const char *const proc_read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };
static const char *const sys_masked[] = { "firmware", "devices/virtual/powercap" };

static Err *make_proc(const Inside *in)
{
	TRY(mounts_enter(in->root_fd, "proc"));
	AUTO_ERR Err *e = mount_here("proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (e && err_errno(e) == EPERM && in->host->user_namespace)
		return err_note(TAKE_PTR(e),
		                "parts of /proc are hidden here, and then the kernel gives no new "
		                "one (docker: --security-opt systempaths=unconfined; Kubernetes: "
		                "procMount: Unmasked)");
	if (e)
		return TAKE_PTR(e);
	if (in->spec->insecure)
		return NULL;
	TRY(mounts_enter(in->root_fd, "proc"));
	for (size_t i = 0; i < ARRAY_LEN(proc_masked); i++)
		TRY(mask(proc_masked[i]));
	for (size_t i = 0; i < ARRAY_LEN(proc_read_only); i++)
		TRY(make_read_only(proc_read_only[i]));
	return NULL;
}

/* sysfs belongs to the network namespace; that of the host cannot be mounted anew by an ordinary
 * user.  Then the host's own tree is bound, read-only to the last mount in it. */
static Err *bind_host_sys(void)
{
	AUTO_CLOSE int tree =
		open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		return hints_for_mount(err_sys(errno, "cannot clone '/sys'"));
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
		                               MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		return hints_for_mount(err_sys(errno, "cannot make '/sys' read-only"));
	if (move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return hints_for_mount(err_sys(errno, "cannot mount '/sys'"));
	return NULL;
}

static Err *make_sys(const Inside *in)
{
	bool open = in->spec->insecure;
	unsigned long flags = (open ? 0ul : MS_RDONLY) | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	TRY(mounts_enter(in->root_fd, "sys"));
	AUTO_ERR Err *e = mount_here("sysfs", flags, NULL);
	bool bound = e && err_errno(e) == EPERM;
	if (bound)
		TRY(bind_host_sys());
	else if (e)
		return TAKE_PTR(e);
	TRY(mounts_enter(in->root_fd, "sys"));
	for (size_t i = 0; i < ARRAY_LEN(sys_masked) && !open; i++)
		TRY(mask(sys_masked[i]));
	/* Programs read their limits there (JVM, Go).  Good to have, no more: hence no error. */
	if (in->host->cgroup2 && !bound)
		(void)mount("cgroup", "fs/cgroup", "cgroup2", flags, NULL);
	return NULL;
}

/* --- /etc ------------------------------------------------------------------------------------ */

/*
 * The three files are made in the tmpfs of /dev, cloned from there and unlinked: so they are the
 * run's own, may be written (as in docker), vanish with it, and no file is needed on the host.
 * Requires the working directory to be /dev of the root.
 */
static Err *make_etc_file(const Inside *in, const char *path, Str content, Stubs *stubs)
{
	static const char name[] = ".file";
	int fd;
	/* What the run is given there comes instead; nothing can be mounted on an unlinked file. */
	for (size_t i = 0; i < in->spec->mount_count; i++)
		if (strcmp(in->spec->mounts[i].target, path) == 0)
			return NULL;
	TRY(target_open(in->spec, in->root_fd, path, false, stubs, &fd));
	AUTO_CLOSE int target = fd;
	TRY(make_file_here(name, content, 0644));
	AUTO_CLOSE int tree = open_tree(AT_FDCWD, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_sys(errno, "cannot clone the file for '%s'", path);
	TRY(mounts_attach(tree, target, path));
	return unlinkat(AT_FDCWD, name, 0) < 0
	               ? err_sys(errno, "cannot unlink the file for '%s'", path)
	               : NULL;
}

static Err *make_etc(const Inside *in, Stubs *stubs)
{
	const char *hostname = in->spec->hostname ? in->spec->hostname : SANDBOX_HOSTNAME;
	AUTO_BUF Buf hosts = BUF_INIT, name = BUF_INIT;
	buf_addf(&name, "%s\n", hostname);
	/* docker's lines, then the name on the loopback address: the run has no other for sure. */
	buf_addf(&hosts,
	         "127.0.0.1\tlocalhost %s\n"
	         "::1\tlocalhost ip6-localhost ip6-loopback\n"
	         "fe00::0\tip6-localnet\n"
	         "ff00::0\tip6-mcastprefix\n"
	         "ff02::1\tip6-allnodes\n"
	         "ff02::2\tip6-allrouters\n",
	         hostname);
	Str extra = str_from(in->spec->extra_hosts);
	buf_add_str(&hosts, extra);
	if (extra.len > 0 && extra.ptr[extra.len - 1] != '\n')
		buf_add_char(&hosts, '\n');
	TRY(mounts_enter(in->root_fd, "dev"));
	TRY(make_etc_file(in, "/etc/resolv.conf", in->resolv_conf, stubs));
	TRY(make_etc_file(in, "/etc/hosts", buf_str(&hosts), stubs));
	return make_etc_file(in, "/etc/hostname", buf_str(&name), stubs);
}

Err *mounts_make(const Inside *in, Stubs *stubs, int *ret_terminal_fd)
{
	/* The working directory is the scratch directory: the root covers it, in this namespace. */
	if (move_mount(in->root_fd, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return hints_for_mount(err_sys(errno, "cannot attach the root"));
	*ret_terminal_fd = -1;
	TRY(make_dev(in, ret_terminal_fd));
	TRY(make_proc(in));
	TRY(make_sys(in));
	TRY(make_etc(in, stubs));
	return in->spec->mount_count ? given_make(in, stubs) : NULL;
}
