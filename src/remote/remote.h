/*
 * remote.h - what a word names that is not here: a git repository or a file behind a URL.
 *
 * WHAT     Pure: text in, parts out.  ADD, the build context and named contexts ask the same reader,
 *          so that one text means one thing everywhere.
 * FORMS    git    https://host/x.git, http://..., ssh://, git://, user@host:path; after it a fragment
 *                 "#ref:subdir" and/or a query "?ref= tag= branch= subdir= commit=|checksum=
 *                 keep-git-dir[=b] submodules[=b] mtime=checkout|commit fetch-by-commit[=b]"
 *          http   any other http:// or https://
 *          "./x", "../x" and what has no such form are none: paths.  "github.com/o/r" is git as
 *          well, but could be a path: .maybe_local.
 * ERRORS   ERR_INPUT without a place: a query that is unknown, given twice, without value or in
 *          conflict; a ref or host that git would take for an option
 * SOURCE   BuildKit's dfgitutil.ParseGitRef, gitutil.ParseURL and source/http; docs/dockerfile.md
 * OWNS     texts live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef enum RemoteKind { REMOTE_NONE, REMOTE_HTTP, REMOTE_GIT } RemoteKind;

/* A switch that may not have been given. */
typedef enum RemoteSwitch { REMOTE_UNSET, REMOTE_OFF, REMOTE_ON } RemoteSwitch;

typedef struct RemoteGit {
	Str ref;      /* branch, tag, "refs/...", or a commit; "" = the default branch */
	Str checksum; /* hex digits of the commit, maybe only the first ones; "" none */
	Str subdir;   /* clean, relative; "" = all */
	RemoteSwitch keep_git_dir, submodules;
	bool mtime_commit;    /* file times are the commit's, else those of the checkout */
	bool fetch_by_commit; /* the checksum is fetched; the ref is only its name */
	bool maybe_local;
} RemoteGit;

typedef struct Remote {
	RemoteKind kind;
	Str url;   /* for http as written; for git what the program takes: no query, no fragment,
	              user and password of http(s) taken out */
	Str shown; /* the whole text, passwords masked */
	Str user_info; /* of http(s): "user:password", percent-decoded; "" none */
	Str host;      /* with its port */
	Str name;      /* of http: what the file is called: the URL's last path component,
	                  "__unnamed__" */
	RemoteGit git;
} Remote;

NODISCARD Err *remote_parse(Arena *a, Str text, Remote *ret);
/* TEXT with every "://user:password@" in it as "://xxxxx:xxxxx@"; TEXT itself if there is none. */
Str remote_redact(Arena *a, Str text);
/* 40 or 64 hex digits, lower case: a whole commit. */
bool remote_is_commit(Str s);
