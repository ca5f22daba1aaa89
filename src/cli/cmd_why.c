/* cmd_why.c - why each step of a build ran, or did not have to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "store/builds.h"

#include <stdio.h>

typedef struct WhyValues {
	const char *format;
} WhyValues;

static const Option why_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "text,json",
	  .help = "'text', or 'json': one document with everything that is known",
	  .offset = offsetof(WhyValues, format) },
};

/* --- text ------------------------------------------------------------------------------------ */

#define DIM    "\033[2m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define RESET  "\033[0m"

typedef struct StatusWord {
	const char *word, *colour;
} StatusWord;

static const StatusWord status_words[STORE_STEP_STATUS_COUNT] = {
	[STORE_STEP_WAITING] = { "-", DIM },         [STORE_STEP_HIT] = { "HIT", GREEN },
	[STORE_STEP_RUN] = { "MISS", YELLOW },       [STORE_STEP_FAILED] = { "FAILED", RED },
	[STORE_STEP_CANCELLED] = { "STOPPED", RED }, [STORE_STEP_UNNEEDED] = { "-", DIM },
	[STORE_STEP_REFUSED] = { "NOT RUN", RED },
};

static const char *colour(const char *code)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? code : "";
}

/* Titles and causes hold what Dockerfiles and file names hold: nothing that steers a terminal. */
static Str safe(Arena *a, Str text)
{
	AUTO_BUF Buf out = BUF_INIT;
	ui_text_safe_log(text, &out);
	return arena_str(a, buf_str(&out));
}

static Str time_text(Arena *a, int64_t ns)
{
	int64_t ms = ns / 1000000;
	if (ms >= 60000)
		return arena_strf(a, "%lldm%02llds", (long long)ms / 60000,
		                  (long long)ms % 60000 / 1000);
	if (ms >= 1000)
		return arena_strf(a, "%lld.%llds", (long long)ms / 1000,
		                  (long long)ms % 1000 / 100);
	return arena_strf(a, "%lldms", (long long)ms);
}

static Str name_of(Arena *a, const StoreBuild *b)
{
	Reference ref;
	if (!b->tag_count)
		return b->context.len ? b->context : b->dockerfile;
	AUTO_ERR Err *e = reference_parse(a, b->tags[0], &ref);
	return e ? b->tags[0] : reference_familiar(a, &ref);
}

static void print_head(Arena *a, const StoreBuild *b)
{
	unsigned hits = 0, all = 0;
	for (size_t i = 0; i < b->step_count; i++) {
		const StoreStep *s = &b->steps[i];
		bool counts = s->kind != STORE_STEP_BASE && s->status != STORE_STEP_UNNEEDED;
		all += counts;
		hits += counts && s->status == STORE_STEP_HIT;
	}
	printf("build %.*s of %.*s, %s ago: %s, %u of %u steps from the cache\n", STR_ARG(b->id),
	       STR_ARG(safe(a, name_of(a, b))), cli_age(a, clock_real_ns() - b->started_ns).ptr,
	       store_build_state_names[b->state], hits, all);
	if (b->error.len)
		printf("%serror: %.*s%s\n", colour(RED), STR_ARG(safe(a, b->error)), colour(RESET));
	printf("\n");
}

static void print_line(const char *indent, const char *code, Str text)
{
	printf("%s%s%.*s%s\n", indent, colour(code), STR_ARG(text), colour(RESET));
}

static void print_step(Arena *a, const StoreBuild *b, uint32_t n, bool all)
{
	static const char indent[] = "             ";
	const StoreStep *s = &b->steps[n];
	const StatusWord *status = &status_words[s->status];
	bool timed = s->cost_ns && s->status != STORE_STEP_HIT;
	printf("%3u  %s%-7s%s %.*s%s%.*s\n", n + 1, colour(status->colour), status->word,
	       colour(RESET), STR_ARG(safe(a, s->title)), timed ? "  " : "",
	       STR_ARG(timed ? time_text(a, s->cost_ns) : STR("")));
	for (size_t i = 0; i < s->cause_count && (all || i < 3 || s->cause_count == 4); i++)
		print_line(indent, YELLOW, safe(a, s->causes[i].words));
	if (!all && s->cause_count > 4)
		print_line(indent, YELLOW,
		           arena_strf(a, "and %zu more: decant why %.*s %u", s->cause_count - 3,
		                      STR_ARG(b->id), n + 1));
	if (s->same)
		print_line(
			indent, GREEN,
			STR("same result as before: what follows is a HIT, unless it has causes of "
		            "its own"));
}

static void print_detail(const char *name, Str value)
{
	if (value.len)
		printf("     %-12s %.*s\n", name, STR_ARG(value));
}

/* All that is known of one step. */
static void print_details(Arena *a, const StoreBuild *b, uint32_t n)
{
	const StoreStep *s = &b->steps[n];
	print_step(a, b, n, true);
	printf("\n");
	if (s->line)
		print_detail("line",
		             arena_strf(a, "%.*s:%u", STR_ARG(safe(a, b->dockerfile)), s->line));
	print_detail("instruction", safe(a, s->text));
	print_detail("image", s->kind == STORE_STEP_BASE ? safe(a, s->source) : STR(""));
	print_detail("address", s->kind == STORE_STEP_FETCH ? safe(a, s->source) : STR(""));
	if (!digest_is_zero(&s->digest))
		print_detail("digest", digest_arena_text(a, &s->digest));
	print_detail("commit", safe(a, s->revision));
	if (s->has_layer) {
		print_detail("layer", digest_arena_text(a, &s->layer.diff_id));
		print_detail("size", cli_size(a, s->layer.size_bytes));
	}
	if (!digest_is_zero(&s->key))
		print_detail("key", digest_arena_hex(a, &s->key));
	if (s->cost_ns)
		print_detail(s->status == STORE_STEP_HIT ? "once took" : "took",
		             time_text(a, s->cost_ns));
	if (s->log_bytes)
		print_detail("log", arena_strf(a, "decant logs %.*s %u (%s)", STR_ARG(b->id), n + 1,
		                               cli_size(a, s->log_bytes).ptr));
}

static void print_text(Arena *a, const StoreBuild *b, uint32_t only)
{
	print_head(a, b);
	if (only != STORE_STEP_NONE) {
		print_details(a, b, only);
		return;
	}
	for (uint32_t i = 0; i < b->step_count; i++)
		print_step(a, b, i, false);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void number(JsonWriter *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

static void digest_member(JsonWriter *w, Arena *a, const char *key, const Digest *d)
{
	if (!digest_is_zero(d))
		json_write_member(w, key, digest_arena_text(a, d));
}

static void texts(JsonWriter *w, const char *key, const Str *at, size_t count)
{
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		json_write_str(w, at[i]);
	json_write_array_end(w);
}

static void put_causes(JsonWriter *w, const StoreStep *s)
{
	json_write_key(w, "causes");
	json_write_array(w);
	for (size_t i = 0; i < s->cause_count; i++) {
		const StoreCause *c = &s->causes[i];
		json_write_object(w);
		json_write_member(w, "code", c->code);
		if (c->subject.len)
			json_write_member(w, "subject", c->subject);
		if (c->before.len)
			json_write_member(w, "old", c->before);
		if (c->after.len)
			json_write_member(w, "new", c->after);
		if (c->step != STORE_STEP_NONE)
			number(w, "step", (int64_t)c->step + 1);
		json_write_member(w, "text", c->words);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void put_step(JsonWriter *w, Arena *a, const StoreStep *s, uint32_t n)
{
	json_write_object(w);
	number(w, "step", (int64_t)n + 1);
	json_write_member(w, "kind", str_from(store_step_kind_names[s->kind]));
	json_write_member(w, "status", str_from(store_step_status_names[s->status]));
	json_write_member(w, "stage", s->stage);
	json_write_member(w, "platform", s->platform);
	json_write_member(w, "title", s->title);
	json_write_member(w, "instruction", s->text);
	if (s->line) {
		number(w, "line", s->line);
		number(w, "last_line", s->last_line);
	}
	if (s->parent != STORE_STEP_NONE)
		number(w, "parent", (int64_t)s->parent + 1);
	put_causes(w, s);
	json_write_key(w, "same_result");
	json_write_bool(w, s->same);
	number(w, "nanoseconds", s->cost_ns);
	digest_member(w, a, "key", &s->key);
	if (s->has_layer) {
		digest_member(w, a, "layer", &s->layer.diff_id);
		number(w, "size", (int64_t)s->layer.size_bytes);
	}
	if (s->source.len)
		json_write_member(w, "source", s->source);
	digest_member(w, a, "digest", &s->digest);
	if (s->revision.len)
		json_write_member(w, "commit", s->revision);
	number(w, "log_bytes", (int64_t)s->log_bytes);
	json_write_object_end(w);
}

static void print_json(Arena *a, const StoreBuild *b, uint32_t only)
{
	char time[CLOCK_TEXT_BYTES];
	AUTO_BUF Buf out = BUF_INIT;
	JsonWriter w = { .out = &out };
	json_write_object(&w);
	json_write_member(&w, "id", b->id);
	json_write_member(&w, "state", str_from(store_build_state_names[b->state]));
	json_write_member(&w, "started", clock_format(b->started_ns, time));
	number(&w, "nanoseconds", b->duration_ns);
	texts(&w, "command", b->command, b->command_count);
	json_write_member(&w, "dockerfile", b->dockerfile);
	digest_member(&w, a, "dockerfile_digest", &b->dockerfile_digest);
	json_write_member(&w, "context", b->context);
	json_write_member(&w, "target", b->target);
	json_write_member(&w, "platform", b->platform);
	texts(&w, "tags", b->tags, b->tag_count);
	json_write_key(&w, "images");
	json_write_array(&w);
	for (size_t i = 0; i < b->image_count; i++)
		json_write_str(&w, digest_arena_text(a, &b->images[i].image_id));
	json_write_array_end(&w);
	if (b->error.len)
		json_write_member(&w, "error", b->error);
	json_write_key(&w, "steps");
	json_write_array(&w);
	for (uint32_t i = 0; i < b->step_count; i++)
		if (only == STORE_STEP_NONE || only == i)
			put_step(&w, a, &b->steps[i], i);
	json_write_array_end(&w);
	json_write_object_end(&w);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
}

/* --- the command ----------------------------------------------------------------------------- */

static Err *run_why(Cli *cli, const void *values, const Arguments *args)
{
	const WhyValues *v = values;
	bool json = v->format && strcmp(v->format, "json") == 0;
	Store *s = NULL;
	StoreBuild b;
	uint32_t only = STORE_STEP_NONE;
	if (v->format && !json && strcmp(v->format, "text") != 0)
		return err_note(cli_usage(cli, "unknown format: '%s'", v->format),
		                "one of text, json");
	TRY(cli_store_existing(cli, &s));
	if (!s)
		return err_new(ERR_NOT_FOUND, "no build has been made with this store yet");
	TRY(store_build_find(s, str_from(args->count ? args->at[0] : "latest"), cli->arena, &b));
	if (args->count > 1)
		TRY(store_build_step(&b, str_from(args->at[1]), &only));
	if (json)
		print_json(cli->arena, &b, only);
	else
		print_text(cli->arena, &b, only);
	return NULL;
}

const Command command_why = {
	.name = "why",
	.aliases = "history inspect,buildx history inspect",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] [BUILD | IMAGE] [STEP]",
	.help = "Say why each step of a build ran, or did not have to",
	.about = "Without an argument it is about the last build. BUILD is an ID of\n"
		 "'decant builds' or its beginning, \"latest\", or ^N, the Nth before the\n"
		 "latest; of an IMAGE it is the last build that was to make it. STEP is a\n"
		 "number, or STAGE/POSITION as in builder/2: then all that is known of it\n"
		 "is shown.\n\n"
		 "A step that was in the cache is a HIT. For a MISS the first difference\n"
		 "to the build before is named, with the old and the new value: a file, a\n"
		 "variable, the line of the Dockerfile, the base image, or the step that\n"
		 "it stands on, and why that ran.\n\n"
		 "With --format json the document has: id, state (done, failed, cancelled,\n"
		 "running, lost), started, nanoseconds, command, dockerfile,\n"
		 "dockerfile_digest, context, target, platform, tags, images, error, and\n"
		 "steps: step, kind, status (hit, run, failed, cancelled, waiting,\n"
		 "unneeded, refused), stage, platform, title, instruction, line,\n"
		 "last_line, parent, same_result, nanoseconds, key, layer, size, source,\n"
		 "digest, commit, log_bytes, and causes: code, subject, old, new, step,\n"
		 "text.",
	.options = why_options,
	.option_count = ARRAY_LEN(why_options),
	.values_size = sizeof(WhyValues),
	.arguments_max = 2,
	.choices = "IMAGE",
	.run = run_why,
};
