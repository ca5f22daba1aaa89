/* emulate.c - finding out what runs programs of other processors, and registering it for us alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/child.h"
#include "sandbox/emulate.h"
#include "sandbox/hints.h"
#include "sandbox/machine.h"
#include "sandbox/wire.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ASK_TIMEOUT_MS = 5000 };

#define REGISTERED "/proc/sys/fs/binfmt_misc"

/* --- does it run? ---------------------------------------------------------------------------- */

/* Try a program of M that does nothing. */
static bool runs(const Machine *m)
{
	AUTO_BUF Buf program = BUF_INIT;
	AUTO_CLOSE int fd = memfd_create("decant-try", MFD_CLOEXEC);
	machine_program(m, (Str){ m->code, m->code_bytes }, &program);
	AUTO_ERR Err *e = fd < 0 ? NULL : path_write_all(fd, program.ptr, program.len, "a program");
	if (fd < 0 || e)
		return false;
	pid_t pid = fork();
	if (pid == 0) {
		/* Without close-on-exec: an interpreter opens it by its number. */
		int copy = dup(fd), null = open("/dev/null", O_RDWR | O_CLOEXEC);
		char *argv[] = { "decant-try", NULL }, *env[] = { NULL };
		if (copy >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0)
			(void)syscall(SYS_execveat, copy, "", argv, env, AT_EMPTY_PATH);
		_exit(1);
	}
	int status = -1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has_line(Str text, const char *prefix, Str *ret_rest)
{
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		if (str_starts(line, str_from(prefix))) {
			*ret_rest = str_from_at(line, strlen(prefix));
			return true;
		}
	}
	return false;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Byte NUMBER of the digits HEX; OTHERWISE beyond their end. */
static unsigned byte_at(Str hex, size_t number, unsigned otherwise)
{
	int high = 2 * number + 1 < hex.len ? digit(hex.ptr[2 * number]) : -1;
	int low = high < 0 ? -1 : digit(hex.ptr[2 * number + 1]);
	return low < 0 ? otherwise : (unsigned)(high * 16 + low);
}

/* TEXT is of a file of binfmt_misc: is it enabled and for programs of M, but, without flag F, of
 * use only where its interpreter lies at its path? */
static bool needs_path(const Machine *m, Str text)
{
	uint8_t magic[MACHINE_HEADER_BYTES], mask[MACHINE_HEADER_BYTES];
	Str wanted, bits = STR(""), flags = STR(""), rest;
	machine_magic(m, magic, mask);
	if (!has_line(text, "enabled", &rest) || !has_line(text, "magic ", &wanted) ||
	    !has_line(text, "offset 0", &rest))
		return false;
	(void)has_line(text, "mask ", &bits);
	(void)has_line(text, "flags: ", &flags);
	for (size_t i = 0; i < MACHINE_HEADER_BYTES && 2 * i < wanted.len; i++)
		if ((byte_at(wanted, i, 0) ^ magic[i]) & byte_at(bits, i, 0xff))
			return false;
	return str_find(flags, 'F') < 0;
}

/* A run's root has no interpreter of the host: only one that was opened when it was registered is
 * there.  What cannot be read is taken for that. */
static bool needs_file(const Machine *m)
{
	bool found = false;
	DIR *dir = opendir(REGISTERED); /* whole path: below /proc */
	for (struct dirent *d; dir && !found && (d = readdir(dir));) {
		enum { ENTRY_BYTES_MAX = 4096 };
		AUTO_BUF Buf text = BUF_INIT;
		if (d->d_name[0] == '.' || strcmp(d->d_name, "register") == 0 ||
		    strcmp(d->d_name, "status") == 0)
			continue;
		AUTO_ERR Err *e = path_read_file(dirfd(dir), d->d_name, ENTRY_BYTES_MAX, &text);
		found = !e && needs_path(m, buf_str(&text));
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* --- what is in PATH ------------------------------------------------------------------------- */

/* One that needs a loader would look for it in the run's root. */
static bool is_static(int fd)
{
	Elf64_Ehdr head;
	if (pread(fd, &head, sizeof head, 0) != sizeof head ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr segment;
		off_t at = (off_t)(head.e_phoff + (uint64_t)i * sizeof segment);
		if (pread(fd, &segment, sizeof segment, at) != sizeof segment ||
		    segment.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static bool is_program(const char *path)
{
	struct stat st;
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	AUTO_CLOSE int fd = open(path, flags); /* whole path: of PATH */
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
	       is_static(fd);
}

/* To RET the path of M's emulator. */
static bool find_program(const Machine *m, Buf *ret)
{
	static const char *const suffixes[] = { "-static", "" };
	const char *path = getenv("PATH");
	for (Str rest = str_from(path ? path : ""); rest.len;) {
		Str dir;
		rest = str_cut(rest, ':', &dir);
		for (size_t i = 0; i < ARRAY_LEN(suffixes) && dir.len && *dir.ptr == '/'; i++) {
			buf_reset(ret);
			buf_addf(ret, "%.*s/qemu-%s%s", STR_ARG(dir), m->qemu, suffixes[i]);
			if (is_program(ret->ptr))
				return true;
		}
	}
	return false;
}

Emulation emulate_find(Str arch)
{
	AUTO_BUF Buf path = BUF_INIT;
	const Machine *m = machine_find(arch);
	if (!m)
		return EMULATION_NONE;
	if (runs(m) && !needs_file(m))
		return EMULATION_HOST;
	return find_program(m, &path) ? EMULATION_WITHIN : EMULATION_NONE;
}

Str emulate_program(Arena *a, Str arch)
{
	const Machine *m = machine_find(arch);
	return m ? arena_strf(a, "qemu-%s-static", m->qemu) : STR("");
}

size_t emulate_arch_count(void)
{
	return machine_count;
}

Str emulate_arch(size_t number)
{
	return str_from(machine_table[number].arch);
}

/* --- registering it -------------------------------------------------------------------------- */

/* The first of the numbers in TEXT, between blanks. */
static bool next_number(Str *text, uint64_t *ret)
{
	Str word;
	*text = str_cut(str_trim(*text), ' ', &word);
	return str_to_u64(word, ret);
}

/* Ids of the new namespace are those of this one, as far as there are any. */
static Err *map_ids(pid_t pid, const char *kind)
{
	enum { MAP_BYTES_MAX = 65536 };
	AUTO_BUF Buf text = BUF_INIT, map = BUF_INIT, path = BUF_INIT;
	buf_addf(&path, "/proc/self/%s_map", kind);
	AUTO_CLOSE int own = open(path.ptr, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	if (own < 0)
		return err_sys(errno, "cannot open '%s'", path.ptr);
	TRY(path_read_fd(own, MAP_BYTES_MAX, path.ptr, &text));
	for (Str rest = buf_str(&text); rest.len;) {
		Str line;
		uint64_t inside, outside, count;
		rest = str_cut(rest, '\n', &line);
		if (next_number(&line, &inside) && next_number(&line, &outside) &&
		    next_number(&line, &count))
			buf_addf(&map, "%llu %llu %llu\n", (unsigned long long)inside,
			         (unsigned long long)inside, (unsigned long long)count);
	}
	buf_reset(&path);
	buf_addf(&path, "/proc/%d/%s_map", (int)pid, kind);
	AUTO_CLOSE int fd = open(path.ptr, O_WRONLY | O_CLOEXEC); /* whole path: below /proc */
	if (fd < 0 || write(fd, map.ptr, map.len) != (ssize_t)map.len)
		return err_sys(errno, "cannot write '%s'", path.ptr);
	return NULL;
}

static Err *mount_registry(int *ret_fd)
{
	AUTO_CLOSE int fs = (int)syscall(SYS_fsopen, "binfmt_misc", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_sys(errno, "cannot mount binfmt_misc");
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(errno, "cannot mount binfmt_misc");
	*ret_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	return *ret_fd < 0 ? err_sys(errno, "cannot mount binfmt_misc") : NULL;
}

static void put_bytes(Buf *out, const uint8_t *bytes)
{
	for (size_t i = 0; i < MACHINE_HEADER_BYTES; i++)
		buf_addf(out, "\\x%02x", bytes[i]);
}

/* The first LIMIT bytes that PROGRAM says of its version. */
static Err *ask_version(const char *program, char *text, size_t limit)
{
	int ends[2];
	size_t len = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int out = ends[0];
	AUTO_CLOSE int in = ends[1];
	pid_t pid = child_fork();
	if (pid == 0) {
		char *argv[] = { "qemu", "--version", NULL }, *env[] = { NULL };
		if (dup2(in, STDOUT_FILENO) >= 0)
			(void)execve(program, argv, env);
		_exit(1);
	}
	close(TAKE_FD(in));
	for (ssize_t n = 1; pid > 0 && n > 0 && len<limit; len += n> 0 ? (size_t)n : 0)
		n = read(out, text + len, limit - len);
	text[len] = '\0';
	if (pid > 0)
		child_wait(pid, ASK_TIMEOUT_MS);
	return NULL;
}

/* Only since 6.0 QEMU understands flag P, by which a program keeps its name: argv[0] is what
 * busybox and others go by. */
static bool keeps_names(const char *program)
{
	enum { VERSION_BYTES = 200 };
	char text[VERSION_BYTES + 1] = "";
	static const char word[] = "version ";
	AUTO_ERR Err *e = ask_version(program, text, VERSION_BYTES);
	const char *at = e ? NULL : strstr(text, word);
	return at && strtoul(at + strlen(word), NULL, 10) >= 6;
}

/* ":qemu-aarch64:M::MAGIC:MASK:/usr/bin/qemu-aarch64-static:PF": opened now, so that every root has
 * it. */
static Err *register_one(int mount_fd, const Machine *m)
{
	AUTO_BUF Buf line = BUF_INIT, program = BUF_INIT;
	uint8_t magic[MACHINE_HEADER_BYTES], mask[MACHINE_HEADER_BYTES];
	if (!find_program(m, &program))
		return err_new(ERR_SYSTEM, "qemu-%s-static is not in PATH any more", m->qemu);
	machine_magic(m, magic, mask);
	buf_addf(&line, ":qemu-%s:M::", m->qemu);
	put_bytes(&line, magic);
	buf_add_char(&line, ':');
	put_bytes(&line, mask);
	buf_addf(&line, ":%s:%sF", program.ptr, keeps_names(program.ptr) ? "P" : "");
	AUTO_CLOSE int fd = openat(mount_fd, "register", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, line.ptr, line.len) != (ssize_t)line.len)
		return err_sys(errno, "cannot register '%s' with binfmt_misc", program.ptr);
	return NULL;
}

static Err *register_all(const Str *arches, size_t count, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	TRY(mount_registry(&fd));
	for (size_t i = 0; i < count; i++) {
		const Machine *m = machine_find(arches[i]);
		if (m)
			TRY(register_one(fd, m));
	}
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* In a child: the namespace, its ids by the parent, what is to be registered; then the mount goes
 * to the parent, and the child may go. */
NORETURN static void child_main(int end, const Str *arches, size_t count)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	int mount_fd = -1;
	char go;
	Err *e = unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0
	                 ? hints_for_user_namespace(errno, "cannot make a user namespace")
	                 : NULL;
	wire_put_err(&bytes, e);
	if (!e)
		e = wire_send(end, buf_str(&bytes), NULL, 0);
	if (!e && read(end, &go, 1) == 1) {
		buf_reset(&bytes);
		wire_put_err(&bytes, register_all(arches, count, &mount_fd));
	}
	err_free(wire_send(end, buf_str(&bytes), &mount_fd, mount_fd >= 0));
	while (read(end, &go, 1) < 0 && errno == EINTR)
		; /* until the parent has opened the namespace */
	_exit(0);
}

static Err *take_report(int end, FdList *fds)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	bool gone = false;
	TRY(wire_recv(end, &bytes, fds, &gone));
	if (gone)
		return err_new(ERR_SYSTEM, "the process that registers emulators died");
	WireReader r = { .rest = buf_str(&bytes) };
	return wire_get_err(&r);
}

static Err *work_with(int end, pid_t child, Emulators *ret)
{
	AUTO_FDS FdList none = { 0 }, fds = { 0 };
	char path[64];
	TRY(take_report(end, &none));
	TRY(map_ids(child, "uid"));
	TRY(map_ids(child, "gid"));
	if (write(end, "g", 1) != 1)
		return err_sys(errno, "cannot reach the process that registers emulators");
	TRY(take_report(end, &fds));
	if (fds.len != 1)
		return err_new(ERR_SYSTEM, "the process that registers emulators sent no mount");
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)child);
	ret->user_ns_fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	if (ret->user_ns_fd < 0)
		return err_sys(errno, "cannot open '%s'", path);
	ret->mount_fd = fcntl(fds.at[0], F_DUPFD_CLOEXEC, 3);
	return ret->mount_fd < 0 ? err_sys(errno, "cannot duplicate a descriptor") : NULL;
}

Err *emulate_open(const Str *arches, size_t count, Emulators *ret)
{
	int ends[2];
	*ret = EMULATORS_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	pid_t child = child_fork();
	if (child < 0)
		return err_sys(errno, "cannot start a process");
	if (child == 0) {
		close(mine);
		child_main(theirs, arches, count);
	}
	close(TAKE_FD(theirs));
	Err *e = work_with(mine, child, ret);
	close(TAKE_FD(mine));
	child_wait(child, 0);
	if (!e)
		return NULL;
	emulate_close(ret);
	e = err_while(e, "registering emulators for this build alone");
	return err_note(e, "that takes Linux 6.7 or newer; else let root register them: install "
	                   "qemu-user-static and binfmt-support");
}

void emulate_close(Emulators *e)
{
	if (e->mount_fd >= 0)
		close(e->mount_fd);
	if (e->user_ns_fd >= 0)
		close(e->user_ns_fd);
	*e = EMULATORS_NONE;
}
