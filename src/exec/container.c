/* container.c - run an image: here and now, or left behind with a monitor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/container-internal.h"
#include "fs/path.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * A container that is left behind has a monitor: a process of this same program, forked twice while
 * there is one thread, in a session of its own, with /dev/null for its ends.  It makes the
 * container, runs it as a foreground one would be run, writes down how it ended, and ends.  The
 * caller waits on a socket until it hears that the command has started, or why not.
 */

/* Who waits for the start of a container left behind. */
typedef struct Waiter {
	int fd; /* -1: nobody */
	bool told;
} Waiter;

typedef struct Session {
	ContainerRun run;
	ContainerRecord record;
	int log_fd, lock_fd;
	int *bind_fds;
	Cancel kill;
	Waiter waiter;
	Arena heard;    /* of the relay's thread */
	Str existing;   /* the ID of one that is there already; "" it is made */
	Str unlimited;  /* why it runs without its limits; "" it has them */
	bool not_found; /* the command could not be started; its stderr says more */
	bool made_only; /* it is run later */
	bool user_gone; /* nobody reads the output of a run in the foreground */
} Session;

static void session_done(Session *s)
{
	sandbox_close(s->run.sandbox);
	if (s->run.emulated)
		emulate_close(&s->run.emulators);
	for (size_t i = 0; s->bind_fds && i < s->run.request->bind_count; i++)
		closep(&s->bind_fds[i]);
	closep(&s->run.dir_fd);
	closep(&s->log_fd);
	closep(&s->lock_fd); /* from now on it is seen as ended */
	if (s->kill.fd >= 0)
		cancel_close(&s->kill);
	arena_done(&s->heard);
}

/* --- the record ------------------------------------------------------------------------------ */

static Str describe_command(const Strs *argv, Arena *a)
{
	AUTO_BUF Buf words = BUF_INIT;
	for (size_t i = 0; i < argv->count; i++) {
		/* as docker's ps: an argument with a blank stands in quotes */
		const char *quote = i > 0 && str_find(argv->at[i], ' ') >= 0 ? "'" : "";
		buf_addf(&words, "%s%s%.*s%s", i > 0 ? " " : "", quote, STR_ARG(argv->at[i]),
		         quote);
	}
	return arena_str(a, buf_str(&words));
}

static Str describe_ports(const ContainerRequest *r, Arena *a)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < r->port_count; i++) {
		const SandboxPort *p = &r->ports[i];
		buf_addf(&text, "%s%s:%u->%u/%s", i > 0 ? ", " : "",
		         *p->host_ip ? p->host_ip : "0.0.0.0", p->host_port, p->port,
		         p->udp ? "udp" : "tcp");
	}
	return arena_str(a, buf_str(&text));
}

/* A gc that reads the record leaves what it finds in it. */
static Str describe_layers(const ImageConfig *c, Arena *a)
{
	AUTO_BUF Buf text = BUF_INIT;
	char digest[DIGEST_TEXT_LEN + 1];
	for (size_t i = 0; i < c->diff_id_count; i++)
		buf_addf(&text, "%s%s", i ? " " : "", digest_text(&c->diff_ids[i], digest).ptr);
	return arena_str(a, buf_str(&text));
}

static Err *make_record(const ContainerRequest *r, Arena *a, ContainerRecord *ret)
{
	Strs argv;
	TRY(container_argv(r, a, &argv));
	Str image_name = r->image_name.len ? r->image_name : STR("");
	if (r->image_typed.len) {
		image_name = r->image_typed;
	} else if (r->image.ref.len > 0) {
		Reference reference;
		TRY(reference_parse(a, r->image.ref, &reference));
		image_name = reference_familiar(a, &reference);
	}
	AUTO_BUF Buf request = BUF_INIT;
	container_request_write(r, &request);
	*ret = (ContainerRecord){
		.c = { .id = STR(""),
		       .name = r->name,
		       .image_id = r->image.id,
		       .image_name = image_name,
		       .command = describe_command(&argv, a),
		       .created_ns = clock_real_ns(),
		       .ports = describe_ports(r, a),
		       .monitor_mark = STR(""),
		       .request = arena_str(a, buf_str(&request)) },
		.stop_signal = r->stop_signal.len ? r->stop_signal : r->image.config.stop_signal,
		.layers = r->image_name.len ? describe_layers(&r->image.config, a) : STR(""),
		.network = STR(""),
		.remove = r->remove,
	};
	return NULL;
}

/* --- starting -------------------------------------------------------------------------------- */

static bool is_device(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

/* PATH with what is above it, on the user's own file system; written to on the way. */
static Err *make_directories(char *path)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		int failed = mkdirat(AT_FDCWD, path, 0755);
		int errnum = errno;
		*at = '/';
		if (failed && errnum != EEXIST)
			return err_sys(errnum, "cannot make the directory of the volume '%s'",
			               path);
	}
	if (mkdirat(AT_FDCWD, path, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make the directory of the volume '%s'", path);
	return NULL;
}

static Err *open_binds(Session *s)
{
	const ContainerRequest *r = s->run.request;
	s->bind_fds = arena_alloc(s->run.arena, (r->bind_count + 1) * sizeof(int), _Alignof(int));
	for (size_t i = 0; i < r->bind_count; i++)
		s->bind_fds[i] = -1;
	for (size_t i = 0; i < r->bind_count; i++) {
		/* The user's own path, on his own file system: followed as he sees it. */
		const char *path = arena_str(s->run.arena, r->binds[i].source).ptr;
		bool device = r->binds[i].kind == SANDBOX_MOUNT_DEVICE;
		if (r->binds[i].kind == SANDBOX_MOUNT_TMPFS)
			continue;
		s->bind_fds[i] = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
		if (s->bind_fds[i] < 0 && errno == ENOENT && r->binds[i].make) {
			AUTO_FREE char *copy = xstrdup(path);
			TRY(make_directories(copy));
			s->bind_fds[i] = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);
		}
		if (s->bind_fds[i] < 0)
			return err_sys(errno, "cannot open the %s '%s'",
			               device ? "device" : "volume", path);
		if (device && !is_device(s->bind_fds[i]))
			return err_new(ERR_INPUT, "'%s' is not a device", path);
	}
	s->run.bind_fds = s->bind_fds;
	return NULL;
}

/* From now on this process is whom the record names. */
static void be_monitor(Session *s)
{
	s->record.c.monitor = getpid();
	s->record.c.monitor_mark = container_own_mark(s->run.arena);
}

static Err *make_new(Session *s)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	container_hold_signals();
	TRY(make_record(s->run.request, s->run.arena, &s->record));
	if (!s->made_only)
		be_monitor(s);
	/* Until the record names the image, a gc would not know that it is needed. */
	TRY(store_lock_gc(s->run.store, false, NULL, &lock));
	TRY(container_create(s->run.store, s->run.arena, &s->record, &s->run.dir_fd, &s->lock_fd));
	int cidfile = s->run.request->cidfile_fd;
	Str id = s->record.c.id;
	return cidfile > 0 ? path_write_what(cidfile, id.ptr, id.len, "the container's ID") : NULL;
}

static Err *take_existing(Session *s)
{
	container_hold_signals();
	TRY(container_take(s->run.store, s->existing, s->run.arena, &s->record, &s->run.dir_fd,
	                   &s->lock_fd));
	be_monitor(s);
	s->record.c.started_ns = s->record.c.finished_ns = 0;
	s->record.c.exit_status = 0;
	return container_rewrite(s->run.dir_fd, &s->record);
}

static Err *prepare(Session *s)
{
	TRY(cancel_open(&s->kill));
	TRY(open_binds(s));
	TRY(s->existing.len ? take_existing(s) : make_new(s));
	TRY(container_log_open(s->run.dir_fd, &s->log_fd));
	store_release(s->run.store); /* the record keeps the image from here on */
	return container_open_sandbox(&s->run);
}

static void tell(Waiter *w, const Err *e, Str id, Str unlimited)
{
	if (w->fd < 0 || w->told)
		return;
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, e);
	wire_put_str(&bytes, id);
	wire_put_str(&bytes, unlimited);
	err_free(wire_send(w->fd, buf_str(&bytes), NULL, 0)); /* it may have been killed */
	w->told = true;
}

/* In the relay's thread; the main thread is in sandbox_run. */
static void on_started(void *context, SandboxEvent event)
{
	Session *s = context;
	if (event == SANDBOX_NOT_FOUND) {
		s->not_found = true; /* told at the end, with what it said */
		return;
	}
	s->record.c.started_ns = clock_real_ns();
	if (event == SANDBOX_STARTED_ON_HOST_NETWORK)
		s->record.network = STR("host");
	err_free(container_rewrite(s->run.dir_fd, &s->record)); /* written again at the end */
	tell(&s->waiter, NULL, s->record.c.id, s->unlimited);
}

static void warn(const ContainerRequest *r, Str unlimited)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (r->warn && unlimited.len)
		r->warn(arena_strf(&a, "memory and processors are not limited: %.*s",
		                   STR_ARG(unlimited)));
}

/* In the relay's thread, before it is started.  Of one left behind who waits is told. */
static void on_unlimited(void *context, Str reason)
{
	Session *s = context;
	s->unlimited = arena_str(&s->heard, reason);
	if (s->waiter.fd < 0)
		warn(s->run.request, reason);
}

static Err *execute(Session *s, bool foreground, const Cancel *cancel, SandboxResult *ret)
{
	const ContainerRequest *r = s->run.request;
	int stop = container_signal_number(s->record.stop_signal);
	ContainerStreams streams;
	AUTO_RELAY ContainerRelay *relay = NULL;
	RelayOptions options = {
		.foreground = foreground,
		.terminal = r->terminal,
		.interactive = r->interactive,
		.log_dir_fd = s->run.dir_fd,
		.log_fd = &s->log_fd,
		.stop_signal = stop > 0 ? stop : SIGTERM,
		.stop_timeout_s = r->stop_timeout_s,
		.user_gone = foreground ? &s->user_gone : NULL,
		.kill = &s->kill,
		.started = on_started,
		.unlimited = on_unlimited,
		.context = s,
	};
	int events_fd;
	TRY(cancel_check(cancel));
	TRY(container_relay_open(&options, &streams, &events_fd, &relay));
	return container_exec(&s->run, &streams, events_fd, &s->kill, ret);
}

/* --- ending ---------------------------------------------------------------------------------- */

/* Why the command of a container left behind did not start: the end of what it said. */
static Err *start_failure(const Session *s, int status)
{
	AUTO_BUF Buf text = BUF_INIT;
	container_log_first(s->run.dir_fd, &text);
	Str said = str_trim(buf_str(&text));
	Str own_prefix = STR("decant: "); /* of src/sandbox/command.c */
	if (str_starts(said, own_prefix))
		said = str_from_at(said, own_prefix.len);
	if (said.len == 0)
		said = STR("the command could not be started");
	return err_set_exit_status(err_new(ERR_RUN, "%.*s", STR_ARG(said)), status);
}

static Err *finish(Session *s, const Err *failure, const SandboxResult *result)
{
	Str id = s->record.c.id;
	if (s->run.dir_fd < 0)
		return NULL; /* it has not come into being */
	s->record.c.finished_ns = clock_real_ns();
	s->record.c.exit_status = failure ? 128 : result->exit_status;
	/* Who waits has this file open, and reads it when all else is removed. */
	if (ftruncate(s->lock_fd, 0) == 0)
		dprintf(s->lock_fd, "%d\n", s->record.c.exit_status);
	Err *e = container_rewrite(s->run.dir_fd, &s->record);
	/* One that never started is of no use to anybody. */
	bool remove =
		s->record.remove || (failure && s->record.c.started_ns == 0 && !s->existing.len);
	return e ? e : remove ? container_delete(s->run.store, id) : NULL;
}

/* The whole life of a container; *ret_status as `docker run` ends. */
static Err *live(Session *s, bool foreground, const Cancel *cancel, int *ret_status)
{
	SandboxResult result = { 0 };
	Err *e = prepare(s);
	if (!e)
		e = execute(s, foreground, cancel, &result);
	if (e && err_kind(e) == ERR_CANCELLED && cancel_requested(&s->kill)) {
		/* The user insisted: for him it is an end like any other. */
		err_free(e);
		e = NULL;
		result.exit_status = 128 + SIGKILL;
	}
	if (!e && s->not_found && !foreground)
		e = start_failure(s, result.exit_status);
	sandbox_close(TAKE_PTR(s->run.sandbox)); /* nothing is mounted or running after it */
	AUTO_ERR Err *e2 = finish(s, e, &result);
	tell(&s->waiter, e ? e : e2, s->record.c.id, s->unlimited);
	/* As a client ends that writes where nobody reads. */
	*ret_status = s->user_gone ? 128 + SIGPIPE : result.exit_status;
	if (e)
		return e;
	return TAKE_PTR(e2);
}

/* --- left behind ----------------------------------------------------------------------------- */

/* Nothing of the caller's is kept but the socket: not its terminal, not its locks, not its store.
 */
static Err *leave_caller(int *fd)
{
	enum { KEPT = 3 };
	if (setsid() < 0)
		return err_sys(errno, "cannot start a session");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_sys(errno, "cannot open '/dev/null'");
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, 16);
	if (high < 0)
		return err_sys(errno, "cannot duplicate a file descriptor");
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			return err_sys(errno, "cannot redirect standard input and output");
	if (dup3(high, KEPT, O_CLOEXEC) < 0 || syscall(SYS_close_range, KEPT + 1, ~0u, 0u) < 0)
		return err_sys(errno, "cannot close the caller's files");
	*fd = KEPT;
	(void)prctl(PR_SET_NAME, "decant-monitor");
	return NULL;
}

NORETURN static void monitor_main(const char *store_root, const ContainerRequest *request,
                                  Str existing, int fd)
{
	AUTO_ARENA Arena arena = ARENA_INIT;
	Session s = { .run = { .request = request, .arena = &arena, .dir_fd = -1 },
		      .log_fd = -1,
		      .lock_fd = -1,
		      .kill = { .fd = -1 },
		      .waiter = { .fd = -1 },
		      .existing = existing };
	int status = 0;
	Err *e = leave_caller(&fd);
	s.waiter.fd = fd;
	s.record.c.id = STR("");
	s.run.record = &s.record;
	if (!e)
		e = store_open(store_root, &s.run.store);
	if (!e)
		e = live(&s, false, NULL, &status);
	tell(&s.waiter, e, STR(""), STR(""));
	err_free(e);
	session_done(&s);
	if (s.run.store)
		store_close(s.run.store); /* its scratch directory goes */
	_exit(0);
}

static Err *run_detached(Store *store, const ContainerRequest *request, Str existing,
                         const Cancel *cancel, Arena *a, Str *ret_id)
{
	int ends[2];
	bool end = false;
	TRY(cancel_check(cancel));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(errno, "cannot start the container's monitor");
	if (pid == 0) {
		/* Twice: the monitor is nobody's child here, and no zombie when it ends. */
		pid = fork();
		if (pid == 0)
			monitor_main(store_path(store), request, existing, theirs);
		_exit(pid < 0);
	}
	close(TAKE_FD(theirs));
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	TRY(wire_recv(mine, &bytes, &none, &end));
	if (end)
		return err_new(ERR_SYSTEM, "the container's monitor died at its start");
	WireReader r = { .rest = buf_str(&bytes) };
	TRY(wire_get_err(&r));
	*ret_id = arena_str(a, wire_get_str(&r));
	warn(request, wire_get_str(&r));
	return NULL;
}

/* --- here and now ---------------------------------------------------------------------------- */

static Err *run_foreground(Store *store, const ContainerRequest *request, Str existing,
                           const Cancel *cancel, Arena *a, Str *ret_id, int *ret_status)
{
	Session s = { .run = { .store = store, .request = request, .arena = a, .dir_fd = -1 },
		      .log_fd = -1,
		      .lock_fd = -1,
		      .kill = { .fd = -1 },
		      .waiter = { .fd = -1 },
		      .existing = existing };
	s.run.record = &s.record;
	Err *e = live(&s, true, cancel, ret_status);
	*ret_id = s.record.c.id;
	session_done(&s);
	return e;
}

static Err *run(Store *s, const ContainerRequest *request, Str existing, const Cancel *cancel,
                Arena *a, Str *ret_id, int *ret_status)
{
	TRY(sandbox_enter());
	if (request->detach) {
		*ret_status = 0;
		return run_detached(s, request, existing, cancel, a, ret_id);
	}
	TRY(store_reopen(s)); /* its directories, in the mount namespace that we are in now */
	return run_foreground(s, request, existing, cancel, a, ret_id, ret_status);
}

Err *container_run(Store *s, const ContainerRequest *request, const Cancel *cancel, Arena *a,
                   Str *ret_id, int *ret_status)
{
	return run(s, request, STR(""), cancel, a, ret_id, ret_status);
}

/* --- made now, run later --------------------------------------------------------------------- */

Err *container_make(Store *store, const ContainerRequest *request, Arena *a, Str *ret_id)
{
	Session s = { .run = { .store = store, .request = request, .arena = a, .dir_fd = -1 },
		      .log_fd = -1,
		      .lock_fd = -1,
		      .kill = { .fd = -1 },
		      .made_only = true };
	Err *e = make_new(&s);
	*ret_id = s.record.c.id;
	session_done(&s);
	return e;
}

Err *container_start(Store *s, const Container *c, const ContainerStart *how, const Cancel *cancel,
                     Arena *a, int *ret_status)
{
	ContainerRequest request;
	Str id;
	TRY(container_request_read(c, a, &request));
	TRY(image_read(s, &c->image_id, a, &request.image));
	request.detach = !how->attach;
	request.warn = how->warn;
	request.remove = false; /* as its record has it */
	if (how->attach)        /* what is not connected is not open */
		request.interactive = how->interactive;
	return run(s, &request, c->id, cancel, a, &id, ret_status);
}
