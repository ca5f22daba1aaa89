/*
 * merge.c - index.json of a layout that is there already, with the images of this output in it.
 *
 * As BuildKit's: images of other names stay.  What is about an image that is replaced goes with it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "codec/json.h"
#include "export/export-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct Merge {
	const ExportJob *job;
	Arena *arena;
	Buf *index;
} Merge;

/* Attestations have no names: one goes only for itself. */
static bool same_name(const Descriptor *x, const Descriptor *y)
{
	if (x->artifact_type.len || y->artifact_type.len)
		return digest_eq(&x->digest, &y->digest);
	if (x->container_name.len && y->container_name.len)
		return str_eq(x->container_name, y->container_name);
	return str_eq(x->ref_name, y->ref_name);
}

static bool is_replaced(const Index *ours, const Descriptor *d)
{
	for (size_t i = 0; i < ours->count; i++)
		if (same_name(&ours->manifests[i], d))
			return true;
	return false;
}

static Err *read_subject(Merge *m, int root, const Descriptor *d, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	JsonValue *doc = NULL;
	*ret = STR("");
	TRY(path_read_file(
		root,
		arena_strf(m->arena, "blobs/sha256/%s", digest_arena_hex(m->arena, &d->digest).ptr)
			.ptr,
		MANIFEST_BYTES_MAX, &text));
	TRY(json_parse(buf_str(&text), MANIFEST_BYTES_MAX, "a manifest", &doc));
	const JsonValue *subject = json_member(doc, "subject");
	if (json_value_is_object(subject))
		*ret = arena_str(m->arena, json_value_string(json_member(subject, "digest")));
	json_free(doc);
	return NULL;
}

/* Is D, of the layout that was there, about an image that goes in now?  What is about it now goes
 * in with it. */
static bool is_about_ours(Merge *m, int root, const Descriptor *d)
{
	Str subject;
	AUTO_ERR Err *e = d->artifact_type.len ? read_subject(m, root, d, &subject) : NULL;
	if (e || !d->artifact_type.len) /* one that cannot be read stays */
		return false;
	for (size_t i = 0; i < m->job->count; i++) {
		const ExportDocument *o = &m->job->documents[i];
		if (str_eq(subject, digest_arena_text(m->arena, &o->descriptor.digest)))
			return true;
		for (size_t j = 0; j < o->count; j++)
			if (str_eq(subject, digest_arena_text(m->arena, &o->manifests[j].digest)))
				return true;
	}
	return false;
}

/* Two images of one tag: each has its whole name, so that "oci:DIR:NAME" means one. */
static Err *tell_apart(Arena *a, Descriptor *d, size_t count)
{
	AUTO_FREE bool *twice = xcalloc(count + 1, sizeof *twice);
	AUTO_MAP Map first = MAP_INIT; /* tag → twice[] of the first that has it */
	for (size_t i = 0; i < count; i++) {
		bool *other = map_get(&first, d[i].ref_name);
		if (other)
			*other = twice[i] = true;
		else if (d[i].ref_name.len)
			map_put(&first, d[i].ref_name, &twice[i]);
	}
	for (size_t i = 0; i < count; i++) {
		Reference ref;
		if (!twice[i] || !d[i].container_name.len)
			continue;
		TRY(reference_parse(a, d[i].container_name, &ref));
		d[i].ref_name = reference_familiar(a, &ref);
	}
	return NULL;
}

/* As BuildKit's: a layout that is there keeps its images of other names.  ROOT is locked. */
Err *export_layout_merge(const ExportJob *job, int root, Arena *a, Buf *index)
{
	Merge merge = { job, a, index }, *m = &merge;
	AUTO_BUF Buf old = BUF_INIT;
	Index was, ours;
	struct stat st;
	if (fstatat(root, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	TRY(path_read_file(root, "index.json", MANIFEST_BYTES_MAX, &old));
	Err *e = index_parse(m->arena, buf_str(&old), "index.json", &was);
	if (e)
		return err_note(err_while(e, "reading the layout that is in '%.*s' already",
		                          STR_ARG(m->job->out->dest)),
		                "remove it, or give another dest");
	TRY(index_parse(m->arena, buf_str(m->index), "index.json", &ours));
	Descriptor *all = arena_alloc(m->arena, (was.count + ours.count + 1) * sizeof *all,
	                              _Alignof(Descriptor));
	size_t count = 0;
	for (size_t i = 0; i < was.count; i++)
		if (!is_replaced(&ours, &was.manifests[i]) &&
		    !is_about_ours(m, root, &was.manifests[i]))
			all[count++] = was.manifests[i];
	for (size_t i = 0; i < ours.count; i++)
		all[count++] = ours.manifests[i];
	TRY(tell_apart(m->arena, all, count));
	was.manifests = all;
	was.count = count;
	buf_reset(m->index);
	index_format(&was, m->index);
	return NULL;
}
