/* debug.c - --shell-on-error: a shell in the root of the step that failed, and what comes after. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/container-internal.h"
#include "exec/debug.h"

#include <signal.h>

/* bash is kinder than sh.  In the root itself, as the command may have made or removed either. */
static const char shell_script[] =
	"if [ -x /bin/bash ]; then exec /bin/bash; fi; if [ -x /usr/bin/bash ]; then exec "
	"/usr/bin/bash; fi; exec /bin/sh";

/* The command's environment, with the user's TERM. */
static const char **shell_env(const SandboxSpec *spec)
{
	size_t count = 0, used = 0;
	while (spec->env[count])
		count++;
	const char **env = xcalloc(count + 2, sizeof *env);
	for (size_t i = 0; i < count; i++)
		if (strncmp(spec->env[i], "TERM=", 5) != 0)
			env[used++] = spec->env[i];
	const char *term = getenv("TERM");
	AUTO_FREE char *text = NULL;
	if (asprintf(&text, "TERM=%s", term && *term ? term : "xterm") < 0)
		die_oom(0);
	env[used] = TAKE_PTR(text);
	return env;
}

static void free_env(const char ***env)
{
	size_t count = 0;
	while ((*env)[count])
		count++;
	free((char *)(*env)[count - 1]); /* TERM; the others are the command's */
	free(*env);
}

static Err *open_shell(DebugRun *d)
{
	static const char *const argv[] = { "/bin/sh", "-c", shell_script, NULL };
	Build *b = d->build;
	RelayOptions options = {
		.foreground = true,
		.terminal = true,
		.interactive = true,
		.window_alone = true,
		.stop_signal = SIGTERM,
		.kill = b->cancel,
	};
	CLEANUP(free_env) const char **env = shell_env(d->spec);
	ContainerStreams streams;
	AUTO_RELAY ContainerRelay *relay = NULL;
	SandboxResult result;
	SandboxSpec spec;
	TRY(d->renew(d->context, false));
	spec = *d->spec;
	TRY(container_relay_open(&options, &streams, &spec.events_fd, &relay));
	spec.argv = argv;
	spec.env = env;
	spec.stdin_fd = streams.stdin_fd;
	spec.stdout_fd = streams.stdout_fd;
	spec.stderr_fd = streams.stderr_fd;
	spec.terminal_fd = streams.terminal_fd;
	spec.log = NULL;
	spec.log_fd = -1;
	return sandbox_run(b->sandbox, &spec, b->cancel, &result);
}

/* *ret_again: the command is to be run. */
static Err *act(DebugRun *d, BuildChoice choice, bool *ret_again)
{
	*ret_again = choice == BUILD_RETRY || choice == BUILD_FRESH;
	switch (choice) {
	case BUILD_SHELL:
		d->by_hand = true; /* who knows what was done there */
		return open_shell(d);
	case BUILD_RETRY:
		d->by_hand = true; /* also without a shell: a first try was made in it */
		return d->renew(d->context, false);
	case BUILD_FRESH:
		d->by_hand = false;
		return d->renew(d->context, true);
	case BUILD_EDIT:
		d->build->again = true;
		return NULL;
	case BUILD_LEAVE:
		d->build->left = true;
		return NULL;
	}
	return NULL;
}

static Err *ask_until_decided(DebugRun *d, const Err *failure, bool *ret_again)
{
	Build *b = d->build;
	const BuildDebug *debug = b->request->debug;
	BuildFailure f = { .error = failure,
		           .line = b->states[d->step->number].line,
		           .span = d->step->span,
		           .argv = d->step->run.argv };
	*ret_again = false;
	while (!*ret_again && !b->again && !b->left) {
		BuildChoice choice = BUILD_LEAVE;
		TRY(cancel_check(b->cancel));
		TRY(debug->ask(debug->context, &f, &choice));
		f.asked++;
		err_free(f.trouble);
		f.trouble = act(d, choice, ret_again);
		if (f.trouble && err_kind(f.trouble) == ERR_CANCELLED)
			return f.trouble;
		*ret_again = *ret_again && !f.trouble;
	}
	err_free(f.trouble);
	return NULL;
}

Err *debug_failure(DebugRun *d, Err *failure)
{
	Build *b = d->build;
	const BuildDebug *debug = b->request->debug;
	bool again = false;
	if (!debug || err_kind(failure) != ERR_RUN)
		return failure;
	(void)pthread_mutex_lock(&b->debug_mutex);
	Err *e = NULL;
	/* Somebody who has made up his mind is not asked for each other step that fails. */
	if (!b->again && !b->left && !cancel_requested(b->cancel)) {
		e = ask_until_decided(d, failure, &again);
		debug->done(debug->context);
	}
	(void)pthread_mutex_unlock(&b->debug_mutex);
	if (!e && !again)
		return failure;
	err_free(failure);
	return e;
}
