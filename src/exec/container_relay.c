/* container_relay.c - what goes in and out of a running container beside the command itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/container-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

/*
 * One thread, one poll loop.  Output comes through pipes (a terminal of the user, once handed in,
 * could be read by the command: it is open for both; and the log says which line came when), and
 * with -t through a pseudo-terminal of its own.
 */

enum { INSIST = 3 }; /* so many ^C kill, as docker's client does */

typedef enum Watch {
	AT_STOP,
	AT_SIGNAL,
	AT_EVENT,
	AT_TERMINAL, /* where the pseudo-terminal comes from */
	AT_OUT,
	AT_ERR,
	AT_IN,
	WATCHED
} Watch;

struct ContainerRelay {
	RelayOptions options;
	pthread_t thread;
	sigset_t old_mask;
	struct termios old_termios;
	bool own;           /* the user has a terminal; OLD_TERMIOS is how it was */
	bool raw;           /* ... and it is in raw mode */
	int fds[WATCHED];   /* what the loop reads; -1: nothing */
	int command_fds[4]; /* the command's ends; closed once it has them */
	int input_fd;       /* the end of a pipe that nobody writes to; -1: none */
	int events_command; /* the supervisor's end of the events socket */
	int insisted;
	bool alone;      /* nobody reads what the user is given */
	int64_t kill_ns; /* when the command, alone, is killed; 0: not at all */
};

/* --- output, input --------------------------------------------------------------------------- */

static void send_signal(const ContainerRelay *r, int number)
{
	unsigned char byte = (unsigned char)number;
	/* The run may have ended meanwhile. */
	(void)send(r->fds[AT_EVENT], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void write_best(int fd, const char *bytes, size_t len)
{
	if (fd >= 0)
		err_free(path_write_all(fd, bytes, len, "output"));
}

/*
 * `run IMAGE yes | head -1`: docker's client dies and the container goes on, which a daemon looks
 * after.  Here nobody would.  PID 1 does not hear a signal that it has no handler for: with the
 * pipe closed (pass_output) it learns it as any command in a pipeline.
 */
static void stop_alone(ContainerRelay *r)
{
	const RelayOptions *o = &r->options;
	uint64_t seconds = o->stop_timeout_s ? o->stop_timeout_s : CONTAINER_STOP_TIMEOUT_S;
	r->alone = *o->user_gone = true;
	r->kill_ns = clock_mono_ns() + (int64_t)seconds * 1000000000;
	send_signal(r, o->stop_signal);
}

/* False: nobody reads there. */
static bool give_user(ContainerRelay *r, int fd, const char *bytes, size_t len)
{
	if (!r->options.foreground || r->alone)
		return true;
	AUTO_ERR Err *e = path_write_all(fd, bytes, len, "output");
	if (!e || err_errno(e) != EPIPE || !r->options.user_gone)
		return true;
	stop_alone(r);
	return false;
}

/* False: nothing more comes. */
static bool pass_output(ContainerRelay *r, Watch from)
{
	char block[65536];
	ssize_t n = read(r->fds[from], block, sizeof block);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0) /* EIO: the last user of a pseudo-terminal has gone */
		return false;
	bool read_by_user =
		give_user(r, from == AT_ERR ? STDERR_FILENO : STDOUT_FILENO, block, (size_t)n);
	if (r->options.log_fd) /* without room for it the command runs all the same */
		err_free(container_log_add(r->options.log_dir_fd, r->options.log_fd, from == AT_ERR,
		                           (Str){ block, (size_t)n }));
	if (!read_by_user) {
		closep(&r->fds[from]);
		r->fds[from] = -1;
	}
	return read_by_user;
}

static bool pass_input(ContainerRelay *r)
{
	static const char end_of_file = 4; /* ^D, what a terminal takes for it */
	char block[4096];
	ssize_t n = read(r->fds[AT_IN], block, sizeof block);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		write_best(r->fds[AT_OUT], &end_of_file, 1);
		return false;
	}
	write_best(r->fds[AT_OUT], block, (size_t)n);
	return true;
}

static void copy_window_size(const ContainerRelay *r)
{
	struct winsize size;
	if (r->options.terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(r->fds[AT_OUT], TIOCSWINSZ,
		            &size); /* a window of no size is no error */
}

/* The command waits meanwhile: it starts with the modes and the size of the user's terminal. */
static void take_terminal(ContainerRelay *r)
{
	static const char go = 1;
	int master = -1;
	AUTO_ERR Err *e = sandbox_terminal_take(r->fds[AT_TERMINAL], &master);
	if (!e) {
		r->fds[AT_OUT] = master;
		if (r->own) /* modes that it has not are no error */
			(void)tcsetattr(master, TCSANOW, &r->old_termios);
		copy_window_size(r);
		(void)send(r->fds[AT_TERMINAL], &go, 1, MSG_NOSIGNAL); /* it may have ended */
	}
	/* Without the byte, the command tells why there is no terminal. */
	closep(&r->fds[AT_TERMINAL]);
	r->fds[AT_TERMINAL] = -1;
}

/* --- signals and events ---------------------------------------------------------------------- */

static void take_signal(ContainerRelay *r)
{
	struct signalfd_siginfo info;
	if (read(r->fds[AT_SIGNAL], &info, sizeof info) != sizeof info)
		return;
	int number = (int)info.ssi_signo;
	if (number == CONTAINER_STOP_SIGNAL) {
		bool named = info.ssi_code == SI_QUEUE && info.ssi_int > 0;
		send_signal(r, named ? info.ssi_int : r->options.stop_signal);
	} else if (number == CONTAINER_KILL_SIGNAL) {
		send_signal(r, SIGKILL);
	} else if (number == SIGWINCH) {
		copy_window_size(r);
	} else {
		bool impatient = number == SIGINT || number == SIGTERM;
		/* A container left behind is ended by SIGTERM as by `stop`. */
		send_signal(r, !r->options.foreground ? r->options.stop_signal : number);
		if (impatient && ++r->insisted >= INSIST)
			cancel_set(r->options.kill);
	}
}

/* The text that follows the event, up to its NUL; it was sent with it. */
static void take_reason(ContainerRelay *r)
{
	char text[SANDBOX_REASON_MAX], one = '\1';
	size_t len = 0;
	while (one && recv(r->fds[AT_EVENT], &one, 1, MSG_DONTWAIT) == 1)
		if (one && len < sizeof text)
			text[len++] = one;
	if (r->options.unlimited)
		r->options.unlimited(r->options.context, (Str){ text, len });
}

static bool take_event(ContainerRelay *r)
{
	char event;
	ssize_t n = recv(r->fds[AT_EVENT], &event, 1, 0);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (event == SANDBOX_UNLIMITED) {
		take_reason(r);
		return true;
	}
	/* It has them: with ours closed, the pipes end when it ends. */
	for (size_t i = 0; i < ARRAY_LEN(r->command_fds); i++) {
		closep(&r->command_fds[i]);
		r->command_fds[i] = -1;
	}
	if (r->options.started)
		r->options.started(r->options.context, (SandboxEvent)event);
	return true;
}

/*
 * After the end: what is still in the pipes, and no waiting.  The event too: it was sent before the
 * run's answer, but that may have come to the main thread first.
 */
static void drain(ContainerRelay *r)
{
	static const Watch outputs[] = { AT_OUT, AT_ERR };
	struct pollfd event = { .fd = r->fds[AT_EVENT], .events = POLLIN };
	while (event.fd >= 0 && poll(&event, 1, 0) > 0 && (event.revents & POLLIN) && take_event(r))
		;
	for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
		struct pollfd p = { .fd = r->fds[outputs[i]], .events = POLLIN };
		while (p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN) &&
		       pass_output(r, outputs[i]))
			;
	}
}

/* For poll: how long the command, alone, still has; -1: for ever. */
static int wait_ms(ContainerRelay *r)
{
	enum { LONGEST_MS = 60000 };
	if (r->kill_ns == 0)
		return -1;
	int64_t left_ms = (r->kill_ns - clock_mono_ns()) / 1000000;
	if (left_ms > 0)
		return left_ms < LONGEST_MS ? (int)left_ms + 1 : LONGEST_MS;
	r->kill_ns = 0;
	send_signal(r, SIGKILL);
	return -1;
}

static void *relay_main(void *arg)
{
	ContainerRelay *r = arg;
	struct pollfd watched[WATCHED];
	for (int i = 0; i < WATCHED; i++)
		watched[i] = (struct pollfd){ .fd = r->fds[i], .events = POLLIN };
	if (r->options.terminal)
		watched[AT_IN].fd = -1; /* until there is who takes it */
	for (;;) {
		if (poll(watched, WATCHED, wait_ms(r)) < 0 && errno != EINTR)
			break;
		if (watched[AT_STOP].revents)
			break;
		if (watched[AT_SIGNAL].revents)
			take_signal(r);
		if (watched[AT_EVENT].revents && !take_event(r))
			watched[AT_EVENT].fd = -1;
		if (watched[AT_TERMINAL].revents) {
			take_terminal(r);
			watched[AT_TERMINAL].fd = -1;
			watched[AT_OUT].fd = r->fds[AT_OUT];
			watched[AT_IN].fd = r->fds[AT_OUT] < 0 ? -1 : r->fds[AT_IN];
			continue;
		}
		if (watched[AT_OUT].revents && !pass_output(r, AT_OUT))
			watched[AT_OUT].fd = -1;
		if (watched[AT_ERR].revents && !pass_output(r, AT_ERR))
			watched[AT_ERR].fd = -1;
		if (watched[AT_IN].revents && !pass_input(r))
			watched[AT_IN].fd = -1;
	}
	drain(r);
	return NULL;
}

/* --- opening --------------------------------------------------------------------------------- */

void container_hold_signals(void)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, CONTAINER_STOP_SIGNAL);
	sigaddset(&mask, CONTAINER_KILL_SIGNAL);
	(void)pthread_sigmask(SIG_BLOCK, &mask, NULL); /* of good arguments: it does not fail */
}

static Err *listen_to_signals(ContainerRelay *r)
{
	static const int passed[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH
	};
	sigset_t mask;
	sigemptyset(&mask);
	if (r->options.window_alone) {
		sigaddset(&mask, SIGWINCH);
	} else {
		for (size_t i = 0; i < ARRAY_LEN(passed); i++)
			sigaddset(&mask, passed[i]);
		sigaddset(&mask, CONTAINER_STOP_SIGNAL);
		sigaddset(&mask, CONTAINER_KILL_SIGNAL);
	}
	int failed = pthread_sigmask(SIG_BLOCK, &mask, &r->old_mask);
	if (failed)
		return err_sys(failed, "cannot block signals");
	r->fds[AT_SIGNAL] = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->fds[AT_SIGNAL] < 0 ? err_sys(errno, "cannot make a signal fd") : NULL;
}

static Err *open_pipe(int *ret_read, int *ret_write)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	*ret_read = ends[0];
	*ret_write = ends[1];
	return NULL;
}

static Err *open_terminal(ContainerRelay *r)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	r->fds[AT_TERMINAL] = ends[0];
	r->command_fds[3] = ends[1];
	/* What keeps the command from starting; the terminal is then of nobody. */
	TRY(open_pipe(&r->fds[AT_ERR], &r->command_fds[2]));
	r->own = r->options.foreground && tcgetattr(STDIN_FILENO, &r->old_termios) == 0;
	if (!r->options.interactive || !r->options.foreground)
		return NULL;
	if (r->own) {
		struct termios raw = r->old_termios;
		cfmakeraw(&raw);
		if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
			return err_sys(errno, "cannot set up the terminal");
		r->raw = true;
	}
	r->fds[AT_IN] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return NULL;
}

static Err *open_streams(ContainerRelay *r, ContainerStreams *ret)
{
	const RelayOptions *o = &r->options;
	if (o->terminal) {
		TRY(open_terminal(r));
		*ret = (ContainerStreams){ -1, -1, r->command_fds[2], r->command_fds[3] };
		return NULL;
	}
	TRY(open_pipe(&r->fds[AT_OUT], &r->command_fds[1]));
	TRY(open_pipe(&r->fds[AT_ERR], &r->command_fds[2]));
	/* -i of one left behind: an input that never comes, and never ends */
	if (o->interactive && !o->foreground)
		TRY(open_pipe(&r->command_fds[0], &r->input_fd));
	int input = o->interactive && o->foreground ? STDIN_FILENO : r->command_fds[0];
	*ret = (ContainerStreams){ input, r->command_fds[1], r->command_fds[2], 0 };
	return NULL;
}

static Err *start(ContainerRelay *r, ContainerStreams *ret_streams)
{
	int ends[2];
	TRY(listen_to_signals(r));
	TRY(open_streams(r, ret_streams));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	r->fds[AT_EVENT] = ends[0];
	r->events_command = ends[1];
	r->fds[AT_STOP] = eventfd(0, EFD_CLOEXEC);
	if (r->fds[AT_STOP] < 0)
		return err_sys(errno, "cannot make an eventfd");
	int failed = pthread_create(&r->thread, NULL, relay_main, r);
	if (failed)
		return err_sys(failed, "cannot start a thread");
	return NULL;
}

static void release(ContainerRelay *r)
{
	if (r->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &r->old_termios); /* it may be gone */
	for (size_t i = 0; i < WATCHED; i++)
		closep(&r->fds[i]);
	for (size_t i = 0; i < ARRAY_LEN(r->command_fds); i++)
		closep(&r->command_fds[i]);
	closep(&r->events_command);
	closep(&r->input_fd);
	(void)pthread_sigmask(SIG_SETMASK, &r->old_mask, NULL);
	free(r);
}

Err *container_relay_open(const RelayOptions *options, ContainerStreams *ret_streams,
                          int *ret_events_fd, ContainerRelay **ret)
{
	ContainerRelay *r = xcalloc(1, sizeof *r);
	r->options = *options;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &r->old_mask);
	for (size_t i = 0; i < WATCHED; i++)
		r->fds[i] = -1;
	for (size_t i = 0; i < ARRAY_LEN(r->command_fds); i++)
		r->command_fds[i] = -1;
	r->events_command = r->input_fd = -1;
	Err *e = start(r, ret_streams);
	if (e) {
		release(r);
		return e;
	}
	*ret_events_fd = r->events_command;
	*ret = r;
	return NULL;
}

void container_relay_close(ContainerRelay *r)
{
	uint64_t one = 1;
	(void)!write(r->fds[AT_STOP], &one, sizeof one); /* an eventfd takes it always */
	(void)pthread_join(r->thread, NULL);
	release(r);
}
