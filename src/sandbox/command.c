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

/* execve says ENOENT both when FILE and when its interpreter is missing. */
static bool is_file(const char *file)
{
	struct stat st;
	return fstatat(AT_FDCWD, file, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* These go to the command's own stderr, as a shell's would: they are part of the step's output. */
static int explain(int stderr_fd, const char *name, bool is_there, int errnum)
{
	const char *why = strerror(errnum);
	if (errnum == ENOENT && is_there)
		why = "its interpreter is missing (the #! line, or the ELF loader of another C "
		      "library or architecture)";
	else if (errnum == ENOENT && !strchr(name, '/'))
		why = "executable file not found in PATH";
	else if (errnum == ENOEXEC)
		why = "exec format error (no #! line, or built for another architecture)";
	if (stderr_fd >= 0)
		dprintf(stderr_fd, "%s: cannot run '%s': %s\n", program_invocation_short_name, name,
		        why);
	bool missing = errnum == ENOENT || errnum == ENOTDIR;
	return missing ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* What the gate is given was there. */
int command_explain(const SandboxSpec *spec, int stderr_fd, int errnum)
{
	return explain(stderr_fd, spec->argv[0], true, errnum);
}

NORETURN static void give_up(const char *name, const char *file, int errnum, int report_fd)
{
	int status = explain(STDERR_FILENO, name, file && is_file(file), errnum);
	/* An empty report: "not started".  Nobody may be left to tell. */
	err_free(wire_send(report_fd, STR(""), NULL, 0));
	_exit(status);
}

/* Is FILE one that the kernel would execute, as far as its mode says?  0, or the errno of execve.
 */
static int try_file(const char *file)
{
	struct stat st;
	if (fstatat(AT_FDCWD, file, &st, 0) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, file, X_OK, 0) < 0 ? errno : 0;
}

NORETURN static void become(const SandboxSpec *spec, const char *file, int gate_fd, int report_fd)
{
	int errnum;
	if (gate_fd >= 0) {
		errnum = gate_pass(gate_fd, report_fd, file, spec->argv, spec->env);
	} else {
		execve(file, (char **)spec->argv, (char **)spec->env);
		errnum = errno;
	}
	give_up(spec->argv[0], file, errnum, report_fd);
}

NORETURN static void search(const SandboxSpec *spec, int gate_fd, int report_fd)
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
		int e = try_file(file.ptr);
		if (e == 0)
			become(spec, file.ptr, gate_fd, report_fd);
		if (e == EACCES)
			errnum = EACCES; /* go on: a later directory may have one that runs */
		else if (e != ENOENT && e != ENOTDIR)
			give_up(name, file.ptr, e, report_fd);
	}
	give_up(name, NULL, errnum, report_fd);
}

NORETURN void command_become(const SandboxSpec *spec, int gate_fd, int report_fd)
{
	const char *name = spec->argv[0];
	if (!name || !*name)
		give_up("", NULL, ENOENT, report_fd);
	if (!strchr(name, '/'))
		search(spec, gate_fd, report_fd);
	int errnum = try_file(name);
	if (errnum)
		give_up(name, NULL, errnum, report_fd);
	become(spec, name, gate_fd, report_fd);
}
