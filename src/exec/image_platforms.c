/*
 * image_platforms.c - a name with an image for each of several platforms.
 *
 * A build for several gives one at once; a pull of a tag's second platform adds to the first, if
 * the tag still means the same index.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/image-internal.h"

/* How well V runs on PLATFORM: platform_fit(). */
static int fit_of(const StoreVariant *v, const Platform *platform, Arena *a)
{
	Platform is;
	AUTO_ERR Err *e = platform_parse(a, v->platform, &is);
	return e ? 0 : platform_fit(platform, &is);
}

const StoreVariant *image_variant(const StoreRef *ref, const Platform *platform, Arena *a)
{
	const StoreVariant *best = NULL;
	int best_fit = 0;
	for (size_t i = 0; i < ref->variant_count; i++) {
		int fit = fit_of(&ref->variants[i], platform, a);
		if (fit > best_fit) {
			best = &ref->variants[i];
			best_fit = fit;
		}
	}
	return best;
}

void image_ref_set_main(StoreRef *ref, Arena *a)
{
	Platform host = platform_host();
	const StoreVariant *main = image_variant(ref, &host, a);
	ref->config = (main ? main : &ref->variants[0])->config;
	ref->manifest = (main ? main : &ref->variants[0])->manifest;
	if (ref->variant_count == 1)
		ref->variant_count = 0;
}

/* OLD's images and ONE, to RET. */
static Err *join(Store *s, const StoreRef *old, const StoreRef *one, const Platform *platform,
                 Arena *a, StoreRef *ret)
{
	size_t count = old->variant_count;
	StoreVariant *all = arena_alloc(a, (count + 2) * sizeof *all, _Alignof(StoreVariant));
	if (count)
		memcpy(all, old->variants, count * sizeof *all);
	if (!count) {
		Image first;
		TRY(image_read(s, &old->config, a, &first));
		all[count++] = (StoreVariant){ .platform = platform_text(a, &first.config.platform),
			                       .config = old->config,
			                       .manifest = old->manifest };
	}
	all[count++] = (StoreVariant){ .platform = platform_text(a, platform),
		                       .config = one->config,
		                       .manifest = one->manifest };
	*ret = (StoreRef){ .name = one->name,
		           .pulled = one->pulled,
		           .index = one->index,
		           .variants = all,
		           .variant_count = count };
	image_ref_set_main(ret, a);
	return NULL;
}

/* A name for which there is no other image than those of ONE's index. */
static bool is_same_index(const StoreRef *old, const StoreRef *one)
{
	return !digest_is_zero(&one->pulled) && digest_eq(&old->pulled, &one->pulled);
}

Err *image_name_pulled(Store *s, const StoreRef *one, const Platform *platform, bool replace,
                       const Cancel *cancel, bool *ret_joined)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Digest key = sha256_of(one->name);
	StoreRef old, joined = *one;
	/* Two platforms of one name may be pulled at once. */
	TRY(store_lock(s, "name", &key, cancel, &lock));
	Err *e = store_ref_get(s, one->name, &a, &old);
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	bool is_free = e != NULL;
	err_free(e); /* absent or damaged: written anew */
	*ret_joined = is_free || is_same_index(&old, one);
	if (!*ret_joined && !replace)
		return NULL;
	if (!is_free && *ret_joined && store_ref_has(&old, &one->config)) {
		joined = old;
		joined.index = one->index;
		store_ref_set_manifest(&joined, &one->config, &one->manifest);
	} else if (!is_free && *ret_joined) {
		Err *unread = join(s, &old, one, platform, &a, &joined);
		if (unread && err_kind(unread) != ERR_NOT_FOUND && err_kind(unread) != ERR_CORRUPT)
			return unread;
		if (unread) /* what is not whole is replaced */
			joined = *one;
		err_free(unread);
	}
	return store_ref_set(s, &joined);
}
