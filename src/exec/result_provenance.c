/*
 * result_provenance.c - how an image was made: what was asked for, and of what it was made.
 *
 * Passwords in URLs are masked wherever a person may have written one.  With SOURCE_DATE_EPOCH the
 * times are that one's, and the build has no name: equal builds then say equal things.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/purl.h"
#include "base/clock.h"
#include "exec/result-internal.h"
#include "git/git.h"

typedef VEC(ProvenancePair) PairVec;
typedef VEC(ProvenanceMaterial) MaterialVec;
typedef VEC(ProvenanceId) IdVec;
typedef VEC(Str) StrVec;

typedef struct Capture {
	Build *b;
	Arena *a;
	const bool *steps;
	MaterialVec materials;
	IdVec secrets, ssh;
	PairVec args;
	StrVec locals;
	bool incomplete, network;
} Capture;

static void capture_done(Capture *c)
{
	VEC_DONE(&c->materials);
	VEC_DONE(&c->secrets);
	VEC_DONE(&c->ssh);
	VEC_DONE(&c->args);
	VEC_DONE(&c->locals);
}
#define AUTO_CAPTURE CLEANUP(capture_done)

/* What V holds, in the arena. */
#define KEPT(c, v) keep((c)->a, (v)->at, (v)->len, sizeof *(v)->at)

static void *keep(Arena *a, const void *from, size_t count, size_t size)
{
	void *to = arena_alloc(a, (count + 1) * size, _Alignof(max_align_t));
	if (count)
		memcpy(to, from, count * size);
	return to;
}

/* --- materials -------------------------------------------------------------------------------- */

static void add_material(Capture *c, Str uri, const char *algorithm, Str hex)
{
	for (size_t i = 0; i < c->materials.len; i++)
		if (str_eq(c->materials.at[i].uri, uri) &&
		    str_eq(c->materials.at[i].digest.hex, hex))
			return;
	c->incomplete |= !hex.len;
	VEC_PUSH(&c->materials, (ProvenanceMaterial){ uri, { hex.len ? algorithm : NULL, hex } });
}

/* What the name stood for when the image came here: the digest that others would ask for. */
static Digest digest_of_image(const Capture *c, const BaseImage *image)
{
	const Resolved *r = resolve_find(c->b, image);
	const Reference *ref = &image->ref;
	const Digest *config = &image->config_digest;
	StoreRef stored;
	Digest digest = { { 0 } };
	if (ref->has_digest)
		return ref->digest;
	if (r && !r->local)
		return r->remote.top_digest;
	Err *e = store_ref_get(c->b->store, reference_full(c->a, ref), c->a, &stored);
	if (!e && store_ref_has(&stored, config)) {
		const Digest *fixed = store_ref_manifest(&stored, config);
		digest = !digest_is_zero(&stored.pulled) ? stored.pulled : *fixed;
	}
	err_free(e); /* the name has gone meanwhile: nobody knows */
	return digest;
}

static void add_image(Capture *c, const Step *step)
{
	const BaseImage *image = &step->base.image;
	const Resolved *r = resolve_find(c->b, image);
	Digest digest = digest_of_image(c, image);
	Str hex = digest_is_zero(&digest) ? STR("") : digest_arena_hex(c->a, &digest);
	const char *type = r && r->in_layout ? "oci" : "docker";
	add_material(c, purl_image(c->a, type, &image->ref, &image->config.platform), "sha256",
	             hex);
}

static void add_commit(Capture *c, const Remote *remote, const GitCommit *commit)
{
	Str hex = commit ? commit->commit : STR("");
	add_material(c, remote_redact(c->a, remote->shown),
	             hex.len == DIGEST_HEX_LEN ? "sha256" : "sha1", hex);
}

/* The digest of what came from a URL: its layer is that one file. */
static Str digest_of_download(const Capture *c, const Digest *diff_id, const FetchArgs *f)
{
	AUTO_LIST List *list = NULL;
	Entry file;
	if (f->has_checksum)
		return digest_arena_hex(c->a, &f->checksum);
	Err *e = store_layer_list(c->b->store, diff_id, &list);
	bool found = !e && list_find(list, f->remote.name, c->a, &file) && file.type == ENTRY_FILE;
	err_free(e); /* no layer: then nobody knows */
	return found ? digest_arena_hex(c->a, &file.sha256) : STR("");
}

static void add_fetch(Capture *c, const Step *step)
{
	const StepState *s = &c->b->states[step->number];
	const FetchArgs *f = &step->fetch;
	if (f->is_main || step->kind != STEP_FETCH)
		return; /* told as the context */
	if (f->remote.kind == REMOTE_GIT)
		add_commit(c, &f->remote, s->commit);
	else
		add_material(c, remote_redact(c->a, f->remote.shown), "sha256",
		             s->layer_count ? digest_of_download(c, &s->layers[0].diff_id, f)
		                            : STR(""));
}

static int compare_materials(const void *x, const void *y)
{
	const ProvenanceMaterial *a = x, *b = y;
	return str_cmp(a->uri, b->uri);
}

/* Images, then repositories, then files, each by name. */
static void gather_materials(Capture *c)
{
	const Plan *plan = &c->b->plan;
	for (int pass = 0; pass < 3; pass++) {
		size_t from = c->materials.len;
		for (size_t i = 0; i < plan->step_count; i++) {
			const Step *step = &plan->steps[i];
			bool is_git =
				step->kind == STEP_FETCH && step->fetch.remote.kind == REMOTE_GIT;
			if (!c->steps[i])
				continue;
			if (pass == 0 && step->kind == STEP_BASE && !step->base.scratch)
				add_image(c, step);
			else if (step->kind == STEP_FETCH && pass == (is_git ? 1 : 2))
				add_fetch(c, step);
		}
		if (c->materials.len > from)
			qsort(c->materials.at + from, c->materials.len - from,
			      sizeof *c->materials.at, compare_materials);
	}
}

/* --- what steps use --------------------------------------------------------------------------- */

static void add_id(IdVec *ids, Str id, bool optional)
{
	for (size_t i = 0; i < ids->len; i++)
		if (str_eq(ids->at[i].id, id)) {
			ids->at[i].optional &= optional;
			return;
		}
	VEC_PUSH(ids, (ProvenanceId){ id, optional });
}

static int compare_ids(const void *x, const void *y)
{
	const ProvenanceId *a = x, *b = y;
	return str_cmp(a->id, b->id);
}

static void gather_uses(Capture *c)
{
	const Plan *plan = &c->b->plan;
	for (size_t i = 0; i < plan->step_count; i++) {
		const Step *step = &plan->steps[i];
		if (!c->steps[i] || step->kind != STEP_RUN)
			continue;
		c->network |= !str_eqc(step->run.network, "none");
		for (size_t k = 0; k < step->run.mount_count; k++) {
			const RunMount *m = &step->run.mounts[k];
			if (m->type == MOUNT_SECRET)
				add_id(&c->secrets, m->id, !m->required);
			else if (m->type == MOUNT_SSH)
				add_id(&c->ssh, m->id, !m->required);
		}
	}
	if (c->secrets.len)
		qsort(c->secrets.at, c->secrets.len, sizeof *c->secrets.at, compare_ids);
	if (c->ssh.len)
		qsort(c->ssh.at, c->ssh.len, sizeof *c->ssh.at, compare_ids);
}

Str result_context_name(const Build *b, uint32_t index)
{
	for (size_t i = 0; i < b->request->context_count; i++)
		if (b->request->contexts[i].kind == PLAN_CONTEXT_DIR &&
		    b->request->contexts[i].index == index)
			return b->request->contexts[i].name;
	return STR("context");
}

bool result_uses_context(const Build *b, const Step *step, uint32_t index)
{
	if (step->kind == STEP_COPY)
		return step->copy.origin == ORIGIN_CONTEXT && step->copy.context == index;
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run.mount_count; i++)
		if (step->run.mounts[i].origin == ORIGIN_CONTEXT &&
		    (step->run.mounts[i].type == MOUNT_BIND ||
		     step->run.mounts[i].type == MOUNT_CACHE) &&
		    step->run.mounts[i].context == index)
			return true;
	(void)b;
	return false;
}

static void gather_locals(Capture *c)
{
	const BuildRequest *r = c->b->request;
	for (uint32_t index = 0; index <= r->directory_count; index++)
		for (size_t i = 0; i < c->b->plan.step_count; i++) {
			if (!c->steps[i] || !result_uses_context(c->b, &c->b->plan.steps[i], index))
				continue;
			VEC_PUSH(&c->locals, result_context_name(c->b, index));
			break;
		}
	if (r->archive)
		VEC_PUSH(&c->locals, STR("context"));
	if (r->dockerfile)
		VEC_PUSH(&c->locals, STR("dockerfile"));
}

/* --- what was asked for ----------------------------------------------------------------------- */

static void add_arg(Capture *c, Str key, Str value)
{
	for (size_t i = 0; i < c->args.len; i++)
		if (str_eq(c->args.at[i].key, key)) {
			c->args.at[i].value = value; /* of two the last counts */
			return;
		}
	VEC_PUSH(&c->args, (ProvenancePair){ key, value });
}

static void add_pair(Capture *c, const char *prefix, Str name, Str value)
{
	add_arg(c, arena_strf(c->a, "%s%.*s", prefix, STR_ARG(name)), remote_redact(c->a, value));
}

static void add_context(Capture *c, const PlanContext *context)
{
	static const char *const schemes[] = { "local:", "docker-image://", "docker-image://",
		                               "oci-layout://", "" };
	bool is_dir = context->kind == PLAN_CONTEXT_DIR;
	Str value = arena_strf(c->a, "%s%.*s", schemes[context->kind],
	                       STR_ARG(is_dir ? context->name : context->value));
	add_pair(c, "context:", context->name, value);
}

static Str join(Arena *a, const Str *texts, size_t count)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&out, "%s%.*s", i ? "," : "", STR_ARG(texts[i]));
	return arena_str(a, buf_str(&out));
}

static int compare_args(const void *x, const void *y)
{
	const ProvenancePair *a = x, *b = y;
	return str_cmp(a->key, b->key);
}

static void gather_args(Capture *c, const BuildImage *image)
{
	const BuildRequest *r = c->b->request;
	for (size_t i = 0; i < r->arg_count; i++)
		add_pair(c, "build-arg:", r->args[i].name, r->args[i].value);
	for (size_t i = 0; i < r->label_count; i++)
		add_pair(c, "label:", r->labels[i].key, r->labels[i].value);
	for (size_t i = 0; i < r->context_count; i++)
		add_context(c, &r->contexts[i]);
	if (r->target_count && r->targets[0].len)
		add_arg(c, STR("target"), image->target);
	if (r->no_cache)
		add_arg(c, STR("no-cache"), STR(""));
	else if (r->uncached_stage_count)
		add_arg(c, STR("no-cache"),
		        join(c->a, r->uncached_stages, r->uncached_stage_count));
	if (r->network.len && !str_eqc(r->network, "default"))
		add_arg(c, STR("force-network-mode"), r->network);
	if (c->args.len)
		qsort(c->args.at, c->args.len, sizeof *c->args.at, compare_args);
}

static void set_config(Capture *c, Provenance *prov)
{
	const Build *b = c->b;
	const Remote *remote = b->request->remote;
	prov->config_path = entry_name(str_from(b->source->name));
	if (b->request->file && !b->request->dockerfile)
		prov->config_path = str_from(b->request->file);
	if (!prov->config_path.len || str_eqc(prov->config_path, "-"))
		prov->config_path = STR("Dockerfile");
	if (!remote)
		return;
	size_t at = c->materials.len;
	if (remote->kind == REMOTE_GIT)
		add_commit(c, remote, b->context_commit);
	else
		add_material(
			c, remote_redact(c->a, remote->shown), "sha256",
			digest_of_download(c, &b->context_layer->diff_id,
		                           &(FetchArgs){ .remote = { .name = STR("context") } }));
	if (c->materials.len > at)
		prov->config = c->materials.at[at];
}

/* --- all of it -------------------------------------------------------------------------------- */

Err *result_provenance(Build *b, const BuildResult *ret, size_t number, Provenance *prov)
{
	AUTO_FREE bool *steps = result_steps(b, number);
	AUTO_CAPTURE Capture c = { .b = b, .a = b->arena, .steps = steps };
	bool has_epoch = b->epoch_ns >= 0;
	Platform host = platform_host();
	gather_materials(&c);
	gather_uses(&c);
	gather_locals(&c);
	gather_args(&c, &ret->images[number]);
	*prov = (Provenance){
		.vcs_source = STR(""),
		.vcs_revision = STR(""),
		.invocation_id = has_epoch ? STR("") : arena_str(b->arena, str_from(b->journal.id)),
		.started_ns = has_epoch ? b->epoch_ns : b->now_ns,
		.finished_ns = has_epoch ? b->epoch_ns : clock_real_ns(),
		.builder_platform = platform_text(b->arena, &host),
		.dockerfile = remote_redact(b->arena, b->source->text),
	};
	set_config(&c, prov);
	if (b->request->asks_git && b->request->context_fd >= 0) {
		git_describe(b->request->context_fd, b->cancel, b->arena, &prov->vcs_source,
		             &prov->vcs_revision);
		prov->vcs_source = remote_redact(b->arena, prov->vcs_source);
	}
	prov->args = KEPT(&c, &c.args);
	prov->arg_count = c.args.len;
	prov->secrets = KEPT(&c, &c.secrets);
	prov->secret_count = c.secrets.len;
	prov->ssh = KEPT(&c, &c.ssh);
	prov->ssh_count = c.ssh.len;
	prov->locals = KEPT(&c, &c.locals);
	prov->local_count = c.locals.len;
	prov->materials = KEPT(&c, &c.materials);
	prov->material_count = c.materials.len;
	prov->incomplete = c.incomplete;
	prov->network = c.network;
	return result_provenance_steps(b, steps, prov);
}
