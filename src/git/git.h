/*
 * git.h - a repository elsewhere → the files of one commit, by the git program.
 *
 * WHAT     git_resolve() asks which commit a reference means; git_checkout() fetches that one
 *          commit (shallow where the server can) and lays its files out.  git is a program that is
 *          found in PATH when it is needed.
 * TRUST    The repository is hostile, and so may the server be.  git gets an environment of its own:
 *          no configuration of the system or the user, no hooks, no filters, no prompts, protocols
 *          http, https, ssh and git alone (for submodules too), objects checked as they come
 *          (fsck: .gitmodules and .git names), "--" before what comes from outside.  The address
 *          carries no password, and the header that does goes through a file in memory, never
 *          through arguments, environment or disk.  Where it is sent no redirect is followed: git
 *          would send it on.  Submodules end at SUBMODULE_DEPTH_MAX and SUBMODULES_MAX.
 * ERRORS   ERR_NOT_FOUND  git is not installed
 *          ERR_INPUT      no such ref, a checksum that does not hold, a subdirectory that is none,
 *                         submodules beyond the limits
 *          ERR_NETWORK    git failed; its last words are the notes
 * SOURCE   BuildKit's source/git; gitformat-bundle's neighbours: git-fetch(1), git-submodule(1)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "remote/remote.h"

typedef struct GitAccess {
	Str authorization; /* value of the header for http(s); "" none */
	Str ssh_auth_sock; /* of an agent; "" none */
	const Cancel *cancel;
	void (*log)(void *context, Str line); /* what git says; may be NULL */
	void *log_context;
} GitAccess;

typedef struct GitCommit {
	Str name;   /* "refs/heads/main"; "" if only a commit was named */
	Str object; /* hex digits: the commit, or the tag that names it */
	Str commit; /* the commit if the server said it, else as .object */
} GitCommit;

/* Asks nothing where REMOTE names a whole commit. */
NODISCARD Err *git_resolve(const GitAccess *access, Arena *a, const Remote *remote, GitCommit *ret);

/* What a commit says of itself. */
typedef struct GitAbout {
	Str commit; /* whole */
	Str author; /* "Name <mail>" */
	Str date;   /* "Mon Nov 23 19:07:00 2026 +0200" */
	Str subject;
	int64_t time_s; /* of the committer, since 1970 */
} GitAbout;
/* Fetched to below SCRATCH_FD, an empty directory that is the caller's to remove.  Its files come
 * too: git asks servers that speak only dumb http without an end for less. */
NODISCARD Err *git_about(const GitAccess *access, Arena *a, const Remote *remote,
                         const GitCommit *commit, int scratch_fd, GitAbout *ret);

/* The commit that the work tree DIR_FD lies in has checked out, and the address of its remote
 * (origin, else upstream); "" where its repository, or git itself, does not tell. */
void git_describe(int dir_fd, const Cancel *cancel, Arena *a, Str *ret_source, Str *ret_revision);

typedef struct GitTree {
	int fd;                /* the directory (of the subdirectory, if one is named) */
	int64_t commit_time_s; /* since 1970 */
} GitTree;
/*
 * The files of COMMIT below SCRATCH_FD, an empty directory that is the caller's to remove.  With
 * KEEP_GIT_DIR (and no subdirectory) ".git" is among them, as of a shallow clone.
 */
NODISCARD Err *git_checkout(const GitAccess *access, Arena *a, const Remote *remote,
                            const GitCommit *commit, bool keep_git_dir, int scratch_fd,
                            GitTree *ret);
