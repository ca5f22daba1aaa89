/*
 * streams.c - a digest becomes the newest of a tag, and the store gets the names for it.
 *
 * Names of the store come before the item that needs them, and go after it: whoever reads a stream
 * finds its images.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "runner/runner.h"

Str runner_repository(const Project *p, Str registry, Str name)
{
	Str host = registry.len ? registry : STR(PROJECT_REGISTRY);
	while (str_ends(host, STR("/")))
		host = str_head(host, host.len - 1);
	return arena_strf(p->arena, "%.*s/%.*s/%.*s", STR_ARG(host), STR_ARG(p->name),
	                  STR_ARG(name));
}

Err *runner_stream(const Project *p, Str name, ImageStream *ret)
{
	Err *e = project_get_stream(p, name, ret);
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* it is new */
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	*ret = (ImageStream){ .meta = { .name = arena_str(p->arena, name),
		                        .project = p->name,
		                        .created_ns = clock_real_ns() },
		              .repository = runner_repository(p, STR(""), name) };
	return NULL;
}

bool runner_is_remote(const ImageStream *is)
{
	return !str_starts(is->repository, STR(PROJECT_REGISTRY "/"));
}

/* REF's image under NAME. */
static Err *name_image(const Project *p, const StoreRef *ref, Str name)
{
	StoreRef named = *ref;
	named.name = name;
	named.pulled = (Digest){ 0 };
	return store_ref_set(p->store, &named);
}

static Err *check_room(const ImageStream *is, Str tag)
{
	return is->tag_count >= PROJECT_TAGS_MAX && !stream_tag(is, tag)
	               ? err_new(ERR_INPUT, "the image stream '%.*s' has %d tags already",
	                         STR_ARG(is->meta.name), PROJECT_TAGS_MAX)
	               : NULL;
}

Err *runner_stream_push(const Project *p, ImageStream *is, Str tag, const StoreRef *ref)
{
	Str image = digest_arena_text(p->arena, &ref->manifest);
	StreamItem item = { .created_ns = clock_real_ns(),
		            .reference = arena_strf(p->arena, "%.*s@%.*s", STR_ARG(is->repository),
		                                    STR_ARG(image)),
		            .image = image };
	TRY(check_room(is, tag));
	TRY(name_image(p, ref, item.reference));
	TRY(name_image(p, ref,
	               arena_strf(p->arena, "%.*s:%.*s", STR_ARG(is->repository), STR_ARG(tag))));
	stream_tag_push(stream_tag_add(is, p->arena, tag), p->arena, &item);
	TRY(project_put_stream(p, is));
	return store_layout_write(p->store);
}

Err *runner_stream_note(const Project *p, ImageStream *is, Str tag, Str reference, Str image)
{
	StreamItem item = { .created_ns = clock_real_ns(), .reference = reference, .image = image };
	TRY(check_room(is, tag));
	stream_tag_push(stream_tag_add(is, p->arena, tag), p->arena, &item);
	return project_put_stream(p, is);
}

/* Of NAMES those that are of IS's repository and that it does not need (any more). */
static Err *forget(const Project *p, const ImageStream *is, const Str *names, size_t count)
{
	AUTO_VEC VEC(Str) gone = { 0 };
	for (size_t i = 0; i < count; i++) {
		Str digest = str_from_at(names[i], is->repository.len + 1);
		bool ours = str_starts(names[i], is->repository) &&
		            names[i].len > is->repository.len &&
		            names[i].ptr[is->repository.len] == '@';
		if (ours && !stream_find_image(is, digest))
			VEC_PUSH(&gone, names[i]);
	}
	if (gone.len)
		TRY(store_ref_remove_all(p->store, gone.at, gone.len));
	return store_layout_write(p->store);
}

static Err *forget_tag(const Project *p, const ImageStream *is, Str tag)
{
	const Str name = arena_strf(p->arena, "%.*s:%.*s", STR_ARG(is->repository), STR_ARG(tag));
	return store_ref_remove_all(p->store, &name, 1);
}

static Str *references_of(const Project *p, const StreamTag *t, size_t from, size_t *ret_count)
{
	*ret_count = t->item_count - from;
	Str *names = arena_alloc(p->arena, (*ret_count + 1) * sizeof *names, _Alignof(Str));
	for (size_t i = 0; i < *ret_count; i++)
		names[i] = t->items[from + i].reference;
	return names;
}

Err *runner_stream_untag(const Project *p, ImageStream *is, Str tag)
{
	const StreamTag *t = stream_tag(is, tag);
	size_t count;
	if (!t)
		return err_new(ERR_NOT_FOUND,
		               "imagestreamtags.image.openshift.io \"%.*s:%.*s\" not found",
		               STR_ARG(is->meta.name), STR_ARG(tag));
	Str *names = references_of(p, t, 0, &count), kept = arena_str(p->arena, tag);
	(void)stream_tag_remove(is, kept);
	TRY(project_put_stream(p, is));
	TRY(forget_tag(p, is, kept));
	return forget(p, is, names, count);
}

Err *runner_stream_trim(const Project *p, ImageStream *is, size_t keep, int64_t since_ns, bool dry,
                        size_t *ret_count)
{
	AUTO_VEC VEC(Str) names = { 0 };
	*ret_count = 0;
	for (size_t i = 0; i < is->tag_count; i++) {
		StreamTag *t = &is->tags[i];
		size_t kept = 0;
		while (kept < t->item_count &&
		       (kept < keep || t->items[kept].created_ns >= since_ns))
			kept++;
		*ret_count += t->item_count - kept;
		for (size_t k = kept; k < t->item_count && !dry; k++)
			VEC_PUSH(&names, t->items[k].reference);
		if (!dry)
			t->item_count = kept;
	}
	if (dry || !*ret_count)
		return NULL;
	TRY(project_put_stream(p, is));
	return forget(p, is, names.at, names.len);
}

Err *runner_stream_drop(const Project *p, Str name)
{
	ImageStream is;
	TRY(project_get_stream(p, name, &is));
	ImageStream empty = is;
	empty.tag_count = 0;
	TRY(project_drop(p, PROJECT_STREAM, name));
	for (size_t i = 0; i < is.tag_count; i++) {
		size_t count;
		Str *names = references_of(p, &is.tags[i], 0, &count);
		TRY(forget_tag(p, &is, is.tags[i].name));
		TRY(forget(p, &empty, names, count));
	}
	return NULL;
}
