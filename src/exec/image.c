/*
 * image.c - finding images by what people type, reading them, taking names away.
 *
 * A word may be a reference, an ID or a prefix of one.  A name wins over an ID prefix ("cafe" is
 * the image cafe:latest if there is one), as in docker.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/image-internal.h"
#include "layer/layer.h"
#include "store/parts.h"

Err *image_no_such(Str name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Reference ref;
	AUTO_ERR Err *bad = reference_parse(&a, name, &ref);
	if (!bad) /* docker says which tag it was that was looked for */
		name = reference_familiar(&a, &ref);
	return err_new(ERR_NOT_FOUND, "No such image: %.*s", STR_ARG(name));
}

static bool is_hex_prefix(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	return s.len >= 1 && s.len <= DIGEST_HEX_LEN;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The one image whose ID begins with HEX; ERR_NOT_FOUND in the words of NAME, which was typed. */
static Err *find_by_id(const ImageRefs *refs, Str hex, Str name, Digest *ret)
{
	const Digest *found = NULL;
	for (size_t i = 0; i < refs->count; i++) {
		const StoreRef *ref = &refs->at[i];
		for (size_t k = 0; k < image_ref_count(ref); k++) {
			char text[DIGEST_HEX_LEN + 1];
			const Digest *id = image_ref_id(ref, k);
			if (!str_starts(digest_hex(id, text), hex))
				continue;
			if (found && !digest_eq(found, id))
				return err_note(err_new(ERR_INPUT,
				                        "more than one image ID begins with '%.*s'",
				                        STR_ARG(hex)),
				                "give more digits of the ID, or a name");
			found = id;
		}
	}
	if (!found)
		return image_no_such(name);
	*ret = *found;
	return NULL;
}

/* Has REF an image with the manifest D, or was D what its name meant when it was pulled? */
static bool has_manifest(const StoreRef *ref, const Digest *d)
{
	for (size_t i = 0; i < ref->variant_count; i++)
		if (digest_eq(&ref->variants[i].manifest, d))
			return true;
	return digest_eq(&ref->manifest, d) || digest_eq(&ref->pulled, d) ||
	       digest_eq(&ref->index, d);
}

/* "name@sha256:...": the digest is that of a manifest, or of what a tag named when it was pulled.
 */
static const StoreRef *find_by_manifest(const ImageRefs *refs, const Reference *wanted, Arena *a)
{
	Str repository = reference_familiar_name(a, wanted);
	for (size_t i = 0; i < refs->count; i++) {
		const StoreRef *ref = &refs->at[i];
		Reference other;
		if (image_is_mark(ref) || !has_manifest(ref, &wanted->digest))
			continue;
		AUTO_ERR Err *e = reference_parse(a, ref->name, &other);
		if (!e && str_eq(reference_familiar_name(a, &other), repository))
			return ref;
	}
	return NULL;
}

/* The ref that NAME is; *ret NULL if there is none.  *RET_ID is set if NAME is about one of its
 * images that is not the usual one. */
static Err *find_by_name(Store *s, Str name, Arena *a, const StoreRef **ret, Digest *ret_id)
{
	ImageRefs refs;
	Reference wanted;
	TRY(reference_parse(a, name, &wanted));
	*ret = NULL;
	StoreRef *found = arena_new(a, StoreRef);
	Err *e = store_ref_get(s, reference_full(a, &wanted), a, found);
	if (!e) {
		*ret = found;
		return NULL;
	}
	if (err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* it may still be an ID, or a name with the digest of a manifest */
	if (!wanted.has_digest)
		return NULL;
	TRY(store_ref_list(s, a, &refs.at, &refs.count));
	*ret = find_by_manifest(&refs, &wanted, a);
	if (!*ret)
		return NULL;
	for (size_t i = 0; i < (*ret)->variant_count; i++)
		if (digest_eq(&(*ret)->variants[i].manifest, &wanted.digest))
			*ret_id = (*ret)->variants[i].config;
	return NULL;
}

static Err *read_into(Store *s, const Digest *id, Arena *a, Image *image)
{
	char text[DIGEST_TEXT_LEN + 1];
	digest_text(id, text);
	AUTO_BUF Buf json = BUF_INIT;
	TRY_WHILE(store_blob_read(s, id, IMAGE_CONFIG_BYTES_MAX, &json), "reading image %s", text);
	image->id = *id;
	image->config_json = arena_str(a, buf_str(&json));
	TRY_WHILE(image_config_parse(a, image->config_json, text, &image->config),
	          "reading image %s", text);
	image->size_bytes = 0;
	image->lacks_layers = false;
	for (size_t i = 0; i < image->config.diff_id_count; i++) {
		StoreLayer layer;
		Err *e = store_layer_look(s, &image->config.diff_ids[i], &layer);
		if (!e) {
			image->size_bytes += layer.size_bytes;
			continue;
		}
		if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return err_while(e, "reading image %s", text);
		image->lacks_layers = true;
		err_free(e); /* a lost layer is image_check()'s to tell: the image can still be
		                listed */
	}
	return NULL;
}

Err *image_read(Store *s, const Digest *id, Arena *a, Image *ret)
{
	Image image = { .ref = STR(""), .store_ref = { .name = STR("") } };
	TRY(read_into(s, id, a, &image));
	*ret = image;
	return NULL;
}

Err *image_find(Store *s, Str name, Arena *a, Image *ret)
{
	Image image = { .ref = STR(""), .store_ref = { .name = STR("") } };
	Digest id = { 0 };
	bool is_id = str_starts(name, STR("sha256:"));
	Str hex = is_id ? str_from_at(name, strlen("sha256:")) : name;
	const StoreRef *ref = NULL;
	if (!is_id)
		TRY(find_by_name(s, name, a, &ref, &id));
	if (ref) {
		if (digest_is_zero(&id))
			id = ref->config;
		image.ref = ref->name;
		image.store_ref = *ref;
	} else if (is_hex_prefix(hex)) {
		ImageRefs refs;
		TRY(store_ref_list(s, a, &refs.at, &refs.count));
		TRY(find_by_id(&refs, hex, name, &id));
	} else {
		return image_no_such(name);
	}
	TRY(read_into(s, &id, a, &image));
	*ret = image;
	return NULL;
}

Err *image_note_platforms(Store *s, const Image *image, Arena *a, Err *e)
{
	AUTO_BUF Buf list = BUF_INIT;
	Image *all;
	size_t count;
	Err *unread = image_all(s, image, a, &all, &count);
	if (unread) {
		err_free(e);
		return unread;
	}
	for (size_t i = 0; i < count; i++)
		buf_addf(&list, "%s%s", i ? ", " : "",
		         platform_text(a, &all[i].config.platform).ptr);
	return err_note(e, "the store has it for %s", list.ptr);
}

Err *image_find_for(Store *s, Str name, const Platform *platform, Arena *a, Image *ret)
{
	Image image = { 0 };
	TRY(image_find(s, name, a, &image));
	if (platform) {
		bool many = image.store_ref.variant_count > 0 &&
		            digest_eq(&image.id, &image.store_ref.config);
		const StoreVariant *v = image_variant(&image.store_ref, platform, a);
		if (many ? !v : !platform_fit(platform, &image.config.platform))
			return image_note_platforms(
				s, &image, a,
				err_new(ERR_NOT_FOUND, "the image '%.*s' is not for %s",
			                STR_ARG(name), platform_text(a, platform).ptr));
		if (many)
			TRY(read_into(s, &v->config, a, &image));
	}
	*ret = image;
	return NULL;
}

Err *image_all(Store *s, const Image *image, Arena *a, Image **ret, size_t *ret_count)
{
	const StoreRef *ref = &image->store_ref;
	bool many = ref->variant_count && digest_eq(&image->id, &ref->config);
	size_t count = many ? ref->variant_count : 1;
	Image *all = arena_alloc(a, count * sizeof *all, _Alignof(Image));
	for (size_t i = 0; i < count; i++) {
		all[i] = *image;
		if (many)
			TRY(read_into(s, &ref->variants[i].config, a, &all[i]));
	}
	*ret = all;
	*ret_count = count;
	return NULL;
}

Err *image_names(Store *s, const Digest *id, Arena *a, Str **ret, size_t *ret_count)
{
	ImageRefs refs;
	TRY(store_ref_list(s, a, &refs.at, &refs.count));
	Str *names = arena_alloc(a, (refs.count + 1) * sizeof *names, _Alignof(Str));
	size_t count = 0;
	for (size_t i = 0; i < refs.count; i++)
		if (store_ref_has(&refs.at[i], id) && !image_is_mark(&refs.at[i]))
			names[count++] = refs.at[i].name;
	*ret = names;
	*ret_count = count;
	return NULL;
}

/* Is DIFF_ID one of the layers of the image CONFIG?  An image that cannot be read has none. */
static bool image_has_layer(Store *s, const Digest *config, const Digest *diff_id)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Image image;
	AUTO_ERR Err *e = image_read(s, config, &a, &image);
	for (size_t i = 0; !e && i < image.config.diff_id_count; i++)
		if (digest_eq(&image.config.diff_ids[i], diff_id))
			return true;
	return false;
}

/* The same of any image of REF. */
static bool has_layer(Store *s, const StoreRef *ref, const Digest *diff_id)
{
	for (size_t i = 0; i < image_ref_count(ref); i++)
		if (image_has_layer(s, image_ref_id(ref, i), diff_id))
			return true;
	return false;
}

Err *image_forget_layer(Store *s, const Digest *diff_id, Arena *a, Str *ret_names)
{
	StoreRef *refs;
	size_t count;
	AUTO_BUF Buf names = BUF_INIT;
	TRY(store_ref_list(s, a, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		Reference ref;
		if (!has_layer(s, &refs[i], diff_id))
			continue;
		TRY(store_ref_remove(s, refs[i].name));
		Err *e = reference_parse(a, refs[i].name, &ref);
		Str name = e ? refs[i].name : reference_familiar(a, &ref);
		err_free(e); /* an untagged image: its ID is its name */
		buf_addf(&names, "%s'%.*s'", names.len ? ", " : "", STR_ARG(name));
	}
	*ret_names = arena_str(a, buf_str(&names));
	return store_layout_write(s);
}

/* A suspect one is looked at when it is used. */
static bool is_unusable(Store *s, const Digest *diff_id)
{
	StoreLayer layer;
	Err *e = store_layer_get(s, diff_id, &layer);
	if (!e && !layer.suspect)
		e = layer_check(s, diff_id, NULL);
	bool unusable = e && (err_kind(e) == ERR_CORRUPT || err_kind(e) == ERR_NOT_FOUND);
	err_free(e); /* told by the result */
	return unusable;
}

static Err *drop_unneeded(Store *s, const Digest *diff_id)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(s, &a, &refs, &count));
	for (size_t i = 0; i < count; i++)
		if (has_layer(s, &refs[i], diff_id))
			return NULL;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock(s, "publish", diff_id, NULL, &lock)); /* who puts it in place anew has it */
	if (!is_unusable(s, diff_id))
		return NULL;
	TRY(store_record_forget_layer(s, diff_id));
	return store_layer_drop(s, diff_id);
}

Err *image_forget_damaged(Store *s, const Digest *config)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Image image;
	StoreRef ref;
	Str untagged = digest_arena_text(&a, config);
	AUTO_ERR Err *named = store_ref_get(s, untagged, &a, &ref);
	if (named)
		return NULL;
	AUTO_ERR Err *unread = image_read(s, config, &a, &image);
	bool unusable =
		unread && (err_kind(unread) == ERR_CORRUPT || err_kind(unread) == ERR_NOT_FOUND);
	size_t count = unread ? 0 : image.config.diff_id_count;
	for (size_t i = 0; i < count && !unusable; i++)
		unusable = is_unusable(s, &image.config.diff_ids[i]);
	if (!unusable)
		return NULL;
	TRY(store_ref_remove(s, untagged));
	for (size_t i = 0; i < count; i++)
		TRY(drop_unneeded(s, &image.config.diff_ids[i]));
	return NULL;
}

Err *image_check_layer(Store *s, const Digest *diff_id, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str names;
	StoreLayer layer;
	Err *e = layer_check(s, diff_id, cancel);
	if (!e || err_kind(e) != ERR_CORRUPT)
		return e;
	Err *gone = store_layer_look(s, diff_id, &layer);
	bool dropped = gone && err_kind(gone) == ERR_NOT_FOUND;
	err_free(gone); /* told by E */
	if (!dropped)   /* a pull or build puts it in place anew: its names stay */
		return e;
	Err *forgotten = image_forget_layer(s, diff_id, &a, &names);
	if (forgotten)
		err_free(forgotten); /* the damage is what is told */
	else if (names.len)
		e = err_note(e, "with it went the images that need it: %.*s", STR_ARG(names));
	return e;
}

Err *image_check(Store *s, const Image *image)
{
	for (size_t i = 0; i < image->config.diff_id_count; i++) {
		char id[DIGEST_TEXT_LEN + 1], diff_id[DIGEST_TEXT_LEN + 1];
		Err *e = image_check_layer(s, &image->config.diff_ids[i], NULL);
		if (!e)
			continue;
		digest_text(&image->id, id);
		digest_text(&image->config.diff_ids[i], diff_id);
		if (err_kind(e) != ERR_NOT_FOUND)
			return err_while(e, "checking image %s", id);
		err_free(e); /* said better here */
		return err_note(err_new(ERR_CORRUPT,
		                        "layer %zu of %zu of image %s is not in the store: %s",
		                        i + 1, image->config.diff_id_count, id, diff_id),
		                "pull or build the image again");
	}
	return NULL;
}
