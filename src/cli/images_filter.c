/* images_filter.c - --filter and the argument of `decant images`: which rows are wanted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/images-internal.h"
#include "cli/moment.h"
#include "fs/match.h"

static void push(Arena *a, OptionList *list, const char *text)
{
	const char **more = arena_alloc(a, (list->count + 1) * sizeof *more, _Alignof(char *));
	if (list->count)
		memcpy(more, list->at, list->count * sizeof *more);
	more[list->count++] = text;
	list->at = more;
}

static Err *read_until(Cli *cli, const char *text, int64_t *ret_ns)
{
	if (cli_moment(str_from(text), ret_ns))
		return NULL;
	return err_note(cli_usage(cli, "invalid filter 'until=%s'", text), CLI_MOMENT_NOTE);
}

static Err *read_dangling(Cli *cli, const char *value, ImageFilters *f)
{
	static const char *const yes[] = { "true", "1", "True", "TRUE", "t", "T" };
	static const char *const no[] = { "false", "0", "False", "FALSE", "f", "F" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(value, yes[i]) == 0)
			f->dangling = "true";
		else if (strcmp(value, no[i]) == 0)
			f->dangling = "false";
		else
			continue;
		return NULL;
	}
	return cli_usage(cli, "invalid filter 'dangling=%s': expected true or false", value);
}

/* The images between which the wanted ones were made; several: the narrowest. */
static Err *read_limit(Cli *cli, Store *s, const char *name, bool before, ImageFilters *f)
{
	Image image;
	TRY(cli_image(cli, s, name, &image));
	int64_t at = image.config.created_ns;
	if (before && at < f->before_ns)
		f->before_ns = at;
	else if (!before && at > f->since_ns)
		f->since_ns = at;
	return NULL;
}

static Err *read_filter(Cli *cli, Store *s, const char *text, ImageFilters *f)
{
	Str key;
	(void)str_cut(str_from(text), '=', &key);
	const char *value = text + key.len;
	if (*value != '=')
		return cli_usage(cli, "invalid filter '%s': expected KEY=VALUE", text);
	value++;
	key = str_trim(key);
	if (str_eqc(key, "dangling"))
		return read_dangling(cli, value, f);
	if (str_eqc(key, "before") || str_eqc(key, "since"))
		return read_limit(cli, s, value, str_eqc(key, "before"), f);
	if (str_eqc(key, "until")) {
		int64_t at = 0;
		TRY(read_until(cli, value, &at));
		f->before_ns = at < f->before_ns ? at : f->before_ns;
		return NULL;
	}
	bool label = str_eqc(key, "label");
	if (!label && !str_eqc(key, "reference"))
		return err_note(cli_usage(cli, "invalid filter '%.*s'", STR_ARG(key)),
		                "one of dangling, reference, label, before, since, until");
	push(cli->arena, label ? &f->labels : &f->references, value);
	return NULL;
}

Err *images_read_filters(Cli *cli, Store *s, const OptionList *texts, const char *argument,
                         ImageFilters *ret)
{
	*ret = (ImageFilters){ .before_ns = INT64_MAX,
		               .since_ns = INT64_MIN,
		               .argument = argument && *argument ? argument : NULL };
	for (size_t i = 0; i < texts->count; i++)
		TRY(read_filter(cli, s, texts->at[i], ret));
	return NULL;
}

/* PATTERN against what people type, as docker: "go*", "golang:1.18", also the full name. */
static Err *matches_reference(Arena *a, const ImageRow *row, const char *pattern, bool *ret)
{
	const Str names[] = {
		reference_familiar(a, &row->ref),
		row->repository,
		row->full,
		arena_strf(a, "%.*s/%.*s", STR_ARG(row->ref.domain), STR_ARG(row->ref.path)),
	};
	*ret = false;
	for (size_t i = 0; i < ARRAY_LEN(names) && !*ret; i++)
		TRY(match_glob(str_from(pattern), names[i], ret));
	return NULL;
}

/* The argument: a name with or without its tag, or by what it may be called as well: a digest. */
static Err *matches_argument(Arena *a, const ImageRow *row, const char *argument, bool *ret)
{
	Reference wanted;
	*ret = false;
	if (row->full.len)
		TRY(matches_reference(a, row, argument, ret));
	if (*ret)
		return NULL;
	if (str_starts(str_from(argument), STR("sha256:"))) {
		*ret = str_starts(digest_arena_text(a, &row->image.id), str_from(argument));
		return NULL;
	}
	if (!row->full.len || !strchr(argument, '@'))
		return NULL;
	AUTO_ERR Err *no_name = reference_parse(a, str_from(argument), &wanted);
	*ret = !no_name && wanted.has_digest &&
	       str_eq(reference_familiar_name(a, &wanted), row->repository) &&
	       digest_eq(&wanted.digest, &row->manifest);
	return NULL;
}

static Err *has_labels(Arena *a, Store *s, const ImageRow *row, const ImageFilters *f, bool *ret)
{
	Image image;
	*ret = true;
	if (f->labels.count)
		TRY(image_read(s, &row->image.id, a, &image));
	for (size_t i = 0; i < f->labels.count && *ret; i++)
		*ret = image_config_has_label(&image.config, f->labels.at[i]);
	return NULL;
}

Err *images_is_wanted(Arena *a, Store *s, const ImageRow *row, const ImageFilters *f, bool all,
                      bool *ret)
{
	bool dangling = row->full.len == 0;
	int64_t created = row->image.created_ns;
	*ret = false;
	if (f->dangling ? dangling != (strcmp(f->dangling, "true") == 0)
	                : dangling && !all && !f->argument)
		return NULL;
	if ((f->before_ns != INT64_MAX && created >= f->before_ns) ||
	    (f->since_ns != INT64_MIN && created <= f->since_ns))
		return NULL;
	bool matches = f->references.count == 0;
	for (size_t i = 0; i < f->references.count && !matches && !dangling; i++)
		TRY(matches_reference(a, row, f->references.at[i], &matches));
	if (matches && f->argument)
		TRY(matches_argument(a, row, f->argument, &matches));
	return matches ? has_labels(a, s, row, f, ret) : NULL;
}
