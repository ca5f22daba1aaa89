/*
 * fuzz_plan.c - any bytes as a Dockerfile, planned with images that do not exist, and linted.
 *
 * What stands behind a line "--onbuild--" are the triggers of the image "onbuild", one a line.
 *
 * Besides not crashing: each step comes after what it needs, destinations are absolute, places lie
 * in their source, and the config of the result can be read back.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "lint/lint.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ONBUILD_MARK "\n--onbuild--\n"

/* Images whose name has an even length are there. */
static Err *fake_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                       BaseImage *ret)
{
	const Str *triggers = context;
	(void)platform;
	Str name = reference_familiar(a, ref);
	if (name.len % 2 && !str_starts(name, STR("onbuild")))
		return err_new(ERR_NOT_FOUND, "no such image: '%.*s'", STR_ARG(name));
	*ret = (BaseImage){ .ref = *ref };
	TRY(image_config_parse(
		a,
		STR("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
	            "\"Env\":[\"PATH=/bin\",\"A=from image\"],\"WorkingDir\":\"/w\","
	            "\"User\":\"u\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"),
		"fake", &ret->config));
	Str rest = *triggers, line;
	while (str_starts(name, STR("onbuild")) && rest.len) {
		rest = str_cut(rest, '\n', &line);
		strs_push(a, &ret->config.on_build, line);
	}
	return NULL;
}

static void check_span(Span span)
{
	assert(!span.src || (span.start <= span.end && span.end <= span.src->text.len));
}

static void check_plan(const Plan *plan)
{
	assert(plan->target < plan->stage_count);
	const PlanStage *target = &plan->stages[plan->target];
	assert(target->needed && target->last_step < plan->step_count);
	for (uint32_t i = 0; i < plan->step_count; i++) {
		const Step *step = &plan->steps[i];
		assert(step->number == i && step->stage < plan->stage_count);
		assert(step->parent == STEP_NONE || step->parent < i);
		for (size_t k = 0; k < step->need_count; k++)
			assert(step->needs[k] < i);
		check_span(step->span);
		if (step->kind == STEP_COPY) {
			assert(step->copy.dest.len && step->copy.dest.ptr[0] == '/');
			for (size_t k = 0; k < step->copy.source_count; k++)
				check_span(step->copy.sources[k].span);
		}
	}
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	ImageConfig again;
	image_config_format(&target->config, &json);
	if (json.len <= IMAGE_CONFIG_BYTES_MAX) {
		AUTO_ERR Err *err = image_config_parse(&a, buf_str(&json), "config", &again);
		assert(!err);
	}
}

/* Print ERR as a person would see it, and free it. */
static void print_refusal(Err *err)
{
	if (!err)
		return;
	check_span(err_span(err));
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	assert(out);
	err_print(err, out);
	(void)fclose(out);
	assert(len > 0);
	free(text);
	err_free(err);
}

static void lint(Arena *a, const Dockerfile *file, const Err *broken, const PlanFacts *facts)
{
	const PlanArg args[] = { { STR("ARG"), STR("x") } };
	LintInput input = { .file = file,
		            .broken = broken,
		            .facts = facts,
		            .args = args,
		            .arg_count = ARRAY_LEN(args),
		            .remarks = true };
	LintResult result = { 0 };
	Err *err = lint_run(a, &input, &result);
	for (size_t i = 0; !err && i < result.count; i++)
		assert(result.findings[i].first_line <= result.findings[i].last_line);
	print_refusal(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str text = { (const char *)data, size }, triggers = STR("");
	const char *mark = size ? memmem(data, size, ONBUILD_MARK, strlen(ONBUILD_MARK)) : NULL;
	if (mark) {
		triggers = str_from_at(text, (size_t)(mark - text.ptr) + strlen(ONBUILD_MARK));
		text.len = (size_t)(mark - text.ptr) + 1;
	}
	const Source source = { "Dockerfile", text };
	Dockerfile file;
	Err *err = dockerfile_parse_tree(&a, &source, &file);
	if (err) {
		print_refusal(err);
		return 0;
	}
	CLEANUP(plan_facts_done) PlanFacts facts = { 0 };
	Err *broken = dockerfile_check(&file);
	PlanArg args[] = { { STR("ARG"), STR("x") }, { STR("http_proxy"), STR("y") } };
	Label labels[] = { { STR("label"), STR("z") } };
	PlanRequest request = {
		.dockerfile = &file,
		.target = size % 3 ? STR("") : STR("target"),
		.args = args,
		.arg_count = ARRAY_LEN(args),
		.labels = labels,
		.label_count = ARRAY_LEN(labels),
		.platform = platform_host(),
		.build_platform = platform_host(),
		.network = STR("default"),
		.lookup = { .image = fake_image, .context = &triggers },
		.all_stages = size % 2,
		.facts = &facts,
	};
	Plan plan = { 0 };
	if (!broken) {
		err = plan_make(&a, &request, &plan);
		if (!err)
			check_plan(&plan);
		print_refusal(plan_note_uses(plan.uses, plan.use_count, err));
	}
	lint(&a, &file, broken, &facts);
	print_refusal(broken);
	return 0;
}
