/* to_registry.c - a cache into a registry: what it lacks, side by side; the manifest last. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "cache/cache-internal.h"

enum { PUSH_THREADS = 5 }; /* docker's number of concurrent uploads */

typedef struct Push {
	Registry *registry;
	Out *out;
} Push;

Err *cache_registry_look(Registry *r, Out *out)
{
	Platform platform = platform_host(); /* of an index, which ours never is */
	Err *e = registry_resolve_any(r, &out->to->ref, &platform, out->arena, &out->old);
	out->has_old = !e;
	if (e && err_kind(e) == ERR_CANCELLED)
		return e;
	/* No such tag yet, or something else under it.  Whether we may write there at all, writing
	 * will tell. */
	err_free(e);
	return NULL;
}

/* Another repository of this registry that is likely to have the blob; "" if there is none. */
static Str find_origin(const Push *p, const OutLayer *layer)
{
	const CacheExport *x = p->out->x;
	const Reference *to = &p->out->to->ref;
	(void)layer;
	for (size_t i = 0; i < x->mount_count; i++)
		if (str_eq(x->mount_from[i].domain, to->domain) &&
		    !str_eq(x->mount_from[i].path, to->path))
			return x->mount_from[i].path;
	return (Str){ "", 0 };
}

static Err *push_layer(void *context, size_t i)
{
	Push *p = context;
	Out *out = p->out;
	const OutLayer *layer = &out->layers[i];
	OutBlob blob = { out, layer };
	RegistryPushed how;
	TRY(cancel_check(out->x->cancel));
	if (layer->there)
		return NULL;
	TRY(registry_push_blob(p->registry, &out->to->ref, &layer->blob, find_origin(p, layer),
	                       cache_out_open, &blob, out->x->progress, out->line, &how));
	if (how == REGISTRY_PUSHED) {
		__atomic_add_fetch(&out->sent_bytes, layer->blob.size, __ATOMIC_RELAXED);
		__atomic_add_fetch(&out->sent_count, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static Err *open_config(void *context, Reader **ret)
{
	const Out *out = context;
	*ret = reader_from_memory(out->config_json);
	return NULL;
}

Err *cache_registry_write(Registry *r, Out *out)
{
	Push p = { r, out };
	RegistryPushed how;
	Digest pushed;
	TRY(parallel_each(out->layer_count, PUSH_THREADS, push_layer, &p));
	TRY(registry_push_blob(r, &out->to->ref, &out->config, (Str){ "", 0 }, open_config, out,
	                       out->x->progress, out->line, &how));
	return registry_push_manifest(r, &out->to->ref, STR(MEDIA_OCI_MANIFEST), out->manifest_json,
	                              &pushed);
}
