/* container_join.c - one more command in a container that runs: `exec`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/container-internal.h"
#include "exec/container_tree.h"

#include <sys/pidfd.h>

/* The container's PID 1, and a fd that is it and nobody else. */
static Err *open_first(const Container *c, pid_t *ret_pid, int *ret_fd)
{
	pid_t again = 0;
	TRY(tree_first_process(c, ret_pid));
	AUTO_CLOSE int fd = pidfd_open(*ret_pid, 0);
	if (fd < 0)
		return err_sys(errno, "cannot reach the container's process");
	/* The number may have become another's before the fd was open; not after it. */
	TRY(tree_first_process(c, &again));
	if (again != *ret_pid)
		return err_new(ERR_SYSTEM, "container '%.*s' is just ending", STR_ARG(c->name));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* The container's own request with the command of this one. */
static Err *make_request(Store *s, const Container *c, const ContainerExec *what, Arena *a,
                         ContainerRequest *r)
{
	TRY(container_request_read(c, a, r));
	TRY(image_read(s, &c->image_id, a, &r->image));
	Str arch = r->image.config.platform.arch;
	if (!str_eq(arch, platform_host().arch) && emulate_find(arch) == EMULATION_WITHIN)
		return err_new(ERR_INPUT,
		               "exec in a container for another processor (%.*s) cannot "
		               "be done",
		               STR_ARG(arch));
	r->entrypoint = (Strs){ .set = true };
	r->command = what->command;
	for (size_t i = 0; i < what->env.count; i++)
		strs_push(a, &r->env, what->env.at[i]);
	r->user = what->user.len ? what->user : r->user;
	r->working_dir = what->working_dir.len ? what->working_dir : r->working_dir;
	r->terminal = what->terminal;
	r->interactive = what->interactive;
	r->privileged = r->privileged || what->privileged;
	return NULL;
}

static Err *run_here(ContainerRun *run, SandboxJoin *join, const Cancel *cancel, SandboxResult *ret)
{
	ContainerStreams streams = { -1, -1, -1, 0 };
	CLEANUP(cancel_close) Cancel kill = { .fd = -1 };
	AUTO_RELAY ContainerRelay *relay = NULL; /* sets it: closed first */
	SandboxSpec spec;
	int events_fd = 0;
	RelayOptions options = {
		.foreground = true,
		.terminal = run->request->terminal,
		.interactive = run->request->interactive,
		.stop_signal = SIGTERM,
		.kill = &kill,
	};
	TRY(cancel_check(cancel));
	TRY(cancel_open(&kill));
	TRY(container_relay_open(&options, &streams, &events_fd, &relay));
	TRY(container_command(run, &streams, events_fd, &spec));
	return sandbox_join_run(join, &spec, &kill, ret);
}

static Err *run_behind(ContainerRun *run, SandboxJoin *join, const Cancel *cancel,
                       SandboxResult *ret)
{
	ContainerStreams streams = { -1, -1, -1, 0 };
	SandboxSpec spec;
	TRY(container_command(run, &streams, 0, &spec));
	return sandbox_join_run(join, &spec, cancel, ret);
}

Err *container_join(Store *s, const Container *c, const ContainerExec *what, const Cancel *cancel,
                    Arena *a, int *ret_status)
{
	pid_t pid;
	int fd;
	ContainerRequest request;
	ContainerRecord record = { .c = *c };
	SandboxResult result = { 0 };
	AUTO_JOIN SandboxJoin join = { 0 };
	if (!c->running)
		return err_new(ERR_INPUT, "container '%.*s' is not running", STR_ARG(c->name));
	TRY(make_request(s, c, what, a, &request));
	TRY(open_first(c, &pid, &fd));
	AUTO_CLOSE int first = fd;
	ContainerRun run = {
		.store = s, .request = &request, .record = &record, .dir_fd = -1, .arena = a
	};
	TRY(sandbox_join(pid, first, what->detach, &join));
	TRY(what->detach ? run_behind(&run, &join, cancel, &result)
	                 : run_here(&run, &join, cancel, &result));
	*ret_status = result.exit_status;
	return NULL;
}
