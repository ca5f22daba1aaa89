/*
 * builds.c - the journal's records: written, listed, found, pruned.
 *
 * A record's name says all that listing and pruning need.  Who prunes removes logs before their
 * record, who begins writes the record before there are logs: so no log is ever without one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "oci/reference.h"
#include "store/builds-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

enum { TIME_LEN = 16, SITE_LEN = 8, ID_PREFIX_MIN = 2 };

uint32_t store_build_site(Str dockerfile, Str context)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add_field(&h, dockerfile);
	sha256_add_field(&h, context);
	Digest d = sha256_end(&h);
	return (uint32_t)d.bytes[0] << 24 | (uint32_t)d.bytes[1] << 16 | (uint32_t)d.bytes[2] << 8 |
	       d.bytes[3];
}

/* --- names ----------------------------------------------------------------------------------- */

void store_build_name_format(const StoreBuildName *n, char text[static STORE_BUILD_NAME_BYTES])
{
	int len = snprintf(text, STORE_BUILD_NAME_BYTES, "%016llx.%s.%08x.",
	                   (unsigned long long)n->started_ns, n->id, n->site);
	if (n->running)
		(void)snprintf(text + len, STORE_BUILD_NAME_BYTES - (size_t)len, "run");
	else
		(void)snprintf(text + len, STORE_BUILD_NAME_BYTES - (size_t)len, "%llu",
		               (unsigned long long)(n->bytes >> 10));
}

static bool parse_hex(Str text, size_t len, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*ret = *ret << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return text.len == len;
}

static bool parse_name(Str text, StoreBuildName *ret)
{
	Str time, id, site;
	uint64_t time_ns, unused, site_bits, kib = 0;
	Str rest = str_cut(str_cut(str_cut(text, '.', &time), '.', &id), '.', &site);
	bool running = str_eq(rest, STR("run"));
	if (!parse_hex(time, TIME_LEN, &time_ns) || !parse_hex(id, STORE_BUILD_ID_LEN, &unused) ||
	    !parse_hex(site, SITE_LEN, &site_bits) || !(running || str_to_u64(rest, &kib)))
		return false;
	*ret = (StoreBuildName){ .started_ns = (int64_t)time_ns,
		                 .site = (uint32_t)site_bits,
		                 .bytes = kib << 10,
		                 .running = running };
	memcpy(ret->id, id.ptr, id.len);
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const StoreBuildName *x = a, *y = b;
	if (x->started_ns != y->started_ns)
		return x->started_ns > y->started_ns ? -1 : 1;
	return strcmp(x->id, y->id);
}

Err *store_build_names(Store *s, StoreBuildNames *names)
{
	int fd;
	TRY(store_subdir(s, "builds", &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/builds'", s->path);
	}
	for (struct dirent *d; (d = readdir(dir));) {
		StoreBuildName name;
		if (parse_name(str_from(d->d_name), &name))
			VEC_PUSH(names, name);
	}
	(void)closedir(dir);
	if (names->len)
		qsort(names->at, names->len, sizeof *names->at, newest_first);
	/* A build that ended just now may be there under both of its names. */
	size_t kept = 0;
	for (size_t i = 0; i < names->len; i++) {
		bool again = kept && strcmp(names->at[kept - 1].id, names->at[i].id) == 0;
		if (!again)
			names->at[kept++] = names->at[i];
		else if (!names->at[i].running)
			names->at[kept - 1] = names->at[i];
	}
	names->len = kept;
	return NULL;
}

Err *store_build_list(Store *s, Arena *a, StoreBuildName **ret, size_t *ret_count)
{
	AUTO_VEC StoreBuildNames names = { 0 };
	TRY(store_build_names(s, &names));
	*ret = arena_alloc(a, (names.len + 1) * sizeof **ret, _Alignof(StoreBuildName));
	if (names.len)
		memcpy(*ret, names.at, names.len * sizeof **ret);
	*ret_count = names.len;
	return NULL;
}

/* --- opening --------------------------------------------------------------------------------- */

bool store_build_is_dead(Store *s, const char *id)
{
	char path[STORE_BUILD_NAME_BYTES];
	(void)snprintf(path, sizeof path, "logs/%s", id);
	AUTO_CLOSE int fd =
		openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;
}

Err *store_build_open(Store *s, const StoreBuildName *name, Arena *a, StoreBuild *ret)
{
	char file[STORE_BUILD_NAME_BYTES], path[STORE_BUILD_NAME_BYTES + 8];
	AUTO_BUF Buf bytes = BUF_INIT;
	int errnum;
	store_build_name_format(name, file);
	(void)snprintf(path, sizeof path, "builds/%s", file);
	if (!store_read_small(s, path, &bytes, &errnum)) {
		if (errnum == ENOENT)
			return err_new(ERR_NOT_FOUND, "no record of the build '%s'", name->id);
		return err_sys(errnum, "cannot read '%s/%s'", s->path, path);
	}
	Str text = buf_str(&bytes);
	bool whole = store_text_open(&text);
	if (!whole || !store_build_parse(arena_str(a, text), a, ret))
		return err_note(
			err_new(ERR_NOT_FOUND, "the record '%s/%s' is damaged", s->path, path),
			"it may be removed; images and the cache do not need it");
	if (ret->state == STORE_BUILD_RUNNING && store_build_is_dead(s, name->id))
		ret->state = STORE_BUILD_LOST;
	return NULL;
}

/* --- finding --------------------------------------------------------------------------------- */

static Err *no_build(Str word)
{
	return err_note(err_new(ERR_NOT_FOUND, "no such build: '%.*s'", STR_ARG(word)),
	                "'decant builds' lists those that are kept");
}

/* "latest", "^0", "^1" ... */
static bool parse_offset(Str word, uint64_t *ret)
{
	*ret = 0;
	if (str_eq(word, STR("latest")))
		return true;
	return str_starts(word, STR("^")) && str_to_u64(str_from_at(word, 1), ret);
}

static Err *by_prefix(const StoreBuildNames *names, Str word, const StoreBuildName **ret)
{
	*ret = NULL;
	for (size_t i = 0; word.len >= ID_PREFIX_MIN && i < names->len; i++) {
		if (!str_starts(str_from(names->at[i].id), word))
			continue;
		if (*ret)
			return err_note(err_new(ERR_INPUT, "several builds begin with '%.*s'",
			                        STR_ARG(word)),
			                "write more of the ID: %s, %s", (*ret)->id,
			                names->at[i].id);
		*ret = &names->at[i];
	}
	return NULL;
}

/* Is IMAGE_ID among what B made?  A beginning of its hex digits is enough. */
static bool made_image(const StoreBuild *b, Str hex)
{
	char text[DIGEST_HEX_LEN + 1];
	for (size_t i = 0; i < b->image_count; i++)
		if (str_starts(digest_hex(&b->images[i].image_id, text), hex))
			return true;
	return false;
}

static bool was_to_make(const StoreBuild *b, Str full)
{
	for (size_t i = 0; i < b->tag_count; i++)
		if (str_eq(b->tags[i], full))
			return true;
	return false;
}

/* The newest build with the name WORD, else the newest that made the image that WORD is. */
static Err *by_image(Store *s, const StoreBuildNames *names, Str word, Arena *a, StoreBuild *ret,
                     bool *ret_found)
{
	Reference ref;
	StoreRef image;
	Str full = STR(""), hex = STR("");
	if (str_starts(word, STR("sha256:")))
		hex = str_from_at(word, 7);
	AUTO_ERR Err *no_name = hex.len ? NULL : reference_parse(a, word, &ref);
	if (!hex.len && !no_name) {
		full = reference_full(a, &ref);
		AUTO_ERR Err *e = store_ref_get(s, full, a, &image);
		if (!e)
			hex = digest_arena_hex(a, &image.config);
		else if (word.len >= ID_PREFIX_MIN)
			hex = word; /* an image's ID, cut short */
	}
	*ret_found = false;
	for (int pass = 0; pass < 2 && !*ret_found; pass++)
		for (size_t i = 0; i < names->len && !*ret_found; i++) {
			AUTO_ERR Err *e = store_build_open(s, &names->at[i], a, ret);
			if (e) /* pruned or damaged: passed over */
				continue;
			*ret_found = pass ? hex.len && made_image(ret, hex)
			                  : full.len && was_to_make(ret, full);
		}
	return NULL;
}

Err *store_build_find(Store *s, Str word, Arena *a, StoreBuild *ret)
{
	AUTO_VEC StoreBuildNames names = { 0 };
	const StoreBuildName *name = NULL;
	uint64_t back;
	bool found;
	TRY(store_build_names(s, &names));
	if (parse_offset(word, &back)) {
		if (back < names.len)
			return store_build_open(s, &names.at[back], a, ret);
		if (names.len)
			return err_note(no_build(word), "there are records of %zu builds",
			                names.len);
		return err_new(ERR_NOT_FOUND, "no build has been made with this store yet");
	}
	if (word.len == STORE_BUILD_ID_LEN)
		TRY(by_prefix(&names, word, &name));
	if (name)
		return store_build_open(s, name, a, ret);
	TRY(by_image(s, &names, word, a, ret, &found));
	if (found)
		return NULL;
	TRY(by_prefix(&names, word, &name));
	return name ? store_build_open(s, name, a, ret) : no_build(word);
}

static Err *no_step(const StoreBuild *b, Str word)
{
	return err_note(err_new(ERR_NOT_FOUND, "no such step in the build '%.*s': '%.*s'",
	                        STR_ARG(b->id), STR_ARG(word)),
	                "a number from 1 to %zu, or STAGE/POSITION as in builder/2; 'decant why "
	                "%.*s' shows them",
	                b->step_count, STR_ARG(b->id));
}

/* Is what stands before the text "[STAGE POSITION/TOTAL] ", maybe with more before STAGE? */
static bool is_at(const StoreStep *s, Str stage, Str position)
{
	ptrdiff_t end = str_find(s->title, ']');
	Str place = str_head(s->title, end < 0 ? 0 : (size_t)end);
	ptrdiff_t slash = str_rfind(place, '/');
	place = str_head(place, slash < 0 ? 0 : (size_t)slash);
	ptrdiff_t blank = str_rfind(place, ' ');
	if (blank < 0) /* "[2/4]": there is one stage alone */
		blank = str_find(place, '[');
	return str_eq(s->stage, stage) && str_eq(str_from_at(place, (size_t)(blank + 1)), position);
}

Err *store_build_step(const StoreBuild *b, Str word, uint32_t *ret)
{
	uint64_t n;
	ptrdiff_t slash = str_rfind(word, '/');
	if (str_to_u64(word, &n) && n >= 1 && n <= b->step_count) {
		*ret = (uint32_t)n - 1;
		return NULL;
	}
	for (uint32_t i = 0; slash > 0 && i < b->step_count; i++)
		if (is_at(&b->steps[i], str_head(word, (size_t)slash),
		          str_from_at(word, (size_t)slash + 1))) {
			*ret = i;
			return NULL;
		}
	return no_step(b, word);
}

Err *store_build_root(const StoreBuild *b, uint32_t n, Arena *a, StoreBuildLayer **ret,
                      size_t *ret_count)
{
	size_t count = 0, at;
	for (uint32_t i = n; i != STORE_STEP_NONE; i = b->steps[i].parent) {
		const StoreStep *s = &b->steps[i];
		if (s->kind != STORE_STEP_BASE && !s->has_layer)
			return err_new(ERR_NOT_FOUND,
			               "the build '%.*s' has not made the step '%.*s'",
			               STR_ARG(b->id), STR_ARG(s->title));
		count += s->kind == STORE_STEP_BASE ? s->base_count : 1;
	}
	*ret = arena_alloc(a, (count + 1) * sizeof **ret, _Alignof(StoreBuildLayer));
	*ret_count = at = count;
	for (uint32_t i = n; i != STORE_STEP_NONE; i = b->steps[i].parent) {
		const StoreStep *s = &b->steps[i];
		bool base = s->kind == STORE_STEP_BASE;
		size_t more = base ? s->base_count : 1;
		at -= more;
		if (more)
			memcpy(*ret + at, base ? s->base : &s->layer, more * sizeof **ret);
	}
	return NULL;
}
