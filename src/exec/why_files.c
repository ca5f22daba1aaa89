/* why_files.c - the files of two keys → which of them changed, and how. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/entry.h"
#include "exec/why.h"
#include "fs/match.h"

/* A "file" line: TYPE MODE UID GID SIZE SHA256|implied|- NAME/PATH [-> LINK] [dev M:N] [xattr
 * N=HEX] [mtime NS]; see copy_select.c. */
typedef struct WhyFile {
	char type;
	Str mode, uid, gid, content, path, link, device, mtime;
	Str xattrs; /* from the first "xattr" on */
	Str group;
	Str value;    /* all of it */
	bool matched; /* it is on the other side as well */
} WhyFile;

static Str take(Str *line)
{
	Str field;
	*line = str_cut(*line, ' ', &field);
	return field;
}

static WhyFile parse_file(const WhyInput *input)
{
	Str rest = input->value;
	WhyFile f = { .value = input->value, .group = input->group };
	Str type = take(&rest);
	f.type = type.len ? type.ptr[0] : '?';
	f.mode = take(&rest);
	f.uid = take(&rest);
	f.gid = take(&rest);
	(void)take(&rest); /* the size: the content says as much */
	f.content = take(&rest);
	f.path = take(&rest);
	while (rest.len) {
		Str all = rest, word = take(&rest);
		if (str_eq(word, STR("->")))
			f.link = take(&rest);
		else if (str_eq(word, STR("dev")))
			f.device = take(&rest);
		else if (str_eq(word, STR("mtime")))
			f.mtime = take(&rest);
		else if (str_eq(word, STR("xattr"))) {
			Str value = take(&rest);
			if (!f.xattrs.len)
				f.xattrs = all;
			f.xattrs.len = (size_t)(value.ptr + value.len - f.xattrs.ptr);
		}
	}
	return f;
}

/* --- how a path is shown --------------------------------------------------------------------- */

typedef struct Files {
	WhyDiff *diff;
	const WhyInputs *inputs; /* the new side's: its sources say where files are */
	WhyFile *at;
	size_t count;
	Map by_path; /* path → WhyFile */
} Files;

static Str folder_of(Str path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	ptrdiff_t slash = str_rfind(path, '/');
	return slash > 0 ? str_head(path, (size_t)slash) : STR("");
}

/* A line has the last component of what was copied: the folder it is in stands in a "source" line.
 */
static Str folder_in_sources(const WhyInputs *inputs, Str name, Str group)
{
	for (size_t i = 0; i < inputs->len; i++) {
		const WhyInput *in = &inputs->at[i];
		if (in->kind != KEY_SOURCE || !str_eq(in->group, group))
			continue;
		Str folder = folder_of(in->value), last = str_from_at(in->value, folder.len);
		while (str_starts(last, STR("/")))
			last = str_from_at(last, 1);
		while (str_ends(last, STR("/")))
			last.len--;
		bool match = str_eq(last, name);
		if (!match && match_has_magic(last)) {
			AUTO_ERR Err *e = match_glob(last, name, &match);
			match = !e && match;
		}
		if (match)
			return folder;
	}
	return STR("");
}

/* "NAME/PATH" as the user knows it. */
static Str show_path(const Files *f, const WhyFile *file)
{
	Arena *a = f->diff->arena;
	Str name, path = str_cut(file->path, '/', &name);
	name = why_unescape(a, name);
	path = why_unescape(a, path);
	Str folder = folder_in_sources(f->inputs, name, file->group);
	AUTO_BUF Buf out = BUF_INIT;
	buf_add_str(&out, folder);
	if (name.len && !str_eq(name, STR("."))) {
		if (out.len && out.ptr[out.len - 1] != '/')
			buf_add_char(&out, '/');
		buf_add_str(&out, name);
	}
	if (path.len) {
		if (out.len && out.ptr[out.len - 1] != '/')
			buf_add_char(&out, '/');
		buf_add_str(&out, path);
	}
	if (!out.len)
		buf_add_str(&out, STR("."));
	if (file->group.len)
		buf_addf(&out, " (for --mount %.*s)", STR_ARG(why_unescape(a, file->group)));
	else if (f->diff->origin.len)
		buf_addf(&out, " (from %.*s)", STR_ARG(f->diff->origin));
	return arena_str(a, buf_str(&out));
}

/* --- one file -------------------------------------------------------------------------------- */

static const char *type_name(char type)
{
	switch (type) {
	case ENTRY_FILE:
		return "file";
	case ENTRY_DIR:
		return "directory";
	case ENTRY_SYMLINK:
		return "symbolic link";
	case ENTRY_HARDLINK:
		return "hard link";
	default:
		return "special file";
	}
}

static void tell(Files *f, const WhyFile *file, const char *code, const char *what, Str before,
                 Str after)
{
	Arena *a = f->diff->arena;
	if (f->diff->count >= WHY_CAUSES_MAX) { /* 100,000 files may have changed */
		f->diff->count++;
		return;
	}
	Str path = show_path(f, file);
	before = why_unescape(a, before);
	after = why_unescape(a, after);
	StoreCause c = { .code = str_from(code),
		         .subject = path,
		         .before = before,
		         .after = after,
		         .step = STORE_STEP_NONE };
	if (before.len || after.len)
		why_add(f->diff, c, "%.*s: %s%s%.*s \xe2\x86\x92 %.*s", STR_ARG(path), what,
		        *what ? " " : "", STR_ARG(before.len ? before : STR("none")),
		        STR_ARG(after.len ? after : STR("none")));
	else
		why_add(f->diff, c, "%.*s: %s", STR_ARG(path), what);
}

static Str four_digits(Arena *a, Str mode)
{
	uint64_t bits = 0;
	(void)str_to_octal(mode, &bits); /* our own text */
	return arena_strf(a, "%04llo", (unsigned long long)bits);
}

static void tell_xattrs(Files *f, const WhyFile *old, const WhyFile *new)
{
	const WhyFile *any = new->xattrs.len ? new : old;
	Str word, rest = any->xattrs, name;
	(void)take(&rest);
	word = take(&rest);
	(void)str_cut(word, '=', &name);
	Str what = arena_strf(f->diff->arena, "extended attribute %.*s %s",
	                      STR_ARG(why_unescape(f->diff->arena, name)),
	                      !old->xattrs.len   ? "added"
	                      : !new->xattrs.len ? "removed"
	                                         : "changed");
	tell(f, new, "file-xattr", what.ptr, STR(""), STR(""));
}

static void tell_change(Files *f, const WhyFile *old, const WhyFile *new)
{
	Arena *a = f->diff->arena;
	if (old->type != new->type) {
		tell(f, new, "file-type", "", str_from(type_name(old->type)),
		     str_from(type_name(new->type)));
		return;
	}
	size_t before = f->diff->count;
	if (!str_eq(old->content, new->content))
		tell(f, new, "file-content",
		     new->type == ENTRY_DIR ? "is taken as a whole or not" : "content changed",
		     STR(""), STR(""));
	if (!str_eq(old->mode, new->mode))
		tell(f, new, "file-mode", "mode", four_digits(a, old->mode),
		     four_digits(a, new->mode));
	if (!str_eq(old->uid, new->uid) || !str_eq(old->gid, new->gid))
		tell(f, new, "file-owner", "owner",
		     arena_strf(a, "%.*s:%.*s", STR_ARG(old->uid), STR_ARG(old->gid)),
		     arena_strf(a, "%.*s:%.*s", STR_ARG(new->uid), STR_ARG(new->gid)));
	if (!str_eq(old->link, new->link))
		tell(f, new, "file-link", new->type == ENTRY_HARDLINK ? "hard link to" : "link to",
		     old->link, new->link);
	if (!str_eq(old->device, new->device))
		tell(f, new, "file-device", "device", old->device, new->device);
	if (!str_eq(old->xattrs, new->xattrs))
		tell_xattrs(f, old, new);
	if (!str_eq(old->mtime, new->mtime))
		tell(f, new, "file-time", "time changed", STR(""), STR(""));
	if (f->diff->count == before) /* a field that is not among these */
		tell(f, new, "file-content", "changed", STR(""), STR(""));
}

/* --- all ------------------------------------------------------------------------------------- */

static Str key_of(Arena *a, const WhyFile *f)
{
	return f->group.len ? arena_strf(a, "%.*s\n%.*s", STR_ARG(f->group), STR_ARG(f->path))
	                    : f->path;
}

static void read_files(Files *f, const WhyInputs *inputs)
{
	f->inputs = inputs;
	f->at = xcalloc(inputs->len + 1, sizeof *f->at);
	for (size_t i = 0; i < inputs->len; i++) {
		if (inputs->at[i].kind != KEY_FILE)
			continue;
		f->at[f->count] = parse_file(&inputs->at[i]);
		(void)map_put(&f->by_path, key_of(f->diff->arena, &f->at[f->count]),
		              &f->at[f->count]);
		f->count++;
	}
}

static void files_done(Files *f)
{
	free(f->at);
	map_done(&f->by_path);
}

/* Of files that are gone, by their content; the empty file says nothing about where it came from.
 */
static void index_gone(const Files *old, Map *by_content)
{
	static const char empty[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	for (size_t i = 0; i < old->count; i++) {
		WhyFile *f = &old->at[i];
		if (!f->matched && f->type == ENTRY_FILE && !str_eqc(f->content, empty))
			(void)map_put(by_content, f->content, f);
	}
}

static void tell_new(Files *old, Files *new, WhyFile *file, const Map *gone)
{
	WhyFile *was = file->type == ENTRY_FILE ? map_get(gone, file->content) : NULL;
	if (was && !was->matched) {
		was->matched = true;
		Str before = show_path(old, was), after = show_path(new, file);
		StoreCause c = { .code = STR("file-renamed"),
			         .subject = after,
			         .before = before,
			         .after = after,
			         .step = STORE_STEP_NONE };
		why_add(new->diff, c, "%.*s: renamed to %.*s", STR_ARG(before), STR_ARG(after));
		return;
	}
	tell(new, file, "file-new", file->type == ENTRY_DIR ? "new directory" : "new file", STR(""),
	     STR(""));
}

/* A source that is a file now and was a directory, although nothing else tells it. */
static void compare_matches(WhyDiff *d, const WhyInputs *old, const WhyInputs *new)
{
	size_t a = 0, b = 0;
	for (size_t i = 0; i < old->len; i++)
		a += old->at[i].kind == KEY_MATCH;
	for (size_t i = 0; i < new->len; i++)
		b += new->at[i].kind == KEY_MATCH;
	if (a != b)
		why_add(d, (StoreCause){ .code = STR("files"), .step = STORE_STEP_NONE },
		        "the pattern fits %zu files, not %zu", b, a);
}

void why_compare_files(WhyDiff *d, const WhyInputs *old_inputs, const WhyInputs *new_inputs)
{
	CLEANUP(files_done) Files old = { .diff = d };
	CLEANUP(files_done) Files new = { .diff = d };
	AUTO_MAP Map gone = MAP_INIT;
	size_t before = d->count;
	read_files(&old, old_inputs);
	read_files(&new, new_inputs);
	for (size_t i = 0; i < new.count; i++) {
		WhyFile *was = map_get(&old.by_path, key_of(d->arena, &new.at[i]));
		new.at[i].matched = was != NULL;
		if (was)
			was->matched = true;
		if (was && !str_eq(was->value, new.at[i].value))
			tell_change(&new, was, &new.at[i]);
	}
	index_gone(&old, &gone);
	for (size_t i = 0; i < new.count; i++)
		if (!new.at[i].matched)
			tell_new(&old, &new, &new.at[i], &gone);
	for (size_t i = 0; i < old.count; i++)
		if (!old.at[i].matched)
			tell(&old, &old.at[i], "file-removed",
			     old.at[i].type == ENTRY_DIR ? "directory removed" : "removed", STR(""),
			     STR(""));
	if (d->count == before)
		compare_matches(d, old_inputs, new_inputs);
}
