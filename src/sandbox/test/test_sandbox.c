/* test_sandbox.c - commands in the sandbox: what they can do, what they cannot, how they end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "sandbox/idmap.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/test/expect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static const char *own_path; /* of this program, to run it again */

/* --- what a command sees --------------------------------------------------------------------- */

static const struct {
	const char *name, *script;
	int status;
	const char *out; /* NULL: not looked at */
} scripts[] = {
	{ "success", "true", 0, "" },
	{ "failure", "false", 1, "" },
	{ "its own status", "exit 42", 42, "" },
	{ "255", "exit 255", 255, "" },
	{ "killed", "kill -9 $$ ; sleep 0.1; exit 3", 3, "" }, /* PID 1 is immune to itself */
	{ "child killed", "sh -c 'kill -9 $$'; exit $?", 137, NULL },
	{ "is PID 1", "echo $$", 0, "1\n" },
	{ "output of both", "echo out; echo err >&2", 0, "out\nerr\n" },
	{ "environment", "env | grep -v SHLVL | grep -v PWD | sort", 0, "FOO=bar\nPATH=/bin\n" },
	{ "root", "id -u; id -g; id -G", 0, "0\n0\n0\n" },
	{ "directory", "pwd", 0, "/\n" },
	{ "umask", "umask", 0, "0022\n" },
	{ "stdin is empty", "cat; readlink /proc/self/fd/0", 0, "/dev/null\n" },
	{ "only 0 1 2 are open", "exec 1>/tmp/o 2>&1; ls /proc/1/fd; exec 1>&-", 0, NULL },
	{ "host name", "hostname; cat /etc/hostname", 0, "decant\ndecant\n" },
	{ "hosts", "head -n 1 /etc/hosts", 0, "127.0.0.1\tlocalhost decant\n" },
	{ "hosts may be written", "echo 1.2.3.4 x >> /etc/hosts && grep -c x /etc/hosts", 0, NULL },
	{ "capabilities", "grep ^Cap /proc/self/status", 0,
	  "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
	  "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n" },
	{ "privileges and filter", "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status", 0,
	  "NoNewPrivs:\t0\nSeccomp:\t2\n" },
	{ "devices", "ls /dev", 0,
	  "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurando"
	  "m\n"
	  "zero\n" },
	{ "masked: keys", "cat /proc/keys | wc -c", 0, "0\n" },
	{ "masked: firmware", "ls /sys/firmware | wc -l", 0, "0\n" },
	{ "masked: acpi", "ls /proc/acpi 2>/dev/null | wc -l", 0, "0\n" },
	{ "masked: kcore", "cat /proc/kcore 2>/dev/null | wc -c", 0, "0\n" },
	{ "read-only: sys", "echo 1 > /proc/sys/kernel/hostname", 1,
	  "sh: can't create /proc/sys/kernel/hostname: Read-only file system\n" },
	{ "read-only: sysrq", "echo b > /proc/sysrq-trigger", 1, NULL },
	{ "read-only: irq", "touch /proc/irq/x", 1, NULL },
	{ "read-only: sysfs", "touch /sys/x", 1, NULL },
	{ "no host mounts", "wc -l < /proc/mounts | grep -qE '^(1|2|3)?[0-9]$'", 0, "" },
	{ "no way up", "cd /../../..; ls | grep -c bin", 0, "1\n" },
	{ "other processes", "ls /proc | grep -cE '^[0-9]+$'", 0, NULL },
	{ "network none", "ls /sys/class/net", 0, "lo\n" },
	{ "no abstract sockets", "grep -c @ /proc/net/unix", 1, "0\n" },
	{ "a daemon is killed", "setsid sleep 7654321 & echo started", 0, "started\n" },
};

static void test_scripts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		AUTO_RAN Ran r = rig_sh(*state, scripts[i].script);
		expect_ran(scripts[i].name, &r);
		if (r.result.exit_status != scripts[i].status)
			fail_msg("%s: status %d, want %d\n%s", scripts[i].name,
			         r.result.exit_status, scripts[i].status, r.out.ptr);
		if (scripts[i].out)
			expect_text(scripts[i].name, r.out.ptr, scripts[i].out);
	}
	assert_true(process_gone_within("7654321", 0));
}

static void test_open_files(void **state)
{
	/* The command itself, with no shell that opens files of its own. */
	const char *const argv[] = { "ls", "/proc/self/fd", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("open files", &r);
	expect_text("open files", r.out.ptr, "0\n1\n2\n3\n"); /* 3: the directory being listed */
}

static const struct {
	const char *name, *argv0;
	int status;
	const char *said;
} starts[] = {
	{ "not in PATH", "nope", 127, "cannot run 'nope': executable file not found in PATH\n" },
	{ "no such file", "/bin/nope", 127, "cannot run '/bin/nope': No such file or directory\n" },
	{ "not executable", "/bin/not-executable", 126,
	  "cannot run '/bin/not-executable': Permission denied\n" },
	{ "not executable, by PATH", "not-executable", 126,
	  "cannot run 'not-executable': Permission denied\n" },
	{ "a directory", "/tmp", 126, "cannot run '/tmp': Permission denied\n" },
	{ "no interpreter", "no-interpreter", 127,
	  "cannot run 'no-interpreter': its interpreter is missing (the #! line, or the "
	  "ELF "
	  "loader of another C library or architecture)\n" },
	{ "found by PATH", "true", 0, "" },
	{ "empty", "", 127, "cannot run '': executable file not found in PATH\n" },
};

static void test_starts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		const char *const argv[] = { starts[i].argv0, NULL };
		SandboxSpec spec = rig_spec(argv);
		AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
		expect_ran(starts[i].name, &r);
		if (r.result.exit_status != starts[i].status)
			fail_msg("%s: status %d, want %d", starts[i].name, r.result.exit_status,
			         starts[i].status);
		/* by the name that this program was called by */
		AUTO_BUF Buf said = BUF_INIT;
		if (*starts[i].said)
			buf_addf(&said, "%s: %s", program_invocation_short_name, starts[i].said);
		expect_text(starts[i].name, r.out.ptr, said.len ? said.ptr : "");
	}
}

static void test_signal_ends_it(void **state)
{
	const char *const argv[] = { "sh", "-c", "exec prober crash", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("crash", &r);
	assert_int_equal(r.result.signal, SIGILL);
	assert_int_equal(r.result.exit_status, 128 + SIGILL);
	assert_true(r.result.max_rss_bytes > 0);
}

static void test_user(void **state)
{
	static const uint32_t groups[] = { 10, 20 };
	const char *const argv[] = {
		"sh", "-c",
		"id -u; id -g; id -G; grep ^Cap /proc/self/status; cat /etc/hosts >/dev/null; "
		"touch /x; echo > /dev/null && echo null",
		NULL
	};
	SandboxSpec spec = rig_spec(argv);
	spec.uid = 1000;
	spec.gid = 1001;
	spec.groups = groups;
	spec.group_count = ARRAY_LEN(groups);
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("user", &r);
	expect_text("user", r.out.ptr,
	            "1000\n1001\n1001 10 20\n"
	            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	            "CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
	            "CapAmb:\t0000000000000000\ntouch: /x: Permission denied\nnull\n");
	spec = rig_spec(argv);
	spec.uid = UINT32_MAX - 1;
	AUTO_RAN Ran huge = rig_run(*state, &spec, NULL);
	if (sandbox_rung() == SANDBOX_SUBIDS)
		expect_error("user without an id", &huge, ERR_INPUT, "user 4294967294 has no id");
}

static void test_cwd(void **state)
{
	const char *const argv[] = { "pwd", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.cwd = "/home/app";
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("cwd", &r);
	expect_text("cwd", r.out.ptr, "/home/app\n");
	spec = rig_spec(argv);
	spec.cwd = "/nope";
	AUTO_RAN Ran missing = rig_run(*state, &spec, NULL);
	expect_error("missing cwd", &missing, ERR_INPUT, "'/nope'");
	/* CVE-2024-21626: no fd of the host may be a way out. */
	for (int fd = 3; fd < 30; fd++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		spec = rig_spec(argv);
		spec.cwd = path;
		AUTO_RAN Ran leak = rig_run(*state, &spec, NULL);
		if (!leak.error && (leak.out.len == 0 || leak.out.ptr[0] != '/'))
			fail_msg("%s: got '%s'", path, leak.out.ptr);
		if (!leak.error && leak.result.exit_status == 0)
			assert_int_not_equal(strncmp(leak.out.ptr, "/tmp/", 5), 0);
	}
}

static const char expected_calls[] =
	"mount EPERM\numount2 EPERM\nunshare-user EPERM\nsetns EPERM\nkeyctl EPERM\nbpf EPERM\n"
	"open_by_handle_at EPERM\nperf_event_open EPERM\nswapoff EPERM\nreboot EPERM\n"
	"init_module EPERM\nkexec_load EPERM\npivot_root EPERM\nuserfaultfd EPERM\n"
	"io_uring_setup EPERM\nclone3 ENOSYS\nclone-newuser EPERM\nsocket-vsock EPERM\n"
	"socket-alg EPERM\npersonality EPERM\nptrace ok\nchroot ok\nsocket-inet ok\n";

static void test_denied_calls(void **state)
{
	const char *const argv[] = { "prober", "calls", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("denied calls", &r);
	/* Calls newer than the profile: the kernel may know fchmodat2 or not, but never EPERM. */
	char *newer = strstr(r.out.ptr, "fchmodat2");
	assert_non_null(newer);
	assert_null(strstr(newer, "EPERM"));
	assert_non_null(strstr(newer, "unknown-call ENOSYS\n"));
	*newer = '\0';
	expect_text("denied calls", r.out.ptr, expected_calls);
}

static void test_devices(void **state)
{
	const char *const argv[] = { "prober", "devices", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("devices", &r);
	/* EACCES: made, and refused by "nodev", before the kernel looks for the device; EPERM: an
	 * ordinary user cannot even make it. */
	static const char *const places[] = { "/blk", "/dev/blk", "/dev/shm/blk" };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char refused[64], not_made[64];
		snprintf(refused, sizeof refused, "device-%s EACCES\n", places[i]);
		snprintf(not_made, sizeof not_made, "device-%s EPERM\n", places[i]);
		assert_true(strstr(r.out.ptr, refused) || strstr(r.out.ptr, not_made));
	}
	assert_non_null(strstr(r.out.ptr, "null ok\n"));
}

/* --- life and death -------------------------------------------------------------------------- */

typedef struct Canceller {
	Cancel cancel;
	int64_t set_at_ns;
} Canceller;

static void *cancel_soon(void *context)
{
	Canceller *c = context;
	poll(NULL, 0, 200);
	c->set_at_ns = clock_mono_ns();
	cancel_set(&c->cancel);
	return NULL;
}

static int64_t run_cancelled(Rig *rig)
{
	Canceller c = { 0 };
	AUTO_ERR Err *e = cancel_open(&c.cancel);
	assert_null(e);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &c), 0);
	const char *const argv[] = { "sh", "-c", "setsid sleep 7654322 & sleep 7654322", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(rig, &spec, &c.cancel);
	int64_t took_ms = (clock_mono_ns() - c.set_at_ns) / 1000000;
	pthread_join(thread, NULL);
	cancel_close(&c.cancel);
	expect_error("cancel", &r, ERR_CANCELLED, "");
	assert_true(process_gone_within("7654322", 0));
	return took_ms;
}

static void test_cancel(void **state)
{
	int64_t took_ms = INT64_MAX;
	/* What waits for something is late each time, a loaded machine is so sometimes. */
	for (int i = 0; i < 4 && took_ms >= 1000; i++)
		took_ms = run_cancelled(*state);
	assert_true(took_ms < 1000);
}

static void *run_some(void *context)
{
	size_t bad = 0;
	Rig *rig = context;
	const int base[] = { rig->base_fd, rig->init_fd };
	const char *const argv[] = { "sh", "-c", "exit 7", NULL };
	for (int i = 0; i < 5; i++) {
		SandboxSpec spec = rig_spec(argv);
		SandboxResult result = { 0 };
		spec.lower_fds = base;
		spec.lower_count = ARRAY_LEN(base);
		AUTO_ERR Err *e = sandbox_run(rig->sandbox, &spec, NULL, &result);
		bad += e || result.exit_status != 7;
	}
	return bad ? context : NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_some, *state), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
}

/* This program again, with "hold": a sandbox with a command that does not end. */
static int hold(void)
{
	Rig rig;
	const char *skip = NULL;
	AUTO_ERR Err *e = rig_open(&rig, &skip);
	if (e || skip)
		return 1;
	puts(rig.path);
	fflush(stdout);
	const char *const argv[] = { "sh", "-c", "setsid sleep 7654323 & sleep 7654323", NULL };
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran r = rig_run(&rig, &spec, NULL);
	return 1;
}

static void remove_held_dir(const char *path)
{
	char dir[128];
	const char *slash = strrchr(path, '/');
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_ERR Err *e = path_remove_tree(fd, slash + 1);
	assert_null(e);
}

static void test_killed_parent(void **state)
{
	(void)state;
	int ends[2];
	pid_t pid;
	char path[128] = "";
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	char *argv[] = { (char *)own_path, (char[]){ "hold" }, NULL };
	/* Already in our namespaces: uid 0 there, so it enters them as a nested one would. */
	assert_int_equal(posix_spawn(&pid, own_path, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	size_t len = 0;
	while (len < sizeof path - 1 && read(ends[0], path + len, 1) == 1 && path[len] != '\n')
		len++;
	path[len] = '\0';
	close(ends[0]);
	assert_true(len > 0);
	for (int i = 0; i < 6000 && !process_exists("7654323"); i++)
		poll(NULL, 0, 10);
	assert_true(process_exists("7654323"));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(process_gone_within("7654323", 60000));
	remove_held_dir(path); /* would fail if something were mounted there */
}

/* How many children this process has, zombies too. */
static size_t count_children(void)
{
	AUTO_CLOSE int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_ERR Err *e = path_read_fd(fd, 65536, "children", &text);
	assert_null(e);
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == ' ';
	return count;
}

/* Closed at any moment of the network's start; what is left behind would become our child. */
static void test_nothing_left(void **state)
{
	Rig *rig = *state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	size_t before = count_children();
	int late = 0; /* times in a row at one moment: a loaded machine may be so once */
	for (int i = 0; i < 40; i += late == 0) {
		Sandbox *s = NULL;
		AUTO_ERR Err *e = sandbox_open(rig->scratch_fd, &s);
		assert_null(e);
		sandbox_warm_network(s);
		poll(NULL, 0, i);
		int64_t start_ns = clock_mono_ns();
		sandbox_close(s);
		late = clock_mono_ns() - start_ns < 1000000000 ? 0 : late + 1;
		assert_true(late < 4);
		assert_int_equal(count_children(), before);
	}
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

typedef struct TerminalTaker {
	int socket_fd, fd;
	char text[256];
} TerminalTaker;

static void *take_terminal(void *arg)
{
	TerminalTaker *t = arg;
	size_t len = 0;
	ssize_t n; /* what was written comes in parts; EIO when no slave is open any more */
	AUTO_ERR Err *e = sandbox_terminal_take(t->socket_fd, &t->fd);
	if (e)
		return NULL;
	(void)!write(t->socket_fd, "", 1);
	while ((n = read(t->fd, t->text + len, sizeof t->text - 1 - len)) > 0)
		len += (size_t)n;
	close(t->fd);
	return NULL;
}

/* It may come from a container: only a pseudo-terminal's master is one. */
static void test_terminal_that_is_none(void **state)
{
	(void)state;
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2], fd;
	assert_true(null >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_null(wire_send(ends[1], STR("T"), &null, 1));
	close(null);
	AUTO_ERR Err *e = sandbox_terminal_take(ends[0], &fd);
	assert_non_null(e);
	close(ends[1]);
	AUTO_ERR Err *hung_up = sandbox_terminal_take(ends[0], &fd);
	assert_non_null(hung_up);
	close(ends[0]);
}

static void test_terminal(void **state)
{
	TerminalTaker taker = { .fd = -1 };
	int ends[2];
	pthread_t thread;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	taker.socket_fd = ends[0];
	assert_int_equal(pthread_create(&thread, NULL, take_terminal, &taker), 0);
	const char *const argv[] = {
		"sh", "-c", "tty; test -t 0 && test -t 1 && echo yes; : < /dev/tty && echo tty",
		NULL
	};
	SandboxSpec spec = rig_spec(argv);
	spec.terminal_fd = ends[1];
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	close(ends[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(ends[0]);
	expect_ran("terminal", &r);
	expect_text("terminal", taker.text, "/dev/pts/0\r\nyes\r\ntty\r\n");
}

/* --- network --------------------------------------------------------------------------------- */

static void test_host_network(void **state)
{
	const char *const argv[] = { "sh", "-c",
		                     "ls /sys/class/net | sort; echo; cat /etc/resolv.conf", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.network = SANDBOX_NET_HOST;
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	expect_ran("host network", &r);
	assert_false(r.result.network_fell_back);
	AUTO_BUF Buf conf = BUF_INIT;
	AUTO_ERR Err *e = net_resolv_conf(false, &conf);
	assert_null(e);
	const char *got = strstr(r.out.ptr, "\n\n");
	assert_non_null(got);
	expect_text("resolv.conf", got + 2, conf.ptr ? conf.ptr : "");
}

/* A listener on the host's loopback, which no run behind NAT may reach. */
static int listen_on_loopback(unsigned *ret_port)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return s;
}

static void test_default_network(void **state)
{
	Rig *rig = *state;
	unsigned port;
	AUTO_CLOSE int listener = listen_on_loopback(&port);
	char script[256];
	snprintf(script, sizeof script,
	         "cat /etc/resolv.conf | head -n 1; ls /sys/class/net | sort; grep -c @ "
	         "/proc/net/unix; "
	         "timeout 2 nc -w 2 10.0.2.2 %u </dev/null 2>/dev/null ; ip route | head -n 1",
	         port);
	const char *const argv[] = { "sh", "-c", script, NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.network = SANDBOX_NET_DEFAULT;
	sandbox_warm_network(rig->sandbox);
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	expect_ran("default network", &r);
	if (r.result.network_fell_back) {
		assert_non_null(r.result.network_reason);
		print_message("# the host's network was used: %s\n", r.result.network_reason);
		rig_free_ran(&r); /* skip() jumps over the cleanup */
		skip();
	}
	struct pollfd reached = { .fd = listener, .events = POLLIN };
	assert_int_equal(poll(&reached, 1, 0), 0);
	expect_text("default network", r.out.ptr,
	            "nameserver 10.0.2.3\neth0\nlo\n0\ndefault via 10.0.2.2 dev eth0 \n");
}

/* A published port: a server in the run, asked from the host. */
typedef struct Asker {
	unsigned port;
	char answer[64];
	bool over; /* nobody will answer any more */
} Asker;

static void *ask(void *context)
{
	Asker *a = context;
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)a->port),
		                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	for (int i = 0; i < 2400 && !a->answer[0] && !__atomic_load_n(&a->over, __ATOMIC_RELAXED);
	     i++) {
		poll(NULL, 0, 25);
		AUTO_CLOSE int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct timeval limit = { .tv_sec = 1 };
		setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		if (connect(s, (struct sockaddr *)&to, sizeof to) < 0)
			continue;
		ssize_t n = read(s, a->answer, sizeof a->answer - 1);
		a->answer[n > 0 ? n : 0] = '\0';
	}
	return NULL;
}

static void test_published_port(void **state)
{
	Asker a = { 0 };
	int free_port = listen_on_loopback(&a.port);
	close(free_port);
	const SandboxPort ports[] = { { (uint16_t)a.port, 8080, false, "127.0.0.1" } };
	const char *const argv[] = { "sh", "-c", "echo welcome | nc -l -p 8080 -w 20", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.network = SANDBOX_NET_DEFAULT;
	spec.ports = ports;
	spec.port_count = 1;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	const char *const probe[] = { "true", NULL };
	SandboxSpec first = rig_spec(probe);
	first.network = SANDBOX_NET_DEFAULT;
	AUTO_RAN Ran f = rig_run(*state, &first, NULL);
	if (f.error || f.result.network_fell_back) {
		__atomic_store_n(&a.over, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		expect_ran("published port", &f);
		rig_free_ran(&f); /* skip() jumps over the cleanup */
		skip();
	}
	AUTO_RAN Ran r = rig_run(*state, &spec, NULL);
	__atomic_store_n(&a.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	expect_ran("published port", &r);
	expect_text("published port", a.answer, "welcome\n");
}

/* --- id maps --------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text, *want;
} subids[] = {
	{ "by name", "app:100000:65536\n", "1>100000+65536 " },
	{ "by id", "1000:100000:65536\n", "1>100000+65536 " },
	{ "others", "root:1:2\nappx:5:6\n", "" },
	{ "two ranges", "app:100:10\napp:500:20", "1>100+10 11>500+20 " },
	{ "blanks and noise", "\n# app:1:2\n app:100:10 \nbroken\n", "1>100+10 " },
	{ "not numbers", "app:x:10\napp:10:x\napp::\napp:-1:5\napp:1:0\n", "" },
	{ "out of range", "app:4294967295:1\napp:4294967290:10\napp:1:4294967295\n", "" },
};

static void test_subids(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(subids); i++) {
		AUTO_VEC IdRanges ranges = { 0 };
		AUTO_BUF Buf got = BUF_INIT;
		buf_add(&got, "", 0);
		idmap_parse(str_from(subids[i].text), STR("app"), 1000, 1, &ranges);
		for (size_t k = 0; k < ranges.len; k++)
			buf_addf(&got, "%u>%u+%u ", ranges.at[k].inside, ranges.at[k].outside,
			         ranges.at[k].count);
		expect_text(subids[i].name, got.ptr, subids[i].want);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subids),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_open_files),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_signal_ends_it),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_cwd),
		cmocka_unit_test(test_denied_calls),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_that_is_none),
		cmocka_unit_test(test_host_network),
		cmocka_unit_test(test_default_network),
		cmocka_unit_test(test_published_port),
		cmocka_unit_test(test_killed_parent),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_threads),
	};
	own_path = argv[0];
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		return hold();
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
