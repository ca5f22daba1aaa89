/* run.c - the git program, with an environment that is ours alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "git/git-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
	CONFIG_FD = 3, /* in git and all that it starts */
	OUT_BYTES_MAX = 16 << 20,
	SAID_BYTES_MAX = 16 << 10, /* the end of what was said is told */
	SILENCE_S = 300,           /* a server that compresses says so every few seconds */
	NOTES_MAX = 8,
};

/*
 * What git reads in place of the user's and the system's configuration.  fsck: names and submodule
 * addresses that older gits fell for are refused as they come; what real old repositories have
 * (dates, mail addresses, modes) is let through, since it harms nobody.
 */
static const char config_text[] =
	"[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n"
	"\taskPass = /bin/false\n\tattributesFile = /dev/null\n"
	"\tprotectNTFS = true\n\tprotectHFS = true\n"
	"[transfer]\n\tfsckObjects = true\n\tbundleURI = false\n"
	"[fetch \"fsck\"]\n"
	"\tbadDate = ignore\n\tbadDateOverflow = ignore\n\tbadEmail = ignore\n"
	"\tbadName = ignore\n\tbadTimezone = ignore\n\tmissingEmail = ignore\n"
	"\tmissingNameBeforeEmail = ignore\n\tmissingSpaceBeforeDate = ignore\n"
	"\tmissingSpaceBeforeEmail = ignore\n\tmultipleAuthors = ignore\n"
	"\tzeroPaddedDate = ignore\n\tzeroPaddedFilemode = ignore\n"
	"\tmissingTaggerEntry = ignore\n"
	"[credential]\n\thelper =\n"
	"[http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n"
	"[init]\n\tdefaultBranch = master\n"
	"[advice]\n\tdetachedHead = false\n"
	"[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";

void git_run_init(GitRun *run, const GitAccess *access, const Remote *remote, int dir_fd)
{
	*run = (GitRun){ .access = access, .remote = remote, .dir_fd = dir_fd };
	run->argv[run->argc++] = "git";
}

void git_run_done(GitRun *run)
{
	buf_done(&run->out);
	buf_done(&run->said);
}

void git_run_add(GitRun *run, const char *const *words)
{
	for (; *words && run->argc + 1 < GIT_ARGUMENTS_MAX; words++)
		run->argv[run->argc++] = *words;
}

/* --- what it is given ------------------------------------------------------------------------- */

/* The address that a token is for; of GitHub all repositories, as its own tools do it. */
static Str token_scope(Str url)
{
	static const char *const wide[] = { "https://github.com/", "https://www.github.com/" };
	for (size_t i = 0; i < ARRAY_LEN(wide); i++)
		if (str_starts(url, str_from(wide[i])))
			return str_from(wide[i]);
	return url;
}

/* TEXT inside double quotes of git's configuration. */
static void put_quoted(Buf *out, Str text)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_add_char(out, '\\');
		if (text.ptr[i] != '\n')
			buf_add_char(out, text.ptr[i]);
	}
	buf_add_char(out, '"');
}

/* The configuration as a file in memory: it may hold a token. */
static Err *make_config(const GitRun *run, int *ret_fd)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = memfd_create("gitconfig", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	buf_add(&text, config_text, sizeof config_text - 1);
	if (run->access->authorization.len) {
		buf_add_str(&text, STR("[http "));
		put_quoted(&text, token_scope(run->remote->url));
		buf_add_str(&text, STR("]\n\textraHeader = "));
		AUTO_BUF Buf header = BUF_INIT;
		buf_addf(&header, "Authorization: %.*s", STR_ARG(run->access->authorization));
		put_quoted(&text, buf_str(&header));
		/* git sends the header along to wherever a redirect led. */
		buf_add_str(&text, STR("\n\tfollowRedirects = false\n"));
	}
	for (size_t at = 0; at < text.len;) {
		ssize_t n = write(fd, text.ptr + at, text.len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot write a file in memory");
		at += (size_t)n;
	}
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

typedef struct Environment {
	Buf text[24];
	char *at[25];
	size_t count;
} Environment;

static void put_env(Environment *env, const char *name, Str value)
{
	Buf *b = &env->text[env->count];
	buf_addf(b, "%s=%.*s", name, STR_ARG(value));
	env->at[env->count++] = b->ptr;
}

static void environment_done(Environment *env)
{
	for (size_t i = 0; i < env->count; i++)
		buf_done(&env->text[i]);
}

static void make_environment(const GitRun *run, Environment *env)
{
	static const char *const passed[] = { "http_proxy",  "https_proxy", "no_proxy",
		                              "all_proxy",   "HTTP_PROXY",  "HTTPS_PROXY",
		                              "NO_PROXY",    "ALL_PROXY",   "SSL_CERT_FILE",
		                              "SSL_CERT_DIR" };
	const char *path = getenv("PATH"), *certificates = getenv("SSL_CERT_FILE");
	put_env(env, "PATH", str_from(path ? path : "/usr/local/bin:/usr/bin:/bin"));
	put_env(env, "LC_ALL", STR("C"));
	put_env(env, "HOME", STR("/dev/null"));
	put_env(env, "GIT_CONFIG_NOSYSTEM", STR("1"));
	put_env(env, "GIT_CONFIG_GLOBAL", STR("/proc/self/fd/3"));
	put_env(env, "GIT_TERMINAL_PROMPT", STR("0"));
	put_env(env, "GIT_ALLOW_PROTOCOL", STR("http:https:ssh:git"));
	put_env(env, "GIT_NO_REPLACE_OBJECTS", STR("1"));
	/* Keys come from an agent that was given, never from the user's files. */
	put_env(env, "GIT_SSH_COMMAND",
	        STR("ssh -F /dev/null -o BatchMode=yes -o IdentityFile=none "
	            "-o StrictHostKeyChecking=accept-new -o ConnectTimeout=30"));
	if (run->access->ssh_auth_sock.len)
		put_env(env, "SSH_AUTH_SOCK", run->access->ssh_auth_sock);
	if (certificates && *certificates)
		put_env(env, "GIT_SSL_CAINFO", str_from(certificates));
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		const char *value = getenv(passed[i]);
		if (value && *value)
			put_env(env, passed[i], str_from(value));
	}
}

/* --- the process ------------------------------------------------------------------------------ */

typedef struct Child {
	pid_t pid;
	int out_fd, said_fd;
} Child;

static int spawn(const GitRun *run, int config_fd, int out, int said, Environment *env,
                 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	if (run->dir_fd >= 0)
		(void)posix_spawn_file_actions_addfchdir_np(&actions, run->dir_fd);
	else
		(void)posix_spawn_file_actions_addchdir_np(&actions, "/");
	(void)posix_spawn_file_actions_adddup2(&actions, config_fd, CONFIG_FD);
	/* A group of its own: its helpers end with it, and ^C is ours to pass on. */
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	int failed =
		posix_spawnp(ret_pid, "git", &actions, &attr, (char *const *)run->argv, env->at);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return failed;
}

static Err *start(const GitRun *run, Child *ret)
{
	int out[2], said[2];
	AUTO_CLOSE int config = -1;
	TRY(make_config(run, &config));
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int out_read = out[0], out_write = out[1];
	if (pipe2(said, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int said_read = said[0], said_write = said[1];
	Environment env = { 0 };
	make_environment(run, &env);
	int failed = spawn(run, config, out_write, said_write, &env, &ret->pid);
	environment_done(&env);
	if (failed == ENOENT)
		return err_note(err_new(ERR_NOT_FOUND, "git is not installed"),
		                "install it (Debian: git): repositories are fetched with it");
	if (failed)
		return err_sys(failed, "cannot run git");
	ret->out_fd = TAKE_FD(out_read);
	ret->said_fd = TAKE_FD(said_read);
	return NULL;
}

/* Lines of what git says, for the user; of progress that overwrites itself the last state. */
static void tell(GitRun *run, Str bytes)
{
	if (!run->access->log)
		return;
	while (bytes.len) {
		Str line;
		bytes = str_cut(bytes, '\n', &line);
		line = str_from_at(line, (size_t)(str_rfind(str_trim(line), '\r') + 1));
		line = str_trim(line);
		if (line.len)
			run->access->log(run->access->log_context, line);
	}
}

static void keep_end(Buf *said)
{
	if (said->len <= (size_t)2 * SAID_BYTES_MAX)
		return;
	memmove(said->ptr, said->ptr + said->len - SAID_BYTES_MAX, SAID_BYTES_MAX);
	said->len = SAID_BYTES_MAX;
	said->ptr[said->len] = '\0';
}

/* Some bytes of FD into BUF; at its end FD is closed. */
static Err *take(int *fd, Buf *buf, size_t *ret_len)
{
	enum { PIECE = 32 << 10 };
	buf_reserve(buf, PIECE);
	ssize_t n = read(*fd, buf->ptr + buf->len, PIECE);
	*ret_len = 0;
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n <= 0) {
		closep(fd);
		*fd = -1;
		return n < 0 ? err_sys(errno, "cannot read from git") : NULL;
	}
	buf->len += (size_t)n;
	buf->ptr[buf->len] = '\0';
	*ret_len = (size_t)n;
	return NULL;
}

/* What was said since the last whole line, in whole lines. */
static void tell_lines(GitRun *run, Buf *pending, size_t len)
{
	buf_add(pending, run->said.ptr + run->said.len - len, len);
	ptrdiff_t end = str_rfind(buf_str(pending), '\n');
	if (end < 0)
		return;
	tell(run, str_head(buf_str(pending), (size_t)end));
	AUTO_BUF Buf rest = BUF_INIT;
	buf_add_str(&rest, str_from_at(buf_str(pending), (size_t)end + 1));
	buf_reset(pending);
	buf_add_str(pending, buf_str(&rest));
}

static Err *listen_to(GitRun *run, Child *c)
{
	AUTO_BUF Buf pending = BUF_INIT;
	int64_t last_ns = clock_mono_ns();
	while (c->out_fd >= 0 || c->said_fd >= 0) {
		struct pollfd p[] = { { .fd = c->out_fd, .events = POLLIN },
			              { .fd = c->said_fd, .events = POLLIN },
			              { .fd = cancel_fd(run->access->cancel), .events = POLLIN } };
		TRY(cancel_check(run->access->cancel));
		int64_t left_ms = SILENCE_S * 1000 - (clock_mono_ns() - last_ns) / 1000000;
		if (left_ms <= 0)
			return err_new(ERR_NETWORK, "git was silent for %d seconds", SILENCE_S);
		if (poll(p, ARRAY_LEN(p), (int)left_ms) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for git");
		size_t len;
		if (p[0].revents) {
			TRY(take(&c->out_fd, &run->out, &len));
			last_ns = clock_mono_ns();
		}
		if (p[1].revents) {
			TRY(take(&c->said_fd, &run->said, &len));
			tell_lines(run, &pending, len);
			keep_end(&run->said);
			last_ns = clock_mono_ns();
		}
		if (run->out.len > OUT_BYTES_MAX)
			return err_new(ERR_NETWORK, "git's answer is larger than %d MiB",
			               OUT_BYTES_MAX >> 20);
	}
	tell(run, buf_str(&pending));
	return NULL;
}

static int reap(Child *c, bool kill_it)
{
	int status = 0;
	closep(&c->out_fd);
	closep(&c->said_fd);
	if (kill_it)
		(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* What to do about it, of the failures that have an answer.  SAID: of git, with a NUL. */
static Err *advise(const GitRun *run, Err *e, const char *said)
{
	if (strstr(said, "terminal prompts disabled"))
		return err_note(e, "the repository is private or not there; a token is taken from "
		                   "the secret GIT_AUTH_TOKEN");
	if (strstr(said, "Permission denied (publickey"))
		return err_note(e, "keys come from an agent: give --ssh default");
	if (run->access->authorization.len && strstr(said, "returned error: 30"))
		return err_note(e, "the server redirects to another address, and credentials are "
		                   "sent to none but the one that is written: write that one");
	return e;
}

/* The last lines of what git said, without "fatal: " in front of the first, which is the cause. */
static Err *failed(const GitRun *run, int status)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str said = str_trim(remote_redact(&a, buf_str(&run->said))), rest = said, line;
	Str cause = STR("git ended without a word");
	size_t lines = 0;
	for (Str r = said; r.len; lines++) {
		r = str_cut(r, '\n', &line);
		if (str_starts(line, STR("fatal: ")))
			cause = str_from_at(line, 7);
		else if (r.len == 0 && str_eqc(cause, "git ended without a word"))
			cause = line;
	}
	Err *e = WIFSIGNALED(status)
	                 ? err_new(ERR_NETWORK, "git was ended by signal %d", WTERMSIG(status))
	                 : err_new(ERR_NETWORK, "git: %.*s", STR_ARG(cause));
	for (size_t i = 0; rest.len; i++) {
		rest = str_cut(rest, '\n', &line);
		line = str_from_at(line, (size_t)(str_rfind(str_trim(line), '\r') + 1));
		if (i + NOTES_MAX >= lines && str_find(line, ' ') > 0 &&
		    !str_ends(line, cause)) /* it was told */
			e = err_note(e, "%.*s", STR_ARG(str_head(str_trim(line), 300)));
	}
	return advise(run, e, said.len ? said.ptr : "");
}

Err *git_run(GitRun *run)
{
	Child c = { .out_fd = -1, .said_fd = -1 };
	run->argv[run->argc] = NULL;
	buf_reset(&run->out);
	buf_reset(&run->said);
	TRY(start(run, &c));
	Err *e = listen_to(run, &c);
	int status = reap(&c, e != NULL);
	if (e)
		return e;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? NULL : failed(run, status);
}
