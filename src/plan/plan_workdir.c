/* plan_workdir.c - WORKDIR, and paths inside an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

Str plan_path_join(Arena *a, Str dir, Str path)
{
	bool absolute = path.len && path.ptr[0] == '/';
	char *out = arena_alloc(a, (absolute ? 0 : dir.len) + path.len + 3, 1);
	size_t len = 0;
	Str parts[2] = { absolute ? STR("") : dir, path };
	for (size_t i = 0; i < 2; i++) {
		Str rest = parts[i], name;
		while (rest.len) {
			rest = str_cut(rest, '/', &name);
			if (!name.len || str_eqc(name, "."))
				continue;
			if (str_eqc(name, "..")) {
				while (len && out[--len] != '/') /* above the root is the root */
					;
				continue;
			}
			out[len++] = '/';
			memcpy(out + len, name.ptr, name.len);
			len += name.len;
		}
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return (Str){ out, len };
}

/* What the config and the history say: an absolute path as it is written, as in BuildKit. */
static Str new_working_dir(Arena *a, Str current, Str path)
{
	if (!path.len && current.len)
		return current;
	return path.len && path.ptr[0] == '/' ? path : plan_path_join(a, current, path);
}

Err *plan_WORKDIR(Planner *p, StageWork *s, const Node *node)
{
	ImageConfig *c = &s->out->config;
	Str path;
	TRY(plan_expand(p, s, node->words[0], &path));
	plan_see(p, PLAN_SAW_VALUE, s, path);
	if (path.len && memchr(path.ptr, '\0', path.len))
		return err_at(node->words[0].span, "a path holds no NUL byte");
	c->working_dir = new_working_dir(p->arena, c->working_dir, path);
	Str text = arena_strf(p->arena, "WORKDIR %.*s", STR_ARG(c->working_dir));
	if (str_eqc(c->working_dir, "/")) {
		plan_add_history(s, STEP_NONE, text);
		return NULL;
	}
	Step *step;
	TRY(plan_add_step(p, s, STEP_WORKDIR, node, &step));
	step->workdir = (WorkdirArgs){ .path = plan_path_join(p->arena, c->working_dir, STR("")),
		                       .user = c->user };
	step->created_by = text;
	step->title = plan_title(p, s, step->position, plan_node_title(p, s, node, STR(""), NULL));
	plan_add_history(s, step->number, text);
	return NULL;
}
