/*
 * image.c - finding images by what people type, reading them, taking names away.
 *
 * A word may be a reference, an ID or a prefix of one.  A name wins over an ID prefix ("cafe" is
 * the image cafe:latest if there is one), as in docker.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/container.h"
#include "exec/image.h"
#include "layer/layer.h"

#include <stdio.h>

typedef struct Refs {
	StoreRef *at;
	size_t count;
} Refs;

/* The mark of an image without a name (store.h), not a name. */
static bool is_untagged_mark(const StoreRef *ref)
{
	return str_starts(ref->name, STR("sha256:"));
}

static Err *no_such_image(Str name)
{
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

static size_t image_count(const StoreRef *ref)
{
	return ref->variant_count ? ref->variant_count : 1;
}

static const Digest *image_id(const StoreRef *ref, size_t number)
{
	return ref->variant_count ? &ref->variants[number].config : &ref->config;
}

/* The one image whose ID begins with HEX; ERR_NOT_FOUND in the words of NAME, which was typed. */
static Err *find_by_id(const Refs *refs, Str hex, Str name, Digest *ret)
{
	const Digest *found = NULL;
	for (size_t i = 0; i < refs->count; i++) {
		const StoreRef *ref = &refs->at[i];
		for (size_t k = 0; k < image_count(ref); k++) {
			char text[DIGEST_HEX_LEN + 1];
			const Digest *id = image_id(ref, k);
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
		return no_such_image(name);
	*ret = *found;
	return NULL;
}

/* Has REF an image with the manifest D, or was D what its name meant when it was pulled? */
static bool has_manifest(const StoreRef *ref, const Digest *d)
{
	for (size_t i = 0; i < ref->variant_count; i++)
		if (digest_eq(&ref->variants[i].manifest, d))
			return true;
	return digest_eq(&ref->manifest, d) || digest_eq(&ref->pulled, d);
}

/* "name@sha256:...": the digest is that of a manifest, or of what a tag named when it was pulled.
 */
static const StoreRef *find_by_manifest(const Refs *refs, const Reference *wanted, Arena *a)
{
	Str repository = reference_familiar_name(a, wanted);
	for (size_t i = 0; i < refs->count; i++) {
		const StoreRef *ref = &refs->at[i];
		Reference other;
		if (is_untagged_mark(ref) || !has_manifest(ref, &wanted->digest))
			continue;
		AUTO_ERR Err *e = reference_parse(a, ref->name, &other);
		if (!e && str_eq(reference_familiar_name(a, &other), repository))
			return ref;
	}
	return NULL;
}

/* The ref that NAME is; *ret NULL if there is none.  *RET_ID is set if NAME is about one of its
 * images that is not the usual one. */
static Err *find_by_name(Store *s, const Refs *refs, Str name, Arena *a, const StoreRef **ret,
                         Digest *ret_id)
{
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
	if (!wanted.has_digest || !(*ret = find_by_manifest(refs, &wanted, a)))
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
		Err *e = store_layer_get(s, &image->config.diff_ids[i], &layer);
		if (!e) {
			image->size_bytes += layer.size_bytes;
			continue;
		}
		if (err_kind(e) != ERR_NOT_FOUND)
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
	Refs refs;
	TRY(store_ref_list(s, a, &refs.at, &refs.count));
	Image image = { .ref = STR(""), .store_ref = { .name = STR("") } };
	Digest id = { 0 };
	bool is_id = str_starts(name, STR("sha256:"));
	Str hex = is_id ? str_from_at(name, strlen("sha256:")) : name;
	const StoreRef *ref = NULL;
	if (!is_id)
		TRY(find_by_name(s, &refs, name, a, &ref, &id));
	if (ref) {
		if (digest_is_zero(&id))
			id = ref->config;
		image.ref = ref->name;
		image.store_ref = *ref;
	} else if (is_hex_prefix(hex)) {
		TRY(find_by_id(&refs, hex, name, &id));
	} else {
		return no_such_image(name);
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
	Image image;
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
	Refs refs;
	TRY(store_ref_list(s, a, &refs.at, &refs.count));
	Str *names = arena_alloc(a, (refs.count + 1) * sizeof *names, _Alignof(Str));
	size_t count = 0;
	for (size_t i = 0; i < refs.count; i++)
		if (store_ref_has(&refs.at[i], id) && !is_untagged_mark(&refs.at[i]))
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
	for (size_t i = 0; i < image_count(ref); i++)
		if (image_has_layer(s, image_id(ref, i), diff_id))
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

Err *image_check_layer(Store *s, const Digest *diff_id, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str names;
	Err *e = layer_check(s, diff_id, cancel);
	if (!e || err_kind(e) != ERR_CORRUPT)
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

/* --- removing --------------------------------------------------------------------------------- */

static Str familiar(Arena *a, Str full)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, full, &ref);
	return e ? full : reference_familiar(a, &ref);
}

static Err *untag(Store *s, Str full, Arena *a, ImageRemoved *removed)
{
	TRY(store_ref_remove(s, full));
	removed->untagged[removed->untagged_count++] = familiar(a, full);
	return NULL;
}

/* A container of the image, a running one if there is one; NULL: none. */
static Err *find_user(Store *s, const Digest *id, Arena *a, const Container **ret)
{
	Container *all = NULL;
	size_t count = 0;
	TRY(container_list(s, a, &all, &count));
	*ret = NULL;
	for (size_t i = 0; i < count; i++)
		if (digest_eq(&all[i].image_id, id) &&
		    (!*ret || (!(*ret)->running && all[i].running)))
			*ret = &all[i];
	return NULL;
}

static Err *conflict(Str what, const char *can, const char *why)
{
	return err_new(ERR_INPUT, "conflict: unable to delete %.*s (%s) - %s", STR_ARG(what), can,
	               why);
}

/* May the image itself go?  *RET_KEEP: its names may, but what runs needs its layers. */
static Err *check_use(Store *s, const Digest *id, Str name, bool by_name, bool force, Arena *a,
                      bool *ret_keep)
{
	const Container *user = NULL;
	TRY(find_user(s, id, a, &user));
	*ret_keep = user && user->running;
	if (!user || (force && (by_name || !user->running)))
		return NULL;
	const char *why = arena_strf(a, "image is being used by %s container %.12s",
	                             user->running ? "running" : "stopped", user->id.ptr)
	                          .ptr;
	return conflict(name, force ? "cannot be forced" : "must be forced", why);
}

/* What a removal takes away. */
typedef struct Removal {
	Store *store;
	Arena *arena;
	Refs refs;
	bool *goes; /* one a ref: it is taken away */
	Str name;   /* as typed */
	bool by_name, force;
	ImageRemoved done;
} Removal;

/* Does a ref that stays lead to ID? */
static bool stays(const Removal *r, const Digest *id)
{
	for (size_t i = 0; i < r->refs.count; i++)
		if (!r->goes[i] && store_ref_has(&r->refs.at[i], id))
			return true;
	return false;
}

static bool is_deleted(const Removal *r, const Digest *id)
{
	for (size_t i = 0; i < r->done.deleted_count; i++)
		if (digest_eq(&r->done.deleted[i], id))
			return true;
	return false;
}

/* Image NUMBER of REF, which goes: it goes as well, unless another name or a container has it. */
static Err *lose_image(Removal *r, const StoreRef *ref, size_t number)
{
	const Digest *id = image_id(ref, number);
	bool keep = false;
	if (stays(r, id) || is_deleted(r, id))
		return NULL;
	TRY(check_use(r->store, id, r->name, r->by_name, r->force, r->arena, &keep));
	if (!keep) {
		r->done.deleted[r->done.deleted_count++] = *id;
		return NULL;
	}
	/* Before the names go: at no time is it out of every name. */
	StoreRef mark = { .name = digest_arena_text(r->arena, id),
		          .config = *id,
		          .manifest = *store_ref_manifest(ref, id),
		          .pulled = ref->pulled };
	for (size_t i = 0; i < r->refs.count; i++) /* this one stays, then */
		if (str_eq(r->refs.at[i].name, mark.name))
			r->goes[i] = false;
	return store_ref_set_locked(r->store, &mark);
}

static Err *lose_images(Removal *r)
{
	size_t most = 1;
	for (size_t i = 0; i < r->refs.count; i++)
		most += r->goes[i] ? image_count(&r->refs.at[i]) : 0;
	r->done.deleted = arena_alloc(r->arena, most * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < r->refs.count; i++)
		for (size_t k = 0; r->goes[i] && k < image_count(&r->refs.at[i]); k++)
			TRY(lose_image(r, &r->refs.at[i], k));
	return NULL;
}

/* By name that name goes; by ID all names do. */
static Err *choose_refs(Removal *r, const Image *image)
{
	size_t named = 0;
	r->goes = arena_alloc(r->arena, r->refs.count + 1, 1);
	for (size_t i = 0; i < r->refs.count; i++) {
		const StoreRef *ref = &r->refs.at[i];
		bool is_name = !is_untagged_mark(ref);
		r->goes[i] = r->by_name && is_name ? str_eq(ref->name, image->ref)
		                                   : store_ref_has(ref, &image->id);
		named += r->goes[i] && is_name;
	}
	/* The mark of an image that keeps a name means nothing; it goes with the last one. */
	if (named <= 1 || r->force)
		return NULL;
	return conflict(str_head(digest_arena_hex(r->arena, &image->id), 12), "must be forced",
	                "image is referenced in multiple repositories");
}

Err *image_remove(Store *s, Str name, bool force, Arena *a, ImageRemoved *ret)
{
	Image image = { 0 };
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Removal r = { .store = s, .arena = a, .name = name, .force = force };
	/* Of two that take the last two names of an image, one takes the image. */
	TRY(store_lock_refs(s, &lock));
	TRY(image_find(s, name, a, &image));
	TRY(store_ref_list(s, a, &r.refs.at, &r.refs.count));
	r.by_name = image.ref.len && !str_starts(image.ref, STR("sha256:"));
	TRY(choose_refs(&r, &image));
	r.done.untagged = arena_alloc(a, (r.refs.count + 1) * sizeof(Str), _Alignof(Str));
	TRY(lose_images(&r));
	for (size_t i = 0; i < r.refs.count; i++) {
		if (r.goes[i] && is_untagged_mark(&r.refs.at[i]))
			TRY(store_ref_remove(s, r.refs.at[i].name));
		else if (r.goes[i])
			TRY(untag(s, r.refs.at[i].name, a, &r.done));
	}
	*ret = r.done;
	return NULL;
}
