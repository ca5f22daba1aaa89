/* describe.c - what this kernel and this user can do, in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/child.h"
#include "sandbox/emulate.h"
#include "sandbox/hints.h"
#include "sandbox/idmap.h"
#include "sandbox/sandbox.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

static void describe_rung(Buf *out)
{
	uint64_t uids, gids;
	switch (sandbox_rung()) {
	case SANDBOX_ROOT:
		buf_addf(out, "privileges: root\n");
		return;
	case SANDBOX_NESTED:
		buf_addf(out, "privileges: root of a user namespace (a container)\n");
		return;
	case SANDBOX_SUBIDS:
		if (geteuid() == 0) {
			buf_addf(out, "privileges: root without CAP_SYS_ADMIN (a container)\n");
			return;
		}
		idmap_count(&uids, &gids);
		buf_addf(
			out,
			"privileges: user with %llu subordinate uids and %llu subordinate gids%s\n",
			(unsigned long long)uids, (unsigned long long)gids,
			uids > 0 && gids > 0 ? "" : " (needed: see subuid(5))");
		return;
	}
}

static Err *enter(const Str *arches, size_t count)
{
	Emulators emulators = EMULATORS_NONE;
	TRY(sandbox_enter());
	Err *e = count ? emulate_open(arches, count, &emulators) : NULL;
	emulate_close(&emulators);
	return e;
}

/* Enter in a child, as a build would, and register the emulators of ARCHES: so many things can
 * forbid it that only trying tells. */
static Err *try_to_enter(const Str *arches, size_t count)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	AUTO_BUF Buf report = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	bool end = false;
	pid_t pid = child_fork();
	if (pid < 0)
		return err_sys(errno, "cannot start a process");
	if (pid == 0) {
		AUTO_ERR Err *e = enter(arches, count);
		wire_put_err(&report, e);
		err_free(wire_send(theirs, buf_str(&report), NULL, 0));
		_exit(0);
	}
	close(TAKE_FD(theirs));
	AUTO_ERR Err *e = wire_recv(mine, &report, &none, &end);
	child_wait(pid, 0);
	if (e)
		return TAKE_PTR(e);
	if (end)
		return err_new(ERR_SYSTEM, "the process that tried it was killed");
	WireReader r = { .rest = buf_str(&report) };
	return wire_get_err(&r);
}

static void put_reason(Buf *out, const Err *e)
{
	buf_addf(out, "%.*s\n", STR_ARG(err_cause(e)));
	for (Str rest = err_notes(e); rest.len > 0;) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		buf_addf(out, "  note: %.*s\n", STR_ARG(line));
	}
}

static void describe_namespaces(Buf *out)
{
	AUTO_ERR Err *e = try_to_enter(NULL, 0);
	buf_addf(out, "namespaces: ");
	if (e)
		put_reason(out, e);
	else
		buf_addf(out, "can be made\n");
}

/* What a RUN can be for. */
static void describe_platforms(Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *within = arena_alloc(&a, (emulate_arch_count() + 1) * sizeof *within, _Alignof(Str));
	size_t count = 0;
	buf_addf(out, "platforms:");
	for (size_t i = 0; i < emulate_arch_count(); i++) {
		Str arch = emulate_arch(i);
		Emulation how = emulate_find(arch);
		if (how == EMULATION_HOST)
			buf_addf(out, " linux/%.*s", STR_ARG(arch));
		else if (how == EMULATION_WITHIN)
			within[count++] = arch;
	}
	buf_add_char(out, '\n');
	if (!count)
		return;
	AUTO_ERR Err *e = try_to_enter(within, count);
	buf_addf(out, "emulated:");
	for (size_t i = 0; i < count && !e; i++)
		buf_addf(out, " linux/%.*s", STR_ARG(within[i]));
	if (!e) {
		buf_addf(out, ", each by the qemu in PATH\n");
		return;
	}
	buf_add_char(out, ' ');
	put_reason(out, e);
}

void sandbox_describe(Buf *out)
{
	struct utsname u;
	if (uname(&u) == 0)
		buf_addf(out, "kernel: %s %s\n", u.release, u.machine);
	describe_rung(out);
	describe_namespaces(out);
	describe_platforms(out);
	if (hints_seccomp_filtered())
		buf_addf(out, "seccomp: a filter from outside is on this process\n");
	bool tun = faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, 0) == 0;
	buf_addf(out, "network default: %s\n",
	         tun ? "own, by slirp4netns" : "the host's ('/dev/net/tun' may not be opened)");
}
