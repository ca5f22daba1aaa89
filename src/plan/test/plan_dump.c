/* plan_dump.c - a plan as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/test/plan_dump.h"

static void put_place(Buf *out, Span span)
{
	unsigned line, column;
	if (!span.src) {
		buf_addf(out, " @-");
		return;
	}
	err_line_column(span, &line, &column);
	if (strcmp(span.src->name, "Dockerfile") == 0)
		buf_addf(out, " @%u:%u", line, column);
	else
		buf_addf(out, " @%s:%u:%u", span.src->name, line, column);
}

static void put_line(Buf *out, const char *name, Str value)
{
	if (!value.len)
		return;
	buf_addf(out, "    %s ", name);
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '\n')
			buf_addf(out, "\\n");
		else
			buf_add_char(out, value.ptr[i]);
	}
	buf_add_char(out, '\n');
}

static void put_strs(Buf *out, const char *name, const Strs *list)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < list->count; i++)
		buf_addf(&text, "%s[%.*s]", i ? " " : "", STR_ARG(list->at[i]));
	put_line(out, name, buf_str(&text));
}

static void put_mount(Buf *out, const RunMount *m)
{
	static const char *const origins[] = { "context", "step", "" };
	static const char *const sharings[] = { "", " private", " locked" };
	buf_addf(out, "    mount %s '%.*s'", mount_type_table[m->type].name, STR_ARG(m->target));
	put_place(out, m->span);
	if (m->origin != ORIGIN_INLINE)
		buf_addf(out, " from %s", origins[m->origin]);
	if (m->origin == ORIGIN_STEP)
		buf_addf(out, " %u (%.*s)", m->origin_step, STR_ARG(m->from_name));
	if (m->origin == ORIGIN_CONTEXT && m->context)
		buf_addf(out, " %u (%.*s)", m->context, STR_ARG(m->from_name));
	if (m->source.len)
		buf_addf(out, " source '%.*s'", STR_ARG(m->source));
	if (m->id.len)
		buf_addf(out, " %sid '%.*s'", m->own_id ? "own " : "", STR_ARG(m->id));
	if (m->env.len)
		buf_addf(out, " env %.*s", STR_ARG(m->env));
	if (m->type == MOUNT_SECRET || m->type == MOUNT_SSH || m->has_owner)
		buf_addf(out, " %u:%u %04o", m->uid, m->gid, m->mode);
	if (m->size_bytes)
		buf_addf(out, " %llu bytes", (unsigned long long)m->size_bytes);
	buf_addf(out, "%s%s%s\n", sharings[m->sharing], m->read_only ? " ro" : " rw",
	         m->required ? " required" : "");
}

static void put_run(Buf *out, const RunArgs *run)
{
	put_strs(out, "argv", &run->argv);
	put_strs(out, "env", &run->env);
	if (run->key_env.count != run->env.count)
		put_strs(out, "key_env", &run->key_env);
	put_line(out, "cwd", run->cwd);
	put_line(out, "user", run->user);
	if (!str_eqc(run->network, "default"))
		put_line(out, "network", run->network);
	if (run->insecure)
		buf_addf(out, "    insecure\n");
	put_line(out, "hostname", run->hostname);
	for (size_t i = 0; i < run->mount_count; i++)
		put_mount(out, &run->mounts[i]);
	for (size_t i = 0; i < run->device_count; i++)
		buf_addf(out, "    device %.*s%s\n", STR_ARG(run->devices[i].name),
		         run->devices[i].required ? " required" : "");
	put_line(out, "script_name", run->script_name);
	put_line(out, "script", run->script);
}

static void put_copy(Buf *out, const CopyArgs *copy)
{
	static const char *const origins[] = { "context", "step", "inline" };
	buf_addf(out, "    from %s", origins[copy->origin]);
	if (copy->origin == ORIGIN_STEP)
		buf_addf(out, " %u (%.*s)", copy->origin_step, STR_ARG(copy->from_name));
	if (copy->context)
		buf_addf(out, " %u (%.*s)", copy->context, STR_ARG(copy->from_name));
	buf_addf(out, "%s%s%s%s\n", copy->is_add ? ", add" : "",
	         copy->keep_archives    ? ", keep"
	         : copy->unpack_fetched ? ", unpack"
	                                : "",
	         copy->link ? ", link" : "", copy->parents ? ", parents" : "");
	for (size_t i = 0; i < copy->source_count; i++) {
		buf_addf(out, "    source '%.*s'", STR_ARG(copy->sources[i].path));
		put_place(out, copy->sources[i].span);
		buf_add_char(out, '\n');
		if (copy->sources[i].fetch_step != STEP_NONE)
			buf_addf(out, "    fetched by %u\n", copy->sources[i].fetch_step);
		if (copy->sources[i].is_inline)
			put_line(out, "body", copy->sources[i].inline_body);
	}
	for (size_t i = 0; i < copy->exclude_count; i++)
		put_line(out, "exclude", copy->excludes[i].text);
	put_line(out, "dest", copy->dest);
	put_line(out, "chown", copy->chown);
	put_line(out, "chmod", copy->chmod);
}

static void put_fetch(Buf *out, const FetchArgs *fetch)
{
	const RemoteGit *git = &fetch->remote.git;
	char text[DIGEST_TEXT_LEN + 1];
	put_line(out, fetch->remote.kind == REMOTE_GIT ? "git" : "http", fetch->remote.url);
	put_line(out, "name", fetch->remote.name);
	if (fetch->has_checksum)
		put_line(out, "checksum", digest_text(&fetch->checksum, text));
	if (fetch->remote.kind != REMOTE_GIT)
		return;
	put_line(out, "ref", git->ref);
	put_line(out, "subdir", git->subdir);
	put_line(out, "commit", git->checksum);
	put_line(out, "keep", fetch->keep_git_dir ? STR(".git") : STR(""));
}

static void put_step(Buf *out, const Plan *plan, const Step *step)
{
	static const char *const kinds[] = { "base", "run", "copy", "workdir", "fetch" };
	buf_addf(out, "step %u %s of %.*s on ", step->number, kinds[step->kind],
	         STR_ARG(plan->stages[step->stage].shown));
	if (step->parent == STEP_NONE)
		buf_addf(out, "-");
	else
		buf_addf(out, "%u", step->parent);
	put_place(out, step->span);
	buf_addf(out, "%s\n", step->looked_into ? ", looked into" : "");
	put_line(out, "title", step->title);
	switch (step->kind) {
	case STEP_BASE:
		break;
	case STEP_RUN:
		put_run(out, &step->run);
		break;
	case STEP_COPY:
		put_copy(out, &step->copy);
		break;
	case STEP_WORKDIR:
		put_line(out, "path", step->workdir.path);
		put_line(out, "user", step->workdir.user);
		break;
	case STEP_FETCH:
		put_fetch(out, &step->fetch);
		break;
	}
}

static void put_stage(Buf *out, const Plan *plan, const PlanStage *stage)
{
	bool target = stage == &plan->stages[plan->target];
	buf_addf(out, "stage %u %.*s FROM %.*s", stage->index, STR_ARG(stage->shown),
	         STR_ARG(stage->base_name));
	if (!stage->needed) {
		buf_addf(out, ", not needed\n");
		return;
	}
	buf_addf(out, ", ends with %u%s\n", stage->last_step, target ? ", target" : "");
	AUTO_ARENA Arena a = ARENA_INIT;
	const ImageConfig *c = &stage->config;
	Str platform = platform_text(&a, &c->platform),
	    programs = platform_text(&a, &stage->platform);
	if (!str_eqc(platform, "linux/amd64"))
		put_line(out, "platform", platform);
	if (!str_eq(platform, programs))
		put_line(out, "programs for", programs);
	put_line(out, "os.version", c->os_version);
	AUTO_BUF Buf config = BUF_INIT;
	image_config_format_run(&stage->config, &config);
	put_line(out, "config", buf_str(&config));
	put_line(out, "author", stage->config.author);
	for (size_t i = 0; i < stage->history_count; i++) {
		const PlanHistory *h = &stage->history[i];
		char number[24] = "history -";
		if (h->step != STEP_NONE)
			(void)snprintf(number, sizeof number, "history %u", h->step);
		put_line(out, number, h->created_by);
	}
}

void plan_dump(const Plan *plan, Buf *out)
{
	for (size_t i = 0; i < plan->step_count; i++)
		put_step(out, plan, &plan->steps[i]);
	for (size_t i = 0; i < plan->stage_count; i++)
		put_stage(out, plan, &plan->stages[i]);
	for (size_t i = 0; i < plan->result_count && plan->result_count > 1; i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		const PlanResult *r = &plan->results[i];
		buf_addf(out, "result %.*s for %s, ends with %u\n",
		         STR_ARG(plan->stages[r->stage].shown), platform_text(&a, &r->platform).ptr,
		         plan->stages[r->stage].last_step);
	}
	for (size_t i = 0; i < plan->warning_count; i++)
		buf_addf(out, "warning: %.*s\n", STR_ARG(plan->warnings[i]));
	if (plan->source_date_epoch >= 0)
		buf_addf(out, "epoch %lld\n", (long long)plan->source_date_epoch);
}
