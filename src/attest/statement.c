/* statement.c - a predicate and what it speaks of → an in-toto statement. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/attest.h"
#include "attest/purl.h"

static void write_subject(JsonWriter *w, const AttestSubject *subject)
{
	char hex[DIGEST_HEX_LEN + 1];
	json_write_object(w);
	json_write_key(w, "name");
	json_write_str(w, subject->name);
	json_write_key(w, "digest");
	json_write_object(w);
	json_write_key(w, "sha256");
	json_write_str(w, digest_hex(&subject->digest, hex));
	json_write_object_end(w);
	json_write_object_end(w);
}

void attest_statement(const AttestSubject *subjects, size_t count, Str predicate_type,
                      Str predicate, Buf *out)
{
	JsonWriter w = { .out = out };
	json_write_object(&w);
	json_write_key(&w, "_type");
	json_write_str(&w, STR("https://in-toto.io/Statement/v1"));
	json_write_key(&w, "predicateType");
	json_write_str(&w, predicate_type);
	json_write_key(&w, "subject");
	json_write_array(&w);
	for (size_t i = 0; i < count; i++)
		write_subject(&w, &subjects[i]);
	json_write_array_end(&w);
	json_write_key(&w, "predicate");
	json_write_raw(&w, predicate);
	json_write_object_end(&w);
}

Err *attest_subjects(Arena *a, const Str *names, size_t count, const Platform *platform,
                     const Digest *manifest, AttestSubject **ret, size_t *ret_count)
{
	AttestSubject *subjects =
		arena_alloc(a, (count + 1) * sizeof *subjects, _Alignof(AttestSubject));
	for (size_t i = 0; i < count; i++) {
		Reference ref;
		TRY(reference_parse(a, names[i], &ref));
		subjects[i] = (AttestSubject){ purl_image(a, "docker", &ref, platform), *manifest };
	}
	if (!count) /* a statement speaks of something; in-toto's word for "no name" */
		subjects[0] = (AttestSubject){ STR("_"), *manifest };
	*ret = subjects;
	*ret_count = count ? count : 1;
	return NULL;
}
