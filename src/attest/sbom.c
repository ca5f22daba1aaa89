/* sbom.c - packages and warnings are gathered; what readers share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>

void sbom_init(Sbom *s, Arena *a)
{
	*s = (Sbom){ .arena = a, .distro_id = STR(""), .distro_version = STR("") };
}

void sbom_done(Sbom *s)
{
	VEC_DONE(&s->packages);
	VEC_DONE(&s->warnings);
	map_done(&s->seen);
}

/* One line that any reader of JSON takes: a NUL in a name would make a document that none reads. */
static Str own(Sbom *s, Str text, size_t limit)
{
	if (!text.len)
		return STR("");
	Str kept = arena_str(s->arena, str_clip(str_trim(text), limit));
	char *bytes = (char *)kept.ptr;
	for (size_t i = 0; i < kept.len; i++)
		if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
			bytes[i] = '?';
	return kept;
}

void sbom_add(Sbom *s, const SbomFile *f, const SbomPackage *p)
{
	if (!p->name.len || !str_trim(p->name).len || !p->purl.len || map_find(&s->seen, p->purl))
		return;
	if (s->packages.len >= SBOM_PACKAGES_MAX) {
		if (s->packages.len == SBOM_PACKAGES_MAX && s->warnings.len < SBOM_WARNINGS_MAX)
			sbom_warn(s, "more than %u packages: the rest is left out",
			          SBOM_PACKAGES_MAX);
		return;
	}
	SbomPackage kept = {
		.type = p->type,
		.name = own(s, p->name, SBOM_TEXT_BYTES_MAX),
		.version = own(s, p->version, SBOM_TEXT_BYTES_MAX),
		.purl = arena_str(s->arena, p->purl),
		.license = own(s, p->license, SBOM_TEXT_BYTES_MAX),
		.supplier = own(s, p->supplier, SBOM_TEXT_BYTES_MAX),
		.checksum_alg = p->checksum_alg,
		.checksum = arena_str(s->arena, p->checksum),
		.path = own(s, f->path, SBOM_TEXT_BYTES_MAX),
		.layer = f->layer,
	};
	(void)map_put(&s->seen, kept.purl, NULL);
	VEC_PUSH(&s->packages, kept);
}

/* How often the last warning came. */
static void count_last(Sbom *s)
{
	if (s->last_count > 1)
		s->warnings.at[s->warnings.len - 1] = arena_strf(
			s->arena, "%.*s (%u times)", STR_ARG(s->last_warning), s->last_count);
	s->last_count = 0;
}

void sbom_warn(Sbom *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t used = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
	Str warning = str_clip((Str){ text, used }, used);
	if (s->last_count && str_eq(warning, s->last_warning)) {
		s->last_count++; /* said by the next warning, or by sbom_sort() */
		return;
	}
	count_last(s);
	if (s->warnings.len >= SBOM_WARNINGS_MAX)
		return;
	s->last_warning = arena_str(s->arena, warning);
	s->last_count = 1;
	VEC_PUSH(&s->warnings, s->last_warning);
}

Str sbom_distro(const Sbom *s)
{
	if (!s->distro_id.len || !s->distro_version.len)
		return s->distro_id;
	return arena_strf(s->arena, "%.*s-%.*s", STR_ARG(s->distro_id), STR_ARG(s->distro_version));
}

static int compare(const void *a, const void *b)
{
	return str_cmp(((const SbomPackage *)a)->purl, ((const SbomPackage *)b)->purl);
}

void sbom_sort(Sbom *s)
{
	count_last(s);
	if (s->packages.len)
		qsort(s->packages.at, s->packages.len, sizeof *s->packages.at, compare);
}

Str sbom_cut_line(Str *rest)
{
	Str line;
	*rest = str_cut(*rest, '\n', &line);
	return line.len && line.ptr[line.len - 1] == '\r' ? str_head(line, line.len - 1) : line;
}

Str sbom_unquote(Str value)
{
	value = str_trim(value);
	if (!value.len || (value.ptr[0] != '"' && value.ptr[0] != '\''))
		return value;
	Str inside;
	(void)str_cut(str_from_at(value, 1), value.ptr[0], &inside);
	return inside;
}

/* --- files ------------------------------------------------------------------------------------ */

Err *sbom_file_read_at(const SbomFile *f, uint64_t at, void *buf, size_t len, size_t *ret_len)
{
	size_t done = 0;
	*ret_len = 0;
	if (at >= f->size)
		return NULL;
	if (len > f->size - at)
		len = (size_t)(f->size - at);
	if (f->fd < 0) {
		memcpy(buf, f->bytes + at, len);
		*ret_len = len;
		return NULL;
	}
	while (done < len) {
		ssize_t n = pread(f->fd, (char *)buf + done, len - done,
		                  (off_t)(f->offset + at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%.*s'", STR_ARG(f->path));
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*ret_len = done;
	return NULL;
}

Err *sbom_file_text(const SbomFile *f, size_t limit, Buf *out)
{
	size_t n;
	if (f->size > limit)
		return err_new(ERR_INPUT, "it has more than %zu MiB", limit >> 20);
	buf_reserve(out, (size_t)f->size + 1);
	TRY(sbom_file_read_at(f, 0, out->ptr + out->len, (size_t)f->size, &n));
	out->len += n;
	out->ptr[out->len] = '\0';
	return NULL;
}

Err *sbom_file_json(const SbomFile *f, JsonValue **ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	return json_parse(buf_str(&text), SBOM_FILE_BYTES_MAX,
	                  arena_str(&a, entry_name(f->path)).ptr, ret);
}
