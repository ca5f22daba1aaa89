/*
 * read_rpm.c - the database of rpm: rpmdb.sqlite by libsqlite3, Packages.db (ndb) by ourselves.
 *
 * Either way each package is one "header": a list of tags and the bytes that they point into.
 * SQLite is given a copy in memory, read-only, with every feature of a hostile schema turned off
 * and a limit on its steps; it opens no file at all.  It is loaded when a database is met.
 * SOURCE   rpm's lib/header.c ("header data structure"), lib/backend/ndb/rpmpkg.c; sqlite.org/c3ref
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/library.h"
#include "base/limits.h"

#include <dlfcn.h>

enum {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_VENDOR = 1011,
	TAG_LICENSE = 1014,
	TAG_ARCH = 1022,
	TAG_SOURCE = 1044,
	TYPE_INT32 = 4,
	TYPE_STRING = 6,
	TYPE_I18N = 9,
	INDEX_BYTES = 16,
	INDEX_MAX = 1 << 16,
};

typedef struct RpmPackage {
	Str name, version, release, vendor, license, arch, source;
	uint32_t epoch;
	bool has_epoch;
} RpmPackage;

static uint32_t big32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t little32(const unsigned char *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* --- one header ------------------------------------------------------------------------------- */

static void take_text(RpmPackage *p, uint32_t tag, Str text)
{
	const struct {
		uint32_t tag;
		Str *to;
	} fields[] = { { TAG_NAME, &p->name },       { TAG_VERSION, &p->version },
		       { TAG_RELEASE, &p->release }, { TAG_VENDOR, &p->vendor },
		       { TAG_LICENSE, &p->license }, { TAG_ARCH, &p->arch },
		       { TAG_SOURCE, &p->source } };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].tag == tag)
			*fields[i].to = text;
}

/* False: it is no header. */
static bool parse_header(Str blob, RpmPackage *p)
{
	const unsigned char *at = (const unsigned char *)blob.ptr;
	if (blob.len < 8)
		return false;
	uint64_t count = big32(at), bytes = big32(at + 4), index = count * INDEX_BYTES;
	if (count > INDEX_MAX || 8 + index + bytes > blob.len)
		return false;
	Str store = { blob.ptr + 8 + index, (size_t)bytes };
	for (size_t i = 0; i < count; i++) {
		const unsigned char *entry = at + 8 + i * INDEX_BYTES;
		uint32_t tag = big32(entry), type = big32(entry + 4), offset = big32(entry + 8);
		if (offset >= store.len)
			continue;
		Str text = str_from_at(store, offset);
		if (type == TYPE_STRING || type == TYPE_I18N) {
			text.len = strnlen(text.ptr, text.len);
			take_text(p, tag, text);
		} else if (tag == TAG_EPOCH && type == TYPE_INT32 && text.len >= 4) {
			p->epoch = big32((const unsigned char *)text.ptr);
			p->has_epoch = true;
		}
	}
	return p->name.len && p->version.len;
}

static void add_header(Sbom *s, const SbomFile *f, Str blob)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	RpmPackage p = { 0 };
	if (!parse_header(blob, &p)) {
		sbom_warn(s, "'/%.*s': a package in it is damaged", STR_ARG(f->path));
		return;
	}
	if (str_eqc(p.name, "gpg-pubkey"))
		return; /* a key, no package */
	Str version = p.release.len
	                      ? arena_strf(&a, "%.*s-%.*s", STR_ARG(p.version), STR_ARG(p.release))
	                      : p.version;
	const PurlQualifier qualifiers[] = {
		{ "arch", p.arch },
		{ "distro", sbom_distro(s) },
		{ "epoch", p.has_epoch ? arena_strf(&a, "%u", p.epoch) : STR("") },
		{ "upstream", p.source },
	};
	sbom_add(s, f,
	         &(SbomPackage){ .type = "rpm",
	                         .name = p.name,
	                         .version = version,
	                         .license = p.license,
	                         .supplier = p.vendor,
	                         .purl = purl_make(&a, "rpm", s->distro_id, p.name, version,
	                                           qualifiers, ARRAY_LEN(qualifiers)) });
}

/* --- sqlite ----------------------------------------------------------------------------------- */

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

/* Of sqlite3.h: what is called, with its numbers. */
enum {
	SQLITE_OPEN_READWRITE = 2,
	SQLITE_DESERIALIZE_READONLY = 4,
	SQLITE_ROW = 100,
	SQLITE_DONE = 101,
	SQLITE_DBCONFIG_DEFENSIVE = 1010,
	SQLITE_DBCONFIG_TRUSTED_SCHEMA = 1017,
	SQLITE_HEADER = 100,
	SQLITE_WRITE_VERSION = 18, /* in the header; 2: with a log beside the file */
	SQLITE_READ_VERSION = 19,
	STEPS_A_CALL = 1000,
	CALLS_MAX = 1 << 20,
};

typedef struct Sqlite {
	void *library;
	sqlite3 *db;
	sqlite3_stmt *rows;
	unsigned calls;
	int (*open_v2)(const char *, sqlite3 **, int, const char *);
	int (*close_v2)(sqlite3 *);
	int (*db_config)(sqlite3 *, int, ...);
	int (*deserialize)(sqlite3 *, const char *, unsigned char *, int64_t, int64_t, unsigned);
	void (*progress_handler)(sqlite3 *, int, int (*)(void *), void *);
	int (*prepare_v2)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
	int (*step)(sqlite3_stmt *);
	int (*finalize)(sqlite3_stmt *);
	const void *(*column_blob)(sqlite3_stmt *, int);
	int (*column_bytes)(sqlite3_stmt *, int);
	const char *(*errmsg)(sqlite3 *);
} Sqlite;

static const LibrarySource libsqlite3 = {
	.names = { "libsqlite3.so.0" },
	.shown = "libsqlite3",
	.user = "the database of rpm needs",
	.package = "libsqlite3-0",
};

static Err *load(Sqlite *q)
{
	const LibrarySymbol wanted[] = {
		{ "sqlite3_open_v2", (void **)&q->open_v2 },
		{ "sqlite3_close_v2", (void **)&q->close_v2 },
		{ "sqlite3_db_config", (void **)&q->db_config },
		{ "sqlite3_deserialize", (void **)&q->deserialize },
		{ "sqlite3_progress_handler", (void **)&q->progress_handler },
		{ "sqlite3_prepare_v2", (void **)&q->prepare_v2 },
		{ "sqlite3_step", (void **)&q->step },
		{ "sqlite3_finalize", (void **)&q->finalize },
		{ "sqlite3_column_blob", (void **)&q->column_blob },
		{ "sqlite3_column_bytes", (void **)&q->column_bytes },
		{ "sqlite3_errmsg", (void **)&q->errmsg },
	};
	return library_open(&libsqlite3, wanted, ARRAY_LEN(wanted), &q->library);
}

static void sqlite_done(Sqlite *q)
{
	if (q->rows)
		(void)q->finalize(q->rows);
	if (q->db)
		(void)q->close_v2(q->db);
	if (q->library)
		(void)dlclose(q->library);
}
#define AUTO_SQLITE CLEANUP(sqlite_done)

static int count_steps(void *context)
{
	return ++((Sqlite *)context)->calls > CALLS_MAX; /* then it stops */
}

/* COPY stays the caller's. */
static Err *query(Sqlite *q, Buf *copy)
{
	/* The length of a blob is known without reading it: what is too large comes as NULL. */
	AUTO_BUF Buf sql = BUF_INIT;
	buf_addf(&sql, "SELECT CASE WHEN length(blob) <= %u THEN blob END FROM Packages",
	         SBOM_RPM_HEADER_BYTES_MAX);
	if (copy->len < SQLITE_HEADER)
		return err_new(ERR_CORRUPT, "it is no database of sqlite");
	copy->ptr[SQLITE_WRITE_VERSION] = copy->ptr[SQLITE_READ_VERSION] = 1; /* there is no log */
	if (q->open_v2(":memory:", &q->db, SQLITE_OPEN_READWRITE, NULL) != 0 ||
	    q->deserialize(q->db, "main", (unsigned char *)copy->ptr, (int64_t)copy->len,
	                   (int64_t)copy->len, SQLITE_DESERIALIZE_READONLY) != 0)
		return err_new(ERR_CORRUPT, "sqlite: %s", q->errmsg(q->db));
	(void)q->db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)q->db_config(q->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	q->progress_handler(q->db, STEPS_A_CALL, count_steps, q);
	if (q->prepare_v2(q->db, sql.ptr, -1, &q->rows, NULL) != 0)
		return err_new(ERR_CORRUPT, "sqlite: %s", q->errmsg(q->db));
	return NULL;
}

Err *sbom_read_rpm(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf copy = BUF_INIT; /* freed after the database is closed */
	AUTO_SQLITE Sqlite q = { 0 };
	int status;
	TRY(sbom_file_text(f, SBOM_RPM_BYTES_MAX, &copy));
	TRY(load(&q));
	TRY(query(&q, &copy));
	while ((status = q.step(q.rows)) == SQLITE_ROW) {
		const char *blob = q.column_blob(q.rows, 0);
		int len = q.column_bytes(q.rows, 0);
		if (blob && len > 0)
			add_header(s, f, (Str){ blob, (size_t)len });
		else if (!blob)
			sbom_warn(s, "'/%.*s': a package in it has more than %u MiB",
			          STR_ARG(f->path), SBOM_RPM_HEADER_BYTES_MAX >> 20);
	}
	return status == SQLITE_DONE ? NULL : err_new(ERR_CORRUPT, "sqlite: %s", q.errmsg(q.db));
}

/* --- ndb -------------------------------------------------------------------------------------- */

enum {
	NDB_HEADER = 32,
	NDB_SLOT = 16,
	NDB_PAGE = 4096,
	NDB_BLOCK = 16,
	NDB_PAGES_MAX = 4096,
};

static Err *read_slot(Sbom *s, const SbomFile *f, const unsigned char *slot)
{
	unsigned char head[NDB_BLOCK];
	uint64_t at = (uint64_t)little32(slot + 8) * NDB_BLOCK;
	size_t n;
	if (memcmp(slot, "Slot", 4) != 0 || !little32(slot + 4))
		return NULL; /* free */
	TRY(sbom_file_read_at(f, at, head, sizeof head, &n));
	uint32_t len = little32(head + 12);
	if (n < sizeof head || memcmp(head, "BlbS", 4) != 0 || len > SBOM_RPM_HEADER_BYTES_MAX ||
	    at + len > f->size) {
		sbom_warn(s, "'/%.*s': a package in it is damaged", STR_ARG(f->path));
		return NULL;
	}
	AUTO_FREE char *blob = xmalloc((size_t)len + 1);
	TRY(sbom_file_read_at(f, at + NDB_BLOCK, blob, len, &n));
	add_header(s, f, (Str){ blob, n });
	return NULL;
}

/* Packages.db is ndb; "Packages" was Berkeley DB, which nothing writes any more. */
Err *sbom_read_rpm_old(Sbom *s, const SbomFile *f)
{
	unsigned char head[NDB_HEADER], slot[NDB_SLOT];
	size_t n;
	TRY(sbom_file_read_at(f, 0, head, sizeof head, &n));
	if (n < sizeof head || memcmp(head, "RpmP", 4) != 0)
		return err_new(ERR_INPUT, "it is an rpm database of an old kind (Berkeley DB)");
	uint64_t pages = little32(head + 12);
	if (pages > NDB_PAGES_MAX)
		return err_new(ERR_CORRUPT, "its header is damaged");
	for (uint64_t at = NDB_HEADER; at + NDB_SLOT <= pages * NDB_PAGE; at += NDB_SLOT) {
		TRY(sbom_file_read_at(f, at, slot, sizeof slot, &n));
		if (n < sizeof slot)
			break;
		TRY(read_slot(s, f, slot));
	}
	return NULL;
}
