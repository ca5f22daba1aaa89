/*
 * result_attest.c - what is said of the images: provenance, and what is in them.
 *
 * Both are kept in the store beside the image; whatever writes or sends it takes them along.  The
 * last build that gives an image decides: equal images may come of builds that differ in what they
 * would tell, and nobody expects an earlier one's arguments in a registry.  A
 * list of packages follows from the layers alone, so an unchanged image gives it without a look.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"

static Err *keep_provenance(Build *b, const BuildImage *image, AttestSet *set)
{
	const AttestSpec *spec = &b->request->attest;
	AUTO_BUF Buf text = BUF_INIT;
	AttestKept kept = {
		.type = STR("provenance"),
		.predicate_type =
			spec->v02 ? STR(PREDICATE_PROVENANCE_02) : STR(PREDICATE_PROVENANCE_1),
		.file = spec->filename.len ? spec->filename : STR("provenance.json"),
		.inline_only = spec->inline_only,
	};
	if (spec->complete_materials)
		TRY(provenance_check_complete(image->provenance));
	provenance_format(image->provenance, spec, &text);
	TRY(attest_kept_put(b->store, buf_str(&text), &kept.predicate));
	attest_set_add(b->arena, set, &kept);
	return NULL;
}

static Err *attest_image(Build *b, BuildResult *ret, size_t number)
{
	const AttestSpec *spec = &b->request->attest;
	const BuildImage *image = &ret->images[number];
	AttestSet set = { .form = spec->form, .form_set = spec->form_set };
	if (spec->sbom == ATTEST_YES)
		TRY(result_sbom(b, ret, number, &set));
	if (spec->provenance == ATTEST_YES)
		TRY(keep_provenance(b, image, &set));
	return attest_kept_write(b->store, &image->image_id, &set);
}

Err *result_drop_attests(Build *b, const BuildImage *images, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(attest_kept_write(b->store, &images[i].image_id, &(AttestSet){ 0 }));
	return NULL;
}

Err *result_attest(Build *b, BuildResult *ret)
{
	const AttestSpec *spec = &b->request->attest;
	bool attests = spec->provenance == ATTEST_YES || spec->sbom == ATTEST_YES;
	/* What only the cache keeps is no image that one could speak of. */
	bool gives_images = !b->request->cache_only;
	bool captures = b->request->wants_provenance || spec->provenance == ATTEST_YES;
	for (size_t i = 0; captures && i < ret->image_count; i++) {
		Provenance *prov = arena_new(b->arena, Provenance);
		TRY(result_provenance(b, ret, i, prov));
		ret->images[i].provenance = prov;
	}
	for (size_t i = 0; attests && gives_images && i < ret->image_count; i++)
		TRY_WHILE(attest_image(b, ret, i), "attesting the image");
	return NULL;
}
