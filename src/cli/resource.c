/* resource.c - naming objects, and tables of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/names.h"
#include "cli/resource.h"

#include <stdio.h>

static const struct {
	const char *word;
	ResourceKind kind;
} kind_words[] = {
	{ "bc", RESOURCE_BUILD_CONFIG },
	{ "buildconfig", RESOURCE_BUILD_CONFIG },
	{ "buildconfigs", RESOURCE_BUILD_CONFIG },
	{ "build", RESOURCE_BUILD },
	{ "builds", RESOURCE_BUILD },
	{ "is", RESOURCE_STREAM },
	{ "imagestream", RESOURCE_STREAM },
	{ "imagestreams", RESOURCE_STREAM },
	{ "istag", RESOURCE_STREAM_TAG },
	{ "istags", RESOURCE_STREAM_TAG },
	{ "imagestreamtag", RESOURCE_STREAM_TAG },
	{ "imagestreamtags", RESOURCE_STREAM_TAG },
};

bool resource_kind(Str word, ResourceKind *ret)
{
	Str plain;
	(void)str_cut(word, '.', &plain); /* "build.build.openshift.io" */
	for (size_t i = 0; i < ARRAY_LEN(kind_words); i++)
		if (str_eqc(plain, kind_words[i].word)) {
			*ret = kind_words[i].kind;
			return true;
		}
	return false;
}

bool resource_is(const char *word)
{
	Str type;
	ResourceKind kind;
	Str name = str_cut(str_from(word), '/', &type);
	return name.len && resource_kind(type, &kind);
}

const char *resource_one(ResourceKind kind)
{
	return kind == RESOURCE_STREAM_TAG ? "imagestreamtag.image.openshift.io"
	                                   : project_kind_one[kind];
}

static Err *unknown_type(Cli *cli, Str word)
{
	return err_note(
		cli_usage(cli, "the server doesn't have a resource type \"%.*s\"", STR_ARG(word)),
		"there are: bc (buildconfigs), builds, is (imagestreams), istag "
		"(imagestreamtags)");
}

typedef VEC(Resource) Resources;

/* "bc/a" */
static Err *read_pair(Cli *cli, const char *word, Resources *all)
{
	Str type;
	Resource r = { 0 };
	r.name = str_cut(str_from(word), '/', &type);
	if (!resource_kind(type, &r.kind))
		return unknown_type(cli, type);
	if (!r.name.len)
		return cli_usage(cli, "arguments in resource/name form must have a name: '%s'",
		                 word);
	VEC_PUSH(all, r);
	return NULL;
}

static Err *read_words(Cli *cli, const Arguments *args, Resources *all)
{
	Resource r = { .name = STR("") };
	if (strchr(args->at[0], '/')) {
		for (size_t i = 0; i < args->count; i++)
			TRY(read_pair(cli, args->at[i], all));
		return NULL;
	}
	for (Str type, types = str_from(args->at[0]); types.len;) { /* "bc,is" */
		types = str_cut(types, ',', &type);
		if (!resource_kind(type, &r.kind))
			return unknown_type(cli, type);
		for (size_t i = 1; i < args->count; i++)
			VEC_PUSH(all, ((Resource){ r.kind, str_from(args->at[i]) }));
		if (args->count == 1)
			VEC_PUSH(all, r);
	}
	return all->len ? NULL : unknown_type(cli, STR(""));
}

Err *resource_read(Cli *cli, const Arguments *args, Resource **ret, size_t *ret_count)
{
	AUTO_VEC Resources all = { 0 };
	TRY(read_words(cli, args, &all));
	*ret = arena_alloc(cli->arena, all.len * sizeof **ret, _Alignof(Resource));
	if (all.len)
		memcpy(*ret, all.at, all.len * sizeof **ret);
	*ret_count = all.len;
	return NULL;
}

Err *resource_name(Cli *cli, const char *word, ResourceKind kind, Str *ret)
{
	Str type;
	ResourceKind got;
	Str name = str_cut(str_from(word), '/', &type);
	*ret = str_from(word);
	if (!strchr(word, '/'))
		return NULL;
	if (!resource_kind(type, &got) || got != kind || !name.len)
		return cli_usage(cli, "'%s' is no %s", word, resource_one(kind));
	*ret = name;
	return NULL;
}

/* --- tables ----------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 12, GAP = 3, WIDTH_MIN = 6 };

void resource_print_table(const Str *lines, size_t count)
{
	size_t widths[COLUMNS_MAX] = { 0 };
	for (size_t i = 0; i < count; i++) {
		Str rest = lines[i], cell;
		for (size_t c = 0; rest.len && c < COLUMNS_MAX; c++) {
			rest = str_cut(rest, '\t', &cell);
			if (cell.len + GAP > widths[c])
				widths[c] = cell.len + GAP < WIDTH_MIN ? WIDTH_MIN : cell.len + GAP;
		}
	}
	for (size_t i = 0; i < count; i++) {
		Str rest = lines[i], cell;
		for (size_t c = 0; rest.len && c < COLUMNS_MAX; c++) {
			rest = str_cut(rest, '\t', &cell);
			printf("%-*.*s", rest.len ? (int)widths[c] : 0, STR_ARG(cell));
		}
		printf("\n");
	}
}

Str resource_duration(Arena *a, int64_t ns)
{
	long long seconds = (ns + 500000000) / 1000000000;
	if (seconds < 60)
		return arena_strf(a, "%llds", seconds);
	if (seconds < 3600)
		return arena_strf(a, "%lldm%llds", seconds / 60, seconds % 60);
	return arena_strf(a, "%lldh%lldm%llds", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

Err *resource_settle(const Project *p, Build *builds, size_t count)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool open = false;
	for (size_t i = 0; i < count; i++)
		open |= !build_is_over(builds[i].phase);
	if (!open)
		return NULL;
	TRY(project_lock(p, NULL, &lock));
	for (size_t i = 0; i < count; i++)
		TRY(project_build_settle(p, &builds[i]));
	return NULL;
}
