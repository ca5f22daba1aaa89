/*
 * sandbox.h - run one command in a root file system made of layers, and nothing else of the host.
 *
 * WHAT     Two lives.  sandbox_enter() turns THIS process, while it is still single-threaded, into
 *          one that may mount: root gets a private mount namespace; an ordinary user gets a user
 *          namespace with its subordinate ids (newuidmap/newgidmap) and a mount namespace.  From then
 *          on the process is uid 0 there and may create layer files with any owner.
 *          sandbox_open() then forks a small single-threaded server process ("zygote"); worker
 *          threads ask it by a socket to run commands.  Each run: a supervisor child makes the
 *          namespaces, mounts overlay + /proc /sys /dev, pivots, drops capabilities, loads the
 *          seccomp filter and execs the command as PID 1 of its pid namespace.
 * LIFE     Everything dies with the process that opened the Sandbox (PR_SET_PDEATHSIG, pid
 *          namespaces, private mount namespaces): kill -9 leaves no mount and no process.
 * ERRORS   ERR_SYSTEM   a mount or clone failed; note says what to set (sysctl, subuid, AppArmor)
 *          ERR_INPUT    cwd or user cannot be used
 *          ERR_CANCELLED the Cancel was set while the command ran
 *          A command that ends non-zero is no error here: see SandboxResult.
 * SOURCE   user_namespaces(7), overlayfs.rst, OCI runtime-spec config-linux.md (default devices,
 *          masked paths), docker's default seccomp profile and capability set
 * THREADS  sandbox_run may be called from many threads at once
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "base/err.h"

/* --- becoming able to mount ------------------------------------------------------------------ */

typedef enum SandboxRung {
	SANDBOX_ROOT,   /* root in the initial user namespace: trusted.overlay.* xattrs */
	SANDBOX_SUBIDS, /* user namespace with subordinate ids: user.overlay.* xattrs */
	SANDBOX_NESTED, /* uid 0 of a user namespace we did not make (a container): user.overlay.*
	                 */
} SandboxRung;

/* Idempotent; must be called before the first thread is started. */
NODISCARD Err *sandbox_enter(void);
bool sandbox_entered(void);
/* Which rung this process is, or would be, on.  Reads only /proc and ids: no side effect. */
SandboxRung sandbox_rung(void);
/* "trusted.overlay." or "user.overlay.": the prefix of overlay's own xattrs on this rung. */
const char *sandbox_overlay_prefix(void);
/* Has the directory that sandbox_init_lower() made just what it put there? */
bool sandbox_init_is_whole(int dir_fd, const char *name);

/* --- the server ------------------------------------------------------------------------------ */

typedef struct Sandbox Sandbox;

typedef enum SandboxNetwork {
	SANDBOX_NET_DEFAULT, /* own namespace, user-mode NAT; host's with a note where no tun can be
	                        had */
	SANDBOX_NET_NONE,    /* own namespace, only lo */
	SANDBOX_NET_HOST,
} SandboxNetwork;

typedef enum SandboxMountKind {
	SANDBOX_MOUNT_BIND,   /* source_fd onto target */
	SANDBOX_MOUNT_DEVICE, /* the same, for a device node that is to work */
	SANDBOX_MOUNT_TMPFS,
	SANDBOX_MOUNT_LAYERS, /* a tree of layers of its own, or a part of it */
	SANDBOX_MOUNT_FILE,   /* a file in memory, with the bytes of source_fd: for secrets */
} SandboxMountKind;

/* Fds are borrowed. */
typedef struct SandboxMount {
	SandboxMountKind kind;
	int source_fd;      /* O_PATH fd of a file or directory (BIND, DEVICE); readable (FILE) */
	const char *target; /* absolute path in the root; followed as if the root were "/" */
	bool read_only;
	uint64_t size_bytes; /* TMPFS; 0: the kernel's default */
	/* LAYERS: as those of a root (see SandboxSpec); upper_fd -1: read-only */
	const int *lower_fds;
	size_t lower_count;
	int upper_fd, work_fd;
	const char *part;  /* LAYERS: what of it is mounted; "" all */
	uint32_t uid, gid; /* FILE */
	uint32_t mode;     /* FILE; TMPFS: of its root, 0: the kernel's default */
} SandboxMount;

/* One of setrlimit(2). */
typedef struct SandboxLimit {
	int resource; /* RLIMIT_... */
	uint64_t soft, hard;
	const char *name; /* for messages */
} SandboxLimit;

/* What the command may use of the machine; 0: no limit.  By cgroups. */
typedef struct SandboxResources {
	uint64_t memory_bytes;
	int64_t memory_swap_bytes; /* memory and swap together; -1: swap without limit */
	uint64_t cpu_shares;       /* relative, 1024 is usual */
	uint64_t cpu_period_us, cpu_quota_us;
	const char *cpuset_cpus, *cpuset_mems; /* "0-3,5"; NULL: all */
	const char *cgroup_parent;             /* below the root of the cgroups; NULL: ours */
} SandboxResources;

typedef struct SandboxPort {
	uint16_t host_port, port; /* TCP unless udp */
	bool udp;
	const char *host_ip; /* "" all */
} SandboxPort;

typedef struct SandboxSpec {
	/* root file system: overlay; lowers[0] is the TOP layer. All are O_PATH directory fds,
	 * borrowed. */
	const int *lower_fds;
	size_t lower_count;
	int upper_fd, work_fd; /* -1: no upper, the root is read-only */

	const char *const
		*argv; /* NULL-terminated; argv[0] is looked up in env's PATH inside the root */
	const char *const *env; /* NULL-terminated "K=V" */
	const char *cwd;        /* absolute, inside the root; must exist (opened in the root,
	                           CVE-2024-21626) */
	uint32_t uid, gid;
	const uint32_t *groups; /* supplementary */
	size_t group_count;

	const char *hostname;    /* also in /etc/hosts; NULL: "decant" */
	const char *extra_hosts; /* lines to add to /etc/hosts, "" none */
	SandboxNetwork network;
	const SandboxPort *ports; /* only with NET_DEFAULT (for `run -p`) */
	size_t port_count;
	const SandboxMount *mounts;
	size_t mount_count;
	uint64_t shm_bytes; /* of /dev/shm; 0: 64 MiB */
	/* All rights that this process has: capabilities, no seccomp filter, nothing masked; as
	 * root devices too. */
	bool insecure;
	bool read_only;          /* the root, but not what is mounted in it */
	bool unconfined;         /* no seccomp filter */
	bool no_new_privs;       /* set-uid programs give nothing */
	uint64_t cap_add;        /* bits of capabilities(7) beside docker's default ones ... */
	uint64_t cap_drop;       /* ... and which of all these are taken away again */
	const char *resolv_conf; /* the file's text; NULL: as the network has it */
	const SandboxLimit *limits;
	size_t limit_count;
	SandboxResources resources;

	int stdin_fd;             /* -1: /dev/null */
	int stdout_fd, stderr_fd; /* may be the same; borrowed */
	/* With LOG: the read end of the pipe that stdout_fd and stderr_fd write to, borrowed, made
	 * non-blocking.  What comes out of it goes to LOG, in this thread, and all of it before
	 * sandbox_run returns. */
	int log_fd;
	void (*log)(void *context, Str bytes);
	void *log_context;
	/* 0: none.  Else one end of a SOCK_SEQPACKET pair, borrowed: the command has a
	 * pseudo-terminal of its own /dev/pts as 0, 1, 2 and as controlling terminal, and stderr_fd
	 * gets only why it could not be started.  The other end gets one message with the master
	 * (sandbox_terminal_take), and answers with a byte when the command may start. */
	int terminal_fd;
	/* 0: none.  Else one end of a stream socket pair, borrowed: one SandboxEvent byte comes out
	 * of it once the command is started, or could not be; each byte written to it is the number
	 * of a signal for the command (PID 1: it gets only what it handles, and SIGKILL). */
	int events_fd;
	int user_ns_fd; /* of Emulators: the command is to be in it; 0: none */
} SandboxSpec;

/* The other end of SandboxSpec.terminal_fd: the master.  What comes from a container is not
 * believed: ERR_SYSTEM if it is no pseudo-terminal's. */
NODISCARD Err *sandbox_terminal_take(int fd, int *ret_master_fd);

typedef enum SandboxEvent {
	SANDBOX_STARTED = 'S',
	SANDBOX_STARTED_ON_HOST_NETWORK = 'H', /* NET_DEFAULT could not be had */
	SANDBOX_NOT_FOUND = 'N',               /* or not executable: its stderr says more */
	/* Before one of these: resources could not be limited.  The reason follows, and a NUL. */
	SANDBOX_UNLIMITED = 'U',
} SandboxEvent;

enum { SANDBOX_REASON_MAX = 160 };

typedef struct SandboxResult {
	int exit_status; /* 0..255 of the command; 128 + N if signal N ended it; 127/126 as a shell
	                    does when argv[0] is not found / not executable */
	int signal;      /* 0, or what ended it */
	int64_t max_rss_bytes, cpu_ns;
	bool network_fell_back; /* the host's network was used instead of NAT: tell the user once */
	const char *network_reason; /* static text: why */
	bool unlimited;             /* resources could not be limited; says why: */
	char unlimited_reason[SANDBOX_REASON_MAX];
} SandboxResult;

/* Fork the server.  SCRATCH_FD: a directory for mount points and generated files (resolv.conf,
 * hosts), the caller removes it afterwards.  After sandbox_enter, before the first thread. */
NODISCARD Err *sandbox_open(int scratch_fd, Sandbox **ret);
void sandbox_close(Sandbox *s); /* kills what still runs, reaps; NULL is fine */
/* Start the NAT helper now, so that it is ready when the first NET_DEFAULT run comes. */
void sandbox_warm_network(Sandbox *s);
/* Run to the end (or until CANCEL, which kills the whole tree). */
NODISCARD Err *sandbox_run(Sandbox *s, const SandboxSpec *spec, const Cancel *cancel,
                           SandboxResult *ret);

/* --- one more command ------------------------------------------------------------------------ */

/* A process that will enter the namespaces of a running command. */
typedef struct SandboxJoin {
	pid_t pid; /* 0: none */
	int run_fd;
} SandboxJoin;
/* PID (PID_FD is it): PID 1 of a run.  While this process has one thread, and not after
 * sandbox_enter (but as root).  STAYS: the command goes on without this process. */
NODISCARD Err *sandbox_join(pid_t pid, int pid_fd, bool stays, SandboxJoin *ret);
/* SPEC's command, with its rights; of SPEC the root, mounts and network have no part.  Returns at
 * its end, or (STAYS) when it has been started. */
NODISCARD Err *sandbox_join_run(SandboxJoin *j, const SandboxSpec *spec, const Cancel *cancel,
                                SandboxResult *ret);
void sandbox_join_close(SandboxJoin *j);
#define AUTO_JOIN CLEANUP(sandbox_join_close)

/* --- looking into roots ---------------------------------------------------------------------- */

/* Layers as one tree to read, and to write to with an upper, mounted nowhere: *ret_fd its root.
 * After sandbox_enter.  SCRATCH_FD as in sandbox_open; the working directory stays. */
NODISCARD Err *sandbox_mount_tree(int scratch_fd, const int *lower_fds, size_t lower_count,
                                  int upper_fd, int work_fd, int *ret_fd);
/* The root of the running process PID: as it sees it, or without what is mounted below (no MOUNTS:
 * what the mounts cover is seen).  This process, of one thread and not after
 * sandbox_enter (but as root), is in its user namespace then, with all rights there. */
NODISCARD Err *sandbox_open_root(pid_t pid, bool mounts, int *ret_fd);

/* "NET_ADMIN", "cap_chown", "ALL" → its bits; false: none of that name. */
bool sandbox_capability(Str name, uint64_t *ret);

/* The directory tree with the mount points (/proc /sys /dev /etc/hosts ...) that is the lowest
 * lower of every root: made below DIR_FD as NAME if absent; *ret_fd O_PATH. Its times are 0. */
NODISCARD Err *sandbox_init_lower(int dir_fd, const char *name, int *ret_fd);

/* Diagnosis for `info` and for error notes: what this kernel and user can do, one line each. */
void sandbox_describe(Buf *out);

/* The file system under a store, found out by trying. */
typedef struct SandboxDisk {
	char type[32];    /* "ext4"; "" not known */
	bool reflinks;    /* files can share their blocks */
	bool userxattr;   /* an overlay keeps its marks in user.*, not in trusted.* */
	bool overlay;     /* one can be mounted of directories on it ... */
	char reason[256]; /* ... or why not */
} SandboxDisk;
/* SCRATCH_FD: a directory on it in which things may be made for a moment. */
void sandbox_disk(int scratch_fd, SandboxDisk *ret);

static inline void sandbox_closep(Sandbox **s)
{
	sandbox_close(*s);
}
#define AUTO_SANDBOX CLEANUP(sandbox_closep)
