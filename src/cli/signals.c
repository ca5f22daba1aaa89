/*
 * signals.c - ^C, SIGTERM, SIGHUP: the first cancels, the second kills.  A closed standard error
 * cancels.
 *
 * A handler can only be reached through static variables: these are the program's only ones.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

static Cancel *watched_cancel;
static Ui *watched_ui;
static volatile sig_atomic_t signals_seen;
static volatile sig_atomic_t first_signal;

static void on_signal(int number)
{
	int saved = errno;
	Ui *ui = __atomic_load_n(&watched_ui, __ATOMIC_ACQUIRE);
	if (signals_seen++ == 0) {
		first_signal = number;
		cancel_set(watched_cancel);
		if (ui)
			ui_signal_cancelling(ui);
	} else {
		if (ui)
			ui_signal_restore(ui);
		/* Ends when the handler returns, as whoever waits for us expects: by this signal.
		 */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
	}
	errno = saved;
}

/* A write to a closed pipe must come back as EPIPE.  Not SIG_IGN: that would be inherited by what
 * RUN executes, and `yes | head` in a Dockerfile would never end. */
static void on_sigpipe(int number)
{
	int saved = errno;
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	/* Whoever reads how a build goes has gone away (`2>&1 | head`): as if he had said so. */
	if (watched_cancel && signals_seen == 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLERR)) {
		signals_seen = 1;
		first_signal = number;
		cancel_set(watched_cancel);
	}
	errno = saved;
}

void signals_ignore_pipe(void)
{
	struct sigaction action = { .sa_handler = on_sigpipe, .sa_flags = SA_RESTART };
	(void)sigaction(SIGPIPE, &action, NULL); /* cannot fail */
}

void signals_watch(Cancel *cancel)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	watched_cancel = cancel;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction old;
		struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
		/* nohup, and shells for background jobs, have it ignored: so it stays */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL); /* cannot fail */
	}
}

void signals_unwatch(void)
{
	if (!watched_cancel)
		return;
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction old;
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == on_signal)
			(void)signal(numbers[i], SIG_DFL);
	}
	watched_cancel = NULL;
}

int signals_first(void)
{
	return first_signal;
}

void cli_watch_ui(Ui *ui)
{
	__atomic_store_n(&watched_ui, ui, __ATOMIC_RELEASE);
}
