/*
 * sandbox-internal.h - what the files of this module share.
 *
 * PROCESSES  main ── control socket ── server (zygote.c, single-threaded, forked by sandbox_open)
 *                                        └ supervisor, one a run at a time (supervise.c): overlay,
 *                                          clones of bind sources, network; waits, answers, cleans
 *                                          up, and serves the next run that comes to its socket
 *                                            └ PID 1 of the run (inside.c): mounts, pivot, rights
 *                                              dropped, filter, exec of the gate (gate.c), which
 *                                              execs the command
 *            The main process and the run's supervisor talk over a socket pair of their own.
 * DEATH      Nobody is left behind: a supervisor that loses the main process (its control socket
 *            hangs up) or the caller (its run socket hangs up) kills PID 1, and with PID 1 the
 *            kernel kills all of that pid namespace.  PID 1 dies with its supervisor by
 *            PR_SET_PDEATHSIG.
 * NAMESPACES server and supervisors stay in the mount namespace of the main process: the kernel
 *            mounts an overlay, or clones a bind mount, only from mounts of the caller's own
 *            namespace (check_mnt), and the fds come from the main process.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/net.h"
#include "sandbox/request.h"

#include <linux/filter.h>

#define SANDBOX_HOSTNAME "decant" /* where the spec names none */

/* Facts about this machine and process, found once by the server and constant from then on. */
typedef struct Host {
	int scratch_fd;           /* the caller's directory: mount point inside, "empty" below it */
	int empty_fd;             /* an empty directory */
	int control_fd;           /* the server's end; hangs up when the main process is gone */
	bool user_namespace;      /* not the initial one: user xattrs, device nodes by bind mount */
	bool lowerdir_plus;       /* overlay takes "lowerdir+" (Linux 6.7) */
	bool cgroup2;             /* /sys/fs/cgroup is a cgroup2 file system */
	struct sock_fprog filter; /* seccomp */
	int gate_fd;              /* of gate_open() */
	Nat *nat;                 /* NULL: not started */
} Host;

/* --- enter.c: does this process have CAP_SYS_ADMIN? */
bool enter_may_mount(void);

/* --- zygote.c -------------------------------------------------------------------------------- */
enum { ZYGOTE_RUN = 'R', ZYGOTE_RUN_WITH_NAT = 'N', ZYGOTE_WARM_NETWORK = 'W' };
/* Serve requests from CONTROL_FD until it hangs up.  SCRATCH_FD as in sandbox_open. */
NORETURN void zygote_main(int control_fd, int scratch_fd);

/* Facts, from HOST's scratch_fd; makes that the working directory. */
NODISCARD Err *zygote_learn_host(Host *host);

/* --- supervise.c ----------------------------------------------------------------------------- */
/* One run after the other: request from RUN_FD, answer to it, until it hangs up.  RUN: counts the
 * supervisors of this server. */
NORETURN void supervise_main(const Host *host, int run_fd, unsigned run);

/* --- root.c ---------------------------------------------------------------------------------- */
/* Mount the spec's layers: *ret_fd is a detached mount, gone with its last fd unless attached. */
NODISCARD Err *root_mount(const Host *host, const SandboxSpec *spec, unsigned run, int *ret_fd);
/* The same for a mount of kind LAYERS. */
NODISCARD Err *root_mount_layers(const Host *host, const SandboxMount *m, unsigned run,
                                 int *ret_fd);
/* Tests: mount as on a kernel before 6.7.  To be called before sandbox_open. */
void root_force_old_api(bool on);
bool root_forced_old_api(void);
/* A detached clone of what FD (of this mount namespace) refers to; no devices work in it. */
NODISCARD Err *root_clone(int fd, bool read_only, int *ret_fd);
/* The same for a device node that is to work. */
NODISCARD Err *root_clone_device(int fd, int *ret_fd);

/* --- target.c: mount points ------------------------------------------------------------------ */
/* One that had to be made, to be removed again. */
typedef struct Stub {
	char *path; /* canonical, relative to the root */
	bool directory;
} Stub;

/* A directory above a stub, as it is in the upper directory once all stubs are made. */
typedef struct StubParent {
	char *path;   /* canonical, relative to the root; "" the root itself */
	bool existed; /* in the upper directory before; else it was copied up for the stub alone */
	int64_t ctime_ns;
} StubParent;

typedef struct Stubs {
	VEC(Stub) made;
	VEC(StubParent) parents; /* a parent stands before what is below it */
} Stubs;

/*
 * Find PATH in the root for mounting a directory or a file on it; symlinks are followed as if the
 * root were "/".  What is missing is made, and added to STUBS.  *ret_fd: O_PATH.
 * ERR_INPUT: a file is there where a directory is wanted, or the other way round.
 */
NODISCARD Err *target_open(const SandboxSpec *spec, int root_fd, const char *path, bool directory,
                           Stubs *stubs, int *ret_fd);
/* To be called once all are made, before the command runs. */
void target_seal_stubs(int upper_fd, Stubs *stubs);
/* Remove them from the upper directory, and the directories that were copied up only to hold them,
 * so that no layer shows that something was mounted.  Never follows a link the command has left. */
void target_remove_stubs(int upper_fd, const Stubs *stubs);
void target_free_stubs(Stubs *stubs);
void target_encode_stubs(const Stubs *stubs, Buf *bytes);
void target_decode_stubs(WireReader *r, Stubs *stubs);

/* --- mounts.c: what every root gets ---------------------------------------------------------- */
typedef struct Inside Inside;
/* /dev /proc /sys, /etc/hosts and its like, the spec's own mounts; before the pivot, below ROOT_FD.
 */
/* *ret_terminal_fd: the spec's terminal, -1 without one. */
NODISCARD Err *mounts_make(const Inside *in, Stubs *stubs, int *ret_terminal_fd);

/* Make DIR of the root the working directory. */
NODISCARD Err *mounts_enter(int root_fd, const char *dir);
/* TREE_FD, detached, onto TARGET_FD; WHAT: for messages. */
NODISCARD Err *mounts_attach(int tree_fd, int target_fd, const char *what);

/* --- given.c: the caller's mounts ------------------------------------------------------------ */
/* Once mounts_make has made /dev. */
NODISCARD Err *given_make(const Inside *in, Stubs *stubs);

/* --- memory.c -------------------------------------------------------------------------------- */
/* A detached tmpfs as M has it; without DEVICES none works in it. */
NODISCARD Err *memory_mount(const Host *host, const SandboxMount *m, bool devices, int *ret_fd);

/* --- cgroup.c: limits of resources ----------------------------------------------------------- */
enum { CGROUPS_MAX = 4 }; /* memory, cpu, cpuset of version 1 lie apart */
typedef struct Cgroups {
	int procs_fds[CGROUPS_MAX]; /* a process that writes "0" is in */
	char *paths[CGROUPS_MAX];   /* to be removed */
	size_t count;
} Cgroups;
bool cgroup_wanted(const SandboxResources *r);
/* Make cgroups for one run with the limits of R set. */
NODISCARD Err *cgroup_make(const SandboxResources *r, unsigned run, Cgroups *ret);
/* This process, and what it starts, is in them from now on. */
NODISCARD Err *cgroup_join(const Cgroups *c);
/* The same for those that a run of ours made for PID; of one that has none nothing is joined. */
NODISCARD Err *cgroup_join_of(pid_t pid);
/* When all its processes are gone. */
void cgroup_remove(Cgroups *c);

/* --- rights.c: what the command may not do --------------------------------------------------- */
/* Capabilities down to docker's default set, ids, groups, seccomp filter; in the order the kernel
 * needs.  After it this process can do no more than the command. */
NODISCARD Err *rights_drop(const Host *host, const SandboxSpec *spec);

/* --- filter.c -------------------------------------------------------------------------------- */
NODISCARD Err *filter_build(struct sock_fprog *ret); /* docker's default profile as BPF, malloc'd */

/* --- gate.c ---------------------------------------------------------------------------------- */
/* The gate, for gate_pass(); -1: there is none for this processor, or memory may not be executed.
 */
int gate_open(void);
/* Become the gate, which becomes FILE.  Returns only if the former fails: errno.  The latter's
 * errno comes to REPORT_FD as one byte. */
int gate_pass(int gate_fd, int report_fd, const char *file, const char *const *argv,
              const char *const *env);

/* --- command.c ------------------------------------------------------------------------------- */
/* Look argv[0] up in PATH as execvp does, but with the command's own environment, and become it, by
 * GATE_FD unless that is -1.  Does not return: what keeps it from starting is said on stderr and by
 * an empty message to REPORT_FD, status 126 or 127; or comes from the gate. */
NORETURN void command_become(const SandboxSpec *spec, int gate_fd, int report_fd);
/* For who gets the errno of the gate: say it on STDERR_FD (-1: nowhere), as command_become() would;
 * the status that the command ends with. */
int command_explain(const SandboxSpec *spec, int stderr_fd, int errnum);

/* --- inside.c: PID 1 ------------------------------------------------------------------------- */
struct Inside {
	const Host *host;
	const SandboxSpec *spec;
	int root_fd;         /* the detached overlay */
	const int *bind_fds; /* one a mount of the spec; -1 for tmpfs */
	int report_fd;       /* to the supervisor: stubs, an error; close-on-exec tells success */
	bool own_network;
	Str resolv_conf;
	const Cgroups *cgroups;
};
NORETURN void inside_main(const Inside *in);
/* 0, 1, 2 are the spec's; or TERMINAL_FD, if it is one, which becomes the controlling terminal. */
NODISCARD Err *inside_set_stdio(const SandboxSpec *spec, int terminal_fd);
/* The working directory; ERR_INPUT if it is none of the root's. */
NODISCARD Err *inside_enter_cwd(const char *cwd);

/* --- terminal.c ------------------------------------------------------------------------------ */
/* A pseudo-terminal of PTMX, a path; its master is the caller's (SandboxSpec.terminal_fd) once this
 * returns. */
NODISCARD Err *terminal_open(const SandboxSpec *spec, const char *ptmx, int *ret_slave_fd);

/* --- sandbox.c ------------------------------------------------------------------------------- */
/* The answer to the request that RUN_FD has got; CANCEL hangs it up first. */
NODISCARD Err *sandbox_await(int run_fd, const SandboxSpec *spec, const Cancel *cancel,
                             SandboxResult *ret, bool *ret_reusable);
