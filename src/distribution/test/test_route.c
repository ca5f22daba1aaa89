/* test_route.c - what paths of the protocol mean. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "distribution/distribution-internal.h"

static void test_routes(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		RouteKind kind;
		const char *repo, *last;
	} cases[] = {
		{ "/v2/", ROUTE_PING, "", "" },
		{ "/v2", ROUTE_PING, "", "" },
		{ "/v2/_catalog", ROUTE_CATALOG, "", "" },
		{ "/v2/a/tags/list", ROUTE_TAGS, "a", "" },
		{ "/v2/tags/list", ROUTE_NONE, "", "" },
		{ "/v2/a/b/manifests/1", ROUTE_MANIFEST, "a/b", "1" },
		{ "/v2/manifests/manifests/1", ROUTE_MANIFEST, "manifests", "1" },
		{ "/v2/manifests/1", ROUTE_NONE, "", "" },
		{ "/v2/a/blobs/blobs/x", ROUTE_BLOB, "a/blobs", "x" },
		{ "/v2/a/blobs/uploads", ROUTE_UPLOADS, "a", "" },
		{ "/v2/a/blobs/uploads/", ROUTE_UPLOADS, "a", "" },
		{ "/v2/a/blobs/uploads/u", ROUTE_UPLOAD, "a", "u" },
		{ "/v2/a/blobs/uploads/blobs/u", ROUTE_BLOB, "a/blobs/uploads", "u" },
		{ "/v2/a/referrers/x", ROUTE_REFERRERS, "a", "x" },
		{ "/v2/a/manifests/", ROUTE_MANIFEST, "a", "" },
		{ "/v2/a/other/x", ROUTE_NONE, "", "" },
		{ "/v2/a", ROUTE_NONE, "", "" },
		{ "/v2//manifests/x", ROUTE_NONE, "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Route r = distribution_route(str_from(cases[i].path));
		if (r.kind != cases[i].kind || (r.kind && (!str_eqc(r.repo, cases[i].repo) ||
		                                           !str_eqc(r.last, cases[i].last))))
			fail_msg("'%s' is %d, '%.*s', '%.*s'", cases[i].path, (int)r.kind,
			         STR_ARG(r.repo), STR_ARG(r.last));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_routes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
