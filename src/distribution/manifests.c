/*
 * manifests.c - manifests by tag and by digest.
 *
 * They are kept as they came.  What is looked at: is it JSON, of the type that it says, and is all
 * here that an image needs?  The children of an index may come later, or never (a sparse index).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/sha512.h"
#include "distribution/distribution-internal.h"
#include "oci/manifest.h"

/* A push, as far as it has come. */
typedef struct Push {
	Call *c;
	ServerReply *r;
	JsonValue *json;
	Str media_type, subject, digest;
	Digest blob;
	VEC(Str) tags;
} Push;

static void push_done(Push *p)
{
	json_free(p->json);
	VEC_DONE(&p->tags);
}

#define REFUSE(p, ...)                                                          \
	({                                                                      \
		distribution_say((p)->r, 400, "MANIFEST_INVALID", __VA_ARGS__); \
		false;                                                          \
	})

/* --- what it is ------------------------------------------------------------------------------- */

/* Without parameters; "" if there is none. */
static Str content_type(const Call *c)
{
	Str type;
	(void)str_cut(server_request_header(c->request, "Content-Type"), ';', &type);
	return str_trim(type);
}

static bool is_media_type(Str type)
{
	for (size_t i = 0; i < type.len; i++)
		if (type.ptr[i] <= ' ' || type.ptr[i] >= 0x7f)
			return false;
	return type.len > 0 && type.len <= 255;
}

static bool read_type(Push *p)
{
	Str header = content_type(p->c), member = STR("");
	const JsonValue *version = json_member(p->json, "schemaVersion");
	const JsonValue *type = json_member(p->json, "mediaType");
	bool image = json_member(p->json, "layers") || json_member(p->json, "config");
	bool index = json_member(p->json, "manifests") != NULL;
	if (!json_value_is_object(p->json))
		return REFUSE(p, "the manifest is no JSON object");
	if (version && (!json_value_is_integer(version) || json_value_integer(version) != 2))
		return REFUSE(p, "schemaVersion is not 2; older manifests are not taken");
	if (image && index)
		return REFUSE(p, "it has both layers and manifests");
	if (type && !json_value_is_string(type))
		return REFUSE(p, "mediaType is no text");
	if (type)
		member = json_value_string(type);
	if (member.len && header.len && !str_eq(member, header))
		return REFUSE(p, "mediaType is '%.*s', and Content-Type is '%.*s'",
		              STR_ARG(str_head(member, 200)), STR_ARG(str_head(header, 200)));
	Str usual = index ? STR(MEDIA_OCI_INDEX) : STR(MEDIA_OCI_MANIFEST);
	p->media_type = arena_str(p->c->arena, header.len ? header : member.len ? member : usual);
	if (!is_media_type(p->media_type))
		return REFUSE(p, "its media type is not valid");
	bool says_index = str_eqc(p->media_type, MEDIA_OCI_INDEX) ||
	                  str_eqc(p->media_type, MEDIA_DOCKER_INDEX);
	bool says_image = str_eqc(p->media_type, MEDIA_OCI_MANIFEST) ||
	                  str_eqc(p->media_type, MEDIA_DOCKER_MANIFEST);
	if ((says_index && (image || !index)) || (says_image && !image))
		return REFUSE(p, "it is not what its media type says");
	return true;
}

/* --- what it names ---------------------------------------------------------------------------- */

static bool read_descriptor(Push *p, const JsonValue *d, const char *where, Str *ret)
{
	Str digest = json_value_string(json_member(d, "digest"));
	if (!json_value_is_object(d) || !store_repo_digest_ok(digest))
		return REFUSE(p, "%s has no valid digest", where);
	*ret = digest;
	return true;
}

/* Bytes that must not be given away are fetched from elsewhere, and need not be here. */
static bool is_foreign(const JsonValue *d)
{
	Str type = json_value_string(json_member(d, "mediaType"));
	return json_length(json_member(d, "urls")) > 0 ||
	       memmem(type.ptr, type.len, "nondistributable", strlen("nondistributable")) ||
	       memmem(type.ptr, type.len, ".foreign.", strlen(".foreign."));
}

static bool is_blob_here(Push *p, const JsonValue *d, const char *where)
{
	Str digest;
	Digest blob;
	uint64_t size;
	if (!read_descriptor(p, d, where, &digest))
		return false;
	if (is_foreign(d))
		return true;
	Err *e = store_repo_find_blob(p->c->store, p->c->route.repo, digest, true, &blob, &size);
	if (e && err_kind(e) != ERR_NOT_FOUND) {
		distribution_say_err(p->c, p->r, e, "MANIFEST_BLOB_UNKNOWN");
		return false;
	}
	bool here = !e && size != UINT64_MAX;
	err_free(e); /* told below */
	if (!here) {
		distribution_say(p->r, 404, "MANIFEST_BLOB_UNKNOWN",
		                 "%s: the blob %.*s is not in '%.*s'", where, STR_ARG(digest),
		                 STR_ARG(p->c->route.repo));
		return false;
	}
	const JsonValue *says = json_member(d, "size");
	if (says && (!json_value_is_integer(says) || json_value_integer(says) < 0 ||
	             (uint64_t)json_value_integer(says) != size))
		return REFUSE(p, "%s: the blob %.*s has %llu bytes", where, STR_ARG(digest),
		              (unsigned long long)size);
	return true;
}

static bool read_names(Push *p)
{
	const JsonValue *config = json_member(p->json, "config");
	const JsonValue *layers = json_member(p->json, "layers");
	const JsonValue *children = json_member(p->json, "manifests");
	const JsonValue *subject = json_member(p->json, "subject");
	Str digest;
	if ((layers && !json_value_is_array(layers)) ||
	    (children && !json_value_is_array(children)))
		return REFUSE(p, "its layers or manifests are no list");
	if (json_length(layers) > IMAGE_LAYERS_MAX)
		return REFUSE(p, "it has more than %u layers", IMAGE_LAYERS_MAX);
	if (config && !is_blob_here(p, config, "config"))
		return false;
	for (size_t i = 0; i < json_length(layers); i++)
		if (!is_blob_here(p, json_at(layers, i), "layers"))
			return false;
	for (size_t i = 0; i < json_length(children); i++)
		if (!read_descriptor(p, json_at(children, i), "manifests", &digest))
			return false;
	p->subject = STR("");
	if (!subject || json_value_is_null(subject))
		return true;
	if (!read_descriptor(p, subject, "subject", &digest))
		return false;
	p->subject = arena_str(p->c->arena, digest);
	return true;
}

/* --- under which names ------------------------------------------------------------------------ */

static bool digest_is(Str bytes, Str digest)
{
	char text[SHA512_TEXT_LEN + 1];
	if (str_starts(digest, STR("sha512:"))) {
		Sha512 h;
		sha512_init(&h);
		sha512_add(&h, bytes.ptr, bytes.len);
		return str_eq(sha512_end_text(&h, text), digest);
	}
	Digest is = sha256_of(bytes);
	return str_eq(digest_text(&is, text), digest);
}

static bool read_tags(Push *p)
{
	Call *c = p->c;
	Str bytes = buf_str(&c->text), tag;
	Digest is = sha256_of(bytes);
	bool by_digest = store_repo_digest_ok(c->route.last);
	p->digest = by_digest ? c->route.last : digest_arena_text(c->arena, &is);
	if (!digest_is(bytes, p->digest)) {
		distribution_say(p->r, 400, "DIGEST_INVALID", "the manifest has another digest");
		return false;
	}
	if (!by_digest)
		VEC_PUSH(&p->tags, c->route.last);
	for (size_t i = 0; server_request_query_at(c->request, "tag", i, &tag); i++) {
		if (!store_repo_tag_ok(tag))
			return REFUSE(p, "invalid tag");
		VEC_PUSH(&p->tags, tag);
	}
	return true;
}

/* --- putting it in ---------------------------------------------------------------------------- */

static Err *put(Push *p)
{
	Call *c = p->c;
	TRY(store_blob_put(c->store, buf_str(&c->text), true, &p->blob));
	const StoreRepoManifest link = { .digest = p->digest,
		                         .blob = p->blob,
		                         .media_type = p->media_type,
		                         .subject = p->subject };
	TRY(store_repo_link_manifest(c->store, c->route.repo, &link));
	for (size_t i = 0; i < p->tags.len; i++) {
		StoreRepoTag tag = { .manifest = p->digest };
		TRY(distribution_image_find(c, p->tags.at[i], &tag.image));
		TRY(store_repo_set_tag(c->store, c->route.repo, p->tags.at[i], &tag));
	}
	return NULL;
}

static void say_put(const Push *p)
{
	AUTO_BUF Buf location = BUF_INIT;
	buf_addf(&location, "/v2/%.*s/manifests/%.*s", STR_ARG(p->c->route.repo),
	         STR_ARG(p->digest));
	server_reply(p->r, 201);
	server_reply_header(p->r, "Location", buf_str(&location));
	distribution_digest_header(p->r, p->digest);
	if (p->subject.len)
		server_reply_header(p->r, "OCI-Subject", p->subject);
	for (size_t i = 0; i < p->tags.len; i++)
		server_reply_header(p->r, "OCI-Tag", p->tags.at[i]);
}

/* *RET_DONE: the manifest is in the repository. */
static void put_under_locks(Call *c, ServerReply *r, Push *p, bool *ret_done)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE, lock = STORE_LOCK_NONE;
	if (c->too_large) {
		distribution_say(r, 413, "MANIFEST_INVALID", "a manifest may have %u MiB",
		                 MANIFEST_BYTES_MAX >> 20);
		return;
	}
	Err *e = json_parse(buf_str(&c->text), MANIFEST_BYTES_MAX, "the manifest", &p->json);
	if (e) {
		distribution_say(r, 400, "MANIFEST_INVALID", "%.*s", STR_ARG(err_cause(e)));
		err_free(e); /* told */
		return;
	}
	if (!read_type(p) || !read_tags(p) || !distribution_has_room(c, c->text.len, r))
		return;
	e = store_lock_gc(c->store, false, c->o->cancel, &gc);
	if (!e)
		e = store_repo_lock(c->store, c->route.repo, &lock);
	if (!e && !read_names(p))
		return;
	if (!e)
		e = put(p);
	if (e)
		distribution_say_err(c, r, e, "MANIFEST_UNKNOWN");
	else
		say_put(p);
	*ret_done = !e;
}

static void end_put(Call *c, ServerReply *r)
{
	CLEANUP(push_done) Push p = { .c = c, .r = r };
	const DistributionOptions *o = c->o;
	bool done = false;
	put_under_locks(c, r, &p, &done);
	for (size_t i = 0; i < p.tags.len && done && o->pushed; i++)
		o->pushed(o->pushed_context, c->route.repo, p.tags.at[i], p.digest);
}

/* --- out and away ----------------------------------------------------------------------------- */

static Err *find(Call *c, StoreRepoManifest *ret)
{
	StoreRepoTag tag = { .manifest = c->route.last };
	if (!store_repo_digest_ok(c->route.last)) {
		TRY(distribution_image_sync(c, c->route.last));
		TRY(store_repo_find_tag(c->store, c->route.repo, c->route.last, c->arena, &tag));
	}
	Err *e = store_repo_find_manifest(c->store, c->route.repo, tag.manifest, c->arena, ret);
	if (e && err_kind(e) == ERR_NOT_FOUND && store_repo_digest_ok(c->route.last)) {
		err_free(e); /* perhaps of an image that was not asked for yet */
		TRY(distribution_image_sync_digest(c));
		e = store_repo_find_manifest(c->store, c->route.repo, tag.manifest, c->arena, ret);
	}
	return e;
}

static bool is_known(const Call *c, Str digest)
{
	Str header = server_request_header(c->request, "If-None-Match");
	return header.len && memmem(header.ptr, header.len, digest.ptr, digest.len);
}

static void get(Call *c, ServerReply *r)
{
	StoreRepoManifest m;
	uint64_t size;
	AUTO_CLOSE int fd = -1;
	AUTO_BUF Buf tag = BUF_INIT;
	Err *e = find(c, &m);
	if (!e)
		e = store_blob_open(c->store, &m.blob, &fd, &size);
	if (e) {
		distribution_say_err(c, r, e, "MANIFEST_UNKNOWN");
		return;
	}
	if (is_known(c, m.digest)) {
		server_reply(r, 304);
	} else {
		server_reply(r, 200);
		server_reply_file(r, m.media_type, TAKE_FD(fd), 0, size);
	}
	buf_addf(&tag, "\"%.*s\"", STR_ARG(m.digest));
	server_reply_header(r, "ETag", buf_str(&tag));
	distribution_digest_header(r, m.digest);
}

static Err *delete_tag(Call *c)
{
	Digest image;
	TRY(distribution_image_find(c, c->route.last, &image));
	TRY(distribution_image_untag(c, c->route.last));
	AUTO_ERR Err *e = store_repo_unlink_tag(c->store, c->route.repo, c->route.last);
	/* a name of the store that nobody had asked for yet has no tag */
	return e && err_kind(e) == ERR_NOT_FOUND && !digest_is_zero(&image) ? NULL : TAKE_PTR(e);
}

static Err *delete_digest(Call *c)
{
	Str *tags;
	size_t count;
	TRY(store_repo_tags(c->store, c->route.repo, c->arena, &tags, &count));
	for (size_t i = 0; i < count; i++) {
		StoreRepoTag tag;
		Err *e = store_repo_find_tag(c->store, c->route.repo, tags[i], c->arena, &tag);
		bool leads = !e && str_eq(tag.manifest, c->route.last);
		err_free(e); /* a damaged tag leads nowhere */
		if (leads)
			TRY(distribution_image_untag(c, tags[i]));
	}
	return store_repo_unlink_manifest(c->store, c->route.repo, c->route.last);
}

static void remove_it(Call *c, ServerReply *r)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Err *e = store_repo_lock(c->store, c->route.repo, &lock);
	if (!e)
		e = store_repo_digest_ok(c->route.last) ? delete_digest(c) : delete_tag(c);
	if (e)
		distribution_say_err(c, r, e, "MANIFEST_UNKNOWN");
	else
		server_reply(r, 202);
}

void distribution_manifest(Call *c, ServerReply *r)
{
	if (str_eqc(c->method, "PUT"))
		c->end = end_put;
	else if (str_eqc(c->method, "DELETE"))
		remove_it(c, r);
	else
		get(c, r);
}
