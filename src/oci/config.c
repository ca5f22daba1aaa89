/* config.c - image configs in memory: lists that grow, env, labels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/config.h"

/* --- arrays that grow in the arena ----------------------------------------------------------- */

/* Room for one more of SIZE bytes; doubled, so that N pushes copy O(N) in all. */
static void *grown(Arena *a, void *at, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return at;
	*cap = count < 4 ? 8 : count * 2;
	if (*cap > SIZE_MAX / size)
		die_oom(SIZE_MAX);
	void *bigger = arena_alloc(a, *cap * size, _Alignof(max_align_t));
	if (count)
		memcpy(bigger, at, count * size);
	return bigger;
}

void strs_push(Arena *a, Strs *s, Str value)
{
	s->at = grown(a, s->at, s->count, &s->cap, sizeof *s->at);
	s->at[s->count++] = value;
	s->set = true;
}

void image_config_add_label(Arena *a, ImageConfig *c, Str key, Str value)
{
	c->labels = grown(a, c->labels, c->label_count, &c->label_cap, sizeof *c->labels);
	c->labels[c->label_count++] = (Label){ key, value };
}

static void *copied(Arena *a, const void *at, size_t count, size_t size)
{
	if (!count)
		return NULL;
	return memcpy(arena_alloc(a, count * size, _Alignof(max_align_t)), at, count * size);
}

static Strs strs_copied(Arena *a, Strs s)
{
	return (Strs){ copied(a, s.at, s.count, sizeof *s.at), s.count, s.set, s.count };
}

ImageConfig image_config_fork(Arena *a, const ImageConfig *c)
{
	ImageConfig f = *c;
	f.env = strs_copied(a, c->env);
	f.entrypoint = strs_copied(a, c->entrypoint);
	f.cmd = strs_copied(a, c->cmd);
	f.shell = strs_copied(a, c->shell);
	f.on_build = strs_copied(a, c->on_build);
	f.exposed_ports = strs_copied(a, c->exposed_ports);
	f.volumes = strs_copied(a, c->volumes);
	f.labels = copied(a, c->labels, c->label_count, sizeof *c->labels);
	f.label_cap = c->label_count;
	f.diff_ids = copied(a, c->diff_ids, c->diff_id_count, sizeof *c->diff_ids);
	f.history = copied(a, c->history, c->history_count, sizeof *c->history);
	return f;
}

/* --- env and labels -------------------------------------------------------------------------- */

/* Entries without '=' exist in the wild: they name a variable too. */
static bool names(Str entry, Str name)
{
	return str_starts(entry, name) && (entry.len == name.len || entry.ptr[name.len] == '=');
}

bool image_config_env(const ImageConfig *c, Str name, Str *ret_value)
{
	for (size_t i = 0; i < c->env.count; i++) {
		if (names(c->env.at[i], name)) {
			*ret_value = str_from_at(c->env.at[i], name.len + 1);
			return true;
		}
	}
	return false;
}

void image_config_set_env(Arena *a, ImageConfig *c, Str name, Str value)
{
	Str entry = arena_strf(a, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
	for (size_t i = 0; i < c->env.count; i++) {
		if (names(c->env.at[i], name)) {
			c->env.at[i] = entry;
			return;
		}
	}
	strs_push(a, &c->env, entry);
}

void image_config_set_label(Arena *a, ImageConfig *c, Str key, Str value)
{
	for (size_t i = 0; i < c->label_count; i++) {
		if (str_eq(c->labels[i].key, key)) {
			c->labels[i].value = value;
			return;
		}
	}
	image_config_add_label(a, c, key, value);
}

bool image_config_has_label(const ImageConfig *c, const char *wanted)
{
	Str key;
	(void)str_cut(str_from(wanted), '=', &key);
	const char *value = wanted[key.len] ? wanted + key.len + 1 : NULL;
	for (size_t i = 0; i < c->label_count; i++)
		if (str_eq(c->labels[i].key, key) && (!value || str_eqc(c->labels[i].value, value)))
			return true;
	return false;
}
