/*
 * image_remove.c - names of images go, and images with their last one, as docker's rmi has it.
 *
 * Which conflicts there are, and in what words: moby/moby daemon/images/image_delete.go; of one
 * platform alone: daemon/containerd/image_delete.go.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/container.h"
#include "exec/image-internal.h"

static Str familiar(Arena *a, Str full)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, full, &ref);
	return e ? full : reference_familiar(a, &ref);
}

static void tell_untagged(ImageRemoved *removed, Str familiar_name)
{
	for (size_t i = 0; i < removed->untagged_count; i++)
		if (str_eq(removed->untagged[i], familiar_name))
			return;
	removed->untagged[removed->untagged_count++] = familiar_name;
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

static Str short_id(Arena *a, const Digest *id)
{
	return str_head(digest_arena_hex(a, id), 12);
}

static Err *conflict(Arena *a, const Digest *id, const char *can, const char *why)
{
	return err_new(ERR_INPUT, "conflict: unable to delete %.*s (%s) - %s",
	               STR_ARG(short_id(a, id)), can, why);
}

static Err *conflict_with(Arena *a, const Digest *id, const Container *user)
{
	const char *why = arena_strf(a, "image is being used by %s container %.12s",
	                             user->running ? "running" : "stopped", user->id.ptr)
	                          .ptr;
	return conflict(a, id, user->running ? "cannot be forced" : "must be forced", why);
}

/* NAME is the last one of an image that a container has. */
static Err *conflict_of_name(Arena *a, Str name, const Digest *id, const Container *user)
{
	return err_new(ERR_INPUT,
	               "conflict: unable to remove repository reference \"%.*s\" (must force) - "
	               "container %.12s is using its referenced image %.*s",
	               STR_ARG(name), user->id.ptr, STR_ARG(short_id(a, id)));
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
	return by_name ? conflict_of_name(a, name, id, user) : conflict_with(a, id, user);
}

/* What a removal takes away. */
typedef struct Removal {
	Store *store;
	Arena *arena;
	ImageRefs refs;
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
	const Digest *id = image_ref_id(ref, number);
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
		          .pulled = ref->pulled,
		          .index = ref->index };
	for (size_t i = 0; i < r->refs.count; i++) /* this one stays, then */
		if (str_eq(r->refs.at[i].name, mark.name))
			r->goes[i] = false;
	return store_ref_set_locked(r->store, &mark);
}

static Err *lose_images(Removal *r)
{
	size_t most = 1;
	for (size_t i = 0; i < r->refs.count; i++)
		most += r->goes[i] ? image_ref_count(&r->refs.at[i]) : 0;
	r->done.deleted = arena_alloc(r->arena, most * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < r->refs.count; i++)
		for (size_t k = 0; r->goes[i] && k < image_ref_count(&r->refs.at[i]); k++)
			TRY(lose_image(r, &r->refs.at[i], k));
	return NULL;
}

/* By name that name goes; by ID all names do. */
static Err *choose_refs(Removal *r, const Image *image)
{
	size_t named = 0;
	for (size_t i = 0; i < r->refs.count; i++) {
		const StoreRef *ref = &r->refs.at[i];
		bool is_name = !image_is_mark(ref);
		r->goes[i] = r->by_name && is_name ? str_eq(ref->name, image->ref)
		                                   : store_ref_has(ref, &image->id);
		named += r->goes[i] && is_name;
	}
	/* The mark of an image that keeps a name means nothing; it goes with the last one. */
	if (named <= 1 || r->force)
		return NULL;
	const Container *user = NULL;
	TRY(find_user(r->store, &image->id, r->arena, &user));
	if (user && user->running)
		return conflict_with(r->arena, &image->id, user);
	return conflict(r->arena, &image->id, "must be forced",
	                "image is referenced in multiple repositories");
}

/* Does a name that stays keep REF's repository for one of REF's images? */
static bool keeps_repository(const Removal *r, const StoreRef *ref, Str repository)
{
	for (size_t i = 0; i < r->refs.count; i++) {
		const StoreRef *other = &r->refs.at[i];
		bool same = false;
		Reference name;
		for (size_t k = 0; !r->goes[i] && !same && k < image_ref_count(ref); k++)
			same = store_ref_has(other, image_ref_id(ref, k));
		if (!same || image_is_mark(other))
			continue;
		AUTO_ERR Err *e = reference_parse(r->arena, other->name, &name);
		if (!e && str_eq(reference_familiar_name(r->arena, &name), repository))
			return true;
	}
	return false;
}

/* With the last tag of a repository its digest is no name of the image any more. */
static void tell_digest(Removal *r, const StoreRef *ref)
{
	Reference name;
	const Digest *d = store_ref_remote(ref, NULL);
	AUTO_ERR Err *e = reference_parse(r->arena, ref->name, &name);
	if (e || digest_is_zero(d))
		return;
	Str repository = reference_familiar_name(r->arena, &name);
	if (!keeps_repository(r, ref, repository))
		tell_untagged(&r->done, arena_strf(r->arena, "%s@%s", repository.ptr,
		                                   digest_arena_text(r->arena, d).ptr));
}

static Err *remove_refs(Removal *r)
{
	for (size_t i = 0; i < r->refs.count; i++) {
		if (!r->goes[i])
			continue;
		TRY(store_ref_remove(r->store, r->refs.at[i].name));
		if (!image_is_mark(&r->refs.at[i]))
			tell_untagged(&r->done, familiar(r->arena, r->refs.at[i].name));
	}
	for (size_t i = 0; i < r->refs.count; i++)
		if (r->goes[i] && !image_is_mark(&r->refs.at[i]))
			tell_digest(r, &r->refs.at[i]);
	return NULL;
}

static Err *open_removal(Removal *r, Image *image)
{
	TRY(image_find(r->store, r->name, r->arena, image));
	TRY(store_ref_list(r->store, r->arena, &r->refs.at, &r->refs.count));
	r->by_name = image->ref.len && !str_starts(image->ref, STR("sha256:"));
	r->goes = arena_alloc(r->arena, r->refs.count + 1, 1);
	/* each with its digest */
	r->done.untagged =
		arena_alloc(r->arena, (2 * r->refs.count + 1) * sizeof(Str), _Alignof(Str));
	return NULL;
}

Err *image_remove(Store *s, Str name, bool force, Arena *a, ImageRemoved *ret)
{
	Image image = { 0 };
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Removal r = { .store = s, .arena = a, .name = name, .force = force };
	/* Of two that take the last two names of an image, one takes the image. */
	TRY(store_lock_refs(s, &lock));
	TRY(open_removal(&r, &image));
	TRY(choose_refs(&r, &image));
	TRY(lose_images(&r));
	TRY(remove_refs(&r));
	*ret = r.done;
	return NULL;
}

/* --- one platform of several ------------------------------------------------------------------ */

/* The image of IMAGE's name that is for PLATFORM and no other. */
static Err *find_platform(const Removal *r, const Image *image, const Platform *platform,
                          Digest *ret)
{
	Image *all;
	size_t count;
	Str wanted = platform_text(r->arena, platform);
	TRY(image_all(r->store, image, r->arena, &all, &count));
	for (size_t i = 0; i < count; i++)
		if (str_eq(platform_text(r->arena, &all[i].config.platform), wanted)) {
			*ret = all[i].id;
			return NULL;
		}
	return image_note_platforms(r->store, image, r->arena,
	                            err_new(ERR_NOT_FOUND, "the image '%.*s' is not for %.*s",
	                                    STR_ARG(r->name), STR_ARG(wanted)));
}

/* REF without the images that are deleted. */
static StoreRef without_deleted(const Removal *r, const StoreRef *ref)
{
	StoreRef kept = *ref;
	kept.variant_count = 0;
	kept.variants = arena_alloc(r->arena, (ref->variant_count + 1) * sizeof *kept.variants,
	                            _Alignof(StoreVariant));
	for (size_t i = 0; i < ref->variant_count; i++)
		if (!is_deleted(r, &ref->variants[i].config))
			kept.variants[kept.variant_count++] = ref->variants[i];
	if (kept.variant_count)
		image_ref_set_main(&kept, r->arena);
	return kept;
}

/* Every name that leads to a deleted image loses it; one that has no other goes. */
static Err *lose_platforms(Removal *r)
{
	Str *marks =
		arena_alloc(r->arena, (r->done.deleted_count + 1) * sizeof *marks, _Alignof(Str));
	for (size_t i = 0; i < r->refs.count; i++) {
		const StoreRef *ref = &r->refs.at[i];
		size_t lost = 0;
		for (size_t k = 0; k < image_ref_count(ref); k++)
			lost += is_deleted(r, image_ref_id(ref, k));
		r->goes[i] = lost == image_ref_count(ref);
		if (!lost || r->goes[i])
			continue;
		StoreRef kept = without_deleted(r, ref);
		TRY(store_ref_set_locked(r->store, &kept));
	}
	/* what a name leaves behind is marked as nameless: not these */
	for (size_t i = 0; i < r->done.deleted_count; i++)
		marks[i] = digest_arena_text(r->arena, &r->done.deleted[i]);
	TRY(remove_refs(r));
	return store_ref_remove_all(r->store, marks, r->done.deleted_count);
}

Err *image_remove_platforms(Store *s, Str name, const Platform *platforms, size_t count, Arena *a,
                            ImageRemoved *ret)
{
	Image image = { 0 };
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Removal r = { .store = s, .arena = a, .name = name, .force = true };
	TRY(store_lock_refs(s, &lock));
	TRY(open_removal(&r, &image));
	r.done.deleted = arena_alloc(a, (count + 1) * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < count; i++) {
		Digest id;
		bool keep = false;
		TRY(find_platform(&r, &image, &platforms[i], &id));
		if (is_deleted(&r, &id))
			continue;
		TRY(check_use(s, &id, name, false, true, a, &keep));
		r.done.deleted[r.done.deleted_count++] = id;
	}
	TRY(lose_platforms(&r));
	*ret = r.done;
	return NULL;
}
