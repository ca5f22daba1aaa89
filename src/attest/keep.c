/* keep.c - which attestations an image has: a JSON document beside it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/keep.h"
#include "base/limits.h"

void attest_set_add(Arena *a, AttestSet *set, const AttestKept *kept)
{
	AttestKept *more = arena_alloc(a, (set->count + 1) * sizeof *more, _Alignof(AttestKept));
	if (set->count)
		memcpy(more, set->at, set->count * sizeof *more);
	more[set->count++] = *kept;
	set->at = more;
}

Err *attest_kept_put(Store *s, Str predicate, Digest *ret)
{
	if (predicate.len > ATTEST_BYTES_MAX)
		return err_new(ERR_INPUT, "an attestation has more than %u MiB",
		               ATTEST_BYTES_MAX >> 20);
	return store_blob_put(s, predicate, false, ret);
}

Err *attest_kept_text(Store *s, const AttestKept *kept, Buf *out)
{
	return err_while(store_blob_read(s, &kept->predicate, ATTEST_BYTES_MAX, out),
	                 "reading the attestation '%.*s'", STR_ARG(kept->file));
}

/* --- the document ----------------------------------------------------------------------------- */

Err *attest_kept_write(Store *s, const Digest *image, const AttestSet *set)
{
	AUTO_BUF Buf out = BUF_INIT;
	JsonWriter w = { .out = &out };
	if (!set->count)
		return store_attest_put(s, image, STR(""));
	json_write_object(&w);
	if (set->form_set)
		json_write_member(&w, "form",
		                  set->form == ATTEST_INDEX ? STR("index") : STR("referrer"));
	json_write_key(&w, "attestations");
	json_write_array(&w);
	for (size_t i = 0; i < set->count; i++) {
		char digest[DIGEST_TEXT_LEN + 1];
		const AttestKept *k = &set->at[i];
		json_write_object(&w);
		json_write_member(&w, "type", k->type);
		json_write_member(&w, "predicateType", k->predicate_type);
		json_write_member(&w, "file", k->file);
		json_write_member(&w, "predicate", digest_text(&k->predicate, digest));
		json_write_key(&w, "inlineOnly");
		json_write_bool(&w, k->inline_only);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_object_end(&w);
	buf_add_char(&out, '\n');
	return store_attest_put(s, image, buf_str(&out));
}

static Err *read_kept(const JsonValue *v, Arena *a, AttestKept *k)
{
	static const char where[] = "attestation";
	Str digest = STR("");
	*k = (AttestKept){ .type = STR(""), .predicate_type = STR(""), .file = STR("") };
	TRY(json_get_str(v, where, "type", a, &k->type));
	TRY(json_get_str(v, where, "predicateType", a, &k->predicate_type));
	TRY(json_get_str(v, where, "file", a, &k->file));
	TRY(json_get_str(v, where, "predicate", a, &digest));
	TRY(json_get_bool(v, where, "inlineOnly", &k->inline_only));
	return digest_parse(digest, &k->predicate);
}

static Err *read_set(const JsonValue *v, Arena *a, AttestSet *ret)
{
	const JsonValue *list = json_member(v, "attestations");
	size_t count = json_length(list);
	AttestSet set = { .form = ATTEST_REFERRER };
	set.at = arena_alloc(a, (count + 1) * sizeof *set.at, _Alignof(AttestKept));
	set.form_set = !json_value_is_null(json_member(v, "form"));
	if (str_eqc(json_value_string(json_member(v, "form")), "index"))
		set.form = ATTEST_INDEX;
	for (; set.count < count; set.count++)
		TRY(read_kept(json_at(list, set.count), a, &set.at[set.count]));
	*ret = set;
	return NULL;
}

Err *attest_kept_read(Store *s, const Digest *image, Arena *a, AttestSet *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	JsonValue *v;
	*ret = (AttestSet){ .form = ATTEST_REFERRER };
	Err *e = store_attest_get(s, image, &text);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	TRY(e);
	TRY(json_parse(buf_str(&text), JSON_BYTES_MAX, "the list of attestations", &v));
	e = read_set(v, a, ret);
	json_free(v);
	return e ? err_set_kind(e, ERR_CORRUPT) : NULL;
}
