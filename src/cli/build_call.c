/* build_call.c - `build --check`, `build --call=NAME[,format=json]`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_call.h"

#include <stdio.h>

/* One kind of call.  TEXT and JSON add to OUT what is asked for. */
typedef struct CallKind {
	const char *name;
	void (*text)(const BuildLook *look, Arena *a, Buf *out);
	void (*json)(const BuildLook *look, Arena *a, Buf *out);
	bool all_stages; /* unless --target names one */
	bool judges;     /* a finding is a failure; else it is what stands in the way */
	bool reads_only; /* the file alone: neither variables nor images */
} CallKind;

static void describe_text(const BuildLook *look, Arena *a, Buf *out);
static void describe_json(const BuildLook *look, Arena *a, Buf *out);

static const CallKind kinds[] = {
	{ .name = "check",
	  .text = build_check_text,
	  .json = build_check_json,
	  .all_stages = true,
	  .judges = true },
	{ .name = "outline", .text = build_outline_text, .json = build_outline_json },
	{ .name = "targets",
	  .text = build_targets_text,
	  .json = build_targets_json,
	  .reads_only = true },
	{ .name = "subrequests.describe",
	  .text = describe_text,
	  .json = describe_json,
	  .reads_only = true },
};

struct BuildCall {
	const CallKind *kind;
	bool json, ignore_status;
};

/* --- what calls there are --------------------------------------------------------------------- */

/* BuildKit's own words; that it does not name its check is how it is. */
static const struct {
	const char *name, *description, *option, *option_description;
	bool has_options;
} described[] = {
	{ "outline", "List all parameters current build target supports", "target",
	  "Target build stage", true },
	{ "targets", "List all targets current build supports", NULL, NULL, true },
	{ "subrequests.describe", "List available subrequest types", NULL, NULL, false },
};

static void describe_text(const BuildLook *look, Arena *a, Buf *out)
{
	(void)look, (void)a;
	buf_addf(out, "NAME                 VERSION DESCRIPTION\n");
	for (size_t i = 0; i < ARRAY_LEN(described); i++)
		buf_addf(out, "%-20s %-7s %s\n", described[i].name, "1.0.0",
		         described[i].description);
}

static void write_member(JsonWriter *w, const char *key, const char *value)
{
	json_write_key(w, key);
	json_write_str(w, str_from(value));
}

static void write_named(JsonWriter *w, const char *name, const char *description)
{
	json_write_object(w);
	write_member(w, "name", name);
	write_member(w, "description", description);
	json_write_object_end(w);
}

static void write_null(JsonWriter *w, const char *key)
{
	json_write_key(w, key);
	json_write_null(w);
}

static void describe_json(const BuildLook *look, Arena *a, Buf *out)
{
	JsonWriter w = { out, false };
	(void)look;
	json_write_array(&w);
	for (size_t i = 0; i < ARRAY_LEN(described); i++) {
		json_write_object(&w);
		write_member(&w, "name", arena_strf(a, "frontend.%s", described[i].name).ptr);
		write_member(&w, "version", "1.0.0");
		write_member(&w, "type", "rpc");
		write_member(&w, "description", described[i].description);
		if (described[i].has_options) {
			json_write_key(&w, "opts");
			json_write_array(&w);
			if (described[i].option)
				write_named(&w, described[i].option,
				            described[i].option_description);
			json_write_array_end(&w);
		} else {
			write_null(&w, "opts");
		}
		write_null(&w, "inputs");
		json_write_key(&w, "metadata");
		json_write_array(&w);
		write_named(&w, "result.json", "");
		write_named(&w, "result.txt", "");
		json_write_array_end(&w);
		write_null(&w, "refs");
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
}

/* --- the option ------------------------------------------------------------------------------- */

static Err *find_kind(Cli *cli, Str name, const CallKind **ret)
{
	const char *names[ARRAY_LEN(kinds) + 2] = { "build", "lint" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		names[i + 2] = kinds[i].name;
		if (str_eqc(name, kinds[i].name))
			*ret = &kinds[i];
	}
	if (str_eqc(name, "lint")) /* as it was called at first */
		*ret = &kinds[0];
	if (*ret)
		return NULL;
	const char *near = option_suggest(arena_str(cli->arena, name).ptr, names, ARRAY_LEN(names));
	Err *e = cli_usage(cli, "unknown --call: '%.*s'", STR_ARG(name));
	if (near)
		return err_note(e, "did you mean %s?", near);
	return err_note(e, "one of build, check, outline, targets, subrequests.describe");
}

static Err *set_field(Cli *cli, Str field, BuildCall *call, Str *name)
{
	Str key, value = str_cut(field, '=', &key);
	if (key.len == field.len && name->len)
		return cli_usage(cli, "--call takes one name: '%.*s' is a second one",
		                 STR_ARG(field));
	if (key.len == field.len) {
		*name = field;
	} else if (str_eqc(key, "format")) {
		call->json = str_eqc(value, "json");
		if (!call->json && !str_eqc(value, "text"))
			return cli_usage(cli, "--call: format is text or json, not '%.*s'",
			                 STR_ARG(value));
	} else if (str_eqc(key, "ignorestatus")) {
		call->ignore_status = str_eqc(value, "true") || str_eqc(value, "1");
		if (!call->ignore_status && !str_eqc(value, "false") && !str_eqc(value, "0"))
			return cli_usage(cli, "--call: ignorestatus is true or false, not '%.*s'",
			                 STR_ARG(value));
	} else {
		return err_note(cli_usage(cli, "--call: unknown field '%.*s'", STR_ARG(key)),
		                "there are format and ignorestatus");
	}
	return NULL;
}

Err *build_call_parse(Cli *cli, const BuildValues *v, const BuildCall **ret)
{
	BuildCall *call = arena_new(cli->arena, BuildCall);
	Str text = str_from(v->call ? v->call : ""), name = STR("");
	*ret = NULL;
	while (text.len) {
		Str field;
		text = str_cut(text, ',', &field);
		TRY(set_field(cli, field, call, &name));
	}
	if (v->check)
		name = STR("check");
	if (!name.len || str_eqc(name, "build"))
		return NULL;
	TRY(find_kind(cli, name, &call->kind));
	*ret = call;
	return NULL;
}

/* --- the call --------------------------------------------------------------------------------- */

static Err *print(const BuildCall *call, const BuildLook *look, Arena *a)
{
	AUTO_BUF Buf out = BUF_INIT, pretty = BUF_INIT;
	if (!call->json) {
		call->kind->text(look, a, &out);
		(void)fwrite(buf_str(&out).ptr, 1, out.len,
		             stdout); /* checked when the program ends */
		return NULL;
	}
	enum { INDENT = 2 }; /* as BuildKit's */
	JsonValue *v;
	call->kind->json(look, a, &out);
	TRY(json_parse(buf_str(&out), SIZE_MAX, "the result", &v));
	json_dump_indent(v, INDENT, &pretty);
	json_free(v);
	buf_add_char(&pretty, '\n');
	(void)fwrite(buf_str(&pretty).ptr, 1, pretty.len,
	             stdout); /* checked when the program ends */
	return NULL;
}

Err *build_call_run(Cli *cli, const BuildCall *call, const BuildRequest *r, Ui *ui)
{
	AUTO_BUILD_LOOK BuildLook look = { 0 };
	BuildLookRequest how = { .all_stages = call->kind->all_stages && !r->target_count,
		                 .remarks = call->kind->judges,
		                 .reads_only = call->kind->reads_only };
	BuildRequest one = *r;
	if (!call->kind->judges && !call->kind->reads_only && r->target_count > 1)
		return cli_usage(cli, "--call=%s is about one target", call->kind->name);
	if (!call->kind->judges)
		one.platform_count = 1; /* as docker: it is said of the first */
	TRY(build_look(cli->arena, &one, &how, &look));
	ui_finish(ui);
	/* A check tells of the error as one of the things it found; else it is all there is to say.
	 */
	if (look.error && !call->kind->judges)
		return TAKE_PTR(look.error);
	TRY(print(call, &look, cli->arena));
	cli->exit_status = call->kind->judges && look.lint.warning_count && !call->ignore_status;
	if (look.error) {
		bool outside =
			err_kind(look.error) == ERR_NETWORK || err_kind(look.error) == ERR_DENIED;
		(void)fflush(stdout); /* what was found comes first; see print() */
		cli_report(cli, TAKE_PTR(look.error));
		if (!outside) /* a finding like others, and so is the status */
			cli->exit_status = 1;
	}
	return NULL;
}

bool build_call_needs_store(const BuildCall *call)
{
	return !call->kind->reads_only;
}
