/* test_remote.c - what words name: one line a word, and what is read out of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "remote/remote.h"

#include <setjmp.h>
#include <stdarg.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

static void put(Buf *out, const char *name, Str value)
{
	if (value.len)
		buf_addf(out, " %s=%.*s", name, STR_ARG(value));
}

/* A Remote, or its error, in one line. */
static Str describe(Arena *a, const char *text)
{
	static const char *const kinds[] = { "none", "http", "git" };
	static const char *const switches[] = { "", "off", "on" };
	Remote r;
	AUTO_BUF Buf out = BUF_INIT;
	AUTO_ERR Err *e = remote_parse(a, str_from(text), &r);
	if (e) {
		assert_int_equal(err_kind(e), ERR_INPUT);
		return arena_strf(a, "error: %.*s", STR_ARG(err_cause(e)));
	}
	buf_addf(&out, "%s", kinds[r.kind]);
	put(&out, "url", r.url);
	put(&out, "user", r.user_info);
	put(&out, "name", r.name);
	if (r.kind == REMOTE_GIT) {
		put(&out, "ref", r.git.ref);
		put(&out, "checksum", r.git.checksum);
		put(&out, "subdir", r.git.subdir);
		put(&out, "keep", str_from(switches[r.git.keep_git_dir]));
		put(&out, "submodules", str_from(switches[r.git.submodules]));
		if (r.git.mtime_commit)
			put(&out, "mtime", STR("commit"));
		if (r.git.fetch_by_commit)
			put(&out, "by", STR("commit"));
		if (r.git.maybe_local)
			put(&out, "maybe", STR("local"));
	}
	return arena_str(a, buf_str(&out));
}

typedef struct Line {
	const char *text, *wanted;
} Line;

static void check(const Line *lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str got = describe(&a, lines[i].text);
		if (!str_eqc(got, lines[i].wanted))
			print_error("of '%s'\n", lines[i].text);
		assert_string_equal(got.ptr, lines[i].wanted);
	}
}

/* FEATURES A.6, "Git": which words are repositories. */
static void test_kinds(void **state)
{
	(void)state;
	static const Line lines[] = {
		{ "", "none" },
		{ "dir/file", "none" },
		{ ".git", "none" },
		{ "./.git", "none" },
		{ "./https://x/y.git", "none" },
		{ "../git@x:y", "none" },
		{ "custom.xyz/moby/buildkit.git", "none" },
		{ "file:///etc/passwd", "none" },
		{ "ext::sh -c true", "none" },
		{ "ftp://x/y.git", "none" },
		{ "a:b", "none" },
		{ "a b@c:d", "none" },
		{ "user@dir/file:x", "none" },
		{ "https://example.com/", "http url=https://example.com/ name=__unnamed__" },
		{ "https://example.com/foo", "http url=https://example.com/foo name=foo" },
		{ "https://github.com/moby/buildkit",
		  "http url=https://github.com/moby/buildkit name=buildkit" },
		{ "https://example.com/foo.git", "git url=https://example.com/foo.git" },
		{ "https://example.com/foo.git/",
		  "http url=https://example.com/foo.git/ name=foo.git" },
		{ "https://example.com/foo.git.bar",
		  "http url=https://example.com/foo.git.bar name=foo.git.bar" },
		{ "http://github.com/docker/docker.git:#branch",
		  "http url=http://github.com/docker/docker.git: name=docker.git:" },
		{ "git://example.com/foo", "git url=git://example.com/foo" },
		{ "ssh://git@example.com:22/foo", "git url=ssh://git@example.com:22/foo" },
		{ "git@github.com:moby/buildkit", "git url=git@github.com:moby/buildkit" },
		{ "github.com/moby/buildkit#master",
		  "git url=https://github.com/moby/buildkit ref=master maybe=local" },
		{ "github.com/moby/buildkit?tag=v1",
		  "git url=https://github.com/moby/buildkit ref=refs/tags/v1 maybe=local" },
	};
	check(lines, ARRAY_LEN(lines));
}

/* FEATURES B.2: fragment and query. */
static void test_git(void **state)
{
	(void)state;
	static const Line lines[] = {
		{ "https://x/r.git#deadbeef", "git url=https://x/r.git ref=deadbeef" },
		{ "https://x/r.git#release/1.2", "git url=https://x/r.git ref=release/1.2" },
		{ "https://x/r.git#baz/qux:quux/quuz",
		  "git url=https://x/r.git ref=baz/qux subdir=quux/quuz" },
		{ "https://x/r.git#:myfolder", "git url=https://x/r.git subdir=myfolder" },
		{ "https://x/r.git#v1:../../etc", "git url=https://x/r.git ref=v1 subdir=etc" },
		{ "https://x/r.git#a%2Fb", "git url=https://x/r.git ref=a/b" },
		{ "https://x/r.git?ref=v1.0.0&subdir=/subdir",
		  "git url=https://x/r.git ref=v1.0.0 subdir=subdir" },
		{ "https://x/r.git?subdir=/s#v1.0.0",
		  "git url=https://x/r.git ref=v1.0.0 subdir=s" },
		{ "https://x/r.git?tag=v1", "git url=https://x/r.git ref=refs/tags/v1" },
		{ "https://x/r.git?branch=b", "git url=https://x/r.git ref=refs/heads/b" },
		{ "https://x/r.git?commit=abc12&branch=b",
		  "git url=https://x/r.git ref=refs/heads/b checksum=abc12" },
		{ "git@x:r.git?subdir=s#v1", "git url=git@x:r.git ref=v1 subdir=s" },
		{ "https://x/r.git?mtime=commit", "git url=https://x/r.git mtime=commit" },
		{ "https://x/r.git?mtime=checkout", "git url=https://x/r.git" },
		{ "https://x/r.git?keep-git-dir", "git url=https://x/r.git keep=on" },
		{ "https://x/r.git?keep-git-dir=0&submodules=false",
		  "git url=https://x/r.git keep=off submodules=off" },
		{ "https://x/r.git?fetch-by-commit&ref=0123456789012345678901234567890123456789",
		  "git url=https://x/r.git ref=0123456789012345678901234567890123456789 "
		  "by=commit" },
		/* S04: credentials leave the address */
		{ "https://foo:b%40r@x/r.git", "git url=https://x/r.git user=foo:b@r" },
	};
	check(lines, ARRAY_LEN(lines));
}

static void test_refusals(void **state)
{
	(void)state;
	static const Line lines[] = {
		{ "https://x/r.git?ref=a#b", "error: ref conflicts: \"b\" vs \"a\"" },
		{ "https://x/r.git?ref=a&tag=b", "error: ref conflicts: \"a\" vs \"refs/tags/b\"" },
		{ "https://x/r.git?tag=a&branch=b", "error: branch conflicts with tag" },
		{ "https://x/r.git?subdir=a#:b", "error: subdir conflicts: \"b\" vs \"a\"" },
		{ "https://x/r.git?bad=1", "error: unexpected query \"bad\"" },
		{ "https://x/r.git?ref", "error: query \"ref\" has no value" },
		{ "https://x/r.git?ref=a&ref=b", "error: query \"ref\" has multiple values" },
		{ "https://x/r.git?mtime=now",
		  "error: invalid mtime value: \"now\" (must be \"checkout\" or \"commit\")" },
		{ "https://x/r.git?keep-git-dir=yes",
		  "error: invalid keep-git-dir value: \"yes\"" },
		{ "https://x/r.git?submodules=2", "error: invalid submodules value: \"2\"" },
		{ "https://x/r.git?checksum=xyz",
		  "error: invalid checksum xyz for Git URL, expected hex commit hash" },
		{ "https://x/r.git?fetch-by-commit=1&checksum=abc",
		  "error: fetch-by-commit requires a checksum or a commit SHA ref" },
		/* G01: nothing that git could take for an option or a pattern */
		{ "https://x/r.git#--upload-pack=touch",
		  "error: invalid git ref \"--upload-pack=touch\"" },
		{ "https://x/r.git?ref=-oProxyCommand",
		  "error: invalid git ref \"-oProxyCommand\"" },
		{ "https://x/r.git#refs/*", "error: invalid git ref \"refs/*\"" },
		{ "ssh://-oProxyCommand=touch/x",
		  "error: git would take 'ssh://-oProxyCommand=touch/x' for an option" },
		{ "-x@host:y", "error: git would take '-x@host:y' for an option" },
		{ "https://x/r.git#%zz", "error: bad escape in the fragment \"#%zz\"" },
	};
	check(lines, ARRAY_LEN(lines));
}

/* T-134: what a download is called. */
static void test_file_names(void **state)
{
	(void)state;
	static const Line lines[] = {
		{ "http://x", "http url=http://x name=__unnamed__" },
		{ "http://x/", "http url=http://x/ name=__unnamed__" },
		{ "http://x/?a=b/c", "http url=http://x/?a=b/c name=__unnamed__" },
		{ "http://x/a/b.tgz?x=1#frag", "http url=http://x/a/b.tgz?x=1 name=b.tgz" },
		{ "http://x/a/b/", "http url=http://x/a/b/ name=b" },
		{ "http://x/a%20b", "http url=http://x/a%20b name=a b" },
		{ "http://x/..%2F..%2Fetc", "http url=http://x/..%2F..%2Fetc name=etc" },
		{ "http://x/..", "http url=http://x/.. name=__unnamed__" },
		{ "http://x/a%00b", "http url=http://x/a%00b name=__unnamed__" },
		{ "http://u:p@x/f", "http url=http://x/f user=u:p name=f" },
	};
	check(lines, ARRAY_LEN(lines));
}

/* S04 */
static void test_redact(void **state)
{
	(void)state;
	static const Line lines[] = {
		{ "plain", "plain" },
		{ "https://x/y", "https://x/y" },
		{ "https://x/y@z", "https://x/y@z" },
		{ "https://u:p@x/y", "https://xxxxx:xxxxx@x/y" },
		{ "https://tok@x/y", "https://xxxxx@x/y" },
		{ "ADD https://u:p@q@x/y http://a:b@c d",
		  "ADD https://xxxxx:xxxxx@x/y http://xxxxx:xxxxx@c d" },
		{ "://", "://" },
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str got = arena_str(&a, remote_redact(&a, str_from(lines[i].text)));
		assert_string_equal(got.ptr, lines[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),    cmocka_unit_test(test_git),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_redact),
	};
	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
