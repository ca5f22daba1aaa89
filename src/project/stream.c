/* stream.c - ImageStream, its history, and its JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project-internal.h"

StreamTag *stream_tag(const ImageStream *is, Str tag)
{
	for (size_t i = 0; i < is->tag_count; i++)
		if (str_eq(is->tags[i].name, tag))
			return &is->tags[i];
	return NULL;
}

StreamTag *stream_tag_add(ImageStream *is, Arena *a, Str tag)
{
	StreamTag *there = stream_tag(is, tag);
	if (there)
		return there;
	StreamTag *all = arena_alloc(a, (is->tag_count + 1) * sizeof *all, _Alignof(StreamTag));
	if (is->tag_count)
		memcpy(all, is->tags, is->tag_count * sizeof *all);
	is->tags = all;
	all[is->tag_count] =
		(StreamTag){ .name = arena_str(a, tag), .from_kind = STR(""), .from = STR("") };
	return &all[is->tag_count++];
}

bool stream_tag_remove(ImageStream *is, Str tag)
{
	StreamTag *t = stream_tag(is, tag);
	if (!t)
		return false;
	size_t after = is->tag_count - (size_t)(t - is->tags) - 1;
	memmove(t, t + 1, after * sizeof *t);
	is->tag_count--;
	return true;
}

void stream_tag_push(StreamTag *tag, Arena *a, const StreamItem *item)
{
	if (tag->item_count && str_eq(tag->items[0].image, item->image))
		return;
	size_t kept =
		tag->item_count < PROJECT_HISTORY_MAX ? tag->item_count : PROJECT_HISTORY_MAX - 1;
	StreamItem *all = arena_alloc(a, (kept + 1) * sizeof *all, _Alignof(StreamItem));
	if (kept)
		memcpy(all + 1, tag->items, kept * sizeof *all);
	all[0] = *item;
	all[0].generation = ++tag->generation;
	tag->items = all;
	tag->item_count = kept + 1;
}

const StreamItem *stream_find_image(const ImageStream *is, Str image)
{
	for (size_t i = 0; i < is->tag_count; i++)
		for (size_t k = 0; k < is->tags[i].item_count; k++)
			if (str_eq(is->tags[i].items[k].image, image))
				return &is->tags[i].items[k];
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_wishes(JsonWriter *w, const ImageStream *is)
{
	project_write_list(w, "tags");
	for (size_t i = 0; i < is->tag_count; i++) {
		const StreamTag *t = &is->tags[i];
		if (!t->from.len)
			continue;
		json_write_object(w);
		json_write_member(w, "name", t->name);
		json_write_key(w, "annotations");
		json_write_null(w);
		project_write_ref(w, "from", t->from_kind, t->from);
		project_write_int(w, "generation", t->generation);
		project_write_begin(w, "importPolicy");
		project_write_flag(w, "scheduled", t->scheduled);
		json_write_object_end(w);
		project_write_begin(w, "referencePolicy");
		json_write_member(w, "type", STR("Source"));
		json_write_object_end(w);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_items(JsonWriter *w, const StreamTag *t)
{
	json_write_object(w);
	json_write_member(w, "tag", t->name);
	project_write_list(w, "items");
	for (size_t i = 0; i < t->item_count; i++) {
		json_write_object(w);
		project_write_time(w, "created", t->items[i].created_ns);
		json_write_member(w, "dockerImageReference", t->items[i].reference);
		json_write_member(w, "image", t->items[i].image);
		project_write_int(w, "generation", t->items[i].generation);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_object_end(w);
}

void stream_write(const ImageStream *is, bool plain, Buf *out)
{
	JsonWriter w = { .out = out };
	json_write_object(&w);
	project_write_head(&w, "ImageStream", "image.openshift.io/v1", &is->meta, plain);
	project_write_begin(&w, "spec");
	project_write_begin(&w, "lookupPolicy");
	json_write_key(&w, "local");
	json_write_bool(&w, is->lookup_local);
	json_write_object_end(&w);
	write_wishes(&w, is);
	json_write_object_end(&w);
	project_write_begin(&w, "status");
	json_write_member(&w, "dockerImageRepository", plain ? STR("") : is->repository);
	if (!plain) {
		project_write_list(&w, "tags");
		for (size_t i = 0; i < is->tag_count; i++)
			if (is->tags[i].item_count)
				write_items(&w, &is->tags[i]);
		json_write_array_end(&w);
	}
	json_write_object_end(&w);
	json_write_object_end(&w);
}

/* --- reading ---------------------------------------------------------------------------------- */

static Err *read_wish(const ProjectReader *r, const JsonValue *v, ImageStream *ret)
{
	Str name = STR("");
	TRY(project_read_str(r, v, "name", &name));
	StreamTag *t = stream_tag_add(ret, r->arena, name);
	TRY(project_read_str(r, v, "from.kind", &t->from_kind));
	TRY(project_read_str(r, v, "from.name", &t->from));
	TRY(project_read_int(r, v, "generation", &t->generation));
	return project_read_bool(r, v, "importPolicy.scheduled", &t->scheduled);
}

static Err *read_item(const ProjectReader *r, const JsonValue *v, StreamItem *ret)
{
	Digest d;
	*ret = (StreamItem){ .reference = STR(""), .image = STR("") };
	TRY(project_read_time(r, v, "created", &ret->created_ns));
	TRY(project_read_str(r, v, "dockerImageReference", &ret->reference));
	TRY(project_read_str(r, v, "image", &ret->image));
	TRY(project_read_int(r, v, "generation", &ret->generation));
	return err_while(err_set_kind(digest_parse(ret->image, &d), ERR_CORRUPT), "reading %s",
	                 r->name);
}

static Err *read_history(const ProjectReader *r, const JsonValue *v, ImageStream *ret)
{
	const JsonValue *items;
	Str name = STR("");
	TRY(project_read_str(r, v, "tag", &name));
	TRY(project_read_array(r, v, "items", PROJECT_HISTORY_MAX, &items));
	StreamTag *t = stream_tag_add(ret, r->arena, name);
	size_t count = items ? json_length(items) : 0;
	t->items = arena_alloc(r->arena, (count + 1) * sizeof *t->items, _Alignof(StreamItem));
	for (t->item_count = 0; t->item_count < count; t->item_count++)
		TRY(read_item(r, json_at(items, t->item_count), &t->items[t->item_count]));
	if (count && t->items[0].generation > t->generation)
		t->generation = t->items[0].generation;
	return NULL;
}

static Err *read_stream(const ProjectReader *r, ImageStream *ret)
{
	const JsonValue *d = r->document, *array;
	*ret = (ImageStream){ .repository = STR("") };
	TRY(project_read_meta(r, &ret->meta));
	TRY(project_read_bool(r, d, "spec.lookupPolicy.local", &ret->lookup_local));
	TRY(project_read_str(r, d, "status.dockerImageRepository", &ret->repository));
	TRY(project_read_array(r, d, "spec.tags", PROJECT_TAGS_MAX, &array));
	for (size_t i = 0; array && i < json_length(array); i++)
		TRY(read_wish(r, json_at(array, i), ret));
	TRY(project_read_array(r, d, "status.tags", PROJECT_TAGS_MAX, &array));
	for (size_t i = 0; array && i < json_length(array); i++)
		TRY(read_history(r, json_at(array, i), ret));
	return NULL;
}

Err *stream_read(Str json, const char *name, Arena *a, ImageStream *ret)
{
	CLEANUP(project_reader_done) ProjectReader r = { 0 };
	TRY(project_read(json, name, "ImageStream", a, &r));
	return read_stream(&r, ret);
}
