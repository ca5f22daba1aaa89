/*
 * annotation.c - annotations as -o and --annotation spell them, and which of them a document gets.
 *
 * -o:            annotation[-PLACE][[PLATFORM]].KEY=VALUE
 * --annotation:  [PLACE[[PLATFORM]],...:]KEY=VALUE
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "export/export-internal.h"

static const char *const place_names[] = {
	[ANNOTATION_MANIFEST] = "manifest",
	[ANNOTATION_MANIFEST_DESCRIPTOR] = "manifest-descriptor",
	[ANNOTATION_INDEX] = "index",
	[ANNOTATION_INDEX_DESCRIPTOR] = "index-descriptor",
};

static Err *find_place(Str name, AnnotationPlace *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(place_names); i++)
		if (str_eqc(name, place_names[i])) {
			*ret = (AnnotationPlace)i;
			return NULL;
		}
	Err *err = err_new(ERR_INPUT, "unknown place of an annotation: '%.*s'", STR_ARG(name));
	const char *near = str_nearest(name, place_names, ARRAY_LEN(place_names));
	if (near)
		err = err_note(err, "did you mean '%s'?", near);
	return err_note(err, "one of manifest, manifest-descriptor, index, index-descriptor");
}

/* "PLACE[PLATFORM]"; either may be missing. */
static Err *read_place(Arena *a, Str text, ExportAnnotation *ret)
{
	Str name, rest = str_cut(text, '[', &name);
	ret->place = ANNOTATION_MANIFEST;
	if (name.len)
		TRY(find_place(name, &ret->place));
	if (name.len == text.len)
		return NULL;
	if (rest.len < 2 || rest.ptr[rest.len - 1] != ']')
		return err_new(ERR_INPUT, "'%.*s': expected [os/arch] at its end", STR_ARG(text));
	TRY(platform_parse(a, str_head(rest, rest.len - 1), &ret->platform));
	/* An index is of all platforms: BuildKit drops the qualifier there as well. */
	ret->has_platform =
		ret->place == ANNOTATION_MANIFEST || ret->place == ANNOTATION_MANIFEST_DESCRIPTOR;
	return NULL;
}

static Err *check_key(Str key)
{
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.ptr[i] <= ' ')
			return err_new(ERR_INPUT, "a blank in the key of an annotation: '%.*s'",
			               STR_ARG(key));
	return key.len ? NULL : err_new(ERR_INPUT, "an annotation without a key");
}

bool annotation_is_key(Str small)
{
	Str rest = str_from_at(small, strlen("annotation"));
	return str_starts(small, STR("annotation")) && rest.len &&
	       (rest.ptr[0] == '.' || rest.ptr[0] == '-' || rest.ptr[0] == '[');
}

Err *annotation_parse_key(Arena *a, Str key, Str value, ExportAnnotation *ret)
{
	ExportAnnotation note = { 0 };
	Str place, name, rest = str_from_at(key, strlen("annotation"));
	/* A platform has no dot, so the first one ends the place. */
	name = str_cut(rest, '.', &place);
	if (place.len == rest.len)
		return err_note(err_new(ERR_INPUT, "'%.*s' names no annotation", STR_ARG(key)),
		                "as in annotation.org.opencontainers.image.title=TITLE");
	if (str_starts(place, STR("-"))) {
		place = str_from_at(place, 1);
		if (!place.len || place.ptr[0] == '[')
			return find_place(STR(""), &note.place);
	}
	TRY_WHILE(read_place(a, place, &note), "reading '%.*s'", STR_ARG(key));
	TRY(check_key(name));
	note.note = (Annotation){ arena_str(a, name), arena_str(a, value) };
	*ret = note;
	return NULL;
}

Err *export_parse_annotation(Arena *a, Str text, ExportAnnotation **ret, size_t *ret_count)
{
	Str key, value = str_cut(text, '=', &key);
	if (key.len == text.len)
		return err_new(ERR_INPUT, "invalid annotation '%.*s': expected KEY=VALUE",
		               STR_ARG(text));
	Str places, name = str_cut(key, ':', &places);
	bool has_places = places.len < key.len;
	if (!has_places) {
		name = key;
		places = STR("");
	}
	TRY(check_key(name));
	size_t most = 1;
	for (size_t i = 0; i < places.len; i++)
		most += places.ptr[i] == ',';
	ExportAnnotation *list = arena_alloc(a, most * sizeof *list, _Alignof(ExportAnnotation));
	size_t count = 0;
	do {
		Str place;
		ExportAnnotation note = { 0 };
		places = str_cut(places, ',', &place);
		if (has_places && (!place.len || place.ptr[0] == '['))
			return find_place(STR(""), &note.place);
		TRY_WHILE(read_place(a, place, &note), "reading the annotation '%.*s'",
		          STR_ARG(text));
		note.note = (Annotation){ arena_str(a, name), arena_str(a, value) };
		list[count++] = note;
	} while (places.len);
	*ret = list;
	*ret_count = count;
	return NULL;
}

/* --- which a document gets ------------------------------------------------------------------- */

static bool same_platform(const Platform *p, const Platform *q)
{
	return str_eq(p->os, q->os) && str_eq(p->arch, q->arch) && str_eq(p->variant, q->variant);
}

static Platform normal(const Platform *p)
{
	Platform copy = *p;
	platform_normalise(&copy);
	return copy;
}

static Err *check_note(const OutputSpec *out, const ExportAnnotation *note,
                       const Platform *platforms, size_t count)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	bool of_index =
		note->place == ANNOTATION_INDEX || note->place == ANNOTATION_INDEX_DESCRIPTOR;
	if (of_index && count < 2 && !export_attests_in_index(out))
		return err_note(err_new(ERR_INPUT,
		                        "the annotation '%.*s' is for an index, "
		                        "and an image of one platform has none",
		                        STR_ARG(note->note.key)),
		                "leave 'index' away, build for several platforms, or attest with "
		                "form=index");
	if (note->place != ANNOTATION_MANIFEST && out->media_types == EXPORT_TYPES_DOCKER)
		return err_new(ERR_INPUT,
		               "'oci-mediatypes=false' has no place for the annotation '%.*s'",
		               STR_ARG(note->note.key));
	bool found = !note->has_platform;
	for (size_t i = 0; i < count && !found; i++) {
		Platform is = normal(&platforms[i]);
		found = same_platform(&note->platform, &is);
	}
	return found ? NULL
	             : err_new(ERR_INPUT, "the annotation '%.*s' is for %s, which is not built",
	                       STR_ARG(note->note.key), platform_text(&a, &note->platform).ptr);
}

Err *export_check_annotations(const OutputSpec *out, const Platform *platforms, size_t count)
{
	for (size_t i = 0; i < out->annotation_count; i++)
		TRY(check_note(out, &out->annotations[i], platforms, count));
	return NULL;
}

void annotation_choose(const OutputSpec *out, AnnotationPlace place, const Platform *platform,
                       Arena *a, const Annotation **ret, size_t *ret_count)
{
	Annotation *list =
		arena_alloc(a, (out->annotation_count + 1) * sizeof *list, _Alignof(Annotation));
	size_t count = 0;
	Platform is = platform ? normal(platform) : (Platform){ STR(""), STR(""), STR("") };
	/* Those for one platform win over those for all: of equal keys the last one counts. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < out->annotation_count; i++) {
			const ExportAnnotation *note = &out->annotations[i];
			if (note->place == place && note->has_platform == (pass == 1) &&
			    (!note->has_platform ||
			     (platform && same_platform(&note->platform, &is))))
				list[count++] = note->note;
		}
	*ret = list;
	*ret_count = count;
}
