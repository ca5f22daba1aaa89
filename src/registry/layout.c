/* layout.c - an OCI image layout, a directory, as a place that images are read from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "oci/config.h"
#include "registry/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* --- blobs ------------------------------------------------------------------------------------ */

/* A file that must be what its descriptor says. */
typedef struct Checked {
	Reader reader;
	Reader *file, *hash;
	int fd;
	Descriptor want;
	Progress *progress;
	unsigned line;
	bool ended; /* and found to be right */
	char name[sizeof "blobs/sha256/" + DIGEST_HEX_LEN];
	char shown[13]; /* the digest's first digits, for progress */
} Checked;

static Err *checked_end(Checked *c)
{
	Digest is = reader_hash_digest(c->hash);
	uint64_t size = reader_hash_count(c->hash);
	char text[DIGEST_TEXT_LEN + 1];
	if (size != c->want.size)
		return err_new(ERR_CORRUPT, "'%s' has %llu bytes, its descriptor says %llu",
		               c->name, (unsigned long long)size, (unsigned long long)c->want.size);
	if (!digest_eq(&is, &c->want.digest))
		return err_new(ERR_CORRUPT, "the content of '%s' is %s", c->name,
		               digest_text(&is, text).ptr);
	return NULL;
}

static Err *checked_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Checked *c = (Checked *)r;
	*ret_len = 0;
	if (c->ended)
		return NULL;
	TRY(reader_read(c->hash, buf, cap, ret_len));
	progress_bytes(c->progress, c->line, str_from(c->shown), reader_hash_count(c->hash),
	               c->want.size);
	if (reader_hash_count(c->hash) > c->want.size)
		return err_new(ERR_CORRUPT, "'%s' has more bytes than its descriptor says",
		               c->name);
	if (*ret_len)
		return NULL;
	TRY(checked_end(c));
	c->ended = true;
	return NULL;
}

static void checked_close(Reader *r)
{
	Checked *c = (Checked *)r;
	reader_close(c->hash);
	reader_close(c->file);
	close(c->fd);
	free(c);
}

static const ReaderOps checked_ops = { checked_read, checked_close };

Err *layout_open_blob(void *context, const Descriptor *d, Progress *progress, unsigned line,
                      Reader **ret)
{
	const Layout *l = context;
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_CLOSE int fd = -1;
	AUTO_FREE Checked *c = xcalloc(1, sizeof *c);
	(void)snprintf(c->name, sizeof c->name, "blobs/sha256/%s", digest_hex(&d->digest, hex).ptr);
	fd = path_try_in_root(l->fd, str_from(c->name), O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd == -ENOENT)
		return err_new(ERR_CORRUPT, "the layout '%s' has no '%s'", l->path, c->name);
	if (fd < 0)
		return err_sys(-fd, "cannot open '%s' in '%s'", c->name, l->path);
	memcpy(c->shown, hex, sizeof c->shown - 1);
	c->reader.ops = &checked_ops;
	c->want = *d;
	c->progress = progress;
	c->line = line;
	c->fd = TAKE_FD(fd);
	c->file = reader_from_fd(c->fd, c->name);
	c->hash = reader_hash(c->file);
	*ret = &TAKE_PTR(c)->reader;
	return NULL;
}

/* --- documents -------------------------------------------------------------------------------- */

static Err *read_document(const Layout *l, const Descriptor *d, size_t limit, Arena *a, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_READER Reader *blob = NULL;
	char name[DIGEST_TEXT_LEN + 1];
	digest_text(&d->digest, name);
	TRY(layout_open_blob((void *)l, d, NULL, 0, &blob));
	TRY(reader_read_all(blob, limit, name, &text));
	*ret = arena_str(a, buf_str(&text));
	return NULL;
}

static Err *read_index(const Layout *l, Arena *a, Index *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	const char *name = arena_strf(a, "%s/index.json", l->path).ptr;
	AUTO_CLOSE int fd =
		path_try_in_root(l->fd, STR("index.json"), O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (fd == -ENOENT)
		return err_new(ERR_INPUT, "'%s' is no OCI image layout: it has no index.json",
		               l->path);
	if (fd < 0)
		return err_sys(-fd, "cannot open '%s'", name);
	TRY(path_read_fd(fd, MANIFEST_BYTES_MAX, name, &text));
	return index_parse(a, arena_str(a, buf_str(&text)), name, ret);
}

static bool is_called(Arena *a, const Descriptor *d, Str tag)
{
	Reference ref = { 0 };
	if (str_eq(d->ref_name, tag))
		return true;
	Str full = d->container_name.len ? d->container_name : d->ref_name;
	Err *e = full.len ? reference_parse(a, full, &ref) : err_new(ERR_NOT_FOUND, "no name");
	bool same = !e && str_find(full, ':') >= 0 && str_eq(ref.tag, tag);
	err_free(e); /* a name of another form: no tag */
	return same;
}

static Err *no_such(const Layout *l, const Index *index, Str what)
{
	AUTO_BUF Buf names = BUF_INIT;
	for (size_t i = 0; i < index->count; i++) {
		Str name = index->manifests[i].ref_name;
		if (name.len && names.len < 200)
			buf_addf(&names, "%s'%.*s'", names.len ? ", " : "", STR_ARG(name));
	}
	Err *e = err_new(ERR_NOT_FOUND, "the layout '%s' has no image '%.*s'", l->path,
	                 STR_ARG(what));
	return names.len ? err_note(e, "it has %s", names.ptr) : e;
}

/* As buildx: by digest, by name, else the only one. */
static Err *choose(const Layout *l, const Index *index, Str tag, const Digest *digest, Arena *a,
                   Descriptor *ret)
{
	Str wanted = tag.len ? tag : STR("latest");
	for (size_t i = 0; i < index->count; i++) {
		const Descriptor *d = &index->manifests[i];
		if (digest ? digest_eq(&d->digest, digest) : is_called(a, d, wanted)) {
			*ret = *d;
			return NULL;
		}
	}
	if (digest)
		return no_such(l, index, digest_arena_text(a, digest));
	size_t images = 0;
	for (size_t i = 0; i < index->count; i++) {
		if (descriptor_is_artifact(&index->manifests[i]))
			continue;
		*ret = index->manifests[i];
		images++;
	}
	if (images != 1 || tag.len)
		return no_such(l, index, wanted);
	return NULL;
}

static Err *find_manifest(const Layout *l, Descriptor d, const Platform *platform, Arena *a,
                          RegistryImage *ret)
{
	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		ManifestKind kind;
		Index index;
		const Descriptor *chosen = NULL;
		const char *name = digest_arena_text(a, &d.digest).ptr;
		TRY(read_document(l, &d, MANIFEST_BYTES_MAX, a, &ret->manifest_json));
		ret->manifest_digest = d.digest;
		TRY(manifest_kind(ret->manifest_json, d.media_type, name, &kind));
		if (kind == MANIFEST_IMAGE)
			return manifest_parse(a, ret->manifest_json, name, &ret->manifest);
		TRY(index_parse(a, ret->manifest_json, name, &index));
		TRY(index_choose(&index, platform, name, &chosen));
		d = *chosen;
	}
	return err_new(ERR_CORRUPT, "over %d indexes inside each other", INDEX_DEPTH_MAX);
}

Err *layout_resolve(const Layout *l, Str tag, const Digest *digest, const Platform *platform,
                    Arena *a, RegistryImage *ret)
{
	Index index = { 0 };
	Descriptor d = { 0 };
	*ret = (RegistryImage){ 0 };
	TRY(read_index(l, a, &index));
	TRY(choose(l, &index, tag, digest, a, &d));
	ret->top_digest = d.digest;
	TRY(find_manifest(l, d, platform, a, ret));
	return read_document(l, &ret->manifest.config, IMAGE_CONFIG_BYTES_MAX, a,
	                     &ret->config_json);
}
