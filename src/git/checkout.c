/*
 * checkout.c - one commit, fetched and laid out.
 *
 * SCRATCH gets "repo" (or "tree/.git" if it is to be kept) and "tree".  The fetch asks for the
 * depth of one commit; servers that cannot do that, or do not give commits by number, are asked
 * again for more.  What came is compared with what was resolved before: a branch that moved
 * meanwhile does not change what the build's key says.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "git/git-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { ABOUT_BYTES_MAX = 4096 };

typedef struct Work {
	const GitAccess *access;
	const Remote *remote;
	const GitCommit *commit;
	Arena *arena;
	bool keep;
	int scratch_fd;
} Work;

/* "--git-dir", and where files go. */
static void begin(const Work *w, GitRun *run)
{
	git_run_init(run, w->access, w->remote, w->scratch_fd);
	GIT_ADD(run, "--git-dir", w->keep ? "tree/.git" : "repo", "--work-tree", "tree");
}

static Err *simple(const Work *w, const char *const *words)
{
	CLEANUP(git_run_done) GitRun run;
	begin(w, &run);
	git_run_add(&run, words);
	return git_run(&run);
}
#define SIMPLE(w, ...) simple((w), (const char *const[]){ __VA_ARGS__, NULL })

static Err *make_repository(const Work *w)
{
	bool sha256 = w->commit->object.len == 64;
	if (mkdirat(w->scratch_fd, "tree", 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	TRY(SIMPLE(w, "init", "-q",
	           "--template=", sha256 ? "--object-format=sha256" : "--object-format=sha1"));
	/* Submodules with a relative address start from here. */
	return SIMPLE(w, "remote", "add", "--", "origin", w->remote->url.ptr);
}

static bool said(const GitRun *run, const char *text)
{
	return run->said.len && strstr(run->said.ptr, text);
}

typedef struct Fetched {
	bool no_depth, no_number; /* the server cannot do that */
} Fetched;

/* SPEC NULL: all branches. */
static Err *fetch(const Work *w, const char *spec, bool shallow, Fetched *ret)
{
	CLEANUP(git_run_done) GitRun run;
	begin(w, &run);
	GIT_ADD(&run, "fetch", "--progress", "--force", "--update-head-ok");
	if (shallow)
		GIT_ADD(&run, "--depth=1");
	GIT_ADD(&run, spec ? "--no-tags" : "--tags", "--", w->remote->url.ptr,
	        spec ? spec : "+refs/heads/*:refs/remotes/origin/*");
	Err *e = git_run(&run);
	*ret = (Fetched){ 0 };
	if (e) {
		ret->no_depth = shallow && (said(&run, "shallow") || said(&run, "--depth"));
		ret->no_number = said(&run, "not our ref") || said(&run, "unadvertised object");
	}
	return e;
}

static Err *fetch_spec(const Work *w, const char *spec, Fetched *ret)
{
	Err *e = fetch(w, spec, true, ret);
	if (!e || !ret->no_depth)
		return e;
	err_free(e); /* the whole history, then */
	return fetch(w, spec, false, ret);
}

/* The commit that OBJECT is or names; "" if it is not here. */
static Err *commit_of(const Work *w, Str object, Str *ret)
{
	CLEANUP(git_run_done) GitRun run;
	begin(w, &run);
	GIT_ADD(&run, "rev-parse", "--verify", "-q", "--end-of-options",
	        arena_strf(w->arena, "%.*s^{commit}", STR_ARG(object)).ptr);
	Err *e = git_run(&run);
	Str hex = e ? STR("") : str_trim(buf_str(&run.out));
	*ret = arena_str(w->arena, remote_is_commit(hex) ? hex : STR(""));
	if (e && err_kind(e) != ERR_NETWORK)
		return e;
	err_free(e); /* told by the result */
	return NULL;
}

/* The object by its number; a server that does not give it so gives all branches. */
static Err *fetch_object(const Work *w)
{
	Fetched how;
	Str object = arena_str(w->arena, w->commit->object);
	Err *e = fetch_spec(w, object.ptr, &how);
	if (!e || !how.no_number)
		return e;
	err_free(e);
	return fetch(w, NULL, false, &how);
}

static Err *fetch_commit(const Work *w, Str *ret)
{
	const GitCommit *c = w->commit;
	Fetched how;
	*ret = STR("");
	if (c->name.len && !w->remote->git.fetch_by_commit) {
		const char *dest =
			w->keep && !str_eqc(c->name, "HEAD") ? c->name.ptr : "refs/decant/fetched";
		TRY(fetch_spec(w, arena_strf(w->arena, "+%s:%s", c->name.ptr, dest).ptr, &how));
		TRY(commit_of(w, c->object, ret));
		if (ret->len)
			return NULL;
	}
	TRY(fetch_object(w));
	TRY(commit_of(w, c->object, ret));
	if (ret->len)
		return NULL;
	return err_new(ERR_NETWORK,
	               "fetched ref %.*s does not match expected commit %.*s and commit can not be "
	               "found in the repository",
	               STR_ARG(c->name), STR_ARG(c->object));
}

/* --- submodules ------------------------------------------------------------------------------- */

/*
 * Level by level, since git itself goes down without an end: before a level is fetched, what it
 * has is counted.
 */
typedef struct Level {
	const Work *w;
	unsigned *count; /* of all levels so far */
	unsigned depth;  /* 0: the repository itself */
	int dir_fd;      /* its files */
	const char *git_dir;
} Level;

static void begin_level(const Level *l, GitRun *run)
{
	git_run_init(run, l->w->access, l->w->remote, l->dir_fd);
	GIT_ADD(run, "--git-dir", l->git_dir, "--work-tree", ".", "submodule");
}

static Err *count_submodules(const Level *l, unsigned *ret)
{
	CLEANUP(git_run_done) GitRun run;
	Str line;
	begin_level(l, &run);
	GIT_ADD(&run, "status");
	TRY(git_run(&run));
	*ret = 0;
	for (Str rest = str_trim(buf_str(&run.out)); rest.len; rest = str_cut(rest, '\n', &line))
		++*ret;
	return NULL;
}

static Err *check_limits(const Level *l)
{
	unsigned here;
	TRY(count_submodules(l, &here));
	if (here && l->depth >= SUBMODULE_DEPTH_MAX)
		return err_note(err_new(ERR_INPUT, "submodules are nested deeper than %u levels",
		                        SUBMODULE_DEPTH_MAX),
		                "'?submodules=false' at the address leaves them out");
	*l->count += here;
	if (*l->count > SUBMODULES_MAX)
		return err_note(
			err_new(ERR_INPUT, "there are more than %u submodules", SUBMODULES_MAX),
			"'?submodules=false' at the address leaves them out");
	return NULL;
}

static Err *try_update(const Level *l, bool shallow, bool *ret_no_depth)
{
	CLEANUP(git_run_done) GitRun run;
	begin_level(l, &run);
	GIT_ADD(&run, "update", "--init", "--force", "--progress");
	if (shallow)
		GIT_ADD(&run, "--depth=1");
	Err *e = git_run(&run);
	*ret_no_depth =
		e && shallow &&
		(said(&run, "shallow") || said(&run, "--depth") || said(&run, "did not contain") ||
	         said(&run, "not our ref") || said(&run, "unadvertised object"));
	return e;
}

static Err *update_level(const Level *l)
{
	bool no_depth;
	Err *e = try_update(l, true, &no_depth);
	if (!e || !no_depth)
		return e;
	err_free(e); /* the whole history, then */
	return try_update(l, false, &no_depth);
}

/* *RET: the paths of those that are here, each with a NUL behind it. */
static Err *list_submodules(const Level *l, Arena *a, Str *ret)
{
	CLEANUP(git_run_done) GitRun run;
	begin_level(l, &run);
	GIT_ADD(&run, "foreach", "--quiet", "printf '%s\\0' \"$sm_path\"");
	TRY(git_run(&run));
	*ret = arena_str(a, buf_str(&run.out));
	return NULL;
}

static Err *need_level(const Level *l);

static Err *need_below(const Level *l, Str path)
{
	AUTO_CLOSE int dir = -1;
	TRY(path_open_beneath(l->dir_fd, path, O_RDONLY | O_DIRECTORY, 0, &dir));
	Level below = { .w = l->w,
		        .count = l->count,
		        .depth = l->depth + 1,
		        .dir_fd = dir,
		        .git_dir = ".git" };
	return need_level(&below);
}

/* Recurses SUBMODULE_DEPTH_MAX times at most. */
static Err *need_level(const Level *l)
{
	struct stat st;
	AUTO_ARENA Arena a = ARENA_INIT;
	Str paths, path;
	if (fstatat(l->dir_fd, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* there are none */
	TRY(check_limits(l));
	TRY(update_level(l));
	TRY(list_submodules(l, &a, &paths));
	while (paths.len) {
		paths = str_cut(paths, '\0', &path);
		TRY(need_below(l, path));
	}
	return NULL;
}

static Err *need_submodules(const Work *w)
{
	unsigned count = 0;
	if (w->remote->git.submodules == REMOTE_OFF)
		return NULL;
	AUTO_CLOSE int tree = openat(w->scratch_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return err_sys(errno, "cannot open the checkout");
	Level top = {
		.w = w, .count = &count, .dir_fd = tree, .git_dir = w->keep ? ".git" : "../repo"
	};
	TRY_WHILE(need_level(&top), "fetching the submodules");
	return NULL;
}

/* --- what is left ----------------------------------------------------------------------------- */

static Err *commit_time(const Work *w, Str commit, int64_t *ret)
{
	CLEANUP(git_run_done) GitRun run;
	uint64_t seconds;
	begin(w, &run);
	GIT_ADD(&run, "log", "-1", "--format=%ct", "--end-of-options", commit.ptr);
	TRY(git_run(&run));
	if (!str_to_u64(str_trim(buf_str(&run.out)), &seconds) || seconds > INT64_MAX / 1000000000)
		return err_new(ERR_INPUT, "the commit has no usable time");
	*ret = (int64_t)seconds;
	return NULL;
}

/* The index without what stat() says of the files (times, inodes): git looks at them again. */
static Err *tidy_index(const Work *w, Str commit)
{
	static const char of_module[] = "git read-tree HEAD && d=$(git rev-parse --git-dir) && "
					"rm -rf -- \"$d/FETCH_HEAD\" \"$d/ORIG_HEAD\" \"$d/logs\"";
	AUTO_CLOSE int tree = openat(w->scratch_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return err_sys(errno, "cannot open the checkout");
	if (w->remote->git.submodules != REMOTE_OFF) { /* those that need_submodules() counted */
		CLEANUP(git_run_done) GitRun run;
		Level top = { .w = w, .dir_fd = tree, .git_dir = ".git" };
		begin_level(&top, &run);
		GIT_ADD(&run, "foreach", "--quiet", "--recursive", of_module);
		TRY(git_run(&run));
	}
	return SIMPLE(w, "read-tree", commit.ptr);
}

/* What only tells of this fetch: equal commits give equal bytes. */
static Err *tidy(const Work *w, Str commit)
{
	TRY(tidy_index(w, commit));
	AUTO_CLOSE int git =
		openat(w->scratch_fd, "tree/.git", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	static const char *const names[] = { "FETCH_HEAD", "ORIG_HEAD", "logs" };
	if (git < 0)
		return err_sys(errno, "cannot open the repository");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		TRY(path_remove_tree(git, names[i]));
	return NULL;
}

/* No link on the way: where it leads was not part of what was asked for. */
static Err *open_subdir(const Work *w, int *ret_fd)
{
	Str subdir = w->remote->git.subdir;
	AUTO_CLOSE int tree = openat(w->scratch_fd, "tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		return err_sys(errno, "cannot open the checkout");
	int fd = path_try_beneath(tree, subdir.len ? subdir : STR("."), O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_new(ERR_INPUT, "invalid subdir %.*s: %s", STR_ARG(subdir),
		               fd == -ELOOP || fd == -EXDEV ? "a symbolic link" : strerror(-fd));
	*ret_fd = fd;
	return NULL;
}

/* Fields of one line each. */
static Err *read_about(const Work *w, Str commit, GitAbout *ret)
{
	CLEANUP(git_run_done) GitRun run;
	Str date = STR("");
	begin(w, &run);
	GIT_ADD(&run, "log", "-1", "--format=%an <%ae>%n%ad%n%s", "--end-of-options", commit.ptr);
	TRY(git_run(&run));
	Str rest = arena_str(w->arena, str_clip(buf_str(&run.out), ABOUT_BYTES_MAX)), author;
	rest = str_cut(str_cut(rest, '\n', &author), '\n', &date);
	*ret = (GitAbout){
		.commit = commit, .author = author, .date = date, .subject = str_trim(rest)
	};
	return commit_time(w, commit, &ret->time_s);
}

Err *git_about(const GitAccess *access, Arena *a, const Remote *remote, const GitCommit *commit,
               int scratch_fd, GitAbout *ret)
{
	Work w = { .access = access,
		   .remote = remote,
		   .commit = commit,
		   .arena = a,
		   .scratch_fd = scratch_fd };
	Str hex;
	TRY(make_repository(&w));
	TRY_WHILE(fetch_commit(&w, &hex), "fetching from '%.*s'", STR_ARG(remote->url));
	return read_about(&w, hex, ret);
}

Err *git_checkout(const GitAccess *access, Arena *a, const Remote *remote, const GitCommit *commit,
                  bool keep_git_dir, int scratch_fd, GitTree *ret)
{
	Work w = { .access = access,
		   .remote = remote,
		   .commit = commit,
		   .arena = a,
		   .keep = keep_git_dir && !remote->git.subdir.len,
		   .scratch_fd = scratch_fd };
	GitTree tree = { .fd = -1 };
	Str hex;
	TRY(make_repository(&w));
	TRY_WHILE(fetch_commit(&w, &hex), "fetching from '%.*s'", STR_ARG(remote->url));
	TRY_WHILE(SIMPLE(&w, "checkout", "-q", "--force", "--detach", hex.ptr), "checking out %.*s",
	          STR_ARG(hex));
	TRY(need_submodules(&w));
	TRY(commit_time(&w, hex, &tree.commit_time_s));
	if (w.keep)
		TRY(tidy(&w, hex));
	TRY(open_subdir(&w, &tree.fd));
	*ret = tree;
	return NULL;
}
