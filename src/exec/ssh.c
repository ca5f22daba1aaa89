/*
 * ssh.c - --ssh: which agent an id means; one of our own for files of keys.
 *
 * Keys are no business of this program: OpenSSH's ssh-agent holds them and ssh-add reads them, both
 * found in PATH.  A key goes to ssh-add by its standard input, so its file may have any mode.  The
 * agent ends with this process.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "exec/fetch.h"
#include "exec/run.h"
#include "fs/path.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

typedef struct Agent {
	Str id;
	int socket_fd; /* O_PATH */
	pid_t pid;     /* our own; 0: the user's */
} Agent;

struct SshAgents {
	Agent *at;
	size_t count;
};

const BuildSsh *ssh_find(const Build *b, Str id)
{
	const BuildRun *r = &b->request->run;
	for (size_t i = r->ssh_count; i-- > 0;)
		if (str_eq(r->ssh[i].id, id))
			return &r->ssh[i];
	return NULL;
}

/* --- an agent that is there ------------------------------------------------------------------ */

static Err *open_socket(const char *path, int *ret_fd)
{
	struct stat st;
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot open the SSH agent's socket '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is no socket of an SSH agent", path);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *build_check_ssh(const BuildSsh *s, bool *ret_keys)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *usual = getenv("SSH_AUTH_SOCK");
	*ret_keys = false;
	if (!s->path_count || (s->path_count == 1 && !s->paths[0].len)) {
		if (!usual || !*usual)
			return err_note(err_new(ERR_INPUT, "invalid empty ssh agent socket"),
			                "SSH_AUTH_SOCK is not set: start an agent with `eval "
			                "$(ssh-agent)`, or name a key: --ssh %.*s=FILE",
			                STR_ARG(s->id));
		int fd;
		TRY(open_socket(usual, &fd));
		close(fd);
		return NULL;
	}
	size_t sockets = 0;
	for (size_t i = 0; i < s->path_count; i++) {
		struct stat st;
		const char *path = arena_str(&a, s->paths[i]).ptr;
		if (fstatat(AT_FDCWD, path, &st, 0) < 0)
			return err_sys(errno, "cannot open '%s'", path);
		sockets += S_ISSOCK(st.st_mode);
	}
	if (sockets && s->path_count > 1)
		return sockets == s->path_count
		               ? err_new(ERR_INPUT, "only single socket allowed")
		               : err_new(ERR_INPUT, "invalid combination of keys and sockets");
	*ret_keys = !sockets;
	return NULL;
}

/* --- one of our own -------------------------------------------------------------------------- */

/* Run PROGRAM in DIR_FD with STDIN_FD; stderr to ERR_FD.  It dies with this thread. */
static pid_t start_program(const char *const *argv, const char *const *env, int dir_fd,
                           int stdin_fd, int err_fd)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Debian's ssh-agent is a setgid program, and at such a change the kernel forgets the
	 * signal: without new privileges there is none. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent || null < 0 || setsid() < 0 || fchdir(dir_fd) < 0 ||
	    dup2(stdin_fd >= 0 ? stdin_fd : null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(err_fd >= 0 ? err_fd : null, 2) < 0)
		_exit(126);
	for (int i = 0; env[i]; i += 2)
		if (setenv(env[i], env[i + 1], 1) < 0)
			_exit(126);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static Err *missing_program(const char *name)
{
	return err_note(err_new(ERR_INPUT, "cannot run '%s'", name),
	                "keys of --ssh need OpenSSH's ssh-agent and ssh-add (package "
	                "openssh-client); an agent that runs already does without: --ssh default");
}

static Err *wait_for_socket(int dir_fd, const char *name, pid_t pid, int *ret_fd)
{
	enum { TRIES = 500, NAP_MS = 10 };
	for (int i = 0; i < TRIES; i++) {
		int status;
		AUTO_CLOSE int fd = openat(dir_fd, name, O_PATH | O_CLOEXEC);
		/* It is there before anybody listens at it. */
		AUTO_CLOSE int connected = fd < 0 ? -1 : ssh_connect(fd);
		if (connected >= 0) {
			*ret_fd = TAKE_FD(fd);
			return NULL;
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 127
			               ? missing_program("ssh-agent")
			               : err_new(ERR_SYSTEM, "ssh-agent ended at once");
		(void)poll(NULL, 0, NAP_MS);
	}
	return err_new(ERR_SYSTEM, "ssh-agent does not listen");
}

static Err *add_key(int dir_fd, const char *socket, Str file)
{
	static const char *const argv[] = { "ssh-add", "-q", "-", NULL };
	const char *const env[] = { "SSH_AUTH_SOCK", socket, "SSH_ASKPASS_REQUIRE", "never", NULL };
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *path = arena_str(&a, file).ptr;
	struct stat st;
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot open the key '%s'", path);
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > SSH_KEY_BYTES_MAX)
		return err_new(ERR_INPUT, "'%s' is too large for a key", path);
	int status = 0, ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int said_fd = ends[0];
	pid_t pid = start_program(argv, env, dir_fd, fd, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return err_sys(errno, "cannot start ssh-add");
	AUTO_BUF Buf said = BUF_INIT;
	AUTO_ERR Err *unread = path_read_fd(said_fd, 65536, "ssh-add", &said);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return missing_program("ssh-add");
	Str text = str_trim(buf_str(&said)), line;
	(void)str_cut(text, '\n', &line);
	Err *e = err_new(ERR_INPUT, "cannot use the key '%s'", path);
	if (line.len && !unread && !str_starts(line, STR("Enter passphrase")))
		e = err_note(e, "ssh-add says: %.*s", STR_ARG(line));
	return err_note(e, "it has to be a private key without a passphrase");
}

static Err *start_own(int dir_fd, const BuildSsh *s, size_t number, Agent *ret)
{
	char name[32];
	(void)snprintf(name, sizeof name, "agent-%zu", number);
	const char *const argv[] = { "ssh-agent", "-D", "-a", name, NULL };
	const char *const env[] = { NULL };
	ret->pid = start_program(argv, env, dir_fd, -1, -1);
	if (ret->pid < 0)
		return err_sys(errno, "cannot start ssh-agent");
	TRY(wait_for_socket(dir_fd, name, ret->pid, &ret->socket_fd));
	for (size_t i = 0; i < s->path_count; i++)
		TRY(add_key(dir_fd, name, s->paths[i]));
	return NULL;
}

/* --- those of a build ------------------------------------------------------------------------ */

static bool is_wanted(const Build *b, Str id)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (b->states[i].status == STEP_KNOWN)
			continue;
		if (step->kind == STEP_FETCH && fetch_needs_agent(step) && str_eqc(id, "default"))
			return true;
		if (step->kind != STEP_RUN)
			continue;
		for (size_t k = 0; k < step->run.mount_count; k++)
			if (step->run.mounts[k].type == MOUNT_SSH &&
			    str_eq(step->run.mounts[k].id, id))
				return true;
	}
	return false;
}

static Err *start_one(Build *b, const BuildSsh *s, size_t number, Agent *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	bool keys;
	int tmp;
	TRY(build_check_ssh(s, &keys));
	*ret = (Agent){ .id = s->id, .socket_fd = -1 };
	if (!keys)
		return open_socket(s->path_count && s->paths[0].len ? arena_str(&a, s->paths[0]).ptr
		                                                    : getenv("SSH_AUTH_SOCK"),
		                   &ret->socket_fd);
	TRY(store_tmp_fd(b->store, &tmp));
	return start_own(tmp, s, number, ret);
}

static bool is_started(const Build *b, Str id)
{
	for (size_t i = 0; b->ssh && i < b->ssh->count; i++)
		if (str_eq(b->ssh->at[i].id, id))
			return true;
	return false;
}

Err *ssh_need(Build *b, Str id)
{
	const BuildRun *r = &b->request->run;
	const BuildSsh *wanted = ssh_find(b, id);
	if (!wanted || is_started(b, id))
		return NULL;
	if (!b->ssh) {
		b->ssh = xcalloc(1, sizeof *b->ssh);
		b->ssh->at = xcalloc(r->ssh_count, sizeof *b->ssh->at);
	}
	Agent *agent = &b->ssh->at[b->ssh->count++];
	*agent = (Agent){ .id = id, .socket_fd = -1 };
	return err_while(start_one(b, wanted, (size_t)(wanted - r->ssh), agent),
	                 "preparing --ssh %.*s", STR_ARG(id));
}

Err *ssh_start(Build *b)
{
	const BuildRun *r = &b->request->run;
	for (size_t i = 0; i < r->ssh_count; i++)
		if (is_wanted(b, r->ssh[i].id))
			TRY(ssh_need(b, r->ssh[i].id));
	return NULL;
}

void ssh_stop(Build *b)
{
	if (!b->ssh)
		return;
	for (size_t i = 0; i < b->ssh->count; i++) {
		Agent *agent = &b->ssh->at[i];
		if (agent->socket_fd >= 0)
			close(agent->socket_fd);
		if (agent->pid <= 0)
			continue;
		(void)kill(agent->pid, SIGTERM); /* it takes its socket with it */
		while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(b->ssh->at);
	free(b->ssh);
	b->ssh = NULL;
}

Err *ssh_agent_socket(const Build *b, Str id, int *ret_fd)
{
	*ret_fd = -1;
	for (size_t i = 0; b->ssh && i < b->ssh->count; i++)
		if (str_eq(b->ssh->at[i].id, id))
			*ret_fd = b->ssh->at[i].socket_fd;
	return *ret_fd < 0 ? err_new(ERR_INPUT, "no SSH key \"%.*s\" forwarded", STR_ARG(id))
	                   : NULL;
}
