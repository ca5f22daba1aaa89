/*
 * test_plan.c - Dockerfiles and the plans made of them: the cases of plan.cases.
 *
 * A case:  "== name", then sections that begin with "-- ": "args" (one K=V a line), "target",
 * "labels", "platform", "network", "allow" (their value on the next line), "contexts" (one
 * NAME=VALUE a line), "dockerfile", and "plan" (the dump) or "error" (what a person would see).
 * PLAN_CASES_UPDATE=1 writes what came out into the file, for a person to read the difference.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "plan/test/plan_dump.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

typedef struct Case {
	Str name, args, target, labels, platform, network, allow, contexts, dockerfile;
	Str want;
	bool fails;
	bool large; /* its dump is not wanted: each of many stages shows all history before it */
} Case;

/* --- images that do not exist ---------------------------------------------------------------- */

static const struct {
	const char *name, *config;
} images[] = {
	{ "docker.io/library/busybox:latest", "\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"sh\"]" },
	{ "docker.io/library/alpine:3.18", "\"Env\":[\"PATH=/bin\",\"A=alpine\"]" },
	{ "docker.io/library/golang:1.18.3-stretch",
	  "\"Env\":[\"PATH=/usr/local/go/bin:/bin\",\"GOPATH=/go\"],\"WorkingDir\":\"/go\"" },
	{ "docker.io/library/custom:latest",
	  "\"User\":\"1000\",\"Env\":[\"ONE=1\",\"TWO=2\"],\"Entrypoint\":[\"/"
	  "e\"],\"Cmd\":[\"test\"],"
	  "\"WorkingDir\":\"w/../work/\",\"Labels\":{\"l\":\"base\"},\"ExposedPorts\":{\"1/"
	  "tcp\":{}},"
	  "\"Healthcheck\":{\"Test\":[\"NONE\"]}" },
	{ "docker.io/library/arm:latest", "\"Env\":[\"PATH=/arm\"]" }, /* for linux/arm/v6 alone */
	{ "docker.io/library/onbuild:latest", "\"OnBuild\":[\"RUN x\"]" },
	{ "docker.io/library/triggers:latest", "\"Env\":[\"PATH=/bin\"],\"OnBuild\":[\"ARG "
	                                       "V=1\",\"ENV E=$V\",\"COPY --from=tools /t /\","
	                                       "\"run <<EOF\\necho $E\\nEOF\"]" },
	{ "docker.io/library/chain:latest", "\"OnBuild\":[\"COPY --from=onlydeps /d /\"]" },
	{ "docker.io/library/evil-from:latest", "\"OnBuild\":[\"RUN x\",\"FROM busybox\"]" },
	{ "docker.io/library/evil-onbuild:latest", "\"OnBuild\":[\"ONBUILD RUN x\"]" },
	{ "docker.io/library/evil-maintainer:latest", "\"OnBuild\":[\"MAINTAINER x\"]" },
	{ "docker.io/library/evil-word:latest", "\"OnBuild\":[\"RNU x\"]" },
	{ "docker.io/library/evil-two:latest", "\"OnBuild\":[\"RUN x\\nFROM busybox\"]" },
	{ "docker.io/library/evil-empty:latest", "\"OnBuild\":[\"\"]" },
	{ "docker.io/library/evil-nul:latest", "\"OnBuild\":[\"RUN a\\u0000b\"]" },
	{ "docker.io/library/evil-heredoc:latest", "\"OnBuild\":[\"RUN <<EOF\\nx\"]" },
	{ "docker.io/library/evil-value:latest", "\"OnBuild\":[\"USER a\",\"STOPSIGNAL SIGX\"]" },
	{ "docker.io/library/late:latest", "\"OnBuild\":[\"COPY --from=after /a /\"]" },
	{ "docker.io/library/biuld:latest", NULL }, /* the network is down */
};

typedef struct Asked {
	Buf log;
} Asked;

static Err *fake_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                       BaseImage *ret)
{
	Asked *asked = context;
	Str full = reference_full(a, ref);
	buf_addf(&asked->log, "asked for %.*s %.*s\n", STR_ARG(full),
	         STR_ARG(platform_text(a, platform)));
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		if (!str_eqc(full, images[i].name))
			continue;
		if (!images[i].config)
			return err_new(ERR_NETWORK, "could not resolve host: registry");
		bool arm = str_eqc(ref->path, "library/arm");
		Str json = arena_strf(
			a,
			"{\"architecture\":\"%.*s\",\"os\":\"%.*s\",\"variant\":\"%.*s\","
			"\"os.version\":\"%s\",\"config\":{%s},\"rootfs\":{\"diff_ids\":[]}}",
			STR_ARG(arm ? STR("arm") : platform->arch), STR_ARG(platform->os),
			STR_ARG(arm ? STR("v6") : platform->variant), arm ? "6.1" : "",
			images[i].config);
		ret->ref = *ref;
		return image_config_parse(a, json, "fake", &ret->config);
	}
	return err_new(ERR_NOT_FOUND, "no such image: '%.*s'", STR_ARG(full));
}

static Err *fake_layout(void *context, const PlanContext *layout, const Platform *platform,
                        Arena *a, BaseImage *ret)
{
	Asked *asked = context;
	char text[DIGEST_TEXT_LEN + 1] = "";
	if (layout->ref.has_digest)
		(void)digest_text(&layout->ref.digest, text);
	buf_addf(&asked->log, "asked for layout '%.*s' tag '%.*s' digest '%s' %.*s\n",
	         STR_ARG(layout->path), STR_ARG(layout->tag), text,
	         STR_ARG(platform_text(a, platform)));
	Str json =
		STR("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"L=1\"]},"
	            "\"rootfs\":{\"diff_ids\":[]}}");
	ret->ref = layout->ref;
	return image_config_parse(a, json, "fake", &ret->config);
}

static Err *fake_epoch(void *context, const FetchArgs *fetch, bool *ret_found, int64_t *ret_seconds)
{
	Asked *asked = context;
	buf_addf(&asked->log, "asked for the time of %.*s\n", STR_ARG(fetch->remote.shown));
	*ret_found = str_find(fetch->remote.shown, '!') < 0;
	*ret_seconds = 1234;
	return NULL;
}

/* --- cases
 * --------------------------------------------------------------------------------------------------
 */

static size_t count_lines(Str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

static Str first_line(Str s)
{
	Str line;
	(void)str_cut(s, '\n', &line);
	return line;
}

static void read_pairs(Arena *a, Str text, Label **ret, size_t *ret_count)
{
	*ret = arena_alloc(a, (count_lines(text) + 1) * sizeof **ret, _Alignof(Label));
	*ret_count = 0;
	while (text.len) {
		Str line, key;
		text = str_cut(text, '\n', &line);
		Str value = str_cut(line, '=', &key);
		(*ret)[(*ret_count)++] = (Label){ key, value };
	}
}

static Err *read_contexts(Arena *a, Str text, PlanRequest *request)
{
	uint32_t directories = 0;
	PlanContext *list =
		arena_alloc(a, (count_lines(text) + 1) * sizeof *list, _Alignof(PlanContext));
	request->contexts = list;
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		PlanContext *c = &list[request->context_count++];
		TRY(plan_context_parse(a, line, c));
		if (c->kind == PLAN_CONTEXT_DIR)
			c->index = ++directories;
	}
	return NULL;
}

static bool str_contains(Str s, const char *part)
{
	return s.len && memmem(s.ptr, s.len, part, strlen(part));
}

static bool more(Str *rest, Str *line)
{
	bool any = rest->len > 0;
	*rest = str_cut(*rest, '\n', line);
	return any;
}

/* Each target for each platform, joined. */
static Err *make_each(Arena *a, const Case *c, PlanRequest *request, Plan *ret)
{
	enum { PLANS_MAX = 8 };
	Plan plans[PLANS_MAX];
	size_t count = 0;
	Str targets = c->target.len ? c->target : STR("\n"), target;
	request->multi_platform = count_lines(c->platform) > 1;
	while (more(&targets, &target)) {
		Str platforms = c->platform.len ? c->platform : STR("linux/amd64\n"), platform;
		while (more(&platforms, &platform)) {
			assert_true(count < PLANS_MAX);
			request->target = target;
			TRY(platform_parse(a, platform, &request->platform));
			TRY(plan_make(a, request, &plans[count++]));
		}
	}
	plan_join(a, plans, count, ret);
	return NULL;
}

static Err *make(Arena *a, const Case *c, const Source *source, Asked *asked, Plan *ret)
{
	static Dockerfile file; /* spans of the plan point into it */
	TRY(dockerfile_parse(a, source, &file));
	PlanRequest request = { .dockerfile = &file, .target = first_line(c->target) };
	request.lookup = (ImageLookup){ fake_image, fake_layout, fake_epoch, asked };
	request.network = first_line(c->network);
	request.allow.network_host = str_contains(c->allow, "network.host");
	request.allow.security_insecure = str_contains(c->allow, "security.insecure");
	Label *args, *labels;
	read_pairs(a, c->args, &args, &request.arg_count);
	read_pairs(a, c->labels, &labels, &request.label_count);
	PlanArg *list = arena_alloc(a, (request.arg_count + 1) * sizeof *list, _Alignof(PlanArg));
	for (size_t i = 0; i < request.arg_count; i++)
		list[i] = (PlanArg){ args[i].key, args[i].value };
	request.args = list;
	request.labels = labels;
	TRY(read_contexts(a, c->contexts, &request));
	TRY(platform_parse(a, STR("linux/amd64"), &request.build_platform));
	request.platform = request.build_platform;
	request.platform_given = c->platform.len > 0;
	if (count_lines(c->target) > 1 || count_lines(c->platform) > 1)
		return make_each(a, c, &request, ret);
	if (request.platform_given)
		TRY(platform_parse(a, first_line(c->platform), &request.platform));
	return plan_make(a, &request, ret);
}

static void run_case(const Case *c, Buf *out, bool *ret_failed)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source = { "Dockerfile", c->dockerfile };
	Asked asked = { 0 };
	Plan plan;
	Err *e = make(&a, c, &source, &asked, &plan);
	*ret_failed = e != NULL;
	if (e) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		err_print(e, f);
		(void)fclose(f);
		buf_add(out, text, len);
		free(text);
		err_free(e);
	} else if (!c->large) {
		buf_add_str(out, buf_str(&asked.log));
		plan_dump(&plan, out);
	}
	buf_done(&asked.log);
}

/* The section that begins at *REST, up to the next line that begins with "--" or "==". */
static Str take_section(Str *rest)
{
	Str body = *rest;
	size_t at = 0;
	while (at < body.len) {
		Str here = str_from_at(body, at);
		if (str_starts(here, STR("-- ")) || str_starts(here, STR("== ")))
			break;
		at += first_line(here).len + 1;
	}
	if (at > body.len)
		at = body.len;
	*rest = str_from_at(body, at);
	return str_head(body, at);
}

static bool take_case(Str *rest, Case *ret)
{
	*ret = (Case){ 0 };
	if (!str_starts(*rest, STR("== ")))
		return false;
	Str line;
	*rest = str_cut(*rest, '\n', &line);
	ret->name = str_from_at(line, 3);
	while (str_starts(*rest, STR("-- "))) {
		*rest = str_cut(*rest, '\n', &line);
		Str what = str_from_at(line, 3), body = take_section(rest);
		const struct {
			const char *name;
			Str *to;
		} sections[] = {
			{ "args", &ret->args },       { "target", &ret->target },
			{ "labels", &ret->labels },   { "platform", &ret->platform },
			{ "network", &ret->network }, { "contexts", &ret->contexts },
			{ "plan", &ret->want },       { "dockerfile", &ret->dockerfile },
			{ "error", &ret->want },      { "allow", &ret->allow },
		};
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
			if (str_eqc(what, sections[i].name)) {
				*sections[i].to = body;
				known = true;
			}
		}
		if (!known) {
			(void)fprintf(stderr, "unknown section: %.*s\n", STR_ARG(what));
			return false;
		}
		ret->fails |= str_eqc(what, "error");
	}
	return true;
}

static void read_cases(Buf *out)
{
	FILE *f = fopen(CASES, "re");
	if (!f) {
		perror(CASES);
		exit(1);
	}
	char chunk[4096];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(out, chunk, n);
	(void)fclose(f);
}

static void test_case(void **state)
{
	const Case *c = *state;
	AUTO_BUF Buf got = BUF_INIT;
	bool failed;
	run_case(c, &got, &failed);
	if (failed != c->fails || !str_eq(buf_str(&got), c->want))
		fail_msg("got\n%.*s\nwant\n%.*s\n", STR_ARG(buf_str(&got)), STR_ARG(c->want));
}

/* HEAD, then LINE COUNT times, its number for each '#'; what the plan says to it. */
static void check_large(const char *head, const char *line, int count, const char *want)
{
	AUTO_BUF Buf text = BUF_INIT, got = BUF_INIT;
	buf_addf(&text, "%s\n", head);
	for (int i = 1; i <= count; i++) {
		for (const char *c = line; *c; c++) {
			if (*c == '#')
				buf_addf(&text, "%d", i);
			else
				buf_add_char(&text, *c);
		}
		buf_add_char(&text, '\n');
	}
	Case c = { .dockerfile = buf_str(&text), .large = true };
	bool failed;
	run_case(&c, &got, &failed);
	assert_int_equal(failed, *want != '\0');
	if (*want && !strstr(got.ptr, want))
		fail_msg("%.300s\nwithout '%s'", got.ptr, want);
}

/* Linear time, bounded memory, an error with its line. */
static void test_large_files(void **state)
{
	(void)state;
	check_large("FROM busybox", "RUN #", 1024, "");
	check_large("FROM busybox", "RUN #", 50000,
	            "Dockerfile:1026:1: error: an image cannot have more than 1024 layers");
	check_large("FROM scratch", "ENV a#=#", 50000, "");
	check_large("FROM scratch", "LABEL a#=#", 50000, "");
	check_large("FROM scratch AS s1", "COPY --from=busybox a b\nFROM scratch AS t#", 20000, "");
	check_large("ARG a=x\nFROM scratch AS s1\nUSER 1", "FROM s# AS t#\nFROM t# AS s#\nUSER 2",
	            1, "");
	check_large("FROM scratch AS s0", "FROM s0 AS t#\nCOPY --from=s0 a b", 50000, "");
	check_large("FROM scratch AS s", "FROM s AS s\nONBUILD USER #\nLABEL a=b", 50000, "");
	check_large("FROM scratch AS s0", "ONBUILD LABEL a#=b\nFROM s0 AS t#", 50000, "");
	check_large("FROM scratch AS s\nONBUILD COPY a b", "ONBUILD LABEL a#=b\nFROM s", 100000,
	            "");
	check_large("FROM scratch", "EXPOSE 0-65535", 1000,
	            "the plan of this file is larger than 256 MiB");
	AUTO_BUF Buf head = BUF_INIT;
	buf_addf(&head, "FROM scratch\nENV a=");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&head, 'x');
	check_large(head.ptr, "ENV b#=$a$a", 20000, "the plan of this file is larger than 256 MiB");
}

/* One test a case, so that each is counted and named. */
static int run_all(void)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_ARENA Arena a = ARENA_INIT;
	VEC(struct CMUnitTest) tests = { 0 };
	read_cases(&text);
	Str rest = buf_str(&text);
	(void)take_section(&rest); /* the remark at the top */
	for (;;) {
		Case *c = arena_new(&a, Case);
		if (!take_case(&rest, c))
			break;
		VEC_PUSH(&tests, (struct CMUnitTest){ .name = arena_str(&a, c->name).ptr,
		                                      .test_func = test_case,
		                                      .initial_state = c });
	}
	if (strstr(CASES, "plan.cases"))
		VEC_PUSH(&tests, (struct CMUnitTest)cmocka_unit_test(test_large_files));
	if (rest.len) {
		(void)fprintf(stderr, "not a case: %.40s\n", rest.ptr);
		return 1;
	}
	int failed = _cmocka_run_group_tests("plan", tests.at, tests.len, NULL, NULL);
	VEC_DONE(&tests);
	return failed;
}

/* Rewrites the answers of the file. */
static int update(void)
{
	AUTO_BUF Buf text = BUF_INIT, out = BUF_INIT;
	read_cases(&text);
	Str rest = buf_str(&text);
	buf_add_str(&out, take_section(&rest));
	for (;;) {
		Str whole = rest;
		Case c;
		if (!take_case(&rest, &c))
			break;
		/* All up to the answer stays as it is. */
		size_t keep = c.want.ptr ? (size_t)(c.want.ptr - whole.ptr)
		                         : (size_t)(rest.ptr - whole.ptr);
		Str head = str_head(whole, keep);
		if (c.want.ptr) /* without the line "-- plan" */
			head.len -= str_ends(head, STR("-- error\n")) ? strlen("-- error\n")
			                                              : strlen("-- plan\n");
		bool failed;
		buf_add_str(&out, head);
		AUTO_BUF Buf got = BUF_INIT;
		run_case(&c, &got, &failed);
		buf_addf(&out, "-- %s\n%s", failed ? "error" : "plan", got.ptr ? got.ptr : "");
	}
	FILE *f = fopen(CASES, "we");
	if (!f || fwrite(out.ptr, 1, out.len, f) != out.len || fclose(f))
		return 1;
	return 0;
}

int main(void)
{
	if (getenv("PLAN_CASES_UPDATE"))
		return update();
	return run_all();
}
