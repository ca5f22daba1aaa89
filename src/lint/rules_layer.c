/*
 * rules_layer.c - rules of ours about what a layer holds: what it stores again, deletes, leaves
 * lying.
 *
 * They speak of layers that are in the cache, by their content lists: nothing is guessed.  Where a
 * RUN has not been run yet, its text is all there is, and only chmod and chown of what was just
 * copied are known by it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

/* Less is not worth a word in an image. */
#define BYTES_MIN (1u << 20)

Str lint_size(Linter *l, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double size = (double)bytes;
	size_t unit = 0;
	while (size >= 1000 && unit + 1 < ARRAY_LEN(units)) {
		size /= 1000;
		unit++;
	}
	return arena_strf(l->arena, "%.3g %s", size, units[unit]);
}

/* --- stored twice ----------------------------------------------------------------------------- */

static uint64_t stored_again(Linter *l, const List *list)
{
	ListCursor cursor = list_cursor(list, STR(""));
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e, before;
	uint64_t bytes = 0;
	while (list_next(&cursor, &a, &e))
		if (e.type == ENTRY_FILE && e.size &&
		    l->files->below(l->files->context, l->step, e.path, &a, &before) &&
		    before.type == ENTRY_FILE && before.size == e.size &&
		    digest_eq(&before.sha256, &e.sha256))
			bytes += e.size;
	return bytes;
}

/* The next word of a shell command; "" at its end.  Quotes are good enough for names of files. */
static Str next_word(Str *rest)
{
	Str s = *rest;
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = str_from_at(s, 1);
	size_t n = 0;
	while (n < s.len && !strchr(" \t\n;&|()", s.ptr[n]))
		n++;
	*rest = str_from_at(s, n);
	return str_head(s, n);
}

/* Where the next command of a list begins; "" at the end. */
static Str next_command(Str s)
{
	size_t n = 0;
	while (n < s.len && !strchr("\n;&|", s.ptr[n]))
		n++;
	while (n < s.len && strchr("\n;&| \t", s.ptr[n]))
		n++;
	return str_from_at(s, n);
}

/* The COPY or ADD of this stage, before the step, that filled PATH: right at it or below it. */
static const Step *find_copy(const Linter *l, Str path)
{
	const Plan *plan = l->plan;
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	for (uint32_t n = l->step->parent; n != STEP_NONE; n = plan->steps[n].parent) {
		const Step *step = &plan->steps[n];
		if (step->stage != l->step->stage)
			break;
		if (step->kind != STEP_COPY)
			continue;
		Str dest = step->copy.dest;
		while (dest.len > 1 && dest.ptr[dest.len - 1] == '/')
			dest.len--;
		bool inside = str_starts(dest, path) &&
		              (dest.len == path.len || dest.ptr[path.len] == '/');
		if (inside && dest.len > 1)
			return step;
	}
	return NULL;
}

/* One command: chmod or chown with -R of what a COPY has brought. */
static const Step *changes_copied(Linter *l, Str command, const char **ret_name)
{
	static const char *const names[] = { "chmod", "chown", "chgrp" };
	Str word = next_word(&command);
	bool recursive = false;
	Str value = STR(""); /* the mode or the owner */
	*ret_name = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eqc(word, names[i]))
			*ret_name = names[i];
	while (*ret_name && (word = next_word(&command)).len) {
		if (word.ptr[0] == '-') {
			recursive = recursive || str_find(word, 'R') > 0 ||
			            str_eqc(word, "--recursive");
			continue;
		}
		if (!value.len) {
			value = word;
			continue;
		}
		bool absolute = word.ptr[0] == '/';
		Str path = absolute ? word : STR("");
		if (str_eqc(word, "."))
			path = l->step->run.cwd;
		else if (!absolute)
			path = arena_strf(l->arena, "%.*s/%.*s", STR_ARG(l->step->run.cwd),
			                  STR_ARG(word));
		const Step *copy = recursive && path.len > 1 ? find_copy(l, path) : NULL;
		if (copy && !str_eq(value, strcmp(*ret_name, "chmod") == 0 ? copy->copy.chmod
		                                                           : copy->copy.chown))
			return copy;
	}
	return NULL;
}

/* What is known to be small does not matter; what another stage has not made yet is not known. */
static bool is_small(const Linter *l, const Step *copy)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	LintTaken taken;
	uint64_t bytes = 0;
	if (!l->files->taken(l->files->context, copy, NULL, &a, &taken))
		return false;
	for (size_t i = 0; i < taken.count; i++)
		bytes += taken.files[i].entry->type == ENTRY_FILE ? taken.files[i].entry->size : 0;
	return bytes < BYTES_MIN;
}

static void guess_stored_again(Linter *l)
{
	const Strs *argv = &l->step->run.argv;
	Str command = argv->count ? argv->at[argv->count - 1] : STR("");
	unsigned first, last;
	for (; command.len; command = next_command(command)) {
		const char *name;
		const Step *copy = changes_copied(l, command, &name);
		if (!copy || is_small(l, copy))
			continue;
		line_map_find(&l->lines, copy->span, &first, &last);
		lint_report(l, LINT_StoredTwice,
		            "%s stores the files of line %u once more: give --%s to the %s instead",
		            name, first, strcmp(name, "chmod") == 0 ? "chmod" : "chown",
		            copy->copy.is_add ? "ADD" : "COPY");
		return;
	}
}

void lint_rule_StoredTwice(Linter *l)
{
	AUTO_LIST List *list = NULL;
	if (!l->files->made(l->files->context, l->step, &list)) {
		if (l->step->kind == STEP_RUN)
			guess_stored_again(l);
		return;
	}
	uint64_t bytes = stored_again(l, list);
	if (bytes >= BYTES_MIN)
		lint_report(l, LINT_StoredTwice,
		            "%.*s of files are stored once more though only their mode, owner or "
		            "time is another: set these where the files come from",
		            STR_ARG(lint_size(l, bytes)));
}

/* --- deleted too late ------------------------------------------------------------------------- */

void lint_rule_DeletedTooLate(Linter *l)
{
	AUTO_LIST List *list = NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;
	uint64_t bytes = 0, most = 0;
	Str largest = STR("");
	if (l->step->kind != STEP_RUN || !l->in_result ||
	    !l->files->made(l->files->context, l->step, &list))
		return;
	ListCursor cursor = list_cursor(list, STR(""));
	while (list_next(&cursor, &a, &e)) {
		uint64_t more = 0;
		if ((e.type != ENTRY_WHITEOUT && !e.opaque) ||
		    !l->files->weigh(l->files->context, l->step, e.path, &more))
			continue;
		bytes += more;
		if (more > most) {
			most = more;
			largest = e.path;
		}
	}
	if (bytes >= BYTES_MIN)
		lint_report(l, LINT_DeletedTooLate,
		            "%.*s of earlier layers are deleted ('/%.*s'%s) and stay in the image: "
		            "delete them in the RUN that makes them, or copy what you need into "
		            "another stage",
		            STR_ARG(lint_size(l, bytes)), STR_ARG(largest),
		            most < bytes ? " and more" : "");
}

/* --- caches ----------------------------------------------------------------------------------- */

void lint_rule_CacheInLayer(Linter *l)
{
	static const char *const caches[] = {
		"var/lib/apt/lists",  "var/cache/apt/archives", "var/cache/apk",
		"var/cache/dnf",      "var/cache/yum",          "root/.cache",
		"root/.npm/_cacache", "usr/local/share/.cache", "root/go/pkg/mod/cache",
		"go/pkg/mod/cache",
	};
	AUTO_LIST List *list = NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	if (l->step->kind != STEP_RUN || !l->in_result ||
	    !l->files->made(l->files->context, l->step, &list))
		return;
	for (size_t i = 0; i < ARRAY_LEN(caches); i++) {
		Entry e;
		uint64_t bytes = 0;
		ListCursor cursor = list_cursor(list, str_from(caches[i]));
		while (list_next(&cursor, &a, &e))
			bytes += e.type == ENTRY_FILE ? e.size : 0;
		if (bytes >= BYTES_MIN)
			lint_report(l, LINT_CacheInLayer,
			            "This RUN leaves %.*s in '/%s': delete them in it, or use "
			            "--mount=type=cache,target=/%s",
			            STR_ARG(lint_size(l, bytes)), caches[i], caches[i]);
	}
}
