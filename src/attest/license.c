/*
 * license.c - what a package says of its licence → an SPDX expression.
 *
 * Databases hold expressions, old names and prose.  Known identifiers, joined by AND, OR, WITH, are
 * kept; anything else becomes a "LicenseRef-..." whose text stands in the document: nothing is
 * guessed.
 * SOURCE   SPDX 2.3, Annex D; spdx.org/licenses
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom.h"
#include "codec/sha256.h"

/* Those that distributions and languages use most. */
static const char *const known[] = {
	"0BSD",
	"AFL-2.1",
	"AFL-3.0",
	"AGPL-3.0-only",
	"AGPL-3.0-or-later",
	"Apache-1.1",
	"Apache-2.0",
	"Artistic-1.0",
	"Artistic-1.0-Perl",
	"Artistic-2.0",
	"BSD-1-Clause",
	"BSD-2-Clause",
	"BSD-2-Clause-Patent",
	"BSD-3-Clause",
	"BSD-3-Clause-Clear",
	"BSD-4-Clause",
	"BSL-1.0",
	"BlueOak-1.0.0",
	"CC-BY-3.0",
	"CC-BY-4.0",
	"CC-BY-SA-3.0",
	"CC-BY-SA-4.0",
	"CC0-1.0",
	"CDDL-1.0",
	"CDDL-1.1",
	"CPL-1.0",
	"ECL-2.0",
	"EPL-1.0",
	"EPL-2.0",
	"EUPL-1.2",
	"FSFAP",
	"FSFUL",
	"FSFULLR",
	"FTL",
	"GFDL-1.3-only",
	"GFDL-1.3-or-later",
	"GPL-1.0-only",
	"GPL-1.0-or-later",
	"GPL-2.0-only",
	"GPL-2.0-or-later",
	"GPL-3.0-only",
	"GPL-3.0-or-later",
	"HPND",
	"ICU",
	"IJG",
	"ISC",
	"LGPL-2.0-only",
	"LGPL-2.0-or-later",
	"LGPL-2.1-only",
	"LGPL-2.1-or-later",
	"LGPL-3.0-only",
	"LGPL-3.0-or-later",
	"Libpng",
	"MIT",
	"MIT-0",
	"MIT-CMU",
	"MPL-1.1",
	"MPL-2.0",
	"MS-PL",
	"NCSA",
	"OFL-1.1",
	"OLDAP-2.8",
	"OpenSSL",
	"PHP-3.01",
	"PSF-2.0",
	"PostgreSQL",
	"Python-2.0",
	"Ruby",
	"SISSL",
	"SMLNJ",
	"SSH-OpenSSH",
	"TCL",
	"UPL-1.0",
	"Unicode-3.0",
	"Unicode-DFS-2016",
	"Unlicense",
	"Vim",
	"W3C",
	"WTFPL",
	"X11",
	"Zlib",
	"ZPL-2.1",
	"blessing",
	"bzip2-1.0.6",
	"curl",
	"libpng-2.0",
	"zlib-acknowledgement",
	"Autoconf-exception-3.0",
	"Bison-exception-2.2",
	"Classpath-exception-2.0",
	"GCC-exception-3.1",
	"LLVM-exception",
	"Linux-syscall-note",
	"OpenSSL-exception",
	"Autoconf-exception-2.0",
	"Libtool-exception",
};

static bool is_known(Str id)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eqc(id, known[i]))
			return true;
	return false;
}

static bool is_operator(Str word)
{
	return str_eqc(word, "AND") || str_eqc(word, "OR") || str_eqc(word, "WITH");
}

/* Identifiers and operators by turns, brackets that match. */
static bool is_expression(Str text)
{
	bool wants_id = true;
	int open = 0;
	while ((text = str_trim(text)).len) {
		size_t len = 0;
		char c = text.ptr[0];
		if (c == '(' || c == ')') {
			open += c == '(' ? 1 : -1;
			if (open < 0 || (c == '(') != wants_id)
				return false;
			text = str_from_at(text, 1);
			continue;
		}
		while (len < text.len && !strchr(" \t()", text.ptr[len]))
			len++;
		Str word = str_head(text, len);
		if (!len || (wants_id ? !is_known(word) : !is_operator(word)))
			return false;
		wants_id = !wants_id;
		text = str_from_at(text, len);
	}
	return !wants_id && open == 0;
}

Str spdx_license(Arena *a, Str license, Map *extracted)
{
	enum { REF_HEX = 16 };
	char hex[DIGEST_HEX_LEN + 1];
	license = str_trim(license);
	if (!license.len)
		return STR("NOASSERTION");
	if (is_expression(license))
		return license;
	Digest digest = sha256_of(license);
	Str name = arena_strf(a, "LicenseRef-%.*s", REF_HEX, digest_hex(&digest, hex).ptr);
	if (!map_find(extracted, name))
		(void)map_put(extracted, name, (void *)arena_str(a, license).ptr);
	return name;
}
