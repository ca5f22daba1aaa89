/* manifest_list.c - a list that `manifest create` has begun: kept in the store until it is pushed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/manifest_list.h"
#include "registry/compose.h"

enum { INDENT = 3 }; /* docker's */

Err *manifest_list_read(Cli *cli, Store *s, const Reference *list, Index *ret)
{
	Str name = reference_full(cli->arena, list);
	AUTO_BUF Buf json = BUF_INIT;
	Err *e = s ? store_manifests_get(s, name, &json)
	           : err_new(ERR_NOT_FOUND, "there is no store");
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* said in docker's words */
		return err_new(ERR_NOT_FOUND, "No such manifest: %s", name.ptr);
	}
	TRY(e);
	return err_while(index_parse(cli->arena, buf_str(&json), name.ptr, ret),
	                 "reading the list '%s'", name.ptr);
}

/* Docker's file of an entry: its name with '-' for ':' and '_' for '/'. */
static int by_file(const void *a, const void *b)
{
	const Descriptor *x = a, *y = b;
	Str p = x->container_name, q = y->container_name;
	for (size_t i = 0; i < p.len && i < q.len; i++) {
		char c = p.ptr[i], d = q.ptr[i];
		c = (char)(c == ':' ? '-' : c == '/' ? '_' : c);
		d = (char)(d == ':' ? '-' : d == '/' ? '_' : d);
		if (c != d)
			return (unsigned char)c < (unsigned char)d ? -1 : 1;
	}
	return (p.len > q.len) - (p.len < q.len);
}

Err *manifest_list_write(Cli *cli, Store *s, const Reference *list, Index *index)
{
	AUTO_BUF Buf json = BUF_INIT;
	if (index->count)
		qsort(index->manifests, index->count, sizeof *index->manifests, by_file);
	index_format(index, &json);
	return store_manifests_put(s, reference_full(cli->arena, list), buf_str(&json));
}

Descriptor *manifest_list_find(const Index *index, Str name)
{
	for (size_t i = 0; i < index->count; i++)
		if (str_eq(index->manifests[i].container_name, name))
			return &index->manifests[i];
	return NULL;
}

static Err *check_entry(Cli *cli, const Reference *list, const Descriptor *d)
{
	Reference ref;
	TRY(reference_parse(cli->arena, d->container_name, &ref));
	if (!d->has_platform || !d->platform.os.len || !d->platform.arch.len)
		return err_note(err_new(ERR_INPUT,
		                        "manifest %.*s must have an OS and Architecture to be "
		                        "pushed to a registry",
		                        STR_ARG(d->container_name)),
		                "say them with 'manifest annotate --os --arch'");
	if (!str_eq(ref.domain, list->domain))
		return err_note(err_new(ERR_INPUT,
		                        "cannot use source images from a different registry than "
		                        "the target image: %.*s != %.*s",
		                        STR_ARG(ref.domain), STR_ARG(list->domain)),
		                "'imagetools create' copies them");
	return NULL;
}

Err *manifest_list_format(Cli *cli, const Reference *list, const Index *index, Str *ret,
                          Str *ret_media_type)
{
	Index out = *index;
	out.manifests = arena_alloc(cli->arena, (index->count + 1) * sizeof *out.manifests,
	                            _Alignof(Descriptor));
	for (size_t i = 0; i < index->count; i++) {
		TRY(check_entry(cli, list, &index->manifests[i]));
		out.manifests[i] = index->manifests[i];
		out.manifests[i].container_name = STR("");
	}
	/* docker's rule: the first one says it */
	bool oci = index->count && str_eqc(index->manifests[0].media_type, MEDIA_OCI_MANIFEST);
	out.media_type = oci ? STR(MEDIA_OCI_INDEX) : STR(MEDIA_DOCKER_INDEX);
	*ret_media_type = out.media_type;
	return compose_format(&out, INDENT, cli->arena, ret);
}
