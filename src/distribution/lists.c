/* lists.c - repositories, tags, referrers: page by page, sorted by bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "distribution/distribution-internal.h"
#include "oci/manifest.h"

typedef struct Page {
	size_t n; /* at most so many */
	Str last; /* those after it; "" from the first */
} Page;

static bool read_page(Call *c, ServerReply *r, Page *ret)
{
	Str text;
	uint64_t n;
	*ret = (Page){ DISTRIBUTION_PAGE_MAX, STR("") };
	(void)server_request_query(c->request, "last", &ret->last);
	if (!server_request_query(c->request, "n", &text))
		return true;
	if (!str_to_u64(text, &n)) {
		distribution_say(r, 400, "PAGINATION_NUMBER_INVALID", "n is no number");
		return false;
	}
	if (n < ret->n)
		ret->n = (size_t)n;
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* Sorted, each once, those of the page; *ret_more: others follow. */
static void cut_page(DistributionNames *names, const Page *page, bool *ret_more)
{
	size_t kept = 0;
	*ret_more = false;
	if (names->len)
		qsort(names->at, names->len, sizeof *names->at, by_bytes);
	for (size_t i = 0; i < names->len; i++) {
		if (page->last.len && str_cmp(names->at[i], page->last) <= 0)
			continue;
		if (kept && str_eq(names->at[i], names->at[kept - 1]))
			continue;
		if (kept == page->n) {
			*ret_more = page->n > 0;
			break;
		}
		names->at[kept++] = names->at[i];
	}
	names->len = kept;
}

/* MORE: further parameters, "&a=b". */
static void say_next(Call *c, ServerReply *r, const Page *page, Str last, Str more)
{
	AUTO_BUF Buf link = BUF_INIT;
	buf_addf(&link, "<%.*s?n=%zu&last=%.*s%.*s>; rel=\"next\"",
	         STR_ARG(server_request_path(c->request)), page->n, STR_ARG(last), STR_ARG(more));
	server_reply_header(r, "Link", buf_str(&link));
}

static void say_names(Call *c, ServerReply *r, const char *key, DistributionNames *names,
                      const Page *page)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { &json, false };
	bool more;
	cut_page(names, page, &more);
	json_write_object(&w);
	if (c->route.repo.len)
		json_write_member(&w, "name", c->route.repo);
	json_write_key(&w, key);
	json_write_array(&w);
	for (size_t i = 0; i < names->len; i++)
		json_write_str(&w, names->at[i]);
	json_write_array_end(&w);
	json_write_object_end(&w);
	server_reply(r, 200);
	server_reply_text(r, STR("application/json"), buf_str(&json));
	if (more)
		say_next(c, r, page, names->at[names->len - 1], STR(""));
}

static void add_all(DistributionNames *out, const Str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		VEC_PUSH(out, names[i]);
}

void distribution_tags(Call *c, ServerReply *r)
{
	AUTO_VEC DistributionNames all = { 0 };
	Page page;
	Str *tags;
	size_t count;
	if (!read_page(c, r, &page))
		return;
	Err *e = store_repo_tags(c->store, c->route.repo, c->arena, &tags, &count);
	if (!e) {
		add_all(&all, tags, count);
		e = distribution_image_names(c, c->route.repo, &all);
	}
	if (!e && !all.len && !store_repo_exists(c->store, c->route.repo))
		e = err_new(ERR_NOT_FOUND, "there is no repository '%.*s'", STR_ARG(c->route.repo));
	if (e)
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
	else
		say_names(c, r, "tags", &all, &page);
}

void distribution_catalog(Call *c, ServerReply *r)
{
	AUTO_VEC DistributionNames all = { 0 };
	Page page;
	Str *repos;
	size_t count, kept = 0;
	if (!read_page(c, r, &page))
		return;
	Err *e = store_repo_list(c->store, c->arena, &repos, &count);
	if (!e) {
		add_all(&all, repos, count);
		e = distribution_image_names(c, STR(""), &all);
	}
	if (e) {
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
		return;
	}
	for (size_t i = 0; i < all.len; i++)
		if (distribution_may_pull(c, all.at[i]))
			all.at[kept++] = all.at[i];
	all.len = kept;
	say_names(c, r, "repositories", &all, &page);
}

/* --- referrers -------------------------------------------------------------------------------- */

/* Its artifactType, else that of its config. */
static Str artifact_type(const JsonValue *json)
{
	Str type = json_value_string(json_member(json, "artifactType"));
	return type.len ? type
	                : json_value_string(json_member(json_member(json, "config"), "mediaType"));
}

static void write_referrer(JsonWriter *w, const StoreRepoManifest *m, const JsonValue *json,
                           size_t size)
{
	const JsonValue *annotations = json_member(json, "annotations");
	Str type = artifact_type(json);
	json_write_object(w);
	json_write_member(w, "mediaType", m->media_type);
	json_write_member(w, "digest", m->digest);
	json_write_key(w, "size");
	json_write_int(w, (int64_t)size);
	if (type.len)
		json_write_member(w, "artifactType", type);
	if (json_value_is_object(annotations)) {
		AUTO_BUF Buf text = BUF_INIT;
		json_dump(annotations, &text);
		json_write_key(w, "annotations");
		json_write_raw(w, buf_str(&text));
	}
	json_write_object_end(w);
}

/* False: it is gone, damaged, or of another type. */
static bool add_referrer(Call *c, Str digest, Str filter, JsonWriter *w)
{
	AUTO_BUF Buf text = BUF_INIT;
	StoreRepoManifest m;
	JsonValue *json = NULL;
	Err *e = store_repo_find_manifest(c->store, c->route.repo, digest, c->arena, &m);
	if (!e)
		e = store_blob_read(c->store, &m.blob, MANIFEST_BYTES_MAX, &text);
	if (!e)
		e = json_parse(buf_str(&text), MANIFEST_BYTES_MAX, "a manifest", &json);
	bool wanted = !e && (!filter.len || str_eq(artifact_type(json), filter));
	err_free(e); /* a list does not fail for one that is being deleted */
	if (wanted)
		write_referrer(w, &m, json, text.len);
	json_free(json);
	return wanted;
}

/* As many as clients read: the answer is a manifest too. */
static size_t write_referrers(Call *c, const DistributionNames *names, Str filter, JsonWriter *w)
{
	size_t i = 0;
	for (; i < names->len && w->out->len < MANIFEST_BYTES_MAX / 2; i++)
		(void)add_referrer(c, names->at[i], filter, w);
	return i;
}

void distribution_referrers(Call *c, ServerReply *r)
{
	AUTO_VEC DistributionNames all = { 0 };
	AUTO_BUF Buf json = BUF_INIT, more_query = BUF_INIT;
	JsonWriter w = { &json, false };
	Str *digests, filter = STR("");
	size_t count;
	Page page;
	bool more;
	if (!read_page(c, r, &page))
		return;
	Err *e = store_repo_referrers(c->store, c->route.repo, c->route.last, c->arena, &digests,
	                              &count);
	if (e) {
		distribution_say_err(c, r, e, "NAME_UNKNOWN");
		return;
	}
	add_all(&all, digests, count);
	cut_page(&all, &page, &more);
	bool filtered = server_request_query(c->request, "artifactType", &filter) && filter.len;
	json_write_object(&w);
	json_write_key(&w, "schemaVersion");
	json_write_int(&w, 2);
	json_write_member(&w, "mediaType", STR(MEDIA_OCI_INDEX));
	json_write_key(&w, "manifests");
	json_write_array(&w);
	size_t done = write_referrers(c, &all, filter, &w);
	json_write_array_end(&w);
	json_write_object_end(&w);
	server_reply(r, 200);
	server_reply_text(r, STR(MEDIA_OCI_INDEX), buf_str(&json));
	if (filtered) {
		server_reply_header(r, "OCI-Filters-Applied", STR("artifactType"));
		buf_addf(&more_query, "&artifactType=");
		for (size_t i = 0; i < filter.len; i++)
			buf_addf(&more_query, "%%%02X", (unsigned char)filter.ptr[i]);
	}
	if (done && (more || done < all.len))
		say_next(c, r, &page, all.at[done - 1], buf_str(&more_query));
}
