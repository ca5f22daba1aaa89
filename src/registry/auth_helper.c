/*
 * auth_helper.c - credentials kept by a docker-credential-NAME program.
 *
 * The protocol: NAME get, the server's URL on its standard input, JSON on its standard output; NAME
 * store, JSON on its standard input; NAME erase.  The
 * name comes from a file that others may have written, so it can only choose among programs called
 * docker-credential-* in PATH: no slash, no blank, nothing but letters, digits, '-', '_', '.'.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "codec/json.h"
#include "registry/registry-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum {
	HELPER_BYTES_MAX = 1 << 20,
};

extern char **environ;

typedef struct Helper {
	pid_t pid;
	int fd; /* a socket: both its standard input and output */
	unsigned limit_ms;
	int status;
} Helper;

static bool is_helper_name(Str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
		if (!good)
			return false;
	}
	return name.len > 0 && name.len < 128;
}

static Err *helper_start(const char *program, const char *verb, Helper *ret)
{
	int ends[2];
	/* A socket, not two pipes: sending can be told not to raise SIGPIPE if the helper never
	 * reads. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket for '%s'", program);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	char *argv[] = { (char *)program, (char *)verb, NULL };
	int failed = posix_spawnp(&ret->pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		return err_note(
			err_sys(failed, "cannot run '%s'", program),
			"install it into a directory of PATH, or take it out of the auth file");
	}
	ret->fd = ends[0];
	return NULL;
}

static Err *helper_late(const Helper *h, const char *program)
{
	char span[CLOCK_SPAN_LEN];
	return err_note(err_new(ERR_DENIED, "'%s' did not answer within %s", program,
	                        clock_span_text(h->limit_ms, span)),
	                "DECANT_HELPER_TIMEOUT=2m gives it more time");
}

static Err *helper_talk(Helper *h, const char *program, Str input, int64_t deadline_ns,
                        const Cancel *cancel, Buf *out)
{
	/* A login is far below what a socket buffers: this does not block. */
	(void)!send(h->fd, input.ptr, input.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(h->fd, SHUT_WR); /* its end of input; a helper that has gone is seen below */
	for (;;) {
		int64_t left_ms = (deadline_ns - clock_mono_ns()) / 1000000;
		TRY(cancel_check(cancel));
		if (left_ms <= 0)
			return helper_late(h, program);
		struct pollfd p[] = { { .fd = h->fd, .events = POLLIN },
			              { .fd = cancel_fd(cancel), .events = POLLIN } };
		if (poll(p, 2, (int)left_ms) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for '%s'", program);
		if (!p[0].revents)
			continue;
		buf_reserve(out, 4096);
		ssize_t n = read(h->fd, out->ptr + out->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		out->len += (size_t)n;
		out->ptr[out->len] = '\0';
		if (out->len > HELPER_BYTES_MAX)
			return err_new(ERR_DENIED, "'%s' answers with over %d bytes", program,
			               HELPER_BYTES_MAX);
	}
}

/* Reap it: by itself until the deadline, killed after. */
static void helper_end(Helper *h, int64_t deadline_ns)
{
	close(h->fd);
	for (;;) {
		pid_t got = waitpid(h->pid, &h->status, WNOHANG);
		if (got == h->pid || (got < 0 && errno != EINTR))
			return;
		if (clock_mono_ns() >= deadline_ns) {
			kill(h->pid, SIGKILL);
			deadline_ns = INT64_MAX;
		}
		const struct timespec pause = { 0, 2000000 };
		nanosleep(&pause, NULL);
	}
}

static Err *read_answer(Arena *a, Str json, const char *program, Credentials *ret)
{
	JsonValue *doc = NULL;
	Str none = { "", 0 };
	Credentials c = {
		.user = none, .password = none, .identity_token = none, .registry_token = none
	};
	TRY_WHILE(err_set_kind(json_parse(json, HELPER_BYTES_MAX, program, &doc), ERR_DENIED),
	          "reading the answer of '%s'", program);
	Err *err = json_value_is_object(doc)
	                   ? NULL
	                   : err_new(ERR_DENIED, "%s: expected an object", program);
	if (!err)
		err = json_get_str(doc, program, "Username", a, &c.user);
	if (!err)
		err = json_get_str(doc, program, "Secret", a, &c.password);
	json_free(doc);
	TRY(err);
	if (str_eqc(c.user,
	            "<token>")) { /* docker's way to say that the secret is a refresh token */
		c.identity_token = c.password;
		c.user = c.password = none;
	}
	c.found = c.user.len || c.identity_token.len;
	c.source = str_from(program);
	if (c.found)
		*ret = c;
	return NULL;
}

/* Run HELPER for VERB; *ret_said is what it wrote, *ret_good: it ended with status 0. */
static Err *helper_call(Arena *a, Str helper, const char *verb, Str input, const Cancel *cancel,
                        const char **ret_program, Str *ret_said, bool *ret_good)
{
	if (!is_helper_name(helper))
		return err_new(ERR_INPUT, "not a name of a credential helper: '%.*s'",
		               STR_ARG(str_head(helper, 100)));
	const char *program = arena_strf(a, "docker-credential-%.*s", STR_ARG(helper)).ptr;
	AUTO_BUF Buf out = BUF_INIT;
	Helper h = { .fd = -1 };
	TRY(patience_helper(&h.limit_ms));
	int64_t deadline_ns = clock_mono_ns() + (int64_t)h.limit_ms * 1000000;
	TRY(helper_start(program, verb, &h));
	Err *err = helper_talk(&h, program, input, deadline_ns, cancel, &out);
	helper_end(&h, err ? 0 : deadline_ns);
	TRY(err);
	*ret_program = program;
	*ret_said = arena_str(a, str_trim(buf_str(&out)));
	*ret_good = WIFEXITED(h.status) && WEXITSTATUS(h.status) == 0;
	return NULL;
}

static Err *helper_failed(const char *program, Str said)
{
	return err_new(ERR_DENIED, "'%s' failed: %.*s", program, STR_ARG(str_head(said, 300)));
}

/* The one failure that means "nobody has logged in" (docker-credential-helpers' fixed text). */
static bool says_absent(Str said)
{
	return str_starts(said, STR("credentials not found"));
}

Err *auth_helper_get(Arena *a, Str helper, Str server, const Cancel *cancel, Credentials *ret)
{
	const char *program;
	Str said;
	bool good;
	TRY(helper_call(a, helper, "get", server, cancel, &program, &said, &good));
	if (good)
		return read_answer(a, said, program, ret);
	return says_absent(said) ? NULL : helper_failed(program, said);
}

Err *auth_helper_store(Str helper, Str server, const Credentials *c, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	bool token = c->identity_token.len > 0, good;
	const char *program;
	Str said;
	json_write_object(&w);
	json_write_key(&w, "ServerURL");
	json_write_str(&w, server);
	json_write_key(&w, "Username");
	json_write_str(&w, token ? STR("<token>") : c->user);
	json_write_key(&w, "Secret");
	json_write_str(&w, token ? c->identity_token : c->password);
	json_write_object_end(&w);
	TRY(helper_call(&a, helper, "store", buf_str(&json), cancel, &program, &said, &good));
	return good ? NULL : helper_failed(program, said);
}

Err *auth_helper_erase(Str helper, Str server, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *program;
	Str said;
	bool good;
	TRY(helper_call(&a, helper, "erase", server, cancel, &program, &said, &good));
	return good || says_absent(said) ? NULL : helper_failed(program, said);
}
