/*
 * history_lines.c - history entries beside the instructions of the Dockerfile that made them.
 *
 * The journal keeps the Dockerfile's text.  Each instruction of the image's stage but FROM and
 * ONBUILD has left one entry, those of a stage that it goes on with before them; so both are walked
 * from their ends, until they do not fit: there the base image begins, or what its triggers did.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/history_lines.h"
#include "dockerfile/dockerfile.h"
#include "store/builds.h"

#include <strings.h>

static bool is_word(Str a, Str b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* The name in "FROM image AS name"; "" none. */
static Str stage_name(const Node *from)
{
	bool named = from->word_count == 3 && is_word(from->words[1].text, STR("AS"));
	return named ? from->words[2].text : STR("");
}

/* The FROM of the stage that is shown as NAME, of those before END; -1: none. */
static ptrdiff_t find_stage(Arena *a, const Dockerfile *file, Str name, size_t end)
{
	ptrdiff_t found = -1;
	unsigned index = 0;
	for (size_t i = 0; i < end; i++) {
		if (file->nodes[i].id != INST_FROM)
			continue;
		Str own = stage_name(&file->nodes[i]);
		if (own.len ? is_word(own, name) : str_eq(arena_strf(a, "stage-%u", index), name))
			found = (ptrdiff_t)i;
		index++;
	}
	return found;
}

typedef struct Walk {
	Arena *arena;
	const Dockerfile *file;
	const ImageConfig *config;
	unsigned *lines;
	size_t left; /* entries above are matched */
} Walk;

/* Do NODE and the entry that is next fit?  Then the entry has its line. */
static bool match(Walk *w, const Node *node)
{
	Str word;
	unsigned column;
	if (w->left == 0)
		return false;
	(void)str_cut(w->config->history[w->left - 1].created_by, ' ', &word);
	if (!is_word(word, node->keyword.text))
		return false;
	err_line_column(node->span, &w->lines[--w->left], &column);
	return true;
}

static void walk_stage(Walk *w, Str name)
{
	size_t end = w->file->node_count;
	ptrdiff_t from = find_stage(w->arena, w->file, name, end);
	while (from >= 0) {
		size_t last = (size_t)from + 1;
		while (last < w->file->node_count && w->file->nodes[last].id != INST_FROM)
			last++;
		while (--last > (size_t)from)
			if (w->file->nodes[last].id != INST_ONBUILD &&
			    !match(w, &w->file->nodes[last]))
				return;
		const Node *node = &w->file->nodes[from];
		from = node->word_count
		               ? find_stage(w->arena, w->file, node->words[0].text, (size_t)from)
		               : -1;
	}
}

static const StoreBuildImage *image_of(const StoreBuild *b, const Digest *id)
{
	for (size_t i = 0; i < b->image_count; i++)
		if (digest_eq(&b->images[i].image_id, id))
			return &b->images[i];
	return NULL;
}

unsigned *history_lines(Store *s, Arena *a, const Image *image)
{
	const ImageConfig *c = &image->config;
	unsigned *lines =
		arena_alloc(a, (c->history_count + 1) * sizeof *lines, _Alignof(unsigned));
	Source *source = arena_new(a, Source);
	StoreBuild b;
	Dockerfile file;
	AUTO_ERR Err *e = store_build_find(s, digest_arena_text(a, &image->id), a, &b);
	if (e) /* built elsewhere, or long ago */
		return lines;
	const StoreBuildImage *made = image_of(&b, &image->id);
	*source = (Source){ .name = "Dockerfile", .text = b.dockerfile_text };
	AUTO_ERR Err *e2 = made ? dockerfile_parse_tree(a, source, &file) : NULL;
	if (!made || e2)
		return lines;
	Walk w = {
		.arena = a, .file = &file, .config = c, .lines = lines, .left = c->history_count
	};
	walk_stage(&w, made->target);
	return lines;
}
