/*
 * container-internal.h - what the container_*.c files share.
 *
 * ON DISK  containers/<id>/container.json   what ContainerRecord holds, sealed; gc reads the image
 * ID in it
 *          containers/<id>/lock             flock'ed by the process that runs it, as long as it lives; then
 *                                           its exit status.  Others who need it not to be started hold it
 *                                           too: a held lock alone does not say that it runs
 *          containers/<id>/log.lines        stdout and stderr, line by line (container_log.c)
 *          containers/<id>/log.lines.1      what came before it
 *          containers/<id>/log              the same of older versions, without times
 *          containers/<id>/{upper,work}     of its overlay; scratch: the sandbox's
 *          A directory gets its name when it is complete, and loses it before it is taken apart.
 * SIGNALS  to the process that runs it: CONTAINER_STOP_SIGNAL passes the image's STOPSIGNAL on, or the signal
 *          whose number comes with it;
 *          CONTAINER_KILL_SIGNAL kills the command.  Real-time ones, which nobody else uses.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/container.h"
#include "sandbox/emulate.h"

#include <signal.h>

#define CONTAINER_STOP_SIGNAL (SIGRTMIN + 3)
#define CONTAINER_KILL_SIGNAL (SIGRTMIN + 4)

typedef struct ContainerRecord {
	Container c;
	Str stop_signal; /* of the image, "" for SIGTERM */
	Str layers;      /* "sha256:... ...": of what is no image, for the gc; "" */
	Str network;     /* "", or why the host's network is used */
	bool remove;     /* when it ends */
} ContainerRecord;

/* --- container_state.c ----------------------------------------------------------------------- */
/* Make containers/<id> with the record in it and its lock held by *ret_lock_fd. An empty name is
 * made up.  ERR_INPUT: the name is taken or malformed. */
NODISCARD Err *container_create(Store *s, Arena *a, ContainerRecord *r, int *ret_dir_fd,
                                int *ret_lock_fd);
NODISCARD Err *container_write(int dir_fd, const ContainerRecord *r);
/* The same of one that others may have renamed meanwhile: the name stays that on disk. */
NODISCARD Err *container_rewrite(int dir_fd, ContainerRecord *r);
/* Take one that is there and does not run, as container_create() gives a new one: its lock, empty
 * directories for what is made anew.  ERR_INPUT: it runs. */
NODISCARD Err *container_take(Store *s, Str id, Arena *a, ContainerRecord *ret, int *ret_dir_fd,
                              int *ret_lock_fd);
/* The record of containers/NAME; c.running: its lock is held, it has not ended, and the process
 * that the record names lives, as far as can be told from here. */
NODISCARD Err *container_read(int dir_fd, Arena *a, ContainerRecord *ret);
NODISCARD Err *container_open_dir(Store *s, Str id, int *ret_fd);
/* Does a process hold its lock? */
bool container_is_held(int dir_fd);
/* Out of sight at once, then gone. */
NODISCARD Err *container_delete(Store *s, Str id);

/* --- container_monitor.c --------------------------------------------------------------------- */
typedef enum MonitorState {
	MONITOR_GONE,
	MONITOR_LIVES,
	MONITOR_ELSEWHERE, /* its number says nothing here, or nothing tells whose it is */
} MonitorState;
/* What Container.monitor_mark is of this process: "BOOT NAMESPACE START"; "" if it cannot be told.
 */
Str container_own_mark(Arena *a);
MonitorState container_monitor_state(const Container *c);
/* A fd that is the process that runs it, or is just ending it, and nobody else; *ret_fd -1: there
 * is none. */
NODISCARD Err *container_open_monitor(int dir_fd, int *ret_fd);
/* Its lock, so that nobody starts it: waits a while for one that just ends, or whose files another
 * process reads.  *ret_fd -1: it runs (*ret_running), or is in use. */
NODISCARD Err *container_lock_ended(int dir_fd, int *ret_fd, bool *ret_running);
/* ERR_INPUT: another process holds the lock of one that does not run. */
NODISCARD Err *container_in_use(Str name);

/* --- container_request.c --------------------------------------------------------------------- */
void container_request_write(const ContainerRequest *r, Buf *json);

/* --- container_exec.c ------------------------------------------------------------------------ */
/* How a command's ends are connected. */
typedef struct ContainerStreams {
	int stdin_fd, stdout_fd, stderr_fd;
	int terminal_fd; /* SandboxSpec's; 0: none */
} ContainerStreams;

typedef struct ContainerRun {
	Store *store;
	const ContainerRequest *request;
	ContainerRecord *record;
	int dir_fd;
	const int *bind_fds; /* one a bind of the request */
	Arena *arena;
	Sandbox *sandbox;
	Emulators emulators; /* of an image for another processor */
	bool emulated;
} ContainerRun;

/* Its layers as directories, top first, each once; room for one more in *RET. */
NODISCARD Err *container_lowers(Store *s, const ImageConfig *c, Arena *a, int **ret,
                                size_t *ret_count);
/* The sandbox server; while this process still has one thread. */
NODISCARD Err *container_open_sandbox(ContainerRun *run);
/* Run the command to its end. */
NODISCARD Err *container_exec(ContainerRun *run, const ContainerStreams *streams, int events_fd,
                              const Cancel *cancel, SandboxResult *ret);
/* What of a spec is the command's: argv, environment, user, rights, its ends. */
NODISCARD Err *container_command(const ContainerRun *run, const ContainerStreams *streams,
                                 int events_fd, SandboxSpec *ret);

/* --- container_log.c ------------------------------------------------------------------------- */
/* To write to. */
NODISCARD Err *container_log_open(int dir_fd, int *ret_fd);
/* BYTES that came now, of standard error or of standard output.  A full file is put aside and
 * *LOG_FD another one. */
NODISCARD Err *container_log_add(int dir_fd, int *log_fd, bool is_error, Str bytes);
/* How it begins: the first lines, as they were written. */
void container_log_first(int dir_fd, Buf *text);

/* --- container_relay.c ----------------------------------------------------------------------- */
/*
 * The threads beside a running command: output to the user and the log, the user's terminal,
 * signals. Opened after the sandbox; closed when the command has ended, which flushes what it
 * wrote.
 */
typedef struct ContainerRelay ContainerRelay;
typedef struct RelayOptions {
	bool foreground; /* signals of the user are passed on; output to stdout and stderr */
	bool terminal, interactive;
	bool window_alone; /* of signals, only the window's: others end the build around it */
	int log_dir_fd;
	int *log_fd; /* of container_log_open(); NULL: no log.  The relay's until it is closed */
	int stop_signal;
	uint64_t stop_timeout_s; /* 0: the usual */
	/* Set when nobody reads what goes to the user any more: the command then finds its output
	 * closed, and is stopped as by `stop`.  NULL: it runs on. */
	bool *user_gone;
	Cancel *kill; /* set when the user insists */
	/* Called once, from a thread, when the command has started or could not be. */
	void (*started)(void *context, SandboxEvent event);
	/* Before that, if its resources cannot be limited; NULL: nobody asks. */
	void (*unlimited)(void *context, Str reason);
	void *context;
} RelayOptions;
/* CONTAINER_STOP_SIGNAL and CONTAINER_KILL_SIGNAL wait from now on until a relay takes them, and
 * with none end nobody: from before its lock is taken to its end, a process may get them at any
 * moment. */
void container_hold_signals(void);
/* Blocks the signals it listens to in the calling thread: before any other thread is started. */
NODISCARD Err *container_relay_open(const RelayOptions *options, ContainerStreams *ret_streams,
                                    int *ret_events_fd, ContainerRelay **ret);
void container_relay_close(ContainerRelay *relay);
static inline void container_relay_closep(ContainerRelay **r)
{
	if (*r)
		container_relay_close(*r);
}
#define AUTO_RELAY CLEANUP(container_relay_closep)
