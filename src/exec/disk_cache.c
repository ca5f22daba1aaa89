/*
 * disk_cache.c - the entries of the build cache: a layer with the records that lead to it, a cache
 * mount, or what else the cache alone holds.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/disk.h"

enum { SHORT_ID = 12, TITLE_MAX = 160 };

/* The value of the next line "NAME value" of *TEXT; "" and *TEXT empty if there is none. */
static Str next_value(Str *text, const char *name)
{
	size_t n = strlen(name);
	while (text->len) {
		Str line;
		*text = str_cut(*text, '\n', &line);
		if (line.len > n && memcmp(line.ptr, name, n) == 0 && line.ptr[n] == ' ')
			return str_from_at(line, n + 1);
	}
	return STR("");
}

static Str values(Arena *a, const char *word, Str text, const char *name)
{
	AUTO_BUF Buf out = BUF_INIT;
	bool shell = false;
	buf_addf(&out, "%s", word);
	for (size_t i = 0;; i++) {
		Str value = next_value(&text, name);
		if (!value.len)
			break;
		shell = shell || (i == 0 && str_eqc(value, "/bin/sh"));
		if (!shell || i >= 2)
			buf_addf(&out, " %.*s", STR_ARG(value));
	}
	return arena_str(a, str_clip(buf_str(&out), TITLE_MAX));
}

Str disk_record_title(Arena *a, Str text)
{
	Str rest = text, op = next_value(&rest, "op"), dest = rest;
	if (str_eqc(op, "run"))
		return values(a, "RUN", rest, "arg");
	if (str_eqc(op, "copy")) {
		Str to = next_value(&dest, "dest");
		return arena_strf(a, "%s %.*s", values(a, "COPY", rest, "source").ptr, STR_ARG(to));
	}
	return op.len ? arena_strf(a, "%.*s", STR_ARG(op)) : STR("");
}

typedef VEC(DiskEntry) Entries;

typedef struct Gather {
	const Disk *disk;
	uint32_t *entry_of; /* a thing → number of its entry + 1 */
	Entries entries;
} Gather;

static DiskEntry *entry_of(Gather *g, uint32_t thing)
{
	const Disk *d = g->disk;
	const StoreThing *t = &d->survey.things.at[thing];
	if (!g->entry_of[thing]) {
		bool object = t->kind == STORE_THING_OBJECT;
		DiskEntry e = { .id = str_head(t->name, SHORT_ID),
			        .type = object && t->is_layer          ? "regular"
			                : t->kind == STORE_THING_MOUNT ? "exec.cachemount"
			                                               : "internal",
			        .description = STR(""),
			        .thing = thing,
			        .bytes = d->bytes[thing],
			        .used_ns = t->used_ns,
			        .created_ns = t->created_ns,
			        .cost_ns = t->cost_ns,
			        .shared = object && d->rows[thing] != DISK_CACHE };
		VEC_PUSH(&g->entries, e);
		g->entry_of[thing] = (uint32_t)g->entries.len;
	}
	return &g->entries.at[g->entry_of[thing] - 1];
}

static void add_record(Gather *g, uint32_t n)
{
	const Disk *d = g->disk;
	const StoreThing *t = &d->survey.things.at[n];
	uint32_t of = t->layer != STORE_THING_NONE ? t->layer : t->need_count ? t->needs[0] : n;
	DiskEntry *e = entry_of(g, of);
	e->bytes += of != n ? d->bytes[n] : 0;
	e->record_count++;
	e->used_ns = t->used_ns > e->used_ns ? t->used_ns : e->used_ns;
	if (!e->created_ns || (t->created_ns && t->created_ns < e->created_ns))
		e->created_ns = t->created_ns;
	e->cost_ns = t->cost_ns > e->cost_ns ? t->cost_ns : e->cost_ns;
	if (!e->description.len)
		e->description = disk_record_title(d->arena, t->text);
}

static void add_mount(Gather *g, uint32_t n)
{
	const Disk *d = g->disk;
	DiskEntry *e = entry_of(g, n);
	Str text = d->survey.things.at[n].text, namespace;
	Str id = str_cut(next_value(&text, "id"), '/', &namespace); /* plan/plan_mount.c */
	e->description = arena_strf(d->arena, "RUN --mount=type=cache %.*s", STR_ARG(id));
	for (size_t i = 0; i < d->mount_count; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		if (!str_eq(digest_hex(&d->mounts[i].key, hex), d->survey.things.at[n].name))
			continue;
		e->in_use = d->mounts[i].in_use;
		e->used_ns = d->mounts[i].used_ns;
	}
}

static int by_use(const void *a, const void *b)
{
	const DiskEntry *x = a, *y = b;
	if (x->used_ns != y->used_ns)
		return x->used_ns < y->used_ns ? 1 : -1;
	return str_cmp(x->id, y->id);
}

void disk_entries(const Disk *d, DiskEntry **ret, size_t *ret_count)
{
	const StoreSurvey *v = &d->survey;
	Gather g = { .disk = d };
	g.entry_of = xcalloc(v->things.len + 1, sizeof *g.entry_of);
	for (uint32_t i = 0; i < v->things.len; i++) {
		const StoreThing *t = &v->things.at[i];
		if (t->kind == STORE_THING_RECORD)
			add_record(&g, i);
		else if (t->kind == STORE_THING_MOUNT)
			add_mount(&g, i);
		else if (t->kind == STORE_THING_OBJECT && d->rows[i] == DISK_CACHE)
			(void)entry_of(&g, i);
	}
	free(g.entry_of);
	*ret = arena_alloc(d->arena, (g.entries.len + 1) * sizeof **ret, _Alignof(DiskEntry));
	*ret_count = g.entries.len;
	if (g.entries.len) {
		memcpy(*ret, g.entries.at, g.entries.len * sizeof **ret);
		qsort(*ret, g.entries.len, sizeof **ret, by_use);
	}
	VEC_DONE(&g.entries);
}
