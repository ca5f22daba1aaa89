/* compose.c - an index made of images that are in registries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "codec/json.h"
#include "registry/compose.h"
#include "registry/copy.h"

/* Of BuildKit's attestations in an index: which image they are about. */
#define SUBJECT_DIGEST "vnd.docker.reference.digest"

enum { INDENT = 2 };

/* --- one source ------------------------------------------------------------------------------- */

/* What the image's config says, where SAID says nothing. */
static Err *add_platform(Registry *r, const Reference *ref, const Digest *digest,
                         const Descriptor *said, Arena *a, Descriptor *d)
{
	RegistryImage image;
	Platform host = platform_host(); /* not asked for: REF is of an image */
	Reference exact = *ref;
	exact.has_digest = true;
	exact.digest = *digest;
	if (said && said->has_platform && said->platform.os.len && said->platform.arch.len)
		return NULL;
	TRY(registry_resolve_any(r, &exact, &host, a, &image));
	TRY(manifest_platform_of_config(a, image.config_json, "config", d));
	if (said && said->has_platform) {
		if (said->platform.os.len)
			d->platform.os = said->platform.os;
		if (said->platform.arch.len)
			d->platform.arch = said->platform.arch;
		if (said->platform.variant.len)
			d->platform.variant = said->platform.variant;
	}
	/* what is no image need not have one */
	d->has_platform = d->platform.os.len && d->platform.arch.len;
	return NULL;
}

/* What the user says of it counts. */
static Err *merge(const Descriptor *said, const char *name, Descriptor *d)
{
	if (!said)
		return NULL;
	if (said->size && said->size != d->size)
		return err_new(ERR_INPUT, "%s has %llu bytes, its descriptor says %llu", name,
		               (unsigned long long)d->size, (unsigned long long)said->size);
	if (said->media_type.len)
		d->media_type = said->media_type;
	if (said->annotation_count) {
		d->annotations = said->annotations;
		d->annotation_count = said->annotation_count;
	}
	d->artifact_type = said->artifact_type;
	if (!said->has_platform)
		return NULL;
	d->has_platform = true;
	d->platform = said->platform;
	d->variant = said->variant;
	d->os_version = said->os_version;
	d->os_features = said->os_features;
	d->os_feature_count = said->os_feature_count;
	return NULL;
}

Err *compose_read(Registry *r, const Reference *ref, const Descriptor *said, Arena *a,
                  ComposeSource *ret)
{
	ComposeSource s = { .ref = *ref };
	const char *name = reference_full(a, ref).ptr;
	Manifest m;
	TRY(registry_read_whole(r, ref, a, &s.json));
	TRY(manifest_kind(s.json, STR(""), name, &s.kind));
	if (s.kind == MANIFEST_INDEX) {
		TRY(index_parse(a, s.json, name, &s.index));
		s.d.media_type = s.index.media_type;
	} else {
		TRY(manifest_parse(a, s.json, name, &m));
		s.d.media_type = m.media_type.len ? m.media_type : STR(MEDIA_OCI_MANIFEST);
	}
	s.d.digest = sha256_of(s.json);
	s.d.size = s.json.len;
	TRY(merge(said, name, &s.d));
	if (s.kind == MANIFEST_IMAGE)
		TRY(add_platform(r, ref, &s.d.digest, said, a, &s.d));
	*ret = s;
	return NULL;
}

/* --- all together ----------------------------------------------------------------------------- */

typedef struct Entry {
	Descriptor d;
	const ComposeSource *from;
} Entry;
typedef VEC(Entry) Entries;

static void join_annotations(Descriptor *d, const Descriptor *more, Arena *a)
{
	size_t count = d->annotation_count + more->annotation_count;
	Annotation *all = arena_alloc(a, (count + 1) * sizeof *all, _Alignof(Annotation));
	if (d->annotation_count)
		memcpy(all, d->annotations, d->annotation_count * sizeof *all);
	if (more->annotation_count)
		memcpy(all + d->annotation_count, more->annotations,
		       more->annotation_count * sizeof *all);
	d->annotations = all;
	d->annotation_count = count;
}

/* Of equal keys the later counts when it is written (manifest.h). */
static void add_entry(Entries *all, const Descriptor *d, const ComposeSource *from, Arena *a)
{
	for (size_t i = 0; i < all->len; i++) {
		Descriptor *old = &all->at[i].d;
		if (!digest_eq(&old->digest, &d->digest))
			continue;
		if (d->has_platform) {
			old->has_platform = true;
			old->platform = d->platform;
			old->variant = d->variant;
			old->os_version = d->os_version;
			old->os_features = d->os_features;
			old->os_feature_count = d->os_feature_count;
		}
		join_annotations(old, d, a);
		all->at[i].from = from;
		return;
	}
	Entry entry = { *d, from };
	VEC_PUSH(all, entry);
}

static bool is_wanted_platform(const ComposeRequest *q, const Descriptor *d)
{
	bool any = !q->platform_count || !d->has_platform;
	for (size_t i = 0; i < q->platform_count && !any; i++)
		any = platform_fit(&q->platforms[i], &d->platform) ==
		      platform_fit(&q->platforms[i], &q->platforms[i]);
	return any;
}

/* Is it about one of the images that are wanted? */
static bool is_of_wanted(const ComposeRequest *q, const Entries *all, const Descriptor *d)
{
	Str subject = STR("");
	for (size_t i = 0; i < d->annotation_count; i++)
		if (str_eqc(d->annotations[i].key, SUBJECT_DIGEST))
			subject = d->annotations[i].value;
	for (size_t i = 0; i < all->len && subject.len; i++) {
		char text[DIGEST_TEXT_LEN + 1];
		if (str_eq(digest_text(&all->at[i].d.digest, text), subject))
			return is_wanted_platform(q, &all->at[i].d);
	}
	return false;
}

/* *RET_ALL: nothing was left out. */
static Err *keep_wanted(const ComposeRequest *q, const Entries *all, Arena *a, Composed *ret,
                        bool *ret_all)
{
	ret->entries = arena_alloc(a, (all->len + 1) * sizeof *ret->entries, _Alignof(Descriptor));
	ret->from = arena_alloc(a, (all->len + 1) * sizeof *ret->from, _Alignof(void *));
	ret->count = 0;
	for (size_t i = 0; i < all->len; i++) {
		const Descriptor *d = &all->at[i].d;
		if (!is_wanted_platform(q, d) && !is_of_wanted(q, all, d))
			continue;
		ret->entries[ret->count] = *d;
		ret->from[ret->count++] = all->at[i].from;
	}
	*ret_all = ret->count == all->len;
	return ret->count
	               ? NULL
	               : err_new(ERR_INPUT, "none of the manifests match the provided platforms");
}

static void gather(const ComposeRequest *q, Arena *a, Entries *all)
{
	for (size_t i = 0; i < q->count; i++) {
		const ComposeSource *s = &q->sources[i];
		if (s->kind == MANIFEST_IMAGE)
			add_entry(all, &s->d, s, a);
		for (size_t k = 0; s->kind == MANIFEST_INDEX && k < s->index.count; k++)
			add_entry(all, &s->index.manifests[k], s, a);
	}
}

/* Docker's list if all of it is docker's; annotations are OCI's alone. */
static Str type_of(const ComposeRequest *q, const Composed *c)
{
	bool docker = !q->annotated;
	for (size_t i = 0; i < c->count; i++)
		docker = docker &&
		         str_starts(c->entries[i].media_type, STR("application/vnd.docker."));
	return docker ? STR(MEDIA_DOCKER_INDEX) : STR(MEDIA_OCI_INDEX);
}

Err *compose_format(const Index *index, unsigned indent, Arena *a, Str *ret)
{
	AUTO_BUF Buf compact = BUF_INIT, out = BUF_INIT;
	JsonValue *v;
	index_format(index, &compact);
	TRY(json_parse(buf_str(&compact), SIZE_MAX, "index", &v));
	json_dump_indent(v, indent, &out);
	json_free(v);
	if (out.len > MANIFEST_BYTES_MAX)
		return err_new(ERR_INPUT, "the index would have %zu bytes (at most %u)", out.len,
		               MANIFEST_BYTES_MAX);
	*ret = arena_str(a, buf_str(&out));
	return NULL;
}

static Err *write_index(const ComposeRequest *q, Str type, const Annotation *notes, size_t count,
                        Arena *a, Composed *c)
{
	Index index = { .media_type = type,
		        .manifests = c->entries,
		        .count = c->count,
		        .annotations = notes,
		        .annotation_count = count };
	for (size_t i = 0; q->annotate && i < c->count; i++)
		TRY(q->annotate(q->context, &c->entries[i], a));
	TRY(compose_format(&index, INDENT, a, &c->json));
	c->media_type = type;
	c->digest = sha256_of(c->json);
	return NULL;
}

static void copy_of(const ComposeSource *s, Composed *c)
{
	c->media_type = s->d.media_type;
	c->json = s->json;
	c->digest = s->d.digest;
}

Err *compose_index(const ComposeRequest *q, Arena *a, Composed *ret)
{
	Entries all = { 0 };
	Composed c = { 0 };
	bool whole = true;
	const ComposeSource *only = q->count == 1 && !q->annotated ? &q->sources[0] : NULL;
	gather(q, a, &all);
	Err *e = keep_wanted(q, &all, a, &c, &whole);
	VEC_DONE(&all);
	TRY(e);
	if (only && only->kind == MANIFEST_IMAGE && q->copy) {
		copy_of(only, &c);
		c.count = 0;
	} else if (only && only->kind == MANIFEST_INDEX && whole) {
		copy_of(only, &c);
	} else if (only && only->kind == MANIFEST_INDEX) {
		/* one index with fewer entries keeps what it says of itself */
		TRY(write_index(q, only->index.media_type, only->index.annotations,
		                only->index.annotation_count, a, &c));
	} else {
		TRY(write_index(q, type_of(q, &c), q->annotations, q->annotation_count, a, &c));
	}
	*ret = c;
	return NULL;
}
