/*
 * path.h - the one way to open something below a directory.
 *
 * WHAT     Paths from outside are never joined as strings to a host path.  Every open goes through
 *          openat2(2) below a directory fd; where the kernel has none (ENOSYS, or the forced
 *          fallback of the tests: path_force_walk) an O_PATH walk component by component does it.
 * MODES    path_open_in_root   symlinks are followed as if ROOT were "/" (".." and absolute links
 *                              stay inside): for what an image or a context names
 *          path_open_beneath   no symlink anywhere, no "..", no magic link: for layer extraction
 * ERRORS   ERR_SYSTEM with errno kept (ENOENT, ELOOP, ENOTDIR, EXDEV ...), message names PATH
 * PATHS    bytes, NUL-free, relative or absolute (taken as relative to ROOT), < PATH_BYTES_MAX
 * SOURCE   openat2(2); the path escapes of other builders (CVE-2018-15664, CVE-2019-14271, CVE-2024-21626)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <sys/stat.h>

NODISCARD Err *path_open_in_root(int root_fd, Str path, int flags, mode_t mode, int *ret_fd);
NODISCARD Err *path_open_beneath(int root_fd, Str path, int flags, mode_t mode, int *ret_fd);
/* The same, answering -errno or the fd, without an Err: for hot loops and expected failures. */
int path_try_in_root(int root_fd, Str path, int flags, mode_t mode);
int path_try_beneath(int root_fd, Str path, int flags, mode_t mode);
/* The parent directory of PATH opened O_PATH beneath ROOT, and the last component ("." if none). */
NODISCARD Err *path_open_parent(int root_fd, Str path, int *ret_parent_fd, char name[static 256]);
/* mkdir -p beneath ROOT, no symlink followed: new directories get MODE.  O_PATH fd of the last. */
NODISCARD Err *path_make_dirs(int root_fd, Str path, mode_t mode, int *ret_fd);

/* Remove NAME in DIR and all below it; never follows a link, never recurses on the C stack.
 * Directories that may not be read are made readable first.  Absent NAME is no error. */
NODISCARD Err *path_remove_tree(int dir_fd, const char *name);

/* Read a whole file of at most LIMIT bytes.  Over it: ERR_INPUT naming NAME. */
NODISCARD Err *path_read_file(int dir_fd, const char *name, size_t limit, Buf *out);
NODISCARD Err *path_read_fd(int fd, size_t limit, const char *name, Buf *out);
/* Write NAME in DIR so that it is whole or absent: temporary name, optional fsync, rename. */
NODISCARD Err *path_write_file(int dir_fd, const char *name, Str bytes, mode_t mode, bool sync);
NODISCARD Err *path_write_all(int fd, const void *bytes, size_t len, const char *name);
/* The same for what has no name that a user knows: "cannot write WHAT". */
NODISCARD Err *path_write_what(int fd, const void *bytes, size_t len, const char *what);

/* Go's path.Clean for slash paths: "a//b/../c" → "a/c", "" → ".". */
Str path_clean(Arena *a, Str path);
/* path_clean of an absolute or relative path, as relative to a root: "/../a/" → "a", "/" → "". */
Str path_clean_in_root(Arena *a, Str path);
/* BASE + "/" + PATH cleaned; an absolute PATH wins.  Both are paths inside an image. */
Str path_join(Arena *a, Str base, Str path);

void path_force_walk(bool on); /* tests: never call openat2 */
