/* images_rows.c - the names of the store → rows, and what takes more to know of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "cli/images-internal.h"
#include "exec/container.h"
#include "store/parts.h"

/* The shortest ID that an argument may be, when it is no name: what the table shows. */
enum { ID_ARGUMENT_MIN = 4 };

Err *images_summary(Cli *cli, Store *s, StoreCatalog *catalog, const Digest *id, StoreSummary *ret)
{
	const StoreSummary *known = store_catalog_find(catalog, id);
	if (known) {
		*ret = *known;
		return NULL;
	}
	Image image;
	TRY(image_read(s, id, cli->arena, &image));
	*ret = (StoreSummary){ .id = *id,
		               .config_bytes = image.config_json.len,
		               .created_ns = image.config.created_ns,
		               .size_bytes = image.size_bytes };
	if (!image.lacks_layers)
		store_catalog_add(catalog, ret);
	return NULL;
}

static Err *make_row(Cli *cli, Store *s, StoreCatalog *catalog, const StoreRef *ref, ImageRow *row)
{
	*row = (ImageRow){
		.stored = ref, .full = STR(""), .repository = STR("<none>"), .tag = STR("<none>")
	};
	TRY(images_summary(cli, s, catalog, &ref->config, &row->image));
	row->manifest = *store_ref_remote(ref, NULL);
	if (str_starts(ref->name, STR("sha256:")))
		return NULL;
	TRY(reference_parse(cli->arena, ref->name, &row->ref));
	row->full = ref->name;
	row->repository = reference_familiar_name(cli->arena, &row->ref);
	if (row->ref.tag.len && !row->ref.has_digest) /* NAME:TAG@DIGEST is no tag here */
		row->tag = row->ref.tag;
	return NULL;
}

static int newest_first(const void *a, const void *b)
{
	const ImageRow *x = a, *y = b;
	int64_t p = x->image.created_ns, q = y->image.created_ns;
	if (p != q)
		return p > q ? -1 : 1;
	int order = str_cmp(x->repository, y->repository);
	return order ? order : str_cmp(x->tag, y->tag);
}

static Err *add_rows(Cli *cli, Store *s, StoreCatalog *catalog, const ImageFilters *f, bool all,
                     ImageRowVec *rows)
{
	size_t count;
	const StoreRef *refs = store_catalog_refs(catalog, &count);
	for (size_t i = 0; i < count; i++) {
		ImageRow row;
		bool wanted;
		Err *e = make_row(cli, s, catalog, &refs[i], &row);
		if (e) {
			/* one damaged image must not hide the others */
			cli_report(cli, err_while(e, "listing '%.*s'", STR_ARG(refs[i].name)));
			continue;
		}
		TRY(images_is_wanted(cli->arena, s, &row, f, all, &wanted));
		if (wanted)
			VEC_PUSH(rows, row);
	}
	return NULL;
}

static bool is_id_prefix(const char *text)
{
	size_t len = strlen(text);
	return len >= ID_ARGUMENT_MIN && len <= DIGEST_HEX_LEN &&
	       strspn(text, "0123456789abcdef") == len;
}

Err *images_collect(Cli *cli, Store *s, StoreCatalog *catalog, const ImageFilters *filters,
                    bool all, ImageRowVec *rows)
{
	ImageFilters by_id = *filters;
	if (!catalog)
		return NULL;
	TRY(add_rows(cli, s, catalog, filters, all, rows));
	if (!rows->len && filters->argument && is_id_prefix(filters->argument)) {
		by_id.argument = arena_strf(cli->arena, "sha256:%s", filters->argument).ptr;
		TRY(add_rows(cli, s, catalog, &by_id, all, rows));
	}
	if (rows->len)
		qsort(rows->at, rows->len, sizeof *rows->at, newest_first);
	return NULL;
}

Err *images_count_users(Cli *cli, Store *s, ImageRowVec *rows)
{
	Container *all = NULL;
	size_t count = 0;
	if (s)
		TRY(container_list(s, cli->arena, &all, &count));
	for (size_t i = 0; i < rows->len; i++) {
		rows->at[i].containers = 0;
		for (size_t k = 0; k < count; k++)
			rows->at[i].containers +=
				store_ref_has(rows->at[i].stored, &all[k].image_id);
	}
	return NULL;
}

/* --- shared sizes ----------------------------------------------------------------------------- */

/* A layer: the first image that has it, and whether another one has it too. */
typedef struct LayerUse {
	Digest image;
	bool shared;
} LayerUse;

static Str key_of(const Digest *d)
{
	return (Str){ (const char *)d->bytes, sizeof d->bytes };
}

/* Note the layers of the image ID, once. */
static Err *note_layers(Cli *cli, Store *s, Map *images, Map *layers, const Digest *id)
{
	if (map_find(images, key_of(id)))
		return NULL;
	Image *image = arena_new(cli->arena, Image);
	TRY(image_read(s, id, cli->arena, image));
	(void)map_put(images, key_of(&image->id), image);
	for (size_t i = 0; i < image->config.diff_id_count; i++) {
		Str key = key_of(&image->config.diff_ids[i]);
		LayerUse *use = map_get(layers, key);
		if (use) {
			use->shared = use->shared || !digest_eq(&use->image, id);
			continue;
		}
		use = arena_new(cli->arena, LayerUse);
		*use = (LayerUse){ .image = *id };
		(void)map_put(layers, key, use);
	}
	return NULL;
}

static Err *sum_shared(Store *s, const Image *image, const Map *layers, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < image->config.diff_id_count; i++) {
		const Digest *diff_id = &image->config.diff_ids[i];
		const LayerUse *use = map_get(layers, key_of(diff_id));
		StoreLayer layer;
		if (!use->shared)
			continue;
		Err *e = store_layer_look(s, diff_id, &layer);
		if (!e)
			*ret += layer.size_bytes;
		else if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		else
			err_free(e); /* as in the size of the image */
	}
	return NULL;
}

Err *images_shared_sizes(Cli *cli, Store *s, StoreCatalog *catalog, const ImageRowVec *rows,
                         uint64_t **ret)
{
	AUTO_MAP Map images = MAP_INIT;
	AUTO_MAP Map layers = MAP_INIT;
	size_t count = 0;
	const StoreRef *refs = catalog ? store_catalog_refs(catalog, &count) : NULL;
	*ret = arena_alloc(cli->arena, (rows->len + 1) * sizeof **ret, _Alignof(uint64_t));
	for (size_t i = 0; i < count; i++) {
		err_free(note_layers(cli, s, &images, &layers, &refs[i].config)); /* told before */
		for (size_t k = 0; k < refs[i].variant_count; k++)
			err_free(
				note_layers(cli, s, &images, &layers, &refs[i].variants[k].config));
	}
	for (size_t i = 0; i < rows->len; i++) {
		const Image *image = map_get(&images, key_of(&rows->at[i].image.id));
		(*ret)[i] = 0;
		if (image)
			TRY(sum_shared(s, image, &layers, &(*ret)[i]));
	}
	return NULL;
}
