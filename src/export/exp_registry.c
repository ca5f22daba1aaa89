/* exp_registry.c - type=registry, and type=image,push=true: to the registries of its names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

/* As BuildKit: who pushes by digest names a repository, and no tag that would not be set. */
static Err *check_by_digest(const ExportJob *job, Arena *a)
{
	const OutputSpec *out = job->out;
	for (size_t i = 0; i < job->count; i++) {
		const Str *names;
		size_t count;
		export_names(out, &job->images[i], &names, &count);
		for (size_t j = 0; j < count; j++) {
			Reference ref;
			TRY(reference_parse(a, names[j], &ref));
			if (out->tagged_name)
				return err_note(
					err_new(ERR_INPUT,
				                "cannot push '%.*s' by digest: it has a tag",
				                STR_ARG(reference_familiar(a, &ref))),
					"give name=REPOSITORY");
		}
	}
	return NULL;
}

static Err *push_image(const ExportJob *job, PushSession *session, size_t i, Arena *a)
{
	const Str *names;
	size_t count;
	export_names(job->out, &job->images[i], &names, &count);
	if (count == 0)
		return err_note(err_new(ERR_INPUT, "an image without a name cannot be pushed"),
		                "name it by -t, or by name= of the output");
	for (size_t j = 0; j < count; j++) {
		Reference ref;
		TRY(reference_parse(a, names[j], &ref));
		TRY(export_push_document(session, &job->documents[i], &ref,
		                         job->out->push_by_digest));
		if (job->documents[i].is_index && !job->out->push_by_digest)
			TRY(store_ref_set_index(job->store, reference_full(a, &ref),
			                        job->documents[i].json, job->cancel));
	}
	return NULL;
}

static Err *trust(const ExportJob *job, Registry *registry, Arena *a)
{
	for (size_t i = 0; i < job->count; i++) {
		const Str *names;
		size_t count;
		export_names(job->out, &job->images[i], &names, &count);
		for (size_t j = 0; j < count; j++) {
			Reference ref;
			TRY(reference_parse(a, names[j], &ref));
			registry_trust(registry, ref.domain);
		}
	}
	return NULL;
}

Err *export_registry(ExportJob *job)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(job->cancel, &registry));
	if (job->out->insecure)
		TRY(trust(job, registry, &a));
	if (job->out->push_by_digest)
		TRY(check_by_digest(job, &a));
	AUTO_PUSH PushSession *session = export_push_open(job, registry, NULL);
	for (size_t i = 0; i < job->count; i++)
		TRY(push_image(job, session, i, &a));
	return NULL;
}
