/*
 * survey_links.c - what names what, what is reached, what would be free.
 *
 * By text, as gc.c: every "sha256:<hex>" counts, whatever it means.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "store/repos-internal.h"
#include "store/store-internal.h"
#include "store/survey-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

/* --- reading ---------------------------------------------------------------------------------- */

static void read_record(StoreThing *t)
{
	Str head = t->text, value;
	uint64_t n;
	ptrdiff_t end = memmem(head.ptr, head.len, "\n\n", 2)
	                        ? (const char *)memmem(head.ptr, head.len, "\n\n", 2) - head.ptr
	                        : (ptrdiff_t)head.len;
	head = str_head(head, (size_t)end + 1);
	if (store_text_get(head, "cost", &value) && str_to_u64(value, &n))
		t->cost_ns = (int64_t)n;
	if (store_text_get(head, "created", &value) && str_to_u64(value, &n))
		t->created_ns = (int64_t)n;
}

static Err *read_text(StoreSurvey *v, int dir_fd, const char *name, size_t limit, StoreThing *t)
{
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	/* gone meanwhile, or of another kind: it says nothing */
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	AUTO_ERR Err *e = path_read_file(dir_fd, name, limit, &text);
	if (e && err_errno(e) != ENOENT)
		return TAKE_PTR(e);
	t->text = arena_str(v->arena, buf_str(&text));
	if (!t->used_ns)
		t->used_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return NULL;
}

/* The last use of a cache mount is the time of the lock of its directory. */
static void read_mount(StoreThing *t, int fd)
{
	struct stat st;
	if (fstatat(fd, "0.lock", &st, AT_SYMLINK_NOFOLLOW) == 0)
		t->used_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static Err *add_link(void *context, StoreRepoKind kind, const char *path, Str text, const Err *err)
{
	(void)kind, (void)path;
	if (!err)
		buf_add_str(context, text);
	return NULL;
}

static Err *read_repo(StoreSurvey *v, const char *coded, StoreThing *t)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(store_repo_each_link(v->store, coded, add_link, &text));
	t->text = arena_str(v->arena, buf_str(&text));
	t->name = store_repo_decode(v->arena, coded);
	return NULL;
}

Err *store_survey_read(StoreSurvey *v, const Cancel *cancel, int dir_fd, const char *name,
                       uint32_t n)
{
	StoreThing *t = &v->things.at[n];
	TRY(cancel ? cancel_check(cancel) : NULL);
	if (t->kind == STORE_THING_REF || t->kind == STORE_THING_RECORD) {
		TRY(read_text(v, dir_fd, name, LIST_BYTES_MAX, t));
		Str real, body = t->text;
		if (t->kind == STORE_THING_RECORD)
			read_record(t);
		else if (store_text_open(&body) && store_text_get(body, "name", &real))
			t->name = arena_str(v->arena, real);
		return NULL;
	}
	if (t->kind == STORE_THING_REPO)
		return read_repo(v, name, t);
	if (t->kind != STORE_THING_CONTAINER && t->kind != STORE_THING_MOUNT)
		return NULL;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	if (t->kind == STORE_THING_CONTAINER)
		return read_text(v, fd, "container.json", JSON_BYTES_MAX, t);
	read_mount(t, fd);
	return read_text(v, fd, "info", MOUNT_INFO_BYTES_MAX, t);
}

/* --- links ------------------------------------------------------------------------------------ */

typedef VEC(uint32_t) Numbers;

/* The objects that TEXT names and that are here. */
static void add_named(const StoreSurvey *v, Str text, Numbers *out)
{
	static const char prefix[] = "sha256:";
	const size_t need = sizeof prefix - 1 + DIGEST_HEX_LEN;
	while (text.len >= need) {
		const char *at = memmem(text.ptr, text.len, prefix, sizeof prefix - 1);
		if (!at || text.len - (size_t)(at - text.ptr) < need)
			return;
		Str hex = { at + sizeof prefix - 1, DIGEST_HEX_LEN };
		uint32_t n = store_survey_find(v, hex);
		if (n != STORE_THING_NONE)
			VEC_PUSH(out, n);
		text = str_from_at(text, (size_t)(at - text.ptr) + sizeof prefix - 1);
	}
}

static void add_file(const StoreSurvey *v, const char *prefix, const Digest *d, Numbers *out)
{
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	if (store_read_small(v->store, store_path_of(prefix, d, "").text, &text, &errnum))
		add_named(v, buf_str(&text), out);
}

static void add_object(const StoreSurvey *v, const StoreThing *t, Numbers *out)
{
	Digest d;
	AUTO_ERR Err *e = digest_parse_hex(t->name, &d);
	if (e)
		return;
	if (t->has_map)
		add_file(v, "map", &d, out);
	if (t->has_attest)
		add_file(v, "attest", &d, out);
	if (t->has_blob && store_blob_is_json(v->store, &d))
		add_file(v, "blobs/sha256", &d, out);
}

/* A name needs its index, which is not followed (gc.c). */
static void add_ref(const StoreSurvey *v, StoreThing *t, Numbers *out)
{
	Str index;
	if (!store_text_get(t->text, "index", &index) || !str_starts(index, STR("sha256:"))) {
		add_named(v, t->text, out);
		return;
	}
	t->index = store_survey_find(v, str_from_at(index, strlen("sha256:")));
	add_named(v, str_head(t->text, (size_t)(index.ptr - t->text.ptr)), out);
	add_named(v, str_from_at(t->text, (size_t)(index.ptr - t->text.ptr) + index.len), out);
}

static uint32_t *keep(const StoreSurvey *v, const Numbers *n, uint32_t *ret_count)
{
	uint32_t *copy = arena_alloc(v->arena, (n->len + 1) * sizeof *copy, _Alignof(uint32_t));
	if (n->len)
		memcpy(copy, n->at, n->len * sizeof *copy);
	*ret_count = (uint32_t)n->len;
	return copy;
}

Err *store_survey_link(StoreSurvey *v, const Cancel *cancel)
{
	AUTO_VEC Numbers out = { 0 };
	for (size_t i = 0; i < v->things.len; i++) {
		StoreThing *t = &v->things.at[i];
		out.len = 0;
		if (i % 1024 == 0 && cancel)
			TRY(cancel_check(cancel));
		if (t->kind == STORE_THING_OBJECT)
			add_object(v, t, &out);
		else if (t->kind == STORE_THING_REF)
			add_ref(v, t, &out);
		else if (t->kind != STORE_THING_MOUNT)
			add_named(v, t->text, &out);
		t->needs = keep(v, &out, &t->need_count);
		if (t->kind == STORE_THING_RECORD && out.len && str_starts(t->text, STR("layer ")))
			t->layer = out.at[0];
	}
	AUTO_BUF Buf index = BUF_INIT;
	int errnum;
	out.len = 0;
	if (store_read_small(v->store, "index.json", &index, &errnum))
		add_named(v, buf_str(&index), &out);
	v->layout = keep(v, &out, &v->layout_count);
	return NULL;
}

/* --- questions -------------------------------------------------------------------------------- */

static void reach(const StoreSurvey *v, bool *reached, Numbers *work)
{
	while (work->len) {
		const StoreThing *t = &v->things.at[work->at[--work->len]];
		for (uint32_t i = 0; i < t->need_count; i++) {
			if (reached[t->needs[i]])
				continue;
			reached[t->needs[i]] = true;
			VEC_PUSH(work, t->needs[i]);
		}
	}
}

static bool all_reached(const StoreThing *t, const bool *reached)
{
	for (uint32_t i = 0; i < t->need_count; i++)
		if (!reached[t->needs[i]])
			return false;
	return t->need_count > 0;
}

/* An index that index.json alone names stays as long as its images do (layout.c). */
static void reach_layout(const StoreSurvey *v, bool *reached)
{
	for (uint32_t i = 0; i < v->layout_count; i++)
		if (all_reached(&v->things.at[v->layout[i]], reached))
			reached[v->layout[i]] = true;
}

bool *store_survey_reach(const StoreSurvey *v, StoreThingFn *fn, void *context)
{
	bool *reached = arena_alloc(v->arena, v->things.len + 1, 1);
	AUTO_VEC Numbers work = { 0 };
	for (uint32_t i = 0; i < v->things.len; i++)
		if (v->things.at[i].kind != STORE_THING_OBJECT && fn(context, &v->things.at[i]))
			VEC_PUSH(&work, i);
	reach(v, reached, &work);
	for (uint32_t i = 0; i < v->things.len; i++) {
		const StoreThing *t = &v->things.at[i];
		if (t->index != STORE_THING_NONE && fn(context, t))
			reached[t->index] = true;
	}
	reach_layout(v, reached);
	return reached;
}

static bool stays(void *context, const StoreThing *t)
{
	(void)context;
	return !t->goes;
}

bool store_link_is_gone(const StoreLink *link, const bool *gone)
{
	uint32_t lost = 0;
	for (size_t i = 0; i < link->holders.len; i++)
		lost += gone[link->holders.at[i]];
	return lost == link->names;
}

uint64_t store_survey_freed(const StoreSurvey *v, bool **ret_gone)
{
	bool *gone = store_survey_reach(v, stays, NULL);
	uint64_t sum = 0;
	for (size_t i = 0; i < v->things.len; i++) {
		const StoreThing *t = &v->things.at[i];
		gone[i] = t->kind == STORE_THING_OBJECT ? !gone[i] : t->goes;
		sum += gone[i] ? t->bytes : 0;
	}
	for (size_t i = 0; i < v->links.len; i++) {
		const StoreLink *link = &v->links.at[i];
		sum += store_link_is_gone(link, gone) ? link->bytes : 0;
	}
	if (ret_gone)
		*ret_gone = gone;
	return sum;
}

uint64_t store_survey_total(const StoreSurvey *v)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < v->things.len; i++)
		sum += v->things.at[i].bytes;
	for (size_t i = 0; i < v->links.len; i++)
		sum += v->links.at[i].bytes;
	return sum;
}
