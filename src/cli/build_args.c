/* build_args.c - the build arguments: --build-arg-file, --build-arg, SOURCE_DATE_EPOCH of the
 * environment. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/build_args.h"
#include "cli/build_proxies.h"
#include "fs/path.h"

#include <assert.h>
#include <fcntl.h>

typedef struct Args {
	Arena *arena;
	Map places; /* name → size_t *, its number in list */
	VEC(PlanArg) list;
} Args;

static void set(Args *args, Str name, Str value)
{
	size_t *place = map_get(&args->places, name);
	if (place) {
		assert(args->list.at && *place < args->list.len);
		args->list.at[*place].value = value;
		return;
	}
	place = arena_new(args->arena, size_t);
	*place = args->list.len;
	VEC_PUSH(&args->list, (PlanArg){ name, value });
	(void)map_put(&args->places, name, place);
}

/* "NAME=VALUE", or "NAME" for that of the environment.  TEXT outlives ARGS. */
static void add(Args *args, Str text)
{
	Str name, value = str_cut(text, '=', &name);
	if (name.len == text.len) {
		const char *given = getenv(arena_str(args->arena, name).ptr);
		if (!given)
			return; /* as if it was not given (docker) */
		value = str_from(given);
	}
	set(args, name, value);
}

static Err *read_file(Args *args, const char *file)
{
	AUTO_BUF Buf buf = BUF_INIT;
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "cannot open the file of build arguments '%s'", file);
	TRY(path_read_fd(fd, BUILD_ARGS_BYTES_MAX, file, &buf));
	Source *source = arena_new(args->arena, Source);
	*source = (Source){ file, arena_str(args->arena, buf_str(&buf)) };
	for (Str rest = source->text; rest.len;) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		line = str_trim(line);
		if (!line.len || line.ptr[0] == '#')
			continue;
		if (line.ptr[0] == '=' || memchr(line.ptr, '\0', line.len)) {
			uint32_t at = (uint32_t)(line.ptr - source->text.ptr);
			Span span = { source, at, at + (uint32_t)line.len };
			return err_note(err_at(span, "no build argument"),
			                "write NAME=VALUE, or NAME for a variable of the "
			                "environment");
		}
		add(args, line);
	}
	return NULL;
}

static Err *read_all(Args *args, const BuildValues *v)
{
	static const char epoch_name[] = "SOURCE_DATE_EPOCH";
	const char *epoch = getenv(epoch_name);
	if (v->reproducible)
		set(args, str_from(epoch_name), STR("0"));
	if (epoch && *epoch)
		set(args, str_from(epoch_name), str_from(epoch));
	if (v->source_date_epoch)
		set(args, str_from(epoch_name), str_from(v->source_date_epoch));
	for (size_t i = 0; i < v->arg_files.count; i++)
		TRY(read_file(args, v->arg_files.at[i]));
	for (size_t i = 0; i < v->build_args.count; i++) {
		if (v->build_args.at[i][0] == '=' || !v->build_args.at[i][0])
			return err_new(ERR_INPUT, "--build-arg %s: it has no name",
			               v->build_args.at[i]);
		add(args, str_from(v->build_args.at[i]));
	}
	PlanArg *usual;
	size_t usual_count;
	build_proxies_of_config(args->arena, &usual, &usual_count);
	for (size_t i = 0; i < usual_count; i++)
		if (!map_get(&args->places, usual[i].name))
			set(args, usual[i].name, usual[i].value);
	return NULL;
}

Err *build_args_read(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Args args = { .arena = cli->arena };
	Err *e = read_all(&args, v);
	if (!e && args.list.len) {
		size_t bytes = args.list.len * sizeof(PlanArg);
		PlanArg *list = arena_alloc(cli->arena, bytes, _Alignof(PlanArg));
		memcpy(list, args.list.at, bytes);
		r->args = list;
		r->arg_count = args.list.len;
	}
	map_done(&args.places);
	VEC_DONE(&args.list);
	return e;
}
