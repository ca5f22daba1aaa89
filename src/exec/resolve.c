/*
 * resolve.c - base images: the store first, then the registry.
 *
 * plan/ asks only for configs, and says beforehand which ones those will be: the registries are
 * asked for all that are not here at the same time, by threads that are gone again before the
 * sandbox is entered.  Layers are pulled when a step needs them, once, while other steps run.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/parallel.h"
#include "exec/build-internal.h"
#include "exec/image.h"
#include "exec/pull.h"

#include <fcntl.h>
#include <unistd.h>

/* An image that planning asks for, or will. */
typedef struct Expected {
	struct Expected *next;
	Build *build;
	Resolved *resolved;
	BaseImage of_store; /* what the store has under that name */
	bool found;         /* that there is such an image */
	bool fits;          /* and that it is for the platform */
	bool asked;         /* the registry was, with this error: */
	Err *err;
	unsigned line; /* progress line of the question */
	Arena arena;   /* of the answer: threads share none */
} Expected;

static Err *need_registry(Build *b)
{
	return b->registry ? NULL : registry_open(b->cancel, &b->registry);
}

/* The image of CONFIG, if its config is in the store; *ret_found false: it is not. */
static Err *read_local(Build *b, Str name, const Digest *config, Arena *a, BaseImage *base,
                       bool *ret_found)
{
	AUTO_BUF Buf json = BUF_INIT;
	Err *e = store_blob_read(b->store, config, IMAGE_CONFIG_BYTES_MAX, &json);
	if (!e)
		e = image_config_parse(a, buf_str(&json), name.ptr, &base->config);
	*ret_found = !e;
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* absent or damaged: pulled (again) */
	base->config_digest = *config;
	return NULL;
}

/*
 * A name leads to the images of one index.  Which image it means for another platform, if that is
 * of another index, is a record.
 */
static Digest foreign_key(Str name, const Platform *platform)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Sha256 h;
	sha256_init(&h);
	sha256_add_field(&h, STR("decant image of a platform 1"));
	sha256_add_field(&h, name);
	sha256_add_field(&h, platform_text(&a, platform));
	return sha256_end(&h);
}

static Err *find_foreign(Build *b, Str name, const Platform *platform, Arena *a, BaseImage *base,
                         bool *ret_found)
{
	AUTO_BUF Buf text = BUF_INIT;
	Digest key = foreign_key(name, platform), config;
	*ret_found = false;
	Err *e = store_record_get(b->store, &key, &text);
	if (!e)
		e = digest_parse(str_trim(buf_str(&text)), &config);
	if (e && err_kind(e) == ERR_SYSTEM)
		return e;
	err_free(e); /* never pulled, or the record is damaged */
	return e ? NULL : read_local(b, name, &config, a, base, ret_found);
}

/* The image in the store.  *ret_fits false: none, or (its config is set then) one for another
 * platform. */
static Err *find_local(Build *b, Str name, const Platform *platform, Arena *a, BaseImage *base,
                       bool *ret_found, bool *ret_fits)
{
	StoreRef ref;
	*ret_found = *ret_fits = false;
	Err *e = store_ref_get(b->store, name, a, &ref);
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* absent or damaged: pulled (again) */
	if (!e) {
		const StoreVariant *v = image_variant(&ref, platform, a);
		TRY(read_local(b, name, v ? &v->config : &ref.config, a, base, ret_found));
	}
	*ret_fits = *ret_found && platform_fit(platform, &base->config.platform) > 0;
	if (*ret_fits)
		return NULL;
	BaseImage other = { .ref = base->ref };
	TRY(find_foreign(b, name, platform, a, &other, ret_fits));
	if (*ret_fits)
		*base = other;
	return NULL;
}

/* What a registry sent and is not what was promised says nothing about the store, which ERR_CORRUPT
 * would. */
static Err *of_registry(Err *e)
{
	return e && err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_NETWORK) : e;
}

static Err *ask_registry(Build *b, Resolved *r, const Platform *platform, Arena *a,
                         unsigned *ret_line)
{
	unsigned line = progress_begin(b->progress, STR(""), "[internal] load metadata for %.*s",
	                               STR_ARG(r->name));
	*ret_line = line;
	Err *e = of_registry(registry_resolve(b->registry, &r->base.ref, platform, a, &r->remote));
	if (!e)
		e = err_set_kind(
			image_config_parse(a, r->remote.config_json, r->name.ptr, &r->base.config),
			ERR_NETWORK);
	if (e) {
		progress_end(b->progress, line, PROGRESS_ERROR, err_cause(e));
		return e;
	}
	r->base.config_digest = r->remote.manifest.config.digest;
	progress_end(b->progress, line, PROGRESS_DONE, STR(""));
	return NULL;
}

/* No registry has it: is the one for another platform good enough?  It is if nobody asked for one.
 */
static bool may_be_foreign(const Build *b, const Platform *platform, const Err *e)
{
	const Platform *usual = &b->request->platforms[0];
	if (!e)
		return false;
	bool is_usual =
		str_eq(platform->arch, usual->arch) && str_eq(platform->variant, usual->variant);
	return !b->request->platform_given && is_usual && err_kind(e) != ERR_CANCELLED &&
	       err_kind(e) != ERR_SYSTEM;
}

static void keep_resolved(Build *b, Resolved *r, Arena *a)
{
	Resolved **grown =
		arena_alloc(a, (b->resolved_count + 1) * sizeof(Resolved *), _Alignof(Resolved *));
	if (b->resolved_count)
		memcpy(grown, b->resolved, b->resolved_count * sizeof(Resolved *));
	grown[b->resolved_count++] = r;
	b->resolved = grown;
}

/* Each target and platform is planned by itself, and many ask for the same. */
static const Resolved *find_asked(const Build *b, Str name, const Platform *platform, bool layout)
{
	for (size_t i = 0; i < b->resolved_count; i++) {
		const Resolved *r = b->resolved[i];
		if (r->in_layout == layout && str_eq(r->name, name) &&
		    str_eq(r->platform.os, platform->os) &&
		    str_eq(r->platform.arch, platform->arch) &&
		    str_eq(r->platform.variant, platform->variant))
			return r;
	}
	return NULL;
}

static Err *not_here(const Resolved *r, bool found)
{
	Err *e = err_new(ERR_NOT_FOUND, "the image '%.*s' is not in the store", STR_ARG(r->name));
	return err_note(e, found ? "it is there for another platform; without --pull=never the "
	                           "registry would be asked"
	                         : "without --pull=never the registry would be asked");
}

/* What the store says about REF. */
static Err *look_local(Build *b, const Reference *ref, const Platform *platform, Arena *a,
                       Expected *ret)
{
	Resolved *r = arena_new(a, Resolved);
	*ret = (Expected){ .build = b, .resolved = r };
	r->base.ref = *ref;
	r->name = reference_full(a, ref);
	r->platform = *platform;
	BuildPull how = b->request->pull;
	if (how != BUILD_PULL_ALWAYS && b->store)
		TRY(find_local(b, reference_kept(a, ref), platform, a, &r->base, &ret->found,
		               &ret->fits));
	ret->of_store = r->base;
	r->local = ret->fits && how != BUILD_PULL_NEWER;
	if (how == BUILD_PULL_NEVER && !r->local)
		return not_here(r, ret->found);
	return NULL;
}

static void ask(Expected *x)
{
	Resolved *r = x->resolved;
	x->asked = true;
	x->err = ask_registry(x->build, r, &r->platform, &x->arena, &x->line);
}

static Err *ask_one(void *context, size_t index)
{
	Expected **all = context;
	ask(all[index]);
	return NULL; /* each error is told when its image is wanted */
}

void resolve_expect(void *context, const PlanWanted *wanted, size_t count)
{
	enum { ASKED_AT_ONCE = 16 };
	Build *b = context;
	AUTO_FREE Expected **missing = xcalloc(count, sizeof(Expected *));
	Expected **end = &b->expected;
	size_t n = 0;
	while (*end)
		end = &(*end)->next;
	for (size_t i = 0; i < count; i++) {
		Str name = reference_full(b->arena, &wanted[i].ref);
		if (find_asked(b, name, &wanted[i].platform, false))
			continue;
		Expected *x = arena_new(b->arena, Expected);
		x->err = look_local(b, &wanted[i].ref, &wanted[i].platform, b->arena, x);
		*end = x;
		end = &x->next;
		if (!x->err && !x->resolved->local)
			missing[n++] = x;
	}
	AUTO_ERR Err *e = n > 1 ? need_registry(b) : NULL;
	if (n > 1 && !e) /* else it is asked, or the error comes, when the first is wanted */
		err_free(parallel_each(n, ASKED_AT_ONCE, ask_one, missing));
}

static bool is_it(const Expected *x, Str name, Str platform)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	return str_eq(x->resolved->name, name) &&
	       str_eq(platform_text(&a, &x->resolved->platform), platform);
}

/* What is known of the image.  Those that were expected come in their order: it is the first. */
static Expected *take(Build *b, const Reference *ref, const Platform *platform, Arena *a)
{
	Str name = reference_full(a, ref), on = platform_text(a, platform);
	Expected *x, **at = &b->expected;
	while (*at && !is_it(*at, name, on))
		at = &(*at)->next;
	x = *at;
	if (x) {
		*at = x->next;
	} else {
		x = arena_new(a, Expected);
		x->err = look_local(b, ref, platform, a, x);
	}
	x->next = b->answered;
	b->answered = x;
	return x;
}

static Err *need_answer(Build *b, Expected *x)
{
	if (!x->err && !x->resolved->local && !x->asked) {
		TRY(need_registry(b));
		ask(x);
	}
	return TAKE_PTR(x->err);
}

/* What the store has under NAME, which was not what E (taken, given back) was about. */
static Err *note_stored(Build *b, Str name, Arena *a, Err *e)
{
	Image image;
	Err *unread = image_find(b->store, name, a, &image);
	if (unread) {
		err_free(unread); /* gone, or damaged, since it was found */
		return e;
	}
	return image_note_platforms(b->store, &image, a, e);
}

Err *resolve_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                   BaseImage *ret)
{
	Build *b = context;
	const Resolved *asked = find_asked(b, reference_full(a, ref), platform, false);
	if (asked) {
		*ret = asked->base;
		return NULL;
	}
	Expected *x = take(b, ref, platform, a);
	Resolved *r = x->resolved;
	Err *e = need_answer(b, x);
	bool good = x->found && e &&
	            (may_be_foreign(b, platform, e) || (x->fits && err_kind(e) != ERR_CANCELLED));
	if (e && good) {
		err_free(e); /* if it is for another platform, the planner sees that */
		r->base = x->of_store;
		r->local = true;
	} else if (e) {
		b->failed_line = x->line;
		return x->found ? note_stored(b, reference_full(a, ref), a, e) : e;
	}
	keep_resolved(b, r, a);
	*ret = r->base;
	return NULL;
}

Err *resolve_layout(void *context, const PlanContext *layout, const Platform *platform, Arena *a,
                    BaseImage *ret)
{
	Build *b = context;
	const char *path = layout->path.ptr; /* in an arena: it ends with a NUL */
	const Resolved *asked = find_asked(b, layout->value, platform, true);
	if (asked) {
		*ret = asked->base;
		return NULL;
	}
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_note(err_sys(errno, "cannot open the OCI image layout '%s'", path),
		                "oci-layout://DIR[:TAG][@DIGEST]");
	Resolved *r = arena_new(a, Resolved);
	*r = (Resolved){ .name = arena_str(a, layout->value),
		         .platform = *platform,
		         .in_layout = true,
		         .layout = { fd, path } };
	r->base.ref = layout->ref;
	TRY(layout_resolve(&r->layout, layout->tag,
	                   layout->ref.has_digest ? &layout->ref.digest : NULL, platform, a,
	                   &r->remote));
	TRY(err_set_kind(image_config_parse(a, r->remote.config_json, path, &r->base.config),
	                 ERR_INPUT));
	r->base.config_digest = r->remote.manifest.config.digest;
	(void)TAKE_FD(fd);
	keep_resolved(b, r, a);
	*ret = r->base;
	return NULL;
}

static void answers_done(Expected *x)
{
	for (; x; x = x->next) {
		err_free(x->err); /* planning failed for another reason first */
		arena_done(&x->arena);
	}
}

void resolve_done(Build *b)
{
	answers_done(b->expected);
	answers_done(b->answered);
	for (size_t i = 0; i < b->resolved_count; i++)
		if (b->resolved[i]->in_layout)
			close(b->resolved[i]->layout.fd);
}

/* Two names may mean one image: each is kept under its own. */
Resolved *resolve_find(const Build *b, const BaseImage *image)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str name = reference_full(&a, &image->ref);
	Resolved *found = NULL;
	for (size_t i = 0; i < b->resolved_count; i++) {
		Resolved *r = b->resolved[i];
		if (!digest_eq(&r->base.config_digest, &image->config_digest))
			continue;
		if (str_eq(reference_full(&a, &r->base.ref), name))
			return r;
		found = r;
	}
	return found;
}

const Manifest *resolve_missing(Build *b, const Step *step)
{
	if (step->base.scratch || b->states[step->number].here)
		return NULL;
	const Resolved *r = resolve_find(b, &step->base.image);
	return r && !r->local && !r->in_layout ? &r->remote.manifest : NULL;
}

/* All layers are here and whole.  A missing one is told by *ret_here, not by an error. */
static Err *layers_here(Build *b, const StepState *s, bool *ret_here)
{
	*ret_here = true;
	for (size_t i = 0; i < s->layer_count && *ret_here; i++) {
		StoreLayer layer;
		Err *e = state_check_layer(b, &s->layers[i].diff_id, &layer);
		if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		*ret_here = e == NULL;
		err_free(e); /* missing or damaged and dropped: pulled again */
	}
	return NULL;
}

/* The pulled image is an image of the store from now on, under the name that FROM gave.  One for
 * another platform than this machine's does not move a name that means something else: it gets that
 * name with its digest. */
static Err *keep_image(Build *b, const Resolved *r, Arena *a)
{
	Digest config, manifest;
	Platform host = platform_host();
	char text[DIGEST_TEXT_LEN + 1];
	TRY(store_blob_put(b->store, r->remote.config_json, true, &config));
	TRY(store_blob_put(b->store, r->remote.manifest_json, true, &manifest));
	StoreRef ref = { .name = reference_kept(a, &r->base.ref),
		         .config = config,
		         .manifest = manifest,
		         .pulled = r->remote.top_digest };
	if (r->remote.index_json.len)
		TRY(store_blob_put(b->store, r->remote.index_json, true, &ref.index));
	bool is_foreign = !platform_fit(&host, &r->base.config.platform), joined;
	TRY(image_name_pulled(b->store, &ref, &r->base.config.platform, !is_foreign, b->cancel,
	                      &joined));
	if (!joined && is_foreign) {
		Digest key = foreign_key(r->name, &r->platform);
		Reference exact = r->base.ref;
		exact.has_digest = true;
		exact.digest = r->remote.manifest_digest;
		ref.name = reference_kept(a, &exact);
		TRY(store_record_put(b->store, &key, digest_text(&config, text)));
		TRY(store_ref_set(b->store, &ref));
	}
	return store_layout_write(b->store);
}

static Err *pull(Build *b, Resolved *r)
{
	if (r->in_layout) {
		PullSource source = { .open = layout_open_blob, .context = &r->layout };
		return of_registry(pull_layers_from(b->store, &source, r->name.ptr, &r->remote,
		                                    b->progress, NULL, b->cancel));
	}
	if (r->local) { /* its config is here but layers are missing: ask where they come from */
		(void)pthread_mutex_lock(&b->mutex);
		unsigned line = 0;
		Err *e = need_registry(b);
		if (!e)
			e = ask_registry(b, r, &r->platform, b->arena, &line);
		if (e)
			b->failed_line = line;
		(void)pthread_mutex_unlock(&b->mutex);
		TRY(err_note(e, "layers of the image '%.*s' are missing in the store",
		             STR_ARG(r->name)));
		r->local = false;
	}
	return of_registry(pull_layers(b->store, b->registry, &r->base.ref, &r->remote, b->progress,
	                               NULL, b->cancel));
}

static void fill_sizes(Build *b, StepState *s)
{
	for (size_t i = 0; i < s->layer_count; i++) {
		StoreLayer layer;
		Err *e = store_layer_get(b->store, &s->layers[i].diff_id, &layer);
		if (!e)
			s->layers[i].size_bytes = layer.size_bytes;
		err_free(e); /* the size of a layer that is not needed here is not known */
	}
}

static Err *need_layers(Build *b, const Step *step, StepState *s)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	bool here;
	Resolved *r = resolve_find(b, &step->base.image);
	TRY(layers_here(b, s, &here));
	if (!r)
		return err_new(ERR_NOT_FOUND, "the image of '%.*s' is not known",
		               STR_ARG(step->title));
	/* It stays under a name, with a manifest: the blobs that this names stay too. */
	if (!r->local && !r->in_layout)
		here = here && pull_has_blobs(b->store, &r->remote.manifest);
	s->trace.pulled = !here;
	if (!here)
		TRY(pull(b, r));
	if (!r->local && !r->in_layout) /* also if another image had brought its layers */
		TRY(keep_image(b, r, &a));
	fill_sizes(b, s);
	return NULL;
}

Err *resolve_need_layers(Build *b, uint32_t number)
{
	const Step *step = &b->plan.steps[number];
	StepState *s = &b->states[number];
	Err *e = NULL;
	if (step->base.scratch)
		return NULL;
	(void)pthread_mutex_lock(&s->mutex);
	if (!s->here) {
		e = need_layers(b, step, s);
		s->here = e == NULL;
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return err_place(e, step->span);
}
