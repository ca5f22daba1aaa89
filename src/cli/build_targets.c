/* build_targets.c - `build --call=targets`: the stages of a file, and what they say they are for.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_call.h"

/* Characters, as Go's tabwriter counts them. */
static size_t width_of(Str s)
{
	size_t width = 0;
	for (size_t i = 0; i < s.len; i++)
		width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return width;
}

void build_call_table(const Str *cells, size_t rows, size_t columns, size_t padding, Buf *out)
{
	AUTO_FREE size_t *widths = xcalloc(columns, sizeof *widths);
	AUTO_FREE Buf *safe = xcalloc(rows * columns, sizeof *safe);
	for (size_t i = 0; i < rows * columns; i++) {
		ui_text_safe_log(cells[i], &safe[i]);
		size_t width = width_of(buf_str(&safe[i])) + padding;
		widths[i % columns] = width > widths[i % columns] ? width : widths[i % columns];
	}
	for (size_t i = 0; i < rows * columns; i++) {
		Str cell = buf_str(&safe[i]);
		bool last = i % columns == columns - 1;
		buf_add_str(out, cell);
		if (last)
			buf_add_char(out, '\n');
		else
			buf_addf(out, "%*s", (int)(widths[i % columns] - width_of(cell)), "");
		buf_done(&safe[i]);
	}
}

typedef struct Target {
	Str name, description, base, platform;
	const Node *node;
	bool is_default;
} Target;

static Str lower(Arena *a, Str s)
{
	char *text = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		text[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] | 0x20 : s.ptr[i]);
	return (Str){ text, s.len };
}

static size_t list_targets(const Dockerfile *d, Arena *a, Target **ret)
{
	Target *list = arena_alloc(a, (d->node_count + 1) * sizeof *list, _Alignof(Target));
	size_t count = 0;
	for (size_t i = 0; i < d->node_count; i++) {
		const Node *n = &d->nodes[i];
		const NodeFlag *platform =
			n->id == INST_FROM ? node_flag(n, FLAG_ID_FROM_PLATFORM) : NULL;
		if (n->id != INST_FROM)
			continue;
		Str name = n->word_count == 3 ? lower(a, n->words[2].text) : STR("");
		list[count++] = (Target){ .name = name,
			                  .description = node_description(n, name),
			                  .base = n->words[0].text,
			                  .platform = platform ? platform->value.text : STR(""),
			                  .node = n };
	}
	list[count - 1].is_default = true; /* dockerfile_check() saw a FROM */
	*ret = list;
	return count;
}

void build_targets_text(const BuildLook *look, Arena *a, Buf *out)
{
	Target *targets;
	size_t count = list_targets(&look->file, a, &targets);
	Str *cells = arena_alloc(a, 2 * (count + 1) * sizeof *cells, _Alignof(Str));
	cells[0] = STR("TARGET");
	cells[1] = STR("DESCRIPTION");
	for (size_t i = 0; i < count; i++) {
		const Target *t = &targets[i];
		Str name = t->name;
		if (t->is_default)
			name = arena_strf(a, "%.*s%s(default)", STR_ARG(name), name.len ? " " : "");
		cells[2 * i + 2] = name;
		cells[2 * i + 3] = t->description;
	}
	build_call_table(cells, count + 1, 2, 1, out);
}

void build_call_json_text(JsonWriter *w, const char *key, Str value)
{
	if (!value.len)
		return;
	json_write_key(w, key);
	json_write_str(w, value);
}

void build_call_json_sources(JsonWriter *w, const Source *source)
{
	json_write_key(w, "sources");
	json_write_array(w);
	build_call_json_data(w, source->text);
	json_write_array_end(w);
}

void build_targets_json(const BuildLook *look, Arena *a, Buf *out)
{
	JsonWriter w = { out, false };
	Target *targets;
	size_t count = list_targets(&look->file, a, &targets);
	LineMap lines = { .arena = a, .source = look->file.source };
	json_write_object(&w);
	json_write_key(&w, "targets");
	json_write_array(&w);
	for (size_t i = 0; i < count; i++) {
		const Target *t = &targets[i];
		unsigned first, last;
		line_map_find(&lines, t->node->span, &first, &last);
		json_write_object(&w);
		build_call_json_text(&w, "name", t->name);
		if (t->is_default) {
			json_write_key(&w, "default");
			json_write_bool(&w, true);
		}
		build_call_json_text(&w, "description", t->description);
		build_call_json_text(&w, "base", t->base);
		build_call_json_text(&w, "platform", t->platform);
		build_call_json_location(&w, first, last);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	build_call_json_sources(&w, look->file.source);
	json_write_object_end(&w);
}
