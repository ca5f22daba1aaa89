/*
 * catalog.c - lists of a registry, page after page, and its search.
 *
 * The next page is where the answer's Link header says.  It must be at the same place and not have
 * been read, and there is an end to pages and names: a list that never ends is told, not followed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "registry/catalog.h"
#include "registry/registry-internal.h"

typedef struct Listing {
	Registry *r;
	Endpoint *e;
	Reference ref; /* its path "" for the catalogue */
	const char *what, *key;
	size_t limit;
	CatalogKeepFn *keep;
	void *context;
	Arena *a; /* of the names */
	VEC(Str) names, pages;
} Listing;

/* The URL of rel="next" in a Link header (RFC 8288); "" none. */
static Str next_of(Str link)
{
	while (link.len) {
		Str target, parameters;
		ptrdiff_t open = str_find(link, '<');
		if (open < 0)
			break;
		link = str_from_at(link, (size_t)open + 1);
		if (str_find(link, '>') < 0)
			break;
		link = str_cut(link, '>', &target);
		ptrdiff_t end = str_find(link, '<');
		parameters = end < 0 ? link : str_head(link, (size_t)end);
		if (memmem(parameters.ptr, parameters.len, "rel=\"next\"", 10) ||
		    memmem(parameters.ptr, parameters.len, "rel=next", 8))
			return target;
	}
	return (Str){ "", 0 };
}

static Err *check_next(const Listing *l, Str next)
{
	HttpUrl base, to;
	TRY(http_url_parse(l->e->base, &base));
	TRY(err_set_kind(http_url_parse(next, &to), ERR_CORRUPT));
	if (!http_url_same_origin(&base, &to))
		return err_new(ERR_CORRUPT, "the next page is at another place, '%.*s'",
		               STR_ARG(str_clip(next, 200)));
	for (size_t i = 0; i < l->pages.len; i++)
		if (str_eq(l->pages.at[i], next))
			return err_new(ERR_CORRUPT, "the pages lead in a circle, to '%.*s'",
			               STR_ARG(str_clip(next, 200)));
	if (l->pages.len >= CATALOG_PAGES_MAX)
		return err_new(ERR_CORRUPT, "over %d pages, and another one", CATALOG_PAGES_MAX);
	return NULL;
}

static Err *take_names(Listing *l, const JsonValue *doc, const char *name)
{
	Str *names = NULL;
	size_t count = 0;
	if (!json_value_is_object(doc))
		return err_new(ERR_CORRUPT, "%s: expected a JSON object", name);
	TRY(err_set_kind(json_get_strs(doc, name, l->key, l->a, &names, &count), ERR_CORRUPT));
	for (size_t i = 0; i < count && l->names.len < l->limit; i++) {
		if (l->names.len >= CATALOG_NAMES_MAX)
			return err_new(ERR_CORRUPT, "over %d names", CATALOG_NAMES_MAX);
		if (!l->keep || l->keep(l->context, names[i]))
			VEC_PUSH(&l->names, names[i]);
	}
	return NULL;
}

/* The page at URL; *ret_next "" : it is the last one. */
static Err *read_page(Listing *l, Str url, Str *ret_next)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	HttpResponse answer;
	JsonValue *doc = NULL;
	Call call = { .endpoint = l->e,
		      .ref = &l->ref,
		      .scope = l->ref.path.len ? STR("") : STR("registry:catalog:*"),
		      .method = "GET",
		      .path = url,
		      .limit_bytes = JSON_BYTES_MAX };
	TRY(endpoint_send(l->r, &call, &a, &answer));
	if (answer.status != 200)
		return endpoint_status_error(l->e, &l->ref, &answer, l->what, false);
	TRY(json_parse(answer.body, JSON_BYTES_MAX, "the answer", &doc));
	Err *err = take_names(l, doc, "the answer");
	json_free(doc);
	TRY(err);
	Str next = next_of(http_response_header(&answer, "link"));
	*ret_next = (Str){ "", 0 };
	if (!next.len || l->names.len >= l->limit)
		return NULL;
	TRY(err_set_kind(http_url_resolve(l->a, answer.url, next, ret_next), ERR_CORRUPT));
	return check_next(l, *ret_next);
}

static Err *read_pages(Listing *l)
{
	Str url = l->ref.path.len ? arena_strf(l->a, "/v2/%.*s/tags/list", STR_ARG(l->ref.path))
	                          : STR("/v2/_catalog");
	while (url.len) {
		Str next;
		VEC_PUSH(&l->pages, url);
		TRY(read_page(l, url, &next));
		url = next;
	}
	return NULL;
}

Err *registry_list(Registry *r, Str domain, Str repository, size_t limit, CatalogKeepFn *keep,
                   void *context, Arena *a, CatalogNames *ret)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	endpoint_list(r, domain, true, endpoints, &count);
	Listing l = { .r = r,
		      .e = endpoints[count - 1],
		      .ref = { .domain = domain, .path = repository, .tag = { "", 0 } },
		      .what = repository.len ? "list of tags" : "catalogue",
		      .key = repository.len ? "tags" : "repositories",
		      .limit = limit,
		      .keep = keep,
		      .context = context,
		      .a = a };
	Err *err = read_pages(&l);
	ret->count = l.names.len;
	ret->at = arena_alloc(a, (l.names.len + 1) * sizeof *ret->at, _Alignof(Str));
	if (l.names.len)
		memcpy(ret->at, l.names.at, l.names.len * sizeof *ret->at);
	VEC_DONE(&l.names);
	VEC_DONE(&l.pages);
	return err_while(err, "reading the %s of %.*s", l.what, STR_ARG(domain));
}

/* --- search ----------------------------------------------------------------------------------- */

static Err *read_hit(Arena *a, const JsonValue *v, const char *name, CatalogHit *ret)
{
	*ret = (CatalogHit){ .name = { "", 0 }, .description = { "", 0 } };
	if (!json_value_is_object(v))
		return err_new(ERR_CORRUPT, "%s: expected an object", name);
	TRY(json_get_str(v, name, "name", a, &ret->name));
	TRY(json_get_str(v, name, "description", a, &ret->description));
	TRY(json_get_int(v, name, "star_count", &ret->stars));
	TRY(json_get_bool(v, name, "is_official", &ret->official));
	return json_get_bool(v, name, "is_automated", &ret->automated);
}

static Err *read_hits(Arena *a, const JsonValue *doc, size_t limit, CatalogHit **ret,
                      size_t *ret_count)
{
	const char *name = "the answer's results";
	const JsonValue *results = json_value_is_object(doc) ? json_member(doc, "results") : NULL;
	if (!json_value_is_array(results))
		return err_new(ERR_CORRUPT, "%s: expected an array", name);
	size_t count = json_length(results);
	count = count < limit ? count : limit;
	*ret = arena_alloc(a, (count + 1) * sizeof **ret, _Alignof(CatalogHit));
	for (size_t i = 0; i < count; i++)
		TRY(err_set_kind(read_hit(a, json_at(results, i), name, &(*ret)[i]), ERR_CORRUPT));
	*ret_count = count;
	return NULL;
}

Err *registry_search(Registry *r, Str domain, Str term, size_t limit, Arena *a, CatalogHit **ret,
                     size_t *ret_count)
{
	Endpoint *endpoints[ENDPOINTS_MAX];
	size_t count;
	HttpResponse answer;
	JsonValue *doc = NULL;
	bool hub = str_eqc(domain, "docker.io");
	endpoint_list(r, hub ? STR("index.docker.io") : domain, true, endpoints, &count);
	Endpoint *e = endpoints[count - 1];
	TRY(endpoint_open(r, e, 0));
	AUTO_BUF Buf url = BUF_INIT;
	buf_addf(&url, "%.*s/v1/search?q=", STR_ARG(e->base));
	http_url_encode(term, &url);
	buf_addf(&url, "&n=%zu", limit);
	/* No login: everybody may search, and what is found does not depend on who asks. */
	HttpRequest request = { .method = "GET",
		                .url = buf_str(&url),
		                .limit_bytes = JSON_BYTES_MAX,
		                .tls = e->tls,
		                .insecure_tls = e->insecure_tls };
	TRY_WHILE(http_client_send(r->http, a, &request, &answer), "searching %.*s",
	          STR_ARG(domain));
	if (answer.status != 200)
		return err_new(answer.status >= 500 ? ERR_NETWORK : ERR_NOT_FOUND,
		               "%.*s has no search (status %d)", STR_ARG(domain), answer.status);
	TRY_WHILE(json_parse(answer.body, JSON_BYTES_MAX, "the answer", &doc), "searching %.*s",
	          STR_ARG(domain));
	Err *err = read_hits(a, doc, limit, ret, ret_count);
	json_free(doc);
	return err_while(err, "searching %.*s", STR_ARG(domain));
}
