/* idmap.c - subordinate ids, and the helper that writes the maps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "sandbox/child.h"
#include "sandbox/hints.h"
#include "sandbox/idmap.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

enum {
	MAP_LINES_MAX = 340,              /* user_namespaces(7): lines of a map, since Linux 4.15 */
	SUBID_FILE_BYTES_MAX = 16u << 20, /* large sites list every user: 300,000 lines */
	PASSWD_ENTRY_BYTES = 16 << 10,
};

typedef enum IdKind { ID_USER, ID_GROUP } IdKind;

static const struct {
	const char *file, *path, *map, *program;
} id_kinds[] = {
	[ID_USER] = { "subuid", "/etc/subuid", "uid_map", "newuidmap" },
	[ID_GROUP] = { "subgid", "/etc/subgid", "gid_map", "newgidmap" },
};

void idmap_parse(Str text, Str name, uint32_t id, uint32_t next_inside, IdRanges *ranges)
{
	char id_text[16];
	int id_len = snprintf(id_text, sizeof id_text, "%u", id);
	while (text.len > 0 && ranges->len < MAP_LINES_MAX) {
		Str line, owner, start_text;
		uint64_t start, count;
		text = str_cut(text, '\n', &line);
		Str rest = str_cut(str_trim(line), ':', &owner);
		Str count_text = str_cut(rest, ':', &start_text);
		if (!(name.len > 0 && str_eq(owner, name)) &&
		    !str_eq(owner, (Str){ id_text, (size_t)id_len }))
			continue;
		if (!str_to_u64(start_text, &start) || !str_to_u64(count_text, &count))
			continue;
		/* 2^32-1 is "no id"; neither side of a map may reach it. */
		if (count == 0 || start >= UINT32_MAX || count > UINT32_MAX - start ||
		    count > UINT32_MAX - next_inside)
			continue;
		VEC_PUSH(ranges, (IdRange){ next_inside, (uint32_t)start, (uint32_t)count });
		next_inside += (uint32_t)count;
	}
}

/* The user's name; "" for an id without an entry (common in containers and on clusters). */
static void user_name(Buf *out)
{
	AUTO_FREE char *space = xmalloc(PASSWD_ENTRY_BYTES);
	struct passwd entry, *found = NULL;
	if (getpwuid_r(getuid(), &entry, space, PASSWD_ENTRY_BYTES, &found) == 0 && found)
		buf_add_str(out, str_from(found->pw_name));
}

static Err *read_ranges(IdKind kind, Str name, IdRanges *ranges)
{
	AUTO_CLOSE int etc = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_sys(errno, "cannot open '/etc'");
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_ERR Err *e = path_read_file(etc, id_kinds[kind].file, SUBID_FILE_BYTES_MAX, &text);
	if (e && err_errno(e) != ENOENT)
		return TAKE_PTR(e);
	idmap_parse(buf_str(&text), name, getuid(), 1, ranges);
	return NULL;
}

void idmap_count(uint64_t *ret_uids, uint64_t *ret_gids)
{
	uint64_t sums[2] = { 0, 0 };
	AUTO_BUF Buf name = BUF_INIT;
	user_name(&name);
	for (IdKind kind = ID_USER; kind <= ID_GROUP; kind++) {
		AUTO_VEC IdRanges ranges = { 0 };
		err_free(read_ranges(kind, buf_str(&name), &ranges)); /* unreadable: none */
		for (size_t i = 0; i < ranges.len; i++)
			sums[kind] += ranges.at[i].count;
	}
	*ret_uids = sums[ID_USER];
	*ret_gids = sums[ID_GROUP];
}

/* --- the helper child, outside the new namespace ---------------------------------------------- */

static Err *write_file(const char *path, Str text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC); /* whole path: below /proc */
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", path);
	/* A map is taken in one write or not at all. */
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len)
		return err_sys(errno, "cannot write '%s'", path);
	return NULL;
}

/* The number at the head of *REST, which is cut off it. */
static bool next_number(Str *rest, uint64_t *ret)
{
	Str field;
	*rest = str_cut(str_trim(*rest), ' ', &field);
	return str_to_u64(field, ret);
}

/*
 * uid 0 without CAP_SYS_ADMIN (a container's root): no subordinate ids are needed, it owns every id
 * it can see and may write the identical map itself, as long as it has CAP_SETUID.
 */
static Err *write_identity_map(IdKind kind, pid_t target)
{
	char own_path[64], path[64];
	snprintf(own_path, sizeof own_path, "self/%s", id_kinds[kind].map);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)target, id_kinds[kind].map);
	AUTO_CLOSE int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return err_sys(errno, "cannot open '/proc'");
	AUTO_BUF Buf own = BUF_INIT, map = BUF_INIT;
	AUTO_CLOSE int fd = openat(proc, own_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '/proc/%s'", own_path);
	TRY(path_read_fd(fd, PATH_BYTES_MAX, own_path, &own));
	for (Str text = buf_str(&own); text.len > 0;) {
		Str line;
		text = str_cut(text, '\n', &line);
		/* "inside outside count", in columns */
		uint64_t inside, count;
		Str rest = line;
		if (next_number(&rest, &inside) && next_number(&rest, &count) &&
		    next_number(&rest, &count))
			buf_addf(&map, "%llu %llu %llu\n", (unsigned long long)inside,
			         (unsigned long long)inside, (unsigned long long)count);
	}
	return write_file(path, buf_str(&map));
}

/* newuidmap PID 0 OWN 1 1 START COUNT ...: started now, its complaints go to *RET_COMPLAINTS_FD. */
static Err *start_map_program(IdKind kind, pid_t target, const IdRanges *ranges, uint32_t own,
                              pid_t *ret_pid, int *ret_complaints_fd)
{
	AUTO_BUF Buf words = BUF_INIT; /* NUL-terminated, one after the other */
	size_t count = 2;
	buf_addf(&words, "%s%c%d%c", id_kinds[kind].program, 0, (int)target, 0);
	buf_addf(&words, "0%c%u%c1%c", 0, own, 0, 0);
	count += 3;
	for (size_t i = 0; i < ranges->len; i++, count += 3) {
		const IdRange *r = &ranges->at[i];
		buf_addf(&words, "%u%c%u%c%u%c", r->inside, 0, r->outside, 0, r->count, 0);
	}
	AUTO_FREE char **argv = xcalloc(count + 1, sizeof *argv);
	char *at = words.ptr;
	for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
		argv[i] = at;

	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int read_end = ends[0];
	AUTO_CLOSE int write_end = ends[1];
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, write_end, STDERR_FILENO);
	int failed = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (failed == ENOENT)
		return err_note(err_sys(failed, "cannot run '%s'", argv[0]),
		                "install the package 'uidmap' (Debian, Ubuntu) or 'shadow-utils'");
	if (failed)
		return err_sys(failed, "cannot run '%s'", argv[0]);
	*ret_complaints_fd = TAKE_FD(read_end);
	return NULL;
}

static Err *finish_map_program(IdKind kind, pid_t pid, int complaints_fd)
{
	char text[512];
	size_t len = 0;
	ssize_t n;
	while (len < sizeof text && (n = read(complaints_fd, text + len, sizeof text - len)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot wait for '%s'", id_kinds[kind].program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	Str said = str_trim((Str){ text, len });
	Err *e = err_new(ERR_SYSTEM, "'%s' refused the id map%s%.*s", id_kinds[kind].program,
	                 said.len > 0 ? ": " : "", STR_ARG(said));
	return err_note(e,
	                "'%s' must be setuid root (or have the file capability for it) and %s must "
	                "give this user the range",
	                id_kinds[kind].program, id_kinds[kind].path);
}

static Err *write_maps(pid_t target, const IdRanges ranges[2])
{
	if (geteuid() == 0) {
		TRY(write_identity_map(ID_USER, target));
		return write_identity_map(ID_GROUP, target);
	}
	/* Both at once: each is a process start of 1 to 2 ms. */
	pid_t pids[2];
	int complaints[2];
	TRY(start_map_program(ID_USER, target, &ranges[ID_USER], getuid(), &pids[ID_USER],
	                      &complaints[ID_USER]));
	AUTO_CLOSE int user_complaints = complaints[ID_USER];
	TRY(start_map_program(ID_GROUP, target, &ranges[ID_GROUP], getgid(), &pids[ID_GROUP],
	                      &complaints[ID_GROUP]));
	AUTO_CLOSE int group_complaints = complaints[ID_GROUP];
	AUTO_ERR Err *e = finish_map_program(ID_USER, pids[ID_USER], user_complaints);
	AUTO_ERR Err *e2 = finish_map_program(ID_GROUP, pids[ID_GROUP], group_complaints);
	return e ? TAKE_PTR(e) : TAKE_PTR(e2);
}

/* The child that stays in the old namespace: waits for "go", writes the maps, reports, ends. */
NORETURN static void helper_main(int fd, pid_t target, const IdRanges ranges[2])
{
	signal(SIGCHLD, SIG_DFL); /* an inherited "ignore" would take the exit statuses away */
	char go;
	if (read(fd, &go, 1) != 1)
		_exit(1);
	AUTO_ERR Err *e = write_maps(target, ranges);
	AUTO_BUF Buf report = BUF_INIT;
	wire_put_err(&report, e);
	err_free(wire_send(fd, buf_str(&report), NULL, 0)); /* nobody is left to tell */
	_exit(0);
}

static Err *require_ranges(const IdRanges ranges[2], Str name)
{
	for (IdKind kind = ID_USER; kind <= ID_GROUP; kind++) {
		if (ranges[kind].len > 0)
			continue;
		Err *e = err_new(ERR_SYSTEM, "user '%.*s' (%u) has no subordinate ids in '%s'",
		                 STR_ARG(name), getuid(), id_kinds[kind].path);
		e = err_note(e, "as root, add the line '%.*s:100000:65536' to %s and %s",
		             STR_ARG(name), id_kinds[ID_USER].path, id_kinds[ID_GROUP].path);
		return err_note(e,
		                "or: usermod --add-subuids 100000-165535 --add-subgids "
		                "100000-165535 %.*s",
		                STR_ARG(name));
	}
	return NULL;
}

Err *idmap_enter_namespaces(void)
{
	AUTO_BUF Buf name = BUF_INIT;
	AUTO_VEC IdRanges uids = { 0 };
	AUTO_VEC IdRanges gids = { 0 };
	if (geteuid() != 0) {
		user_name(&name);
		if (name.len == 0)
			buf_addf(&name, "%u", getuid());
		TRY(read_ranges(ID_USER, buf_str(&name), &uids));
		TRY(read_ranges(ID_GROUP, buf_str(&name), &gids));
		TRY(require_ranges((IdRanges[2]){ uids, gids }, buf_str(&name)));
	}
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	pid_t self = getpid();
	pid_t helper = child_fork();
	if (helper < 0)
		return err_sys(errno, "cannot start the helper that maps user ids");
	if (helper == 0) {
		close(mine);
		helper_main(theirs, self, (IdRanges[2]){ uids, gids });
	}
	close(TAKE_FD(theirs));

	AUTO_ERR Err *e = NULL;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		e = hints_for_user_namespace(errno, "cannot make a user namespace");
	AUTO_BUF Buf report = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	bool end = false;
	if (!e && write(mine, "g", 1) != 1)
		e = err_sys(errno, "cannot reach the helper that maps user ids");
	if (!e)
		e = wire_recv(mine, &report, &none, &end);
	close(TAKE_FD(mine)); /* on an error this is what ends the helper */
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (e)
		return TAKE_PTR(e);
	if (end)
		return err_new(ERR_SYSTEM, "the helper that maps user ids died");
	WireReader r = { .rest = buf_str(&report) };
	return wire_get_err(&r);
}
