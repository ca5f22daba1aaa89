/* manifest_write.c - manifests and indexes to JSON, in one way only: their bytes are the digest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/json.h"
#include "oci/manifest-internal.h"

static int compare_annotations(const void *a, const void *b)
{
	const Annotation *const *x = a, *const *y = b;
	int order = str_cmp((*x)->key, (*y)->key);
	if (order)
		return order;
	return (*x > *y) - (*x < *y); /* of one array: as they came */
}

/* Sorted by key, as Go writes a map; of equal keys the last one counts.  Nothing for none. */
static void write_annotations(JsonWriter *w, const Annotation *list, size_t count)
{
	if (count == 0)
		return;
	AUTO_FREE const Annotation **sorted = xcalloc(count, sizeof *sorted);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &list[i];
	qsort(sorted, count, sizeof *sorted, compare_annotations);
	json_write_key(w, "annotations");
	json_write_object(w);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && str_eq(sorted[i]->key, sorted[i + 1]->key))
			continue;
		json_write_key_str(w, sorted[i]->key);
		json_write_str(w, sorted[i]->value);
	}
	json_write_object_end(w);
}

static void write_descriptor_annotations(JsonWriter *w, const Descriptor *d)
{
	AUTO_FREE Annotation *all = xcalloc(d->annotation_count + 2, sizeof *all);
	size_t count = d->annotation_count;
	if (count)
		memcpy(all, d->annotations, count * sizeof *all);
	if (d->container_name.len)
		all[count++] = (Annotation){ STR(CONTAINER_NAME), d->container_name };
	if (d->ref_name.len)
		all[count++] = (Annotation){ STR(REF_NAME), d->ref_name };
	write_annotations(w, all, count);
}

static void write_platform(JsonWriter *w, const Descriptor *d)
{
	Str variant = d->variant.len ? d->variant : d->platform.variant;
	json_write_key(w, "platform");
	json_write_object(w);
	json_write_member(w, "architecture", d->platform.arch);
	json_write_member(w, "os", d->platform.os);
	if (d->os_version.len)
		json_write_member(w, "os.version", d->os_version);
	if (d->os_feature_count) {
		json_write_key(w, "os.features");
		json_write_array(w);
		for (size_t i = 0; i < d->os_feature_count; i++)
			json_write_str(w, d->os_features[i]);
		json_write_array_end(w);
	}
	if (variant.len)
		json_write_member(w, "variant", variant);
	json_write_object_end(w);
}

/* Members in the order of Go's v1.Descriptor, so that others' tools write the same bytes. */
static void write_descriptor(JsonWriter *w, const Descriptor *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	json_write_object(w);
	json_write_key(w, "mediaType");
	json_write_str(w, d->media_type);
	json_write_key(w, "digest");
	json_write_str(w, digest_text(&d->digest, text));
	json_write_key(w, "size");
	json_write_int(w, (int64_t)d->size);
	write_descriptor_annotations(w, d);
	if (d->has_platform)
		write_platform(w, d);
	if (d->artifact_type.len) {
		json_write_key(w, "artifactType");
		json_write_str(w, d->artifact_type);
	}
	json_write_object_end(w);
}

static void write_head(JsonWriter *w, Str media_type)
{
	json_write_object(w);
	json_write_key(w, "schemaVersion");
	json_write_int(w, 2);
	json_write_key(w, "mediaType");
	json_write_str(w, media_type);
}

static void write_list(JsonWriter *w, const char *key, const Descriptor *d, size_t count)
{
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_descriptor(w, &d[i]);
	json_write_array_end(w);
}

void manifest_format_descriptor(const Descriptor *d, Buf *out)
{
	JsonWriter w = { .out = out };
	write_descriptor(&w, d);
}

void manifest_format(const Manifest *m, Buf *out)
{
	JsonWriter w = { .out = out };
	write_head(&w, m->media_type.len ? m->media_type : STR(MEDIA_OCI_MANIFEST));
	json_write_key(&w, "config");
	write_descriptor(&w, &m->config);
	write_list(&w, "layers", m->layers, m->layer_count);
	write_annotations(&w, m->annotations, m->annotation_count);
	json_write_object_end(&w);
}

void index_format(const Index *i, Buf *out)
{
	JsonWriter w = { .out = out };
	write_head(&w, i->media_type.len ? i->media_type : STR(MEDIA_OCI_INDEX));
	write_list(&w, "manifests", i->manifests, i->count);
	write_annotations(&w, i->annotations, i->annotation_count);
	json_write_object_end(&w);
}
