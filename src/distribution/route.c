/* route.c - what a path of the protocol means.  It is read from its end: names may have any parts.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "distribution/distribution-internal.h"

/* PATH = HEAD "/" WORD, HEAD not empty. */
static bool ends_with_word(Str path, const char *word, Str *ret_head)
{
	size_t len = strlen(word);
	if (path.len < len + 2 || !str_ends(path, str_from(word)) ||
	    path.ptr[path.len - len - 1] != '/')
		return false;
	*ret_head = str_head(path, path.len - len - 1);
	return true;
}

Route distribution_route(Str path)
{
	static const struct {
		const char *word;
		RouteKind kind;
	} kinds[] = { { "manifests", ROUTE_MANIFEST },
		      { "blobs/uploads", ROUTE_UPLOAD }, /* before blobs: no digest is "uploads" */
		      { "blobs", ROUTE_BLOB },
		      { "referrers", ROUTE_REFERRERS } };
	Route r = { ROUTE_NONE, STR(""), STR("") };
	Str rest = str_from_at(path, strlen("/v2/"));
	if (!rest.len) {
		r.kind = ROUTE_PING;
	} else if (str_eqc(rest, "_catalog")) {
		r.kind = ROUTE_CATALOG;
	} else if (ends_with_word(rest, "tags/list", &r.repo)) {
		r.kind = ROUTE_TAGS;
	} else if (ends_with_word(rest, "blobs/uploads", &r.repo) ||
	           ends_with_word(rest, "blobs/uploads/", &r.repo)) {
		r.kind = ROUTE_UPLOADS;
	} else {
		ptrdiff_t slash = str_rfind(rest, '/');
		if (slash < 0)
			return r;
		r.last = str_from_at(rest, (size_t)slash + 1);
		for (size_t i = 0; i < ARRAY_LEN(kinds) && r.kind == ROUTE_NONE; i++)
			if (ends_with_word(str_head(rest, (size_t)slash), kinds[i].word, &r.repo))
				r.kind = kinds[i].kind;
	}
	return r;
}
