/* test_readers.h - what the tests of readers share: a file in memory, and what came of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

#include "attest/sbom-internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* One line a package, as the readers found them: purl, and what else is known of it. */
static void print_packages(const Sbom *s, Buf *out)
{
	for (size_t i = 0; i < s->packages.len; i++) {
		const SbomPackage *p = &s->packages.at[i];
		buf_addf(out, "%.*s", STR_ARG(p->purl));
		if (p->license.len)
			buf_addf(out, " license=%.*s", STR_ARG(p->license));
		if (p->supplier.len)
			buf_addf(out, " supplier=%.*s", STR_ARG(p->supplier));
		if (p->checksum_alg)
			buf_addf(out, " %s=%.*s", p->checksum_alg, STR_ARG(p->checksum));
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < s->warnings.len; i++)
		buf_addf(out, "warning: %.*s\n", STR_ARG(s->warnings.at[i]));
}

/* The reader that PATH is for, on BYTES, is expected to find WANT; an error shows as "error: ...".
 */
static void check_reader(const char *path, uint32_t mode, Str bytes, const char *want)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_SBOM Sbom s = { 0 };
	AUTO_BUF Buf got = BUF_INIT;
	sbom_init(&s, &a);
	s.distro_id = STR("acme");
	s.distro_version = STR("7");
	const SbomReader *reader = sbom_reader_find(str_from(path), mode, false);
	assert_non_null(reader);
	SbomFile f = { .path = str_from(path), .size = bytes.len, .fd = -1, .bytes = bytes.ptr };
	AUTO_ERR Err *e = reader->read(&s, &f);
	print_packages(&s, &got);
	if (e)
		buf_addf(&got, "error: %.*s\n", STR_ARG(err_cause(e)));
	assert_string_equal(buf_str(&got).ptr, want);
}
