/* purl.c - package URLs, written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/purl.h"

/* Types whose names mean the same in any case: purl-spec, "Known PURL types". */
static const char *const lowered[] = {
	"apk", "composer", "deb", "github", "golang", "pypi", "rpm"
};

static bool is_lowered(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(lowered); i++)
		if (strcmp(lowered[i], type) == 0)
			return true;
	return false;
}

/* rpm: names keep their case, the vendor does not. */
static Str fold(Arena *a, const char *type, Str text, bool is_name)
{
	bool lower = is_lowered(type) && !(is_name && strcmp(type, "rpm") == 0);
	bool dashes = is_name && strcmp(type, "pypi") == 0;
	char *copy = arena_alloc(a, text.len + 1, 1);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (lower && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		copy[i] = dashes && c == '_' ? '-' : c;
	}
	return (Str){ copy, text.len };
}

static void encode(Str text, Buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		             (c >= 'a' && c <= 'z') || strchr("-._~:", c);
		if (plain && c)
			buf_add_char(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static void add_namespace(Str space, Buf *out)
{
	while (space.len) {
		Str part;
		space = str_cut(space, '/', &part);
		if (!part.len)
			continue;
		encode(part, out);
		buf_add_char(out, '/');
	}
}

Str purl_make(Arena *a, const char *type, Str space, Str name, Str version,
              const PurlQualifier *qualifiers, size_t count)
{
	AUTO_BUF Buf out = BUF_INIT;
	bool first = true;
	buf_addf(&out, "pkg:%s/", type);
	add_namespace(fold(a, type, space, false), &out);
	encode(fold(a, type, name, true), &out);
	if (version.len) {
		buf_add_char(&out, '@');
		encode(version, &out);
	}
	for (size_t i = 0; i < count; i++) {
		if (!qualifiers[i].value.len)
			continue;
		buf_addf(&out, "%c%s=", first ? '?' : '&', qualifiers[i].key);
		encode(qualifiers[i].value, &out);
		first = false;
	}
	return arena_str(a, buf_str(&out));
}

Str purl_image(Arena *a, const char *type, const Reference *ref, const Platform *platform)
{
	Str name = reference_familiar_name(a, ref), digest = STR("");
	ptrdiff_t slash = str_rfind(name, '/');
	Str space = slash < 0 ? STR("") : str_head(name, (size_t)slash);
	if (ref->has_digest)
		digest = digest_arena_text(a, &ref->digest);
	const PurlQualifier qualifiers[] = {
		{ "digest", digest },
		{ "platform", platform ? platform_text(a, platform) : STR("") },
	};
	return purl_make(a, type, space, str_from_at(name, (size_t)(slash + 1)), ref->tag,
	                 qualifiers, ARRAY_LEN(qualifiers));
}
