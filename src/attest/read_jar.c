/*
 * read_jar.c - jars: the Maven coordinates in them, and jars inside of jars.
 *
 * A jar is a zip: its directory stands at the end, each member can be read alone.  Jars in jars
 * (Spring Boot) are stored, not compressed, so they are read in place.
 * SOURCE   PKWARE APPNOTE.TXT 4.3; Maven: META-INF/maven/GROUP/ARTIFACT/pom.properties
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

#include <zlib.h>

enum {
	END_BYTES = 22,
	COMMENT_MAX = 65535,
	ENTRY_BYTES = 46,
	LOCAL_BYTES = 30,
	JAR_DEPTH_MAX = 3,
	METHOD_STORED = 0,
	METHOD_DEFLATED = 8,
};

typedef struct Jar {
	Sbom *sbom;
	const SbomFile *f;
	unsigned depth;
	uint64_t directory, directory_bytes; /* where the central directory is */
	uint64_t shift;                      /* of all offsets: what somebody put before the zip */
	bool told;                           /* it says what it is */
} Jar;

typedef struct Member {
	Str name;
	unsigned method;
	uint64_t packed, size, local;
} Member;

static uint32_t u16(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
	return u16(at) | u16(at + 2) << 16;
}

/* *ret false: it is no zip (or one of a kind that no jar is). */
static Err *find_directory(Jar *j, bool *ret)
{
	enum { MOST = END_BYTES + COMMENT_MAX };
	AUTO_FREE unsigned char *tail = xmalloc(MOST);
	uint64_t size = j->f->size, from = size > MOST ? size - MOST : 0;
	size_t n;
	*ret = false;
	TRY(sbom_file_read_at(j->f, from, tail, MOST, &n));
	for (size_t at = n < END_BYTES ? 0 : n - END_BYTES + 1; at > 0; at--) {
		const unsigned char *end = tail + at - 1;
		if (memcmp(end, "PK\5\6", 4) != 0)
			continue;
		uint64_t place = from + at - 1, bytes = u32(end + 12), offset = u32(end + 16);
		if (bytes > place || offset > place - bytes)
			return NULL;
		j->directory = place - bytes;
		j->directory_bytes = bytes;
		j->shift = j->directory - offset;
		*ret = true;
		return NULL;
	}
	return NULL;
}

/* Where the bytes of M are; *ret false: it has a bad header. */
static Err *find_data(const Jar *j, const Member *m, uint64_t *ret_at, bool *ret)
{
	unsigned char local[LOCAL_BYTES];
	size_t n;
	TRY(sbom_file_read_at(j->f, j->shift + m->local, local, sizeof local, &n));
	*ret_at = j->shift + m->local + LOCAL_BYTES + u16(local + 26) + u16(local + 28);
	*ret = n == sizeof local && memcmp(local, "PK\3\4", 4) == 0 && *ret_at <= j->f->size &&
	       m->packed <= j->f->size - *ret_at;
	return NULL;
}

static bool inflate_all(const char *packed, size_t packed_len, char *out, size_t len)
{
	z_stream z = { 0 };
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return false;
	z.next_in = (z_const Bytef *)packed;
	z.avail_in = (uInt)packed_len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)len;
	int status = inflate(&z, Z_FINISH);
	bool whole = status == Z_STREAM_END && z.avail_out == 0;
	(void)inflateEnd(&z);
	return whole;
}

static Err *read_member(const Jar *j, const Member *m, Buf *out)
{
	uint64_t at;
	bool good;
	size_t n;
	if (m->size > SBOM_JAR_MEMBER_BYTES_MAX || m->packed > SBOM_JAR_MEMBER_BYTES_MAX)
		return err_new(ERR_INPUT, "'%.*s' in it is too large", STR_ARG(m->name));
	TRY(find_data(j, m, &at, &good));
	AUTO_FREE char *packed = xmalloc((size_t)m->packed + 1);
	if (good) {
		TRY(sbom_file_read_at(j->f, at, packed, (size_t)m->packed, &n));
		buf_reserve(out, (size_t)m->size + 1);
		if (m->method == METHOD_DEFLATED)
			good = inflate_all(packed, n, out->ptr, (size_t)m->size);
		else if ((good = m->method == METHOD_STORED && m->size == n))
			memcpy(out->ptr, packed, n);
	}
	if (!good)
		return err_new(ERR_CORRUPT, "'%.*s' in it is damaged", STR_ARG(m->name));
	out->len = (size_t)m->size;
	return NULL;
}

/* --- what it is ------------------------------------------------------------------------------- */

static void add(Jar *j, Str group, Str artifact, Str version)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (!artifact.len || !version.len)
		return;
	Str name = group.len ? arena_strf(&a, "%.*s:%.*s", STR_ARG(group), STR_ARG(artifact))
	                     : artifact;
	sbom_add(j->sbom, j->f,
	         &(SbomPackage){
			 .type = "maven",
			 .name = name,
			 .version = version,
			 .purl = purl_make(&a, "maven", group, artifact, version, NULL, 0),
		 });
	j->told = true;
}

static Err *add_properties(Jar *j, const Member *m)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str group = STR(""), artifact = STR(""), version = STR("");
	TRY(read_member(j, m, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str key, line = sbom_cut_line(&rest);
		Str value = str_trim(str_cut(line, '=', &key));
		key = str_trim(key);
		if (str_eqc(key, "groupId"))
			group = value;
		else if (str_eqc(key, "artifactId"))
			artifact = value;
		else if (str_eqc(key, "version"))
			version = value;
	}
	add(j, group, artifact, version);
	return NULL;
}

/* "guava-31.1-jre.jar", if nothing in it says more. */
static void add_by_name(Jar *j)
{
	Str name = entry_name(j->f->path);
	ptrdiff_t dot = str_rfind(name, '.');
	name = dot > 0 ? str_head(name, (size_t)dot) : name;
	for (size_t i = 1; i + 1 < name.len; i++) {
		if (name.ptr[i] != '-' || name.ptr[i + 1] < '0' || name.ptr[i + 1] > '9')
			continue;
		add(j, STR(""), str_head(name, i), str_from_at(name, i + 1));
		return;
	}
}

static Err *read_jar(Sbom *s, const SbomFile *f, unsigned depth);

static Err *read_inner(const Jar *j, const Member *m)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	uint64_t at;
	bool good;
	TRY(find_data(j, m, &at, &good));
	if (!good || m->method != METHOD_STORED || j->depth + 1 >= JAR_DEPTH_MAX)
		return NULL;
	SbomFile inner = *j->f;
	inner.path = arena_strf(&a, "%.*s!/%.*s", STR_ARG(j->f->path), STR_ARG(m->name));
	inner.size = m->packed;
	inner.offset += at;
	inner.bytes += inner.fd < 0 ? at : 0;
	return read_jar(j->sbom, &inner, j->depth + 1);
}

static Err *take_member(Jar *j, const Member *m)
{
	if (str_starts(m->name, STR("META-INF/maven/")) &&
	    str_ends(m->name, STR("/pom.properties")))
		return add_properties(j, m);
	return str_ends(m->name, STR(".jar")) ? read_inner(j, m) : NULL;
}

static Err *each_member(Jar *j)
{
	uint64_t at = j->directory, end = j->directory + j->directory_bytes;
	for (unsigned i = 0; at + ENTRY_BYTES <= end; i++) {
		unsigned char e[ENTRY_BYTES];
		char name[PATH_BYTES_MAX];
		size_t n;
		if (i >= SBOM_JAR_MEMBERS_MAX)
			return err_new(ERR_INPUT, "it has more than %u members",
			               SBOM_JAR_MEMBERS_MAX);
		TRY(sbom_file_read_at(j->f, at, e, sizeof e, &n));
		if (n < sizeof e || memcmp(e, "PK\1\2", 4) != 0)
			return err_new(ERR_CORRUPT, "its directory is damaged");
		size_t name_len = u16(e + 28);
		TRY(sbom_file_read_at(j->f, at + ENTRY_BYTES, name,
		                      name_len < sizeof name ? name_len : sizeof name, &n));
		const Member m = { .name = { name, n },
			           .method = u16(e + 10),
			           .packed = u32(e + 20),
			           .size = u32(e + 24),
			           .local = u32(e + 42) };
		TRY(take_member(j, &m));
		at += ENTRY_BYTES + name_len + u16(e + 30) + u16(e + 32);
	}
	return NULL;
}

static Err *read_jar(Sbom *s, const SbomFile *f, unsigned depth)
{
	Jar j = { .sbom = s, .f = f, .depth = depth };
	bool is_zip;
	TRY(find_directory(&j, &is_zip));
	if (!is_zip)
		return err_new(ERR_CORRUPT, "it is no zip archive");
	TRY(each_member(&j));
	if (!j.told)
		add_by_name(&j);
	return NULL;
}

Err *sbom_read_jar(Sbom *s, const SbomFile *f)
{
	return read_jar(s, f, 0);
}
