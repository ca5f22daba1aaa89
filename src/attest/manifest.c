/* manifest.c - statements → OCI manifests that carry them, and their entries in indexes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/attest.h"
#include "base/limits.h"
#include "codec/sha256.h"

/* The members of a descriptor; its object stays open. */
static void begin_descriptor(JsonWriter *w, Str media_type, const Digest *digest, uint64_t size)
{
	char text[DIGEST_TEXT_LEN + 1];
	json_write_object(w);
	json_write_member(w, "mediaType", media_type);
	json_write_member(w, "digest", digest_text(digest, text));
	json_write_key(w, "size");
	json_write_int(w, (int64_t)size);
}

static void write_annotation(JsonWriter *w, Str predicate_type)
{
	json_write_key(w, "annotations");
	json_write_object(w);
	json_write_member(w, ATTEST_PREDICATE_KEY, predicate_type);
	json_write_object_end(w);
}

static void write_empty_config(JsonWriter *w)
{
	Digest digest = sha256_of(STR(ATTEST_EMPTY_JSON));
	json_write_key(w, "config");
	begin_descriptor(w, STR(MEDIA_OCI_EMPTY), &digest, sizeof ATTEST_EMPTY_JSON - 1);
	json_write_member(w, "data", STR("e30="));
	json_write_object_end(w);
}

static void write_blobs(JsonWriter *w, const AttestBlob *blobs, size_t count)
{
	json_write_key(w, "layers");
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		begin_descriptor(w, STR(MEDIA_IN_TOTO), &blobs[i].digest, blobs[i].size);
		write_annotation(w, blobs[i].predicate_type);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_manifest(JsonWriter *w, const char *artifact_type, const Descriptor *subject,
                           const AttestBlob *blobs, size_t count)
{
	json_write_object(w);
	json_write_key(w, "schemaVersion");
	json_write_int(w, 2);
	json_write_member(w, "mediaType", STR(MEDIA_OCI_MANIFEST));
	json_write_member(w, "artifactType", str_from(artifact_type));
	write_empty_config(w);
	write_blobs(w, blobs, count);
	json_write_key(w, "subject");
	begin_descriptor(w, subject->media_type, &subject->digest, subject->size);
	json_write_object_end(w);
}

void attest_referrer(const Descriptor *subject, const AttestBlob *blob, Buf *out)
{
	JsonWriter w = { .out = out };
	write_manifest(&w, MEDIA_IN_TOTO, subject, blob, 1);
	write_annotation(&w, blob->predicate_type); /* registries show it in lists of referrers */
	json_write_object_end(&w);
}

void attest_index_manifest(const Descriptor *subject, const Descriptor *old_config,
                           const AttestBlob *blobs, size_t count, Buf *out)
{
	JsonWriter w = { .out = out };
	if (!old_config) {
		write_manifest(&w, MEDIA_DOCKER_ATTEST, subject, blobs, count);
		json_write_object_end(&w);
		return;
	}
	json_write_object(&w);
	json_write_key(&w, "schemaVersion");
	json_write_int(&w, 2);
	json_write_member(&w, "mediaType", STR(MEDIA_OCI_MANIFEST));
	json_write_key(&w, "config");
	begin_descriptor(&w, old_config->media_type, &old_config->digest, old_config->size);
	json_write_object_end(&w);
	write_blobs(&w, blobs, count);
	json_write_object_end(&w);
}

void attest_referrer_entry(const Descriptor *manifest, Str predicate_type, JsonWriter *w)
{
	begin_descriptor(w, manifest->media_type, &manifest->digest, manifest->size);
	write_annotation(w, predicate_type);
	json_write_member(w, "artifactType", STR(MEDIA_IN_TOTO));
	json_write_object_end(w);
}

/* --- an index that others write as well ------------------------------------------------------- */

static void write_entries(const JsonValue *list, const Digest *digest, JsonWriter *w, bool *ret_has)
{
	char text[DIGEST_TEXT_LEN + 1];
	digest_text(digest, text);
	for (size_t i = 0; i < json_length(list); i++) {
		AUTO_BUF Buf one = BUF_INIT;
		const JsonValue *entry = json_at(list, i);
		if (str_eqc(json_value_string(json_member(entry, "digest")), text))
			*ret_has = true;
		json_dump(entry, &one);
		json_write_raw(w, buf_str(&one));
	}
}

/* All members of OLD in their order, MORE added to "manifests". */
static void rewrite(const JsonValue *old, Str more, const Digest *digest, JsonWriter *w,
                    bool *ret_has)
{
	void *at = NULL;
	Str key;
	JsonValue *value;
	json_write_object(w);
	while (json_next_member(old, &at, &key, &value)) {
		AUTO_BUF Buf one = BUF_INIT;
		json_write_key_str(w, key);
		if (!str_eqc(key, "manifests")) {
			json_dump(value, &one);
			json_write_raw(w, buf_str(&one));
			continue;
		}
		json_write_array(w);
		write_entries(value, digest, w, ret_has);
		if (!*ret_has)
			json_write_raw(w, more);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

Err *attest_add_entry(Str old, Str more, const Digest *digest, Buf *out, bool *ret_changed)
{
	JsonWriter w = { .out = out };
	JsonValue *v = NULL;
	bool has = false;
	if (!old.len)
		old = STR("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX
		          "\",\"manifests\":[]}");
	TRY(json_parse(old, MANIFEST_BYTES_MAX, "the list of referrers", &v));
	Str type = json_value_string(json_member(v, "mediaType"));
	bool is_list = json_value_is_array(json_member(v, "manifests")) &&
	               (!type.len || str_eqc(type, MEDIA_OCI_INDEX));
	if (is_list)
		rewrite(v, more, digest, &w, &has);
	json_free(v);
	*ret_changed = !has;
	return is_list ? NULL : err_new(ERR_CORRUPT, "the list of referrers is no OCI index");
}
