/* command.c - find the command and become it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* What docker gives a container whose image sets no PATH. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 }; /* POSIX sh, 2.8.2 */

static const char *path_variable(const char *const *env)
{
	const char *found = DEFAULT_PATH;
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			found = *env + 5;
	return found;
}

static void become(const char *file, const SandboxSpec *spec)
{
	execve(file, (char **)spec->argv, (char **)spec->env);
}

/* execve says ENOENT both when FILE and when its interpreter is missing. */
static bool is_there(const char *file)
{
	struct stat st;
	return fstatat(AT_FDCWD, file, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* These go to the command's own stderr, as a shell's would: they are part of the step's output. */
NORETURN static void give_up(const char *name, const char *file, int errnum, int report_fd)
{
	const char *why = strerror(errnum);
	if (errnum == ENOENT && file && is_there(file))
		why = "its interpreter is missing (the #! line, or the ELF loader of another C "
		      "library or architecture)";
	else if (errnum == ENOENT && !strchr(name, '/'))
		why = "executable file not found in PATH";
	else if (errnum == ENOEXEC)
		why = "exec format error (no #! line, or built for another architecture)";
	dprintf(STDERR_FILENO, "decant: cannot run '%s': %s\n", name, why);
	/* An empty report: "not started".  Nobody may be left to tell. */
	err_free(wire_send(report_fd, STR(""), NULL, 0));
	bool missing = errnum == ENOENT || errnum == ENOTDIR;
	_exit(missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

NORETURN static void search(const SandboxSpec *spec, int report_fd)
{
	const char *name = spec->argv[0];
	int errnum = ENOENT;
	AUTO_BUF Buf file = BUF_INIT;
	for (Str path = str_from(path_variable(spec->env)); path.len > 0;) {
		Str dir;
		path = str_cut(path, ':', &dir);
		buf_reset(&file);
		buf_addf(&file, "%.*s/%s", STR_ARG(dir.len > 0 ? dir : STR(".")), name);
		if (file.len >= PATH_BYTES_MAX)
			continue;
		become(file.ptr, spec);
		if (errno == ENOENT && is_there(file.ptr))
			give_up(name, file.ptr, ENOENT, report_fd);
		if (errno == EACCES)
			errnum = EACCES; /* go on: a later directory may have one that runs */
		else if (errno != ENOENT && errno != ENOTDIR)
			give_up(name, file.ptr, errno, report_fd);
	}
	give_up(name, NULL, errnum, report_fd);
}

NORETURN void command_become(const SandboxSpec *spec, int report_fd)
{
	const char *name = spec->argv[0];
	if (!name || !*name)
		give_up("", NULL, ENOENT, report_fd);
	if (!strchr(name, '/'))
		search(spec, report_fd);
	become(name, spec);
	give_up(name, name, errno, report_fd);
}
