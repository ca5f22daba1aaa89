/*
 * attest.c - the attestations of images as they go out: in an index, as referrers, as files.
 *
 * A statement names the manifest that it speaks of, so it is made here, once there is one.  As a
 * referrer it lies beside the image and changes nothing of it; the index form makes one of every
 * image, as buildx does.  SOURCE: OCI distribution-spec 1.1, "Pushing Manifests with Subject" and
 * "Referrers Tag Schema"; moby/buildkit exporter/containerimage/writer.go, exporter/local/fs.go.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/keep.h"
#include "attest/provenance.h"
#include "base/vec.h"
#include "codec/sha256.h"
#include "export/attest-internal.h"
#include "layer/view.h"

#include <poll.h>
#include <sys/random.h>

typedef VEC(ExportAttest) AttestVec;
typedef VEC(Descriptor) DescriptorVec;

typedef struct Maker {
	const ExportJob *job;
	Arena *a;
	const Str *names;
	size_t name_count;
	bool index;
	AttestVec documents;
	DescriptorVec blobs;
} Maker;

/* --- documents -------------------------------------------------------------------------------- */

static Err *put_blob(Maker *m, Str media_type, Str bytes, Descriptor *ret)
{
	*ret = (Descriptor){ .media_type = media_type,
		             .size = bytes.len,
		             .ref_name = STR(""),
		             .container_name = STR("") };
	return store_blob_put(m->job->store, bytes, false, &ret->digest);
}

static Err *add_blob(Maker *m, Str media_type, Str bytes, Descriptor *ret)
{
	TRY(put_blob(m, media_type, bytes, ret));
	VEC_PUSH(&m->blobs, *ret);
	return NULL;
}

static Err *add_document(Maker *m, const Digest *subject, Str predicate_type, Str json)
{
	ExportAttest one = { .subject = *subject,
		             .predicate_type = predicate_type,
		             .json = arena_str(m->a, json) };
	TRY(put_blob(m, STR(MEDIA_OCI_MANIFEST), one.json, &one.descriptor));
	VEC_PUSH(&m->documents, one);
	return NULL;
}

static Err *make_statement(Maker *m, const Image *image, const AttestKept *kept,
                           const Descriptor *subject, AttestBlob *ret)
{
	AUTO_BUF Buf predicate = BUF_INIT, statement = BUF_INIT;
	AttestSubject *subjects;
	size_t count;
	Descriptor d;
	TRY(attest_kept_text(m->job->store, kept, &predicate));
	TRY(attest_subjects(m->a, m->names, m->name_count, &image->config.platform,
	                    &subject->digest, &subjects, &count));
	attest_statement(subjects, count, kept->predicate_type, buf_str(&predicate), &statement);
	TRY(add_blob(m, STR(MEDIA_IN_TOTO), buf_str(&statement), &d));
	*ret = (AttestBlob){ kept->predicate_type, d.digest, d.size };
	return NULL;
}

/* BuildKit's older way, for readers that know no artifacts: an image's config. */
static Err *add_old_config(Maker *m, const AttestBlob *blobs, size_t count, Descriptor *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	buf_addf(&json, "{\"architecture\":\"unknown\",\"os\":\"unknown\",\"config\":{},"
	                "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < count; i++)
		buf_addf(&json, "%s\"%s\"", i ? "," : "", digest_text(&blobs[i].digest, text).ptr);
	buf_addf(&json, "]}}");
	return add_blob(m, STR(MEDIA_OCI_CONFIG), buf_str(&json), ret);
}

static Err *make_in_index(Maker *m, const Descriptor *subject, const AttestBlob *blobs,
                          size_t count)
{
	AUTO_BUF Buf json = BUF_INIT;
	Descriptor config;
	bool old = m->job->out->oci_artifact == EXPORT_NO;
	if (old)
		TRY(add_old_config(m, blobs, count, &config));
	attest_index_manifest(subject, old ? &config : NULL, blobs, count, &json);
	return add_document(m, &subject->digest, STR(""), buf_str(&json));
}

static Err *make_image(Maker *m, const Image *image, const AttestSet *set,
                       const ExportManifest *manifest)
{
	Descriptor subject = { .media_type = manifest->manifest.media_type,
		               .digest = manifest->digest,
		               .size = manifest->json.len };
	AttestBlob *blobs =
		arena_alloc(m->a, (set->count + 1) * sizeof *blobs, _Alignof(AttestBlob));
	for (size_t i = 0; i < set->count; i++)
		TRY(make_statement(m, image, &set->at[i], &subject, &blobs[i]));
	if (m->index)
		return make_in_index(m, &subject, blobs, set->count);
	for (size_t i = 0; i < set->count; i++) {
		AUTO_BUF Buf json = BUF_INIT;
		attest_referrer(&subject, &blobs[i], &json);
		TRY(add_document(m, &subject.digest, blobs[i].predicate_type, buf_str(&json)));
	}
	return NULL;
}

static Err *make_all(Maker *m, const ExportImage *image, const AttestSet *sets,
                     const ExportManifest *manifests)
{
	Descriptor empty;
	if (!m->index || m->job->out->oci_artifact != EXPORT_NO)
		TRY(add_blob(m, STR(MEDIA_OCI_EMPTY), STR(ATTEST_EMPTY_JSON), &empty));
	for (size_t i = 0; i < image->image_count; i++)
		if (sets[i].count)
			TRY(make_image(m, &image->images[i], &sets[i], &manifests[i]));
	return NULL;
}

static Err *check_types(const Maker *m)
{
	if (!m->index || m->job->out->media_types != EXPORT_TYPES_DOCKER)
		return NULL;
	return err_note(err_new(ERR_INPUT, "attestations in an index need OCI's media types"),
	                "leave oci-mediatypes=false out, or attest with form=referrer");
}

/* Is it of a type that this build attests?  Of an equal image another build may write at the same
 * time. */
static bool is_of_build(const OutputSpec *out, const AttestKept *kept)
{
	if (!out->attests)
		return true;
	return (str_eqc(kept->type, "sbom") ? out->attests->sbom : out->attests->provenance) ==
	       ATTEST_YES;
}

static Err *read_set(const ExportJob *job, const Image *image, Arena *a, AttestSet *ret)
{
	size_t kept = 0;
	TRY(attest_kept_read(job->store, &image->id, a, ret));
	for (size_t i = 0; i < ret->count; i++)
		if (is_of_build(job->out, &ret->at[i]))
			ret->at[kept++] = ret->at[i];
	ret->count = kept;
	return NULL;
}

/*
 * In a registry a referrer is found by its subject.  In an archive or layout nobody looks for one,
 * and one more manifest beside the image is one too many for skopeo without a name, and an image
 * more for `docker load`: there the index is the usual form.
 */
static bool is_index(const OutputSpec *out, bool form_set, AttestForm form)
{
	bool in_registry = str_eqc(out->type, "registry") || str_eqc(out->type, "image");
	return form_set ? form == ATTEST_INDEX : !in_registry;
}

bool export_attests_in_index(const OutputSpec *out)
{
	const AttestSpec *spec = out->attests;
	bool any = spec && (spec->provenance == ATTEST_YES || spec->sbom == ATTEST_YES);
	return any && !out->no_attestations && !str_eqc(out->type, "docker") &&
	       is_index(out, spec->form_set, spec->form);
}

Err *export_attest_make(const ExportJob *job, const ExportImage *image, Arena *a,
                        ExportDocument *ret)
{
	Maker m = { .job = job, .a = a };
	AttestSet *sets = arena_alloc(a, image->image_count * sizeof *sets, _Alignof(AttestSet));
	bool any = false;
	for (size_t i = 0; i < image->image_count; i++) {
		TRY(read_set(job, &image->images[i], a, &sets[i]));
		any |= sets[i].count > 0;
		m.index |= sets[i].count > 0 && is_index(job->out, sets[i].form_set, sets[i].form);
	}
	if (!any || job->out->no_attestations)
		return NULL;
	TRY(check_types(&m));
	export_names(job->out, image, &m.names, &m.name_count);
	Err *e = make_all(&m, image, sets, ret->manifests);
	ret->attests_in_index = m.index;
	ret->attests = arena_alloc(a, (m.documents.len + 1) * sizeof *ret->attests,
	                           _Alignof(ExportAttest));
	ret->attest_blobs =
		arena_alloc(a, (m.blobs.len + 1) * sizeof *ret->attest_blobs, _Alignof(Descriptor));
	if (m.documents.len)
		memcpy(ret->attests, m.documents.at, m.documents.len * sizeof *ret->attests);
	if (m.blobs.len)
		memcpy(ret->attest_blobs, m.blobs.at, m.blobs.len * sizeof *ret->attest_blobs);
	ret->attest_count = m.documents.len;
	ret->attest_blob_count = m.blobs.len;
	VEC_DONE(&m.documents);
	VEC_DONE(&m.blobs);
	return err_while(e, "attesting the image");
}

static Descriptor note(const ExportAttest *one, const Annotation *notes, size_t count)
{
	Descriptor d = one->descriptor;
	d.annotations = notes;
	d.annotation_count = count;
	return d;
}

Descriptor export_attest_in_index(Arena *a, const ExportAttest *one)
{
	Annotation *notes = arena_alloc(a, 2 * sizeof *notes, _Alignof(Annotation));
	notes[0] = (Annotation){ STR("vnd.docker.reference.digest"),
		                 digest_arena_text(a, &one->subject) };
	notes[1] = (Annotation){ STR("vnd.docker.reference.type"), STR("attestation-manifest") };
	Descriptor d = note(one, notes, 2);
	d.has_platform = true; /* so that nobody takes it for an image to run */
	d.platform = (Platform){ STR("unknown"), STR("unknown"), STR("") };
	return d;
}

Descriptor export_attest_in_layout(Arena *a, const ExportAttest *one)
{
	Annotation *notes = arena_alloc(a, sizeof *notes, _Alignof(Annotation));
	notes[0] = (Annotation){ STR(ATTEST_PREDICATE_KEY), one->predicate_type };
	Descriptor d = note(one, notes, 1);
	d.artifact_type = STR(MEDIA_IN_TOTO);
	return d;
}

/* --- referrers of a registry ------------------------------------------------------------------ */

/*
 * Who read the list before we wrote it writes it a moment later, without our entry.  Different
 * waits, longer ones in later rounds, keep two of them from meeting again.
 */
static Err *let_others_write(unsigned round, const Cancel *cancel)
{
	enum { WAIT_MIN_MS = 50, WAIT_MORE_MS = 100 };
	unsigned char chance = 0;
	struct pollfd p = { .fd = cancel ? cancel_fd(cancel) : -1, .events = POLLIN };
	if (getrandom(&chance, 1, GRND_NONBLOCK) != 1)
		chance = (unsigned char)getpid();
	unsigned more_ms = WAIT_MORE_MS * round * chance / UINT8_MAX;
	(void)poll(&p, p.fd >= 0, (int)(WAIT_MIN_MS + more_ms));
	return cancel ? cancel_check(cancel) : NULL;
}

/*
 * A registry without the referrers API has their list under a tag, "sha256-HEX", that everybody
 * writes who adds one: read, add, write, and read again, since another may have written meanwhile.
 */
static Err *add_to_tag(Registry *r, const Reference *ref, const ExportAttest *one,
                       const Cancel *cancel)
{
	enum { TRIES = 10 };
	AUTO_ARENA Arena a = ARENA_INIT;
	Reference list = { .domain = ref->domain, .path = ref->path };
	list.tag = arena_strf(&a, "sha256-%s", digest_arena_hex(&a, &one->subject).ptr);
	for (unsigned i = 0; i < TRIES; i++) {
		AUTO_BUF Buf entry = BUF_INIT, more = BUF_INIT;
		JsonWriter w = { .out = &entry };
		Str old;
		bool changed;
		Digest is;
		attest_referrer_entry(&one->descriptor, one->predicate_type, &w);
		TRY(registry_read_manifest(r, &list, &a, &old));
		TRY_WHILE(attest_add_entry(old, buf_str(&entry), &one->descriptor.digest, &more,
		                           &changed),
		          "reading the tag '%s'", list.tag.ptr);
		if (!changed)
			return NULL;
		TRY(registry_push_manifest(r, &list, STR(MEDIA_OCI_INDEX), buf_str(&more), &is));
		TRY(let_others_write(i + 1, cancel));
	}
	return err_note(err_new(ERR_NETWORK, "the tag '%s' did not keep what was added to it",
	                        list.tag.ptr),
	                "somebody else is writing it: push again");
}

Err *export_attest_push(Registry *r, const ExportDocument *d, const Reference *ref,
                        const Cancel *cancel)
{
	Reference untagged = *ref;
	untagged.tag = STR("");
	for (size_t i = 0; i < d->attest_count; i++) {
		const ExportAttest *one = &d->attests[i];
		bool known;
		TRY(cancel_check(cancel));
		TRY(registry_push_artifact(r, &untagged, STR(MEDIA_OCI_MANIFEST), one->json,
		                           &known));
		if (!known && !d->attests_in_index)
			TRY(add_to_tag(r, ref, one, cancel));
	}
	return NULL;
}

/* --- files beside a root file system ---------------------------------------------------------- */

typedef VEC(AttestSubject) SubjectVec;

typedef struct Files {
	const View *view;
	Arena *a;
	SubjectVec subjects;
} Files;

static Err *take_file(void *context, const Entry *e, size_t layer)
{
	Files *f = context;
	Entry target = *e;
	if (e->type == ENTRY_HARDLINK && !view_find(f->view, e->link, f->a, &target, &layer))
		return NULL;
	if (target.type == ENTRY_FILE)
		VEC_PUSH(&f->subjects, (AttestSubject){ arena_str(f->a, e->path), target.sha256 });
	return NULL;
}

static Err *gather_files(Files *f, const ExportJob *job, const Image *image)
{
	const ImageConfig *c = &image->config;
	AUTO_VIEW View *view = NULL;
	TRY(view_open(job->store, c->diff_ids, c->diff_id_count, &view));
	f->view = view;
	return view_each(view, STR(""), take_file, f);
}

/* "provenance.json", "PREFIXprovenance.linux_arm64.json" */
static Str file_name(const ExportJob *job, const Image *image, Str file, Arena *a)
{
	Str prefix = job->out->attestation_prefix;
	if (job->images[0].image_count < 2 || export_platform_dir(job, image, a).len)
		return arena_strf(a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(file));
	Platform platform = image->config.platform;
	platform_normalise(&platform);
	char *text = (char *)arena_str(a, platform_text(a, &platform)).ptr;
	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = '_';
	ptrdiff_t dot = str_rfind(file, '.');
	size_t stem = dot < 0 ? file.len : (size_t)dot;
	return arena_strf(a, "%.*s%.*s.%s%.*s", STR_ARG(prefix), (int)stem, file.ptr, text,
	                  STR_ARG(str_from_at(file, stem)));
}

static Err *write_one(const ExportJob *job, const Image *image, const AttestKept *kept,
                      const Files *f, ExportAttestFile *fn, void *context)
{
	AUTO_BUF Buf predicate = BUF_INIT, statement = BUF_INIT, text = BUF_INIT;
	TRY(attest_kept_text(job->store, kept, &predicate));
	attest_statement(f->subjects.at, f->subjects.len, kept->predicate_type, buf_str(&predicate),
	                 &statement);
	TRY(provenance_format_file(buf_str(&statement), &text));
	return fn(context, file_name(job, image, kept->file, f->a), buf_str(&text));
}

/* Was it this build that attested it, so that a file of it is no surprise? */
static bool is_wanted(const OutputSpec *out, const AttestKept *kept)
{
	return out->attests && !kept->inline_only && is_of_build(out, kept);
}

Err *export_attest_files(const ExportJob *job, const Image *image, ExportAttestFile *fn,
                         void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Files f = { .a = &a };
	AttestSet set;
	Err *e = attest_kept_read(job->store, &image->id, &a, &set);
	for (size_t i = 0; !e && i < set.count; i++) {
		if (!is_wanted(job->out, &set.at[i]))
			continue;
		if (!f.view)
			e = gather_files(&f, job, image);
		if (!e)
			e = write_one(job, image, &set.at[i], &f, fn, context);
	}
	VEC_DONE(&f.subjects);
	return err_while(e, "writing the attestations");
}
