/*
 * fuzz_lint.c - any bytes as a Dockerfile, planned as far as that goes, and judged by every rule.
 *
 * Besides not crashing: each finding has a text, and lines that the file has.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every image is there, with a trigger and a variable. */
static Err *any_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                      BaseImage *ret)
{
	(void)context;
	*ret = (BaseImage){ .ref = *ref };
	static const char config[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\","
		"\"A=1\"],\"OnBuild\":[\"ENV T=$A U=$UNSET\",\"CMD x\"]},\"rootfs\":{\"type\":"
		"\"layers\",\"diff_ids\":[]}}";
	(void)platform;
	return image_config_parse(a, str_from(config), "config", &ret->config);
}

static bool taken(void *context, const Step *step, bool (*filter)(Str path), Arena *a,
                  LintTaken *ret)
{
	static const Entry entry = { .type = ENTRY_FILE, .uid = 1, .size = 1 };
	(void)context;
	if (step->copy.source_count % 2)
		return false;
	LintFile *files = arena_alloc(a, 2 * sizeof *files, _Alignof(LintFile));
	files[0] = (LintFile){ .path = STR("a/.env"), .entry = &entry, .below = true };
	files[1] = (LintFile){ .path = STR(".git/HEAD"), .entry = &entry, .below = true };
	*ret = (LintTaken){ .files = files, .count = 2, .match_count = 1 };
	if (filter && !filter(files[0].path))
		ret->count = 0;
	return true;
}

static bool read_file(void *context, const LintFile *file, size_t limit, Buf *out)
{
	(void)context, (void)file, (void)limit;
	buf_add_str(out, STR("API_TOKEN=dGhpc2lzbm90YTEyMzQ\n"));
	return true;
}

static bool made(void *context, const Step *step, List **ret)
{
	(void)context, (void)step, (void)ret;
	return false;
}

static bool below(void *context, const Step *step, Str path, Arena *a, Entry *ret)
{
	(void)context, (void)step, (void)path, (void)a, (void)ret;
	return false;
}

static bool weigh(void *context, const Step *step, Str path, uint64_t *ret)
{
	(void)context, (void)step, (void)path, (void)ret;
	return false;
}

static void check(Arena *a, const Source *source, const LintResult *result)
{
	LineMap lines = { .arena = a, .source = source };
	const LintFinding *sorted = lint_sorted(a, result);
	unsigned before = 0;
	for (size_t i = 0; i < result->count; i++) {
		const LintFinding *f = &sorted[i];
		assert(f->text.len && f->rule < LINT_RULE_COUNT);
		assert(f->first_line <= f->last_line && f->last_line <= line_map_count(&lines));
		assert(f->first_line >= before);
		before = f->first_line;
		assert(lint_short(a, f).len > f->text.len);
	}
	err_free(lint_error(result)); /* either answer is fine */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source = { "Dockerfile", { (const char *)data, size } };
	Source ignore = { ".dockerignore", STR("a\n*.log\n") };
	Dockerfile file = { 0 };
	CLEANUP(plan_facts_done) PlanFacts facts = { 0 };
	Plan plan = { 0 };
	LintResult result;
	if (size > 1 << 16) /* large files are slow under a sanitizer, and say nothing new */
		return 0;
	Err *broken = dockerfile_parse(&a, &source, &file);
	Platform platform = { STR("linux"), STR("amd64"), STR("") };
	PlanRequest request = { .dockerfile = &file,
		                .target = STR(""),
		                .platform = platform,
		                .build_platform = platform,
		                .network = STR("default"),
		                .lookup = { any_image, NULL },
		                .all_stages = true,
		                .facts = &facts };
	Err *failed = broken ? NULL : plan_make(&a, &request, &plan);
	LintInput in = { .file = &file,
		         .broken = broken,
		         .facts = &facts,
		         .ignore = &ignore,
		         .remarks = true,
		         .is_planned = !broken && !failed };
	LintFiles files = { NULL, taken, read_file, made, below, weigh };
	if (file.node_count) {
		Err *e = lint_run(&a, &in, &result);
		if (!e && in.is_planned)
			e = lint_run_steps(&a, &in, &plan, &files, &result);
		if (!e)
			check(&a, &source, &result);
		err_free(e); /* options that are none */
	}
	err_free(broken);
	err_free(failed);
	return 0;
}
