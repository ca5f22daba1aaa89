/*
 * result_sbom.c - what is in an image: its own files, and those that the Dockerfile asks for.
 *
 * BUILDKIT_SBOM_SCAN_STAGE and BUILDKIT_SBOM_SCAN_CONTEXT, as ARGs of the file or of a stage, add
 * documents for stages that the image is made of, and for the context: what a compiler brought in
 * is no longer to be seen in the image.  SOURCE: BuildKit's docs/attestations/sbom.md.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/purl.h"
#include "attest/sbom.h"
#include "base/clock.h"
#include "base/limits.h"
#include "exec/result-internal.h"

#include <stdio.h>

typedef struct Scanning {
	Build *b;
	Arena *a;
	const BuildResult *ret;
	size_t number;
	AttestSet *set;
	unsigned line;
} Scanning;

/* "true", "false", or names of stages. */
static bool is_enabled(Str value, Str stage)
{
	bool on;
	if (str_to_bool(value, &on))
		return on;
	while (value.len) {
		Str name;
		value = str_cut(value, ',', &name);
		if (str_eq(name, stage))
			return true;
	}
	return false;
}

/* Does STAGE (its index in one plan) want what ARG asks for? */
static bool wants(const Scanning *s, uint32_t stage, Str name, const char *arg)
{
	const Build *b = s->b;
	size_t plan = b->facts_count == s->ret->image_count ? s->number : 0;
	bool on = false;
	for (int of_stage = 0; of_stage < 2; of_stage++)
		for (size_t i = 0; i < b->facts[plan].len; i++) {
			const PlanFact *f = &b->facts[plan].at[i];
			bool is_it = of_stage ? f->kind == PLAN_SAW_ARG && f->stage == stage &&
			                                f->other != PLAN_ARG_NONE
			                      : f->kind == PLAN_SAW_GLOBAL_ARG;
			if (is_it && str_eqc(f->text, arg))
				on = is_enabled(f->value, name);
		}
	return on;
}

static int64_t created_ns(const Build *b)
{
	return b->epoch_ns >= 0 ? b->epoch_ns : clock_real_ns();
}

/* *ret zero: the list is larger than anybody reads, which the files of an image can make it: told,
 * and not attached. */
static Err *put(Scanning *s, SpdxDocument *d, Str file, Digest *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	d->created_ns = created_ns(s->b);
	for (size_t i = 0; i < d->sbom->warnings.len; i++)
		progress_warning(s->b->progress, s->line, "%.*s", STR_ARG(d->sbom->warnings.at[i]));
	spdx_format(d, &text);
	*ret = (Digest){ 0 };
	if (text.len > ATTEST_BYTES_MAX) {
		progress_warning(s->b->progress, s->line,
		                 "there is no SBOM: a list of %zu packages has more than %u MiB",
		                 d->sbom->packages.len, ATTEST_BYTES_MAX >> 20);
		return NULL;
	}
	TRY(attest_kept_put(s->b->store, buf_str(&text), ret));
	attest_set_add(s->a, s->set,
	               &(AttestKept){ .type = STR("sbom"),
	                              .predicate_type = STR(PREDICATE_SPDX),
	                              .file = file,
	                              .predicate = *ret });
	return NULL;
}

/* --- layers ----------------------------------------------------------------------------------- */

static Digest scan_key(const Scanning *s, const SpdxDocument *d)
{
	Sha256 h;
	char epoch[32];
	sha256_init(&h);
	sha256_add_field(&h, STR("decant sbom 1 " DECANT_VERSION));
	sha256_add_field(&h, d->name);
	sha256_add_field(&h, d->version);
	sha256_add_field(&h, d->purl);
	int len = snprintf(epoch, sizeof epoch, "%lld", (long long)s->b->epoch_ns);
	sha256_add_field(&h, (Str){ epoch, (size_t)len });
	for (size_t i = 0; i < d->diff_id_count; i++)
		sha256_add(&h, d->diff_ids[i].bytes, sizeof d->diff_ids[i].bytes);
	return sha256_end(&h);
}

/* *ret_found: these layers were looked through before. */
static Err *recall(Scanning *s, const Digest *key, Str file, bool *ret_found)
{
	AUTO_BUF Buf text = BUF_INIT;
	AttestKept kept = { .type = STR("sbom"),
		            .predicate_type = STR(PREDICATE_SPDX),
		            .file = file };
	*ret_found = false;
	Err *e = store_record_get(s->b->store, key, &text);
	if (!e)
		e = digest_parse(str_trim(buf_str(&text)), &kept.predicate);
	if (e && err_kind(e) == ERR_SYSTEM)
		return e;
	*ret_found = !e && store_blob_exists(s->b->store, &kept.predicate, NULL);
	err_free(e); /* no record, or a damaged one */
	if (*ret_found)
		attest_set_add(s->a, s->set, &kept);
	return NULL;
}

static Err *scan_layers(Scanning *s, SpdxDocument *d, Str file)
{
	Build *b = s->b;
	AUTO_SBOM Sbom sbom = { 0 };
	Digest key = scan_key(s, d), blob;
	char text[DIGEST_TEXT_LEN + 1];
	bool found;
	TRY(recall(s, &key, file, &found));
	if (found)
		return NULL;
	/* Files of other owners; a build that ran nothing has not entered, and has no threads. */
	TRY(sandbox_enter());
	TRY(store_reopen(b->store));
	sbom_init(&sbom, s->a);
	TRY(sbom_scan(&sbom, b->store, d->diff_ids, d->diff_id_count, sandbox_overlay_prefix(),
	              b->cancel));
	d->sbom = &sbom;
	TRY(put(s, d, file, &blob));
	if (sbom.warnings.len || digest_is_zero(&blob)) /* they are told again */
		return NULL;
	return store_record_put(b->store, &key, digest_text(&blob, text));
}

static Digest *layers_of(const Scanning *s, uint32_t step, size_t *ret_count)
{
	const StepState *state = &s->b->states[step];
	Digest *ids = arena_alloc(s->a, (state->layer_count + 1) * sizeof *ids, _Alignof(Digest));
	for (size_t i = 0; i < state->layer_count; i++)
		ids[i] = state->layers[i].diff_id;
	*ret_count = state->layer_count;
	return ids;
}

static Err *scan_image(Scanning *s, uint32_t last_step)
{
	const BuildImage *image = &s->ret->images[s->number];
	size_t each = s->ret->image_count / s->ret->target_count;
	const BuildTarget *target = &s->ret->targets[s->number / each];
	SpdxDocument d = { .name = image->target, .purl = STR("") };
	d.version = digest_arena_text(s->a, &image->image_id);
	d.diff_ids = layers_of(s, last_step, &d.diff_id_count);
	if (target->tag_count) {
		d.name = reference_familiar(s->a, &target->tags[0]);
		d.purl = purl_image(s->a, "docker", &target->tags[0], &image->platform);
	}
	return scan_layers(s, &d, STR("sbom.spdx.json"));
}

static Err *scan_stage(Scanning *s, const PlanStage *stage)
{
	SpdxDocument d = { .name = stage->shown, .version = STR(""), .purl = STR("") };
	const StepState *state = &s->b->states[stage->last_step];
	if (state->status != STEP_KNOWN) {
		progress_warning(s->b->progress, s->line,
		                 "the stage '%.*s' was not needed, and is not looked through",
		                 STR_ARG(stage->shown));
		return NULL;
	}
	TRY(state_need_base(s->b, stage->last_step));
	d.diff_ids = layers_of(s, stage->last_step, &d.diff_id_count);
	return scan_layers(s, &d, arena_strf(s->a, "sbom-%.*s.spdx.json", STR_ARG(stage->shown)));
}

/* --- the context ------------------------------------------------------------------------------ */

static bool is_ignored(void *context, Str path, bool is_dir)
{
	const Ignore *ignore = context;
	const IgnorePattern *by;
	if (!ignore_excludes(ignore, path, &by))
		return false;
	return !is_dir || !ignore_may_reinclude_below(ignore, path);
}

static Err *scan_context(Scanning *s)
{
	const Build *b = s->b;
	AUTO_SBOM Sbom sbom = { 0 };
	Digest blob;
	SpdxDocument d = { .name = STR("context"), .version = STR(""), .purl = STR("") };
	Str file = STR("sbom-context.spdx.json");
	if (b->context_layer) {
		d.diff_ids = &b->context_layer->diff_id;
		d.diff_id_count = 1;
		return scan_layers(s, &d, file);
	}
	if (b->request->context_fd < 0)
		return NULL;
	sbom_init(&sbom, s->a);
	d.sbom = &sbom;
	TRY(sbom_scan_dir(&sbom, b->request->context_fd, is_ignored, &b->ignores[0], b->cancel));
	return put(s, &d, file, &blob);
}

/* --- all of them ------------------------------------------------------------------------------ */

static Err *scan_all(Scanning *s)
{
	const Plan *plan = &s->b->plan;
	AUTO_FREE bool *used = result_steps(s->b, s->number);
	uint32_t target = plan->results[s->number].stage;
	uint32_t each = (uint32_t)(plan->stage_count / plan->result_count);
	uint32_t first = target - target % each;
	TRY(scan_image(s, plan->stages[target].last_step));
	if (wants(s, target - first, plan->stages[target].name, "BUILDKIT_SBOM_SCAN_CONTEXT"))
		TRY(scan_context(s));
	for (uint32_t i = first; i < first + each; i++) {
		const PlanStage *stage = &plan->stages[i];
		bool counts = i != target && stage->needed && used[stage->last_step];
		if (counts && wants(s, i - first, stage->name, "BUILDKIT_SBOM_SCAN_STAGE"))
			TRY(scan_stage(s, stage));
	}
	return NULL;
}

Err *result_sbom(Build *b, const BuildResult *ret, size_t number, AttestSet *set)
{
	const BuildImage *image = &ret->images[number];
	Scanning s = { .b = b, .a = b->arena, .ret = ret, .number = number, .set = set };
	s.line = progress_begin(b->progress, STR(""), "[%s] listing the packages of %.*s",
	                        platform_text(b->arena, &image->platform).ptr,
	                        STR_ARG(image->target));
	Err *e = scan_all(&s);
	if (e)
		b->failed_line = s.line;
	progress_end(b->progress, s.line, e ? PROGRESS_ERROR : PROGRESS_DONE,
	             e ? err_cause(e) : STR(""));
	return e;
}
