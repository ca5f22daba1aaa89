/* rig.c - a small root and a running sandbox for the tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/test/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static const char *const busyboxes[] = { "/bin/busybox", "/usr/bin/busybox" };
static const char *const applets[] = {
	"sh",       "cat",  "ls",    "id",    "sleep",   "kill",   "mkdir",    "rm",       "touch",
	"echo",     "stat", "chmod", "chown", "grep",    "wc",     "mount",    "ps",       "env",
	"pwd",      "true", "false", "dd",    "ip",      "setsid", "find",     "head",     "sort",
	"readlink", "mv",   "tty",   "wget",  "timeout", "nc",     "nslookup", "hostname", "cut",
	"umask",    "su",   "test",  "ln",    "httpd",
};
static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";

static Err *copy_file(const char *from, int dir_fd, const char *to)
{
	AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return err_sys(errno, "cannot open '%s'", from);
	AUTO_CLOSE int out = openat(dir_fd, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (out < 0)
		return err_sys(errno, "cannot make '%s'", to);
	ssize_t n;
	while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	return n < 0 ? err_sys(errno, "cannot copy '%s'", from) : NULL;
}

Err *rig_write(int dir_fd, const char *path, const char *text, mode_t mode)
{
	AUTO_CLOSE int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(errno, "cannot make '%s'", path);
	return path_write_all(fd, text, strlen(text), path);
}

/* It lies beside this program. */
static Err *copy_prober(int base_fd)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "prober");
	if (n < 0)
		return err_sys(errno, "cannot read '/proc/self/exe'");
	path[n] = '\0';
	memcpy(strrchr(path, '/') + 1, "prober", sizeof "prober");
	return copy_file(path, base_fd, "bin/prober");
}

static int make_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0755) < 0)
		return -1;
	return openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static Err *fill_base(int base_fd, const char **ret_skip)
{
	static const char *const dirs[] = { "bin", "tmp", "root", "home", "home/app", "etc" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (mkdirat(base_fd, dirs[i], 0755) < 0)
			return err_sys(errno, "cannot make '%s'", dirs[i]);
	if (fchmodat(base_fd, "tmp", 01777, 0) < 0)
		return err_sys(errno, "cannot set the mode of 'tmp'");
	*ret_skip = "no busybox (package busybox-static)";
	for (size_t i = 0; i < ARRAY_LEN(busyboxes) && *ret_skip; i++) {
		if (access(busyboxes[i], X_OK) != 0)
			continue;
		TRY(copy_file(busyboxes[i], base_fd, "bin/busybox"));
		*ret_skip = NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		char path[64];
		snprintf(path, sizeof path, "bin/%s", applets[i]);
		if (symlinkat("busybox", base_fd, path) < 0)
			return err_sys(errno, "cannot make '%s'", path);
	}
	TRY(copy_prober(base_fd));
	TRY(rig_write(base_fd, "bin/not-executable", "data", 0644));
	TRY(rig_write(base_fd, "bin/no-interpreter", "#!/nope\n", 0755));
	return rig_write(base_fd, "etc/passwd", passwd, 0644);
}

Err *rig_open(Rig *rig, const char **ret_skip)
{
	*rig = (Rig){ .upper_fd = -1 };
	const char *tmp = getenv("TMPDIR");
	snprintf(rig->path, sizeof rig->path, "%s/sandbox.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(rig->path))
		return err_sys(errno, "cannot make '%s'", rig->path);
	TRY(sandbox_enter());
	rig->dir_fd = open(rig->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rig->base_fd = make_dir(rig->dir_fd, "base");
	rig->scratch_fd = make_dir(rig->dir_fd, "scratch");
	if (rig->dir_fd < 0 || rig->base_fd < 0 || rig->scratch_fd < 0)
		return err_sys(errno, "cannot make the test's directories");
	TRY(fill_base(rig->base_fd, ret_skip));
	TRY(sandbox_init_lower(rig->dir_fd, "init", &rig->init_fd));
	return *ret_skip ? NULL : sandbox_open(rig->scratch_fd, &rig->sandbox);
}

void rig_close(Rig *rig)
{
	sandbox_close(rig->sandbox);
	for (char name[NAME_MAX + 1];;) { /* rmdir at the end needs it empty */
		DIR *d = fdopendir(openat(rig->dir_fd, ".", O_RDONLY | O_CLOEXEC));
		struct dirent *e = NULL;
		while (d && (e = readdir(d)) && e->d_name[0] == '.')
			;
		if (e)
			snprintf(name, sizeof name, "%s", e->d_name);
		if (d)
			closedir(d);
		if (!e)
			break;
		AUTO_ERR Err *failed = path_remove_tree(rig->dir_fd, name);
		if (failed) {
			err_print(failed, stderr);
			break;
		}
	}
	close(rig->base_fd);
	close(rig->init_fd);
	close(rig->scratch_fd);
	closep(&rig->upper_fd);
	close(rig->dir_fd);
	rmdir(rig->path);
}

void rig_free_ran(Ran *r)
{
	err_free(r->error);
	buf_done(&r->out);
}

SandboxSpec rig_spec(const char *const argv[])
{
	static const char *const env[] = { "PATH=/bin", "FOO=bar", NULL };
	return (SandboxSpec){
		.argv = argv,
		.env = env,
		.cwd = "/",
		.network = SANDBOX_NET_NONE,
		.upper_fd = -1,
		.work_fd = -1,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
	};
}

static Err *start_upper(Rig *rig, int *ret_work_fd)
{
	char name[32];
	closep(&rig->upper_fd);
	snprintf(name, sizeof name, "upper-%u", rig->runs);
	rig->upper_fd = make_dir(rig->dir_fd, name);
	snprintf(name, sizeof name, "work-%u", rig->runs++);
	*ret_work_fd = make_dir(rig->dir_fd, name);
	if (rig->upper_fd < 0 || *ret_work_fd < 0)
		return err_sys(errno, "cannot make an upper directory");
	return NULL;
}

Ran rig_run(Rig *rig, const SandboxSpec *wanted, const Cancel *cancel)
{
	Ran ran = { 0 };
	SandboxSpec own = *wanted, *spec = &own;
	int work = -1;
	const int base[] = { rig->base_fd, rig->init_fd };
	if (!spec->lower_fds) {
		spec->lower_fds = base;
		spec->lower_count = ARRAY_LEN(base);
	}
	ran.error = start_upper(rig, &work);
	if (ran.error)
		return ran;
	AUTO_CLOSE int work_fd = work;
	if (spec->upper_fd == -1)
		spec->upper_fd = rig->upper_fd;
	if (spec->upper_fd == -2) /* read-only */
		spec->upper_fd = work = -1;
	spec->work_fd = work;
	/* A file takes any length without a reader beside. */
	AUTO_CLOSE int out = openat(rig->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spec->stdout_fd < 0)
		spec->stdout_fd = out;
	if (spec->stderr_fd < 0)
		spec->stderr_fd = out;
	ran.error = sandbox_run(rig->sandbox, spec, cancel, &ran.result);
	if (lseek(out, 0, SEEK_SET) == 0) {
		AUTO_ERR Err *unread = path_read_fd(out, 64u << 20, "output", &ran.out);
		if (unread)
			err_print(unread, stderr);
	}
	buf_add(&ran.out, "", 0);
	return ran;
}

Ran rig_sh(Rig *rig, const char *script)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	SandboxSpec spec = rig_spec(argv);
	return rig_run(rig, &spec, NULL);
}

int rig_make_dir(Rig *rig, const char *name)
{
	return make_dir(rig->dir_fd, name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_below(int dir_fd, const char *prefix, Buf *out)
{
	DIR *d = fdopendir(dir_fd);
	char *names[256];
	size_t count = 0;
	for (struct dirent *e; d && (e = readdir(d)) && count < ARRAY_LEN(names);)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			names[count++] = xstrdup(e->d_name);
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		buf_addf(&path, "%s%s%s", prefix, *prefix ? "/" : "", names[i]);
		struct stat st;
		if (fstatat(dir_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			st.st_mode = 0;
		buf_addf(out, "%s%s\n", path.ptr,
		         S_ISDIR(st.st_mode)   ? "/"
		         : S_ISCHR(st.st_mode) ? " (gone)"
		                               : "");
		int sub = S_ISDIR(st.st_mode)
		                  ? openat(dir_fd, names[i],
		                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
		                  : -1;
		if (sub >= 0)
			list_below(sub, path.ptr, out);
		free(names[i]);
	}
	if (d)
		closedir(d);
}

void rig_list_upper(Rig *rig, Buf *out)
{
	buf_add(out, "", 0);
	int fd = openat(rig->upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		list_below(fd, "", out);
}

int rig_setup(void **state)
{
	Rig *rig = xcalloc(1, sizeof *rig);
	const char *skip = NULL;
	AUTO_ERR Err *e = rig_open(rig, &skip);
	if (e)
		err_print(e, stderr);
	if (skip)
		fprintf(stderr, "%s\n", skip);
	*state = rig;
	return e || skip ? -1 : 0;
}

int rig_teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}
