/* manifest_choose.c - which image of an index is for a platform, and how a layer is compressed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "oci/manifest-internal.h"

bool descriptor_is_artifact(const Descriptor *d)
{
	if (d->artifact_type.len && !str_eqc(d->artifact_type, MEDIA_OCI_CONFIG) &&
	    !str_eqc(d->artifact_type, MEDIA_DOCKER_CONFIG))
		return true;
	return d->has_platform &&
	       (str_eqc(d->platform.os, "unknown") || str_eqc(d->platform.arch, "unknown"));
}

static bool can_be_image(const Descriptor *d)
{
	return (manifest_is_image_type(d->media_type) || manifest_is_index_type(d->media_type)) &&
	       !descriptor_is_artifact(d);
}

/* Each platform once, in the order of the index. */
static void list_platforms(const Index *index, Arena *a, Buf *out)
{
	AUTO_MAP Map seen = MAP_INIT;
	for (size_t i = 0; i < index->count; i++) {
		const Descriptor *d = &index->manifests[i];
		if (!can_be_image(d) || !d->has_platform)
			continue;
		Str text = platform_text(a, &d->platform);
		if (map_find(&seen, text))
			continue;
		map_put(&seen, text, NULL);
		buf_addf(out, "%s%.*s", out->len ? ", " : "", STR_ARG(text));
	}
}

Err *index_choose(const Index *i, const Platform *wanted, const char *name, const Descriptor **ret)
{
	const Descriptor *best = NULL, *unnamed = NULL;
	int best_fit = 0;
	for (size_t k = 0; k < i->count; k++) {
		const Descriptor *d = &i->manifests[k];
		if (!can_be_image(d))
			continue;
		/* An entry without platform may be anything: taken only if nothing says that it
		 * fits. */
		if (!d->has_platform) {
			unnamed = unnamed ? unnamed : d;
			continue;
		}
		int fit = platform_fit(wanted, &d->platform);
		if (fit > best_fit) { /* the first of equals, as image-index.md says */
			best = d;
			best_fit = fit;
		}
	}
	if (!best)
		best = unnamed;
	if (best) {
		*ret = best;
		return NULL;
	}

	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf offers = BUF_INIT;
	list_platforms(i, &a, &offers);
	Err *err = err_new(ERR_NOT_FOUND,
	                   "%s: no matching manifest for %.*s in the manifest list entries", name,
	                   STR_ARG(platform_text(&a, wanted)));
	return err_note(err, "it offers: %s", offers.len ? offers.ptr : "nothing");
}

Err *manifest_layer_compression(Str media_type, Str *ret)
{
	static const struct {
		const char *type, *compression;
	} known[] = {
		{ MEDIA_OCI_LAYER, "" },
		{ MEDIA_OCI_LAYER "+gzip", "gzip" },
		{ MEDIA_OCI_LAYER "+zstd", "zstd" },
		{ MEDIA_DOCKER_LAYER, "" },
		{ MEDIA_DOCKER_LAYER ".gzip", "gzip" },
		{ MEDIA_DOCKER_LAYER ".zstd", "zstd" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar", "" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip" },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd" },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar", "" },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip" },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eqc(media_type, known[i].type)) {
			*ret = str_from(known[i].compression);
			return NULL;
		}
	return err_new(ERR_INPUT, "not a layer's media type: '%.*s'",
	               STR_ARG(str_head(media_type, 200)));
}
