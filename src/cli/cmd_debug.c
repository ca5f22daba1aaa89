/*
 * cmd_debug.c - debug words|ignore|ast|documents: readers by themselves.
 *
 * Plumbing for conformance suites, linters and editors.  words, ignore and documents answer each
 *JSON line of standard input with one of standard output; what cannot be answered is an "error" in
 *the answer, so one bad case ends nothing.
 *
 *	words   {"id":..,"mode":"word|words","input":..,"env":["A=1"],"escape":"\\"}
 *	        → "result", or "results" for mode words; "unmatched": names that are not set
 *	ignore  {"id":..,"patterns":[..],"path":..} → "excluded"
 *	        {"id":..,"file":"text of an ignore file"} → "patterns"
 *	documents {"id":..,"kind":"manifest|index|descriptor|config","doc":"text of the document"}
 *	        → "valid":true, if an image with it is taken
 *	ast [--strict] FILE   the tree; --strict: every instruction checked as a build would
 *	schema [--markdown]   what instructions, flags, mounts and directives there are, as one JSON
 *	                      document for editors, or as the tables of docs/dockerfile.md
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/cmd_debug.h"
#include "cli/command.h"
#include "cli/schema.h"
#include "codec/json.h"
#include "dockerfile/expand.h"
#include "fs/match.h"
#include "fs/path.h"
#include "oci/config.h"
#include "oci/manifest.h"
#include "ui/ui.h"

#include <fcntl.h>
#include <stdio.h>

/* The exit status of a usage error, and of a file that is refused (STYLE: exit statuses in main.c).
 */
#define EXIT_USAGE   2
#define EXIT_REFUSED 3

#define SYNOPSIS     "words | ignore | documents | ast [--strict] FILE | schema [--markdown]"

typedef VEC(Str) StrVec;

/* The variables of one question, and those that were asked for in vain. */
typedef struct Environment {
	Map values; /* name → Str * */
	Map unmatched;
} Environment;

static void environment_done(Environment *e)
{
	map_done(&e->values);
	map_done(&e->unmatched);
}

static bool environment_lookup(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	Environment *e = context;
	*ret_origin = (Span){ 0 };
	const Str *value = map_get(&e->values, name);
	if (value)
		*ret_value = *value;
	else
		map_put(&e->unmatched, name, e);
	return value != NULL;
}

static void environment_add(Arena *a, Environment *e, Str assignment)
{
	Str *value = arena_new(a, Str), name;
	*value = str_cut(assignment, '=', &name);
	map_put(&e->values, name, value);
}

static void write_strs(JsonWriter *w, const char *key, const Str *strs, size_t count)
{
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		json_write_str(w, strs[i]);
	json_write_array_end(w);
}

static Err *answer_words(Arena *a, const JsonValue *question, JsonWriter *w)
{
	Str input = STR(""), mode = STR("word"), escape = STR("\\");
	Str *env = NULL;
	size_t env_count = 0;
	TRY(json_get_str(question, "question", "input", a, &input));
	TRY(json_get_str(question, "question", "mode", a, &mode));
	TRY(json_get_str(question, "question", "escape", a, &escape));
	TRY(json_get_strs(question, "question", "env", a, &env, &env_count));

	CLEANUP(environment_done) Environment e = { 0 };
	for (size_t i = 0; i < env_count; i++)
		environment_add(a, &e, env[i]);
	ExpandScope scope = {
		.lookup = environment_lookup,
		.context = &e,
		.escape = escape.len ? escape.ptr[0] : '\\',
	};
	Word word = { .text = input };
	if (str_eqc(mode, "words")) {
		Str *results;
		size_t count;
		TRY(expand_words(a, &scope, word, &results, &count));
		write_strs(w, "results", results, count);
		return NULL;
	}
	Str result;
	TRY(expand_word(a, &scope, word, &result));
	json_write_key(w, "result");
	json_write_str(w, result);
	json_write_key(w, "unmatched");
	json_write_array(w);
	for (size_t i = 0; i < e.unmatched.len; i++)
		json_write_str(w, e.unmatched.slots[i].key);
	json_write_array_end(w);
	return NULL;
}

static Err *answer_ignore_file(Arena *a, Str file, JsonWriter *w)
{
	Source source = { "ignore file", file };
	IgnoreLine *lines;
	size_t count = 0;
	TRY(ignore_read(a, &source, &lines, &count));
	json_write_key(w, "patterns");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		json_write_str(w, lines[i].pattern);
	json_write_array_end(w);
	return NULL;
}

static Err *answer_ignore(Arena *a, const JsonValue *question, JsonWriter *w)
{
	if (json_value_is_string(json_member(question, "file")))
		return answer_ignore_file(a, json_value_string(json_member(question, "file")), w);
	Str path = STR("");
	Str *patterns = NULL;
	size_t count = 0;
	TRY(json_get_str(question, "question", "path", a, &path));
	TRY(json_get_strs(question, "question", "patterns", a, &patterns, &count));
	Ignore ignore;
	TRY(ignore_from_patterns(a, patterns, count, &ignore));
	bool excluded = ignore_excludes(&ignore, path_clean(a, path), NULL);
	json_write_key(w, "excluded");
	json_write_bool(w, excluded);
	return NULL;
}

typedef Err *AnswerFn(Arena *a, const JsonValue *question, JsonWriter *w);

/* As everywhere that such documents are read: from registries, archives and the store. */
static Err *answer_documents(Arena *a, const JsonValue *question, JsonWriter *w)
{
	Str kind = json_value_string(json_member(question, "kind"));
	Str doc = json_value_string(json_member(question, "doc"));
	ImageConfig config;
	Manifest manifest;
	Index index;
	if (str_eqc(kind, "config")) {
		TRY(image_config_parse(a, doc, "config", &config));
	} else if (str_eqc(kind, "manifest")) {
		TRY(manifest_parse(a, doc, "manifest", &manifest));
	} else if (str_eqc(kind, "index")) {
		TRY(index_parse(a, doc, "index", &index));
	} else if (str_eqc(kind, "descriptor")) { /* there is none alone: as the one of an index */
		Str text =
			arena_strf(a, "{\"schemaVersion\":2,\"manifests\":[%.*s]}", STR_ARG(doc));
		TRY(index_parse(a, text, "descriptor", &index));
	} else {
		return err_new(ERR_INPUT, "unknown kind of document: '%.*s'", STR_ARG(kind));
	}
	json_write_key(w, "valid");
	json_write_bool(w, true);
	return NULL;
}

static void json_freep(JsonValue **v)
{
	json_free(*v);
}

/* One line: the answer goes to OUT, without a newline. */
static Err *answer_line(Str line, AnswerFn *answer, Buf *out)
{
	CLEANUP(json_freep) JsonValue *question = NULL;
	TRY(json_parse(line, JSON_BYTES_MAX, "standard input", &question));
	AUTO_ARENA Arena a = ARENA_INIT;
	Str id = json_value_string(json_member(question, "id"));
	JsonWriter w = { .out = out };
	json_write_object(&w);
	json_write_key(&w, "id");
	json_write_str(&w, id);
	AUTO_ERR Err *err = answer(&a, question, &w);
	if (err) {
		/* What the answer had written so far is void. */
		buf_reset(out);
		w = (JsonWriter){ .out = out };
		json_write_object(&w);
		json_write_key(&w, "id");
		json_write_str(&w, id);
		json_write_key(&w, "error");
		json_write_str(&w, err_cause(err));
	}
	json_write_object_end(&w);
	return NULL;
}

static int fail(Err *err)
{
	ui_print_error(err, stderr);
	err_free(err);
	return EXIT_REFUSED;
}

static int answer_lines(AnswerFn *answer)
{
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	ssize_t len;
	AUTO_BUF Buf out = BUF_INIT;
	while ((len = getline(&line, &room, stdin)) > 0) {
		Str text = str_trim((Str){ line, (size_t)len });
		if (!text.len)
			continue;
		buf_reset(&out);
		Err *err = answer_line(text, answer, &out);
		if (err)
			return fail(err);
		printf("%.*s\n", STR_ARG(buf_str(&out)));
	}
	return 0;
}

static Err *read_dockerfile(Arena *a, const char *name, bool strict, Source *source,
                            Dockerfile *ret)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", name);
	AUTO_BUF Buf text = BUF_INIT;
	TRY(path_read_fd(fd, DOCKERFILE_BYTES_MAX, name, &text));
	*source = (Source){ name, arena_str(a, buf_str(&text)) };
	return strict ? dockerfile_parse(a, source, ret) : dockerfile_parse_tree(a, source, ret);
}

static int print_tree(const char *name, bool strict)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source;
	Dockerfile d;
	Err *err = read_dockerfile(&a, name, strict, &source, &d);
	if (err)
		return fail(err);
	AUTO_BUF Buf out = BUF_INIT;
	dockerfile_dump(&d, &out);
	fwrite(out.ptr, 1, out.len, stdout);
	return 0;
}

static int print_schema(bool markdown)
{
	AUTO_BUF Buf out = BUF_INIT;
	(markdown ? schema_write_markdown : schema_write_json)(&out);
	(void)fwrite(out.ptr, 1, out.len, stdout);
	return 0;
}

int cmd_debug(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool strict = argc == 4 && !strcmp(argv[2], "--strict");
	if (argc == 2 && !strcmp(what, "words"))
		return answer_lines(answer_words);
	if (argc == 2 && !strcmp(what, "ignore"))
		return answer_lines(answer_ignore);
	if (argc == 2 && !strcmp(what, "documents"))
		return answer_lines(answer_documents);
	if (!strcmp(what, "ast") && (argc == 3 || strict))
		return print_tree(argv[argc - 1], strict);
	bool markdown = argc == 3 && !strcmp(argv[2], "--markdown");
	if (!strcmp(what, "schema") && (argc == 2 || markdown))
		return print_schema(markdown);
	bool asked =
		argc >= 2 && (!strcmp(argv[argc - 1], "--help") || !strcmp(argv[argc - 1], "-h"));
	fprintf(asked ? stdout : stderr, "usage: decant debug %s\n", SYNOPSIS);
	return asked ? 0 : EXIT_USAGE;
}

const Command command_debug = {
	.name = "debug",
	.group = GROUP_HIDDEN,
	.synopsis = SYNOPSIS,
	.help = "The Dockerfile reader by itself, for editors, linters and conformance suites",
	.run_raw = cmd_debug,
};
