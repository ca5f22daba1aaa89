/* pushed.c - an image that came to the registry of our own becomes the newest of tags of streams.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/reference.h"
#include "runner/runner.h"

typedef struct Pushed {
	const Str *domains;
	size_t domain_count;
	Str repo, tag, image;
} Pushed;

/* Is FROM, an image's name, what was pushed? */
static bool is_it(const Pushed *what, Arena *a, Str from)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, from, &ref);
	if (e || !str_eq(ref.path, what->repo) || !str_eq(ref.tag, what->tag))
		return false;
	for (size_t i = 0; i < what->domain_count; i++)
		if (str_eq(ref.domain, what->domains[i]))
			return true;
	return false;
}

/* Does the stream, "web" in "shop", hold the results of the repository "shop/web"? */
static bool is_stream_of(const Pushed *what, const Project *p, const ImageStream *is)
{
	Str name;
	Str rest = str_cut(what->repo, '/', &name);
	return str_eq(name, p->name) && str_eq(rest, is->meta.name) && !runner_is_remote(is);
}

static bool follows(const Pushed *what, const Project *p, const StreamTag *t)
{
	return str_eqc(t->from_kind, "DockerImage") && is_it(what, p->arena, t->from);
}

static bool is_concerned(const Pushed *what, const Project *p, const ImageStream *is)
{
	bool any = is_stream_of(what, p, is);
	for (size_t i = 0; i < is->tag_count && !any; i++)
		any = follows(what, p, &is->tags[i]);
	return any;
}

static Err *note(const Pushed *what, const Project *p, ImageStream *is, Str tag, Str repository,
                 size_t *news)
{
	const StreamTag *t = stream_tag(is, tag);
	if (t && t->item_count && str_eq(t->items[0].image, what->image))
		return NULL;
	++*news;
	return runner_stream_note(
		p, is, tag,
		arena_strf(p->arena, "%.*s@%.*s", STR_ARG(repository), STR_ARG(what->image)),
		what->image);
}

static Err *change(const Pushed *what, const Project *p, Str name, size_t *news)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_stream(p, name, &is));
	if (is_stream_of(what, p, &is))
		TRY(note(what, p, &is, what->tag, is.repository, news));
	for (size_t i = 0; i < is.tag_count; i++) {
		Reference ref;
		if (!follows(what, p, &is.tags[i]))
			continue;
		TRY(reference_parse(p->arena, is.tags[i].from, &ref));
		TRY(note(what, p, &is, is.tags[i].name,
		         arena_strf(p->arena, "%.*s/%.*s", STR_ARG(ref.domain), STR_ARG(ref.path)),
		         news));
	}
	return NULL;
}

static Err *look_at_project(const Pushed *what, const Project *p, size_t *news)
{
	Str *names;
	size_t count;
	TRY(project_list(p, PROJECT_STREAM, &names, &count));
	for (size_t i = 0; i < count; i++) {
		ImageStream is;
		Err *e = project_get_stream(p, names[i], &is);
		if (!e && is_concerned(what, p, &is))
			e = change(what, p, names[i], news);
		if (e && err_kind(e) != ERR_NOT_FOUND)
			return e;
		err_free(e); /* it was deleted just now */
	}
	return NULL;
}

Err *runner_pushed(Store *s, const Str *domains, size_t domain_count, Str repo, Str tag, Str image,
                   size_t *ret_news)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const Pushed what = { domains, domain_count, repo, tag, image };
	Str *names;
	size_t count;
	Digest digest;
	*ret_news = 0;
	AUTO_ERR Err *other = digest_parse(image, &digest);
	if (other)
		return NULL; /* streams know images by sha256 alone */
	TRY(project_names(s, &a, &names, &count));
	for (size_t i = 0; i < count; i++) {
		Project p;
		TRY(project_open(s, names[i], &a, &p));
		TRY(look_at_project(&what, &p, ret_news));
	}
	return NULL;
}
