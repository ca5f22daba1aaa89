/* load_wanted.c - of an archive's images those for some platforms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/load-internal.h"

/* The images that run on PLATFORM as well as any of the archive does. */
static bool mark_best(const LoadImages *images, const Platform *platform, bool *keep)
{
	int best = 1;
	bool any = false;
	for (size_t i = 0; i < images->len; i++) {
		int fit = platform_fit(platform, &images->at[i].config.platform);
		best = fit > best ? fit : best;
	}
	for (size_t i = 0; i < images->len; i++)
		if (platform_fit(platform, &images->at[i].config.platform) == best)
			any = keep[i] = true;
	return any;
}

static bool has_name(const LoadImage *image, Str name)
{
	for (size_t i = 0; i < image->name_count; i++)
		if (str_eq(image->names[i], name))
			return true;
	return false;
}

static bool keeps_name(const LoadImages *images, const bool *keep, Str name)
{
	for (size_t i = 0; i < images->len; i++)
		if (keep[i] && has_name(&images->at[i], name))
			return true;
	return false;
}

static Str wanted_text(Arena *a, const LoadWanted *wanted)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < wanted->count; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", platform_text(a, &wanted->platforms[i]).ptr);
	return arena_str(a, buf_str(&text));
}

/* What the archive has for NAME; "": for any name and none. */
static Err *note_there(Arena *a, const LoadImages *images, Str name, Err *e)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < images->len; i++)
		if (!name.len || has_name(&images->at[i], name))
			buf_addf(&text, "%s%s", text.len ? ", " : "",
			         platform_text(a, &images->at[i].config.platform).ptr);
	return err_note(e, "the archive has it for %.*s", STR_ARG(buf_str(&text)));
}

static Err *check_names(Arena *a, const LoadWanted *wanted, const LoadImages *images,
                        const bool *keep)
{
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		for (size_t k = 0; !keep[i] && k < image->name_count; k++) {
			Reference ref;
			if (keeps_name(images, keep, image->names[k]))
				continue;
			TRY(reference_parse(a, image->names[k], &ref));
			return note_there(a, images, image->names[k],
			                  err_new(ERR_NOT_FOUND, "the image '%s' is not for %s",
			                          reference_familiar(a, &ref).ptr,
			                          wanted_text(a, wanted).ptr));
		}
	}
	return NULL;
}

Err *load_wanted_keep(const Spool *spool, const LoadWanted *wanted, LoadImages *images)
{
	Arena *a = spool->arena;
	bool *keep = arena_alloc(a, images->len + 1, 1);
	for (size_t i = 0; i < wanted->count; i++)
		if (!mark_best(images, &wanted->platforms[i], keep))
			return note_there(a, images, STR(""),
			                  err_new(ERR_NOT_FOUND, "no image is for %s",
			                          platform_text(a, &wanted->platforms[i]).ptr));
	TRY(check_names(a, wanted, images, keep));
	size_t count = 0;
	for (size_t i = 0; i < images->len; i++)
		if (keep[i])
			images->at[count++] = images->at[i];
	images->len = count;
	return NULL;
}
