/* test_server.c - paths that are taken apart, credentials and what they may. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "server/server-internal.h"
#include "server/users-internal.h"

#include <fcntl.h>

typedef struct PathCase {
	const char *uri, *path; /* path NULL: refused */
	const char *value;      /* of ?k */
} PathCase;

static void test_paths(void **state)
{
	(void)state;
	static const PathCase cases[] = {
		{ "/", "/", NULL },
		{ "/v2/a/b", "/v2/a/b", NULL },
		{ "/v2/a%3Ab", "/v2/a:b", NULL },
		{ "/v2/?k=v", "/v2/", "v" },
		{ "/v2/?a=1&k=%2fx+y%00", NULL, NULL },
		{ "/v2/?a=1&k=%2fx+y", "/v2/", "/x y" },
		{ "/v2/?k", "/v2/", "" },
		{ "/v2/a%2fb", NULL, NULL },
		{ "/v2/a%2Fb", NULL, NULL },
		{ "/v2/%2e%2e/x", NULL, NULL },
		{ "/v2/../x", NULL, NULL },
		{ "/v2/./x", NULL, NULL },
		{ "/v2/a%00", NULL, NULL },
		{ "/v2/a%0a", NULL, NULL },
		{ "/v2/a%", NULL, NULL },
		{ "/v2/a%4", NULL, NULL },
		{ "/v2/a%zz", NULL, NULL },
		{ "/v2/%252e", NULL, NULL },
		{ "http://h/v2/", NULL, NULL },
		{ "*", NULL, NULL },
		{ "", NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ServerRequest q = { .uri = str_from(cases[i].uri), .arena = ARENA_INIT };
		Str value;
		bool ok = server_request_parse(&q);
		if (ok != (cases[i].path != NULL))
			fail_msg("'%s' should%s be refused", cases[i].uri,
			         cases[i].path ? " not" : "");
		if (ok)
			assert_true(str_eqc(q.path, cases[i].path));
		if (ok && cases[i].value) {
			assert_true(server_request_query(&q, "k", &value));
			assert_true(str_eqc(value, cases[i].value));
		}
		VEC_DONE(&q.query);
		arena_done(&q.arena);
	}
}

static void test_rights(void **state)
{
	(void)state;
	static const ServerGrant grants[] = { { { "shop", 4 }, SERVER_PULL | SERVER_PUSH },
		                              { { "base/go", 7 }, SERVER_PULL } };
	const ServerWho who = { .grants = grants, .grant_count = 2 };
	assert_int_equal(server_who_may(&who, STR("shop")), SERVER_PULL | SERVER_PUSH);
	assert_int_equal(server_who_may(&who, STR("shop/a/b")), SERVER_PULL | SERVER_PUSH);
	assert_int_equal(server_who_may(&who, STR("shopping/a")), 0);
	assert_int_equal(server_who_may(&who, STR("sho")), 0);
	assert_int_equal(server_who_may(&who, STR("base/go")), SERVER_PULL);
	assert_int_equal(server_who_may(&who, STR("base/gopher")), 0);
	assert_int_equal(server_who_may(&who, STR("base")), 0);
}

static void write_users(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static ServerLogin login(ServerUsers *u, const char *header, unsigned *ret_rights)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ServerWho who;
	Err *trouble;
	server_users_identify(u, str_from(header), &a, &who, &trouble);
	must(trouble);
	*ret_rights = server_who_may(&who, STR("p/x"));
	return who.login;
}

static void test_tokens(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	char path[] = "/tmp/decant-users-XXXXXX";
	Str token;
	ServerUsers *u;
	unsigned rights;
	AUTO_CLOSE int fd = mkstemp(path);
	assert_true(fd >= 0);
	write_users(path, "# nobody\n* - p pull"); /* no end of line */
	must(server_users_add_token(path, STR("ci"), STR("p"), STR("pull,push"), &a, &token));
	must(server_users_open(path, &u));
	Str header = arena_strf(&a, "Bearer %.*s", STR_ARG(token));
	assert_int_equal(login(u, header.ptr, &rights), SERVER_KNOWN);
	assert_int_equal(rights, SERVER_PULL | SERVER_PUSH);
	assert_int_equal(login(u, "", &rights), SERVER_ANONYMOUS);
	assert_int_equal(rights, SERVER_PULL);
	assert_int_equal(login(u, "Basic Og==", &rights), SERVER_ANONYMOUS);
	static const char *const wrong[] = { "Bearer",     "Bearer ",   "Bearer x",
		                             "Basic",      "Basic %%%", "Basic YQ==",
		                             "Basic YTo=", "Digest x",  "x" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (login(u, wrong[i], &rights) != SERVER_REFUSED)
			fail_msg("'%s' should be refused", wrong[i]);
	write_users(path, "* - q pull\n");
	assert_int_equal(login(u, header.ptr, &rights), SERVER_REFUSED);
	server_users_close(u);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
