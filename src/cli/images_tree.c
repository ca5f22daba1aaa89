/* images_tree.c - `decant images --tree`: names, below each its platforms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/images.h"
#include "cli/listing.h"
#include "exec/container.h"

#include <stdio.h>

typedef VEC(Str) LineVec;

/* What one manifest makes somebody download; 0: there is none yet. */
static Err *content_size(Arena *a, Store *s, const Digest *manifest, uint64_t *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	Manifest m;
	*ret = 0;
	if (digest_is_zero(manifest))
		return NULL;
	Err *e = store_blob_read(s, manifest, MANIFEST_BYTES_MAX, &text);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it was only named: the index of other platforms */
		return NULL;
	}
	TRY(e);
	TRY(manifest_parse(a, buf_str(&text), "manifest", &m));
	*ret = text.len + m.config.size;
	for (size_t i = 0; i < m.layer_count; i++)
		*ret += m.layers[i].size;
	return NULL;
}

static Str line(Arena *a, Str name, const Digest *id, uint64_t size, uint64_t content, bool used)
{
	Str packed = content ? cli_size(a, content) : STR("-");
	return arena_strf(a, "%.*s\t%.12s\t%.*s\t%.*s\t%s", STR_ARG(name),
	                  digest_arena_hex(a, id).ptr, STR_ARG(cli_size(a, size)), STR_ARG(packed),
	                  used ? "U" : "");
}

static bool is_used(const Container *all, size_t count, const Digest *id)
{
	for (size_t i = 0; i < count; i++)
		if (digest_eq(&all[i].image_id, id))
			return true;
	return false;
}

/* The image of one platform, below its name. */
static Err *add_platform(Cli *cli, Store *s, StoreCatalog *catalog, const StoreVariant *v,
                         bool last, bool used, LineVec *lines, uint64_t *size, uint64_t *content)
{
	StoreSummary image;
	uint64_t packed;
	TRY(images_summary(cli, s, catalog, &v->config, &image));
	TRY(content_size(cli->arena, s, &v->manifest, &packed));
	Str name = arena_strf(cli->arena, "%s %.*s", last ? "└─" : "├─", STR_ARG(v->platform));
	VEC_PUSH(lines, line(cli->arena, name, &v->config, image.size_bytes, packed, used));
	*size += image.size_bytes;
	*content += packed;
	return NULL;
}

static Err *add_name(Cli *cli, Store *s, StoreCatalog *catalog, const ImageRow *row,
                     const Container *containers, size_t container_count, LineVec *lines)
{
	const StoreRef *ref = row->stored;
	StoreVariant one = { .config = ref->config, .manifest = ref->manifest };
	size_t count = ref->variant_count ? ref->variant_count : 1, at = lines->len;
	uint64_t size = 0, content = 0;
	bool any_used = false;
	if (!ref->variant_count) {
		Image image;
		TRY(image_read(s, &ref->config, cli->arena, &image));
		one.platform = platform_text(cli->arena, &image.config.platform);
	}
	VEC_PUSH(lines, STR(""));
	for (size_t i = 0; i < count; i++) {
		const StoreVariant *v = ref->variant_count ? &ref->variants[i] : &one;
		bool used = is_used(containers, container_count, &v->config);
		any_used = any_used || used;
		TRY(add_platform(cli, s, catalog, v, i + 1 == count, used, lines, &size, &content));
	}
	Str name = row->full.len ? reference_familiar(cli->arena, &row->ref) : STR("<untagged>");
	lines->at[at] = line(cli->arena, name, &ref->config, size, content, any_used);
	return NULL;
}

Err *images_print_tree(Cli *cli, Store *s, StoreCatalog *catalog, const ImageRowVec *rows)
{
	AUTO_VEC LineVec lines = { 0 };
	Container *containers = NULL;
	size_t count = 0;
	if (s)
		TRY(container_list(s, cli->arena, &containers, &count));
	VEC_PUSH(&lines, STR("IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tEXTRA"));
	for (size_t i = 0; i < rows->len; i++)
		TRY(add_name(cli, s, catalog, &rows->at[i], containers, count, &lines));
	printf("U: in use by a container\n\n");
	listing_print_lines(lines.at, lines.len, LISTING_COLUMN_MIN);
	return NULL;
}
