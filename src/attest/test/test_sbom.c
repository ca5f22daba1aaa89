/* test_sbom.c - databases and lock files in text: what is found in each; the document of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/test/test_readers.h"

static const struct {
	const char *path, *text, *want;
} texts[] = {
	{ "var/lib/dpkg/status",
	  "Package: libc6\nStatus: install ok installed\nMaintainer: GNU <g@d.org>\n"
	  "Architecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u4\nDescription: x\n more\n\n"
	  "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
	  "Package: half\nStatus: install ok half-installed\nVersion: 1\n\n"
	  "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\n"
	  "Source: zlib (1:1.2)\nVersion: 1:1.2.13\n",
	  "pkg:deb/acme/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=acme-7&upstream=glibc "
	  "supplier=GNU <g@d.org>\n"
	  "pkg:deb/acme/zlib1g@1:1.2.13?arch=amd64&distro=acme-7&upstream=zlib%401:1.2\n" },
	{ "var/lib/dpkg/status.d/tzdata",
	  "Package: tzdata\nVersion: 2024a\nArchitecture: all\nSource: tzdata\n",
	  "pkg:deb/acme/tzdata@2024a?arch=all&distro=acme-7\n" },
	{ "var/lib/dpkg/status.d/tzdata.md5sums", "Package: x\nVersion: 1\n", "" },
	{ "lib/apk/db/installed",
	  "C:Q1abc\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\nL:MIT\nm:T <t@a>\nF:lib\nR:ld\n\n"
	  "P:musl-utils\nV:1.2.4-r2\nA:x86_64\no:musl\nL:MIT AND BSD-2-Clause\n\n"
	  "P:nothing\n\n",
	  "pkg:apk/acme/musl@1.2.4-r2?arch=x86_64&distro=acme-7 license=MIT supplier=T <t@a>\n"
	  "pkg:apk/acme/musl-utils@1.2.4-r2?arch=x86_64&distro=acme-7&upstream=musl "
	  "license=MIT AND BSD-2-Clause\n" },
	{ "app/package-lock.json",
	  "{\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"me\",\"version\":\"1.0.0\"},"
	  "\"node_modules/@a/b\":{\"version\":\"2.0.0\",\"license\":\"MIT\"},"
	  "\"node_modules/x/node_modules/y\":{\"version\":\"3.1.0\"},"
	  "\"node_modules/z\":{\"resolved\":\"w\",\"link\":true},\"w\":{\"version\":\"9\"}}}",
	  "pkg:npm/%40a/b@2.0.0 license=MIT\npkg:npm/y@3.1.0\n" },
	{ "app/package-lock.json",
	  "{\"lockfileVersion\":1,\"dependencies\":{\"a\":{\"version\":\"1.0.0\","
	  "\"dependencies\":{\"b\":{\"version\":\"2.0.0\"}}}}}",
	  "pkg:npm/a@1.0.0\npkg:npm/b@2.0.0\n" },
	{ "app/package-lock.json", "[]", "error: it is no JSON object\n" },
	{ "app/node_modules/ms/package.json",
	  "{\"name\":\"ms\",\"version\":\"2.1.3\",\"license\":{\"type\":\"ISC\"}}",
	  "pkg:npm/ms@2.1.3 license=ISC\n" },
	{ "app/node_modules/ms/test/package.json", "{\"type\":\"module\"}", "" },
	{ "app/yarn.lock",
	  "# yarn lockfile v1\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n"
	  "  version \"7.24.0\"\n  resolved \"https://x\"\n  dependencies:\n"
	  "    version \"^1.0\"\n\nms@2.1.2:\n  version \"2.1.2\"\n",
	  "pkg:npm/%40babel/core@7.24.0\npkg:npm/ms@2.1.2\n" },
	{ "app/yarn.lock",
	  "__metadata:\n  version: 8\n\n\"me@workspace:.\":\n  version: 0.0.0-use.local\n\n"
	  "\"ms@npm:^2.1.1\":\n  version: 2.1.3\n  resolution: \"ms@npm:2.1.3\"\n",
	  "pkg:npm/ms@2.1.3\n" },
	{ "app/pnpm-lock.yaml",
	  "lockfileVersion: '9.0'\nimporters:\n  .:\n    x: y\npackages:\n\n"
	  "  '@a/b@1.0.0':\n    resolution: {integrity: x}\n\n  c@2.0.0(d@1.0.0):\n    x: y\n"
	  "  /e/3.0.0_f@1.0.0:\n    x: y\n  /@g/h@4.0.0:\n    x: y\nsnapshots:\n\n  z@1.0.0:\n",
	  "pkg:npm/%40a/b@1.0.0\npkg:npm/c@2.0.0\npkg:npm/e@3.0.0\npkg:npm/%40g/h@4.0.0\n" },
	{ "usr/lib/python3/dist-packages/Foo_Bar-1.0.dist-info/METADATA",
	  "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nLicense: BSD\n"
	  "License-Expression: BSD-3-Clause\n\nName: not this\n",
	  "pkg:pypi/foo-bar@1.0 license=BSD-3-Clause\n" },
	{ "srv/requirements.txt",
	  "# c\nflask==2.0.1\nrequests[socks] == 2.31.0 ; python_version > '3'\n-r other.txt\n"
	  "loose>=1\nstar==1.*\nhashed==3.0 \\\n    --hash=sha256:00\n",
	  "pkg:pypi/flask@2.0.1\npkg:pypi/requests@2.31.0\npkg:pypi/hashed@3.0\n" },
	{ "srv/Pipfile.lock",
	  "{\"default\":{\"a\":{\"version\":\"==1.2\"},\"git\":{\"ref\":\"x\"}},"
	  "\"develop\":{\"b\":{\"version\":\"==3\"}}}",
	  "pkg:pypi/a@1.2\npkg:pypi/b@3\n" },
	{ "srv/poetry.lock",
	  "[[package]]\nname = \"a\"\nversion = \"1.0\"\n[package.dependencies]\nname = \"no\"\n"
	  "version = \"no\"\n\n[[package]]\nname = \"b\"\nversion = '2.0'\n\n[metadata]\nx = 1\n",
	  "pkg:pypi/a@1.0\npkg:pypi/b@2.0\n" },
	{ "src/Cargo.lock",
	  "version = 3\n\n[[package]]\nname = \"me\"\nversion = \"0.1.0\"\n\n[[package]]\n"
	  "name = \"libc\"\nversion = \"0.2.1\"\nsource = \"registry+https://x\"\nchecksum = "
	  "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n",
	  "pkg:cargo/libc@0.2.1 "
	  "SHA256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n" },
	{ "src/go.mod",
	  "module me\n\ngo 1.21\n\nrequire github.com/A/b v1.0.0\nrequire (\n"
	  "\tgolang.org/x/sys v0.1.0 // indirect\n)\nreplace x => y v9.9.9\n",
	  "pkg:golang/github.com/a/b@v1.0.0\npkg:golang/golang.org/x/sys@v0.1.0\n" },
	{ "app/Gemfile.lock",
	  "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.0.0)\n      dep (>= 1)\n"
	  "\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  rack\n",
	  "pkg:gem/rack@3.0.0\n" },
	{ "var/lib/gems/3.1.0/specifications/net-http-1.2-x86_64-linux.gemspec", "x",
	  "pkg:gem/net-http@1.2\n" },
	{ "app/composer.lock",
	  "{\"packages\":[{\"name\":\"a/b\",\"version\":\"v1.0\",\"license\":[\"MIT\"]}],"
	  "\"packages-dev\":[{\"name\":\"c/d\",\"version\":\"2\"},{\"name\":\"bad\"},7]}",
	  "pkg:composer/a/b@v1.0 license=MIT\npkg:composer/c/d@2\n" },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_reader(texts[i].path, 0644, str_from(texts[i].text), texts[i].want);
}

static void test_which_file(void **state)
{
	(void)state;
	assert_null(sbom_reader_find(STR("package.json"), 0644, false));
	assert_null(sbom_reader_find(STR("x/var/lib/dpkg/status"), 0644, false));
	assert_null(sbom_reader_find(STR("var/lib/dpkg/status.d/a/b"), 0644, false));
	assert_null(sbom_reader_find(STR("x/METADATA"), 0644, false));
	assert_null(sbom_reader_find(STR(".jar"), 0644, false));
	assert_null(sbom_reader_find(STR("bin/x"), 0644, false));
	assert_ptr_equal(sbom_reader_find(STR("bin/x"), 0755, false)->read, sbom_read_go_binary);
	/* What is installed is no part of a build context. */
	assert_null(sbom_reader_find(STR("var/lib/dpkg/status"), 0644, true));
	assert_non_null(sbom_reader_find(STR("Cargo.lock"), 0644, true));
}

static void test_os_release(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_SBOM Sbom s = { 0 };
	Str text = STR("NAME=\"x\"\nID=debian\nVERSION_ID=\"12\"\n");
	SbomFile f = {
		.path = STR("etc/os-release"), .size = text.len, .fd = -1, .bytes = text.ptr
	};
	sbom_init(&s, &a);
	assert_null(sbom_read_os_release(&s, &f));
	assert_true(str_eqc(sbom_distro(&s), "debian-12"));
}

static void test_limits(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_SBOM Sbom s = { 0 };
	AUTO_BUF Buf out = BUF_INIT;
	SbomFile f = { .path = STR("x"), .size = 1 << 30, .fd = -1 };
	sbom_init(&s, &a);
	AUTO_ERR Err *e = sbom_file_text(&f, 1 << 20, &out);
	assert_non_null(e);
	assert_true(str_eqc(err_cause(e), "it has more than 1 MiB"));
}

static void check_license(const char *text, const char *want)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map extracted = MAP_INIT;
	Str got = spdx_license(&a, str_from(text), &extracted);
	if (!str_starts(got, str_from(want)))
		fail_msg("'%s': expected '%s', got '%.*s'", text, want, STR_ARG(got));
	bool is_reference = str_starts(got, STR("LicenseRef-"));
	assert_int_equal(extracted.len, is_reference);
	if (is_reference)
		assert_string_equal((char *)map_get(&extracted, got), text);
}

static void test_license(void **state)
{
	(void)state;
	check_license("", "NOASSERTION");
	check_license(" MIT ", "MIT");
	check_license("MIT AND (BSD-2-Clause OR GPL-2.0-or-later WITH Classpath-exception-2.0)",
	              "MIT AND (BSD");
	check_license("MIT OR", "LicenseRef-");
	check_license("MIT MIT", "LicenseRef-");
	check_license("(MIT", "LicenseRef-");
	check_license("()", "LicenseRef-");
	check_license("AND", "LicenseRef-");
	check_license("GPLv2+", "LicenseRef-");
}

/* The whole of a small document, but for the hash in its namespace. */
static void test_document(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_SBOM Sbom s = { 0 };
	AUTO_BUF Buf out = BUF_INIT, again = BUF_INIT;
	Digest layer = { { 1 } };
	SbomFile f = { .path = STR("lib/apk/db/installed"), .fd = -1 };
	sbom_init(&s, &a);
	sbom_add(&s, &f,
	         &(SbomPackage){ .type = "apk",
	                         .name = STR("a+b"),
	                         .version = STR("1"),
	                         .license = STR("Foo \"x\""),
	                         .supplier = STR("N <m@x>"),
	                         .purl = STR("pkg:apk/a%2Bb@1") });
	for (int i = 0; i < 3; i++)
		sbom_warn(&s, "'/%s' could not be read", "x");
	sbom_warn(&s, "another");
	sbom_sort(&s);
	assert_int_equal(s.warnings.len, 2);
	assert_true(str_eqc(s.warnings.at[0], "'/x' could not be read (3 times)"));
	assert_true(str_eqc(s.warnings.at[1], "another"));
	SpdxDocument d = { .sbom = &s,
		           .name = STR("img:1"),
		           .purl = STR("pkg:docker/img@1"),
		           .diff_ids = &layer,
		           .diff_id_count = 1,
		           .created_ns = 1500000000123456789ll };
	spdx_format(&d, &out);
	spdx_format(&d, &again);
	assert_string_equal(out.ptr, again.ptr);
	static const char *const parts[] = {
		"{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",",
		"\"created\":\"2017-07-14T02:40:00Z\"",
		"\"comment\":\"not complete: '/x' could not be read (3 times)\\nanother\"",
		"\"SPDXID\":\"SPDXRef-Package-apk-a-b-",
		"\"supplier\":\"Person: N (m@x)\"",
		"\"sourceInfo\":\"told by /lib/apk/db/installed\"",
		"\"comment\":\"layerID: sha256:0100",
		"\"hasExtractedLicensingInfos\":[{\"licenseId\":\"LicenseRef-",
		"\"extractedText\":\"Foo \\\"x\\\"\"",
		"{\"spdxElementId\":\"SPDXRef-DocumentRoot\",\"relationshipType\":\"CONTAINS\","
		"\"relatedSpdxElement\":\"SPDXRef-Package-apk-a-b-",
		"\"primaryPackagePurpose\":\"CONTAINER\"",
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!strstr(out.ptr, parts[i]))
			fail_msg("'%s' is not in %s", parts[i], out.ptr);
	JsonValue *v;
	assert_null(json_parse(buf_str(&out), SIZE_MAX, "d", &v));
	json_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),   cmocka_unit_test(test_which_file),
		cmocka_unit_test(test_limits),  cmocka_unit_test(test_os_release),
		cmocka_unit_test(test_license), cmocka_unit_test(test_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
