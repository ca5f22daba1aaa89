/* plan_config.c - what only changes the image's config: ENV LABEL CMD ENTRYPOINT SHELL USER ... */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

/* One pair expanded; all of an instruction see the variables as they were before it. */
static Err *expand_pair(Planner *p, const StageWork *s, const Node *node, size_t i, Label *ret)
{
	const struct NodePair *pair = &node->pairs[i];
	TRY(plan_expand(p, s, pair->key, &ret->key));
	ret->value = STR("");
	if (pair->has_value)
		TRY(plan_expand(p, s, pair->value, &ret->value));
	if (!ret->key.len)
		return err_at(pair->key.span, "%s names can not be blank",
		              instruction_table[node->id].name);
	return NULL;
}

static Err *expand_pairs(Planner *p, const StageWork *s, const Node *node, Label **ret, Buf *text)
{
	Label *list = arena_alloc(p->arena, (node->pair_count + 1) * sizeof *list, _Alignof(Label));
	buf_addf(text, "%s", instruction_table[node->id].name);
	for (size_t i = 0; i < node->pair_count; i++) {
		TRY(expand_pair(p, s, node, i, &list[i]));
		buf_addf(text, " %.*s=%.*s", STR_ARG(list[i].key), STR_ARG(list[i].value));
	}
	*ret = list;
	return NULL;
}

/*
 * Where NAME stands in a list of COUNT names, or COUNT if it is new.  INDEX is filled from the list
 * by GET at first; the base image's may be long, and a file may set a million.
 */
static size_t find_place(Arena *a, Map *index, size_t count,
                         Str (*get)(const ImageConfig *, size_t), const ImageConfig *c, Str name)
{
	while (index->len < count) {
		size_t *place = arena_new(a, size_t);
		*place = index->len;
		Str key = get(c, *place);
		if (map_find(index, key)) /* a name twice in the base: the first counts, as docker
		                             finds it */
			key = arena_strf(a, "=%zu", *place);
		(void)map_put(index, key, place);
	}
	const size_t *found = map_get(index, name);
	return found ? *found : count;
}

static Str env_name(const ImageConfig *c, size_t i)
{
	Str name;
	(void)str_cut(c->env.at[i], '=', &name);
	return name;
}

static Str label_name(const ImageConfig *c, size_t i)
{
	return c->labels[i].key;
}

Err *plan_ENV(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	Label *pairs;
	ImageConfig *c = &s->out->config;
	TRY(expand_pairs(p, s, node, &pairs, &text));
	for (size_t i = 0; i < node->pair_count; i++) {
		if (str_find(pairs[i].key, '=') >= 0)
			return err_at(node->pairs[i].key.span,
			              "the name of a variable holds no '='");
		plan_see(p, PLAN_SAW_VALUE, s, pairs[i].key);
		/* In the scope, in the config, and in the maps of both. */
		TRY(plan_grow(p, 6 * sizeof(Var), node->span));
		plan_scope_set_env(p->arena, &s->scope, pairs[i].key, pairs[i].value, node->span);
		Str entry = plan_scope_find(&s->scope, pairs[i].key)->entry;
		size_t at = find_place(p->arena, &s->env_index, c->env.count, env_name, c,
		                       pairs[i].key);
		if (at == c->env.count)
			strs_push(p->arena, &c->env, entry);
		else
			c->env.at[at] = entry;
	}
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_LABEL(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	Label *pairs;
	ImageConfig *c = &s->out->config;
	TRY(expand_pairs(p, s, node, &pairs, &text));
	for (size_t i = 0; i < node->pair_count; i++) {
		plan_see(p, PLAN_SAW_VALUE, s, pairs[i].key);
		size_t at = find_place(p->arena, &s->label_index, c->label_count, label_name, c,
		                       pairs[i].key);
		if (at == c->label_count)
			image_config_add_label(p->arena, c, pairs[i].key, pairs[i].value);
		else
			c->labels[at].value = pairs[i].value;
	}
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Strs plan_command(Planner *p, const StageWork *s, const Node *node)
{
	Strs argv = { .set = true };
	const Strs *shell = &s->out->config.shell;
	if (!node->json) {
		for (size_t i = 0; i < shell->count; i++)
			strs_push(p->arena, &argv, shell->at[i]);
		if (!shell->count) {
			strs_push(p->arena, &argv, STR("/bin/sh"));
			strs_push(p->arena, &argv, STR("-c"));
		}
	}
	for (size_t i = 0; i < node->word_count; i++)
		strs_push(p->arena, &argv, node->words[i].text);
	if (!node->json && !node->word_count)
		strs_push(p->arena, &argv, STR(""));
	return argv;
}

Err *plan_CMD(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	ImageConfig *c = &s->out->config;
	if (!node->json && !c->shell.count)
		plan_see(p, PLAN_SAW_NO_SHELL, s, STR(""));
	c->cmd = plan_command(p, s, node);
	c->args_escaped = true; /* meant for Windows; docker's configs have it */
	s->cmd_set = true;
	buf_addf(&text, "CMD ");
	plan_put_quoted(&text, &c->cmd);
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_ENTRYPOINT(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	ImageConfig *c = &s->out->config;
	if (!node->json && !c->shell.count)
		plan_see(p, PLAN_SAW_NO_SHELL, s, STR(""));
	c->entrypoint = plan_command(p, s, node);
	c->entrypoint.set = c->entrypoint.count > 0; /* ENTRYPOINT [] is none at all */
	/* The CMD of the base was arguments for another program. */
	if (!s->cmd_set)
		c->cmd = (Strs){ 0 };
	buf_addf(&text, "ENTRYPOINT ");
	plan_put_quoted(&text, &c->entrypoint);
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_SHELL(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (!node->word_count)
		return err_at(node->span, "SHELL requires at least one argument");
	s->out->config.shell = plan_command(p, s, node);
	buf_addf(&text, "SHELL ");
	plan_put_list(&text, &s->out->config.shell);
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_VOLUME(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	Strs list = { .set = true };
	for (size_t i = 0; i < node->word_count; i++) {
		Word word = node->words[i];
		Str path;
		word.text = str_trim(word.text);
		TRY(plan_expand(p, s, word, &path));
		if (!path.len)
			return err_at(word.span, "VOLUME specified can not be an empty string");
		strs_push(p->arena, &list, path);
	}
	Strs *volumes = &s->out->config.volumes;
	for (size_t i = 0; i < list.count; i++)
		strs_push(p->arena, volumes, list.at[i]);
	buf_addf(&text, "VOLUME ");
	plan_put_list(&text, &list);
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_USER(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(plan_expand(p, s, node->words[0], &s->out->config.user));
	s->user_span = node->words[0].span;
	buf_addf(&text, "USER %.*s", STR_ARG(s->out->config.user));
	plan_add_empty_history(p, s, &text);
	return NULL;
}

Err *plan_MAINTAINER(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	s->out->config.author = node->words[0].text;
	buf_addf(&text, "MAINTAINER %.*s", STR_ARG(node->words[0].text));
	plan_add_empty_history(p, s, &text);
	return NULL;
}

/* Stored as text for images built FROM this one; no history. */
Err *plan_ONBUILD(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, node->onbuild->line);
	const Node *with_bodies = node->onbuild->heredoc_count ? node->onbuild : node;
	for (size_t i = 0; i < with_bodies->heredoc_count; i++) {
		buf_add_char(&text, '\n');
		buf_add_str(&text, with_bodies->heredocs[i].raw);
		buf_add_str(&text, with_bodies->heredocs[i].name);
	}
	strs_push(p->arena, &s->out->config.on_build, plan_take_str(p, &text));
	return NULL;
}

/* --- STOPSIGNAL ------------------------------------------------------------------------------ */

/* The signals of Linux, without SIG, as moby/sys/signal knows them; RTMIN+n and RTMAX-n apart. */
static const char *const signal_names[] = {
	"ABRT", "ALRM",   "BUS",  "CHLD",   "CLD",   "CONT", "FPE",  "HUP",   "ILL",
	"INT",  "IO",     "IOT",  "KILL",   "PIPE",  "POLL", "PROF", "PWR",   "QUIT",
	"SEGV", "STKFLT", "STOP", "SYS",    "TERM",  "TRAP", "TSTP", "TTIN",  "TTOU",
	"URG",  "USR1",   "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
};

static bool is_signal(Arena *a, Str text)
{
	uint64_t n;
	/* Any number but 0, as in BuildKit: what it means is the machine's that stops it. */
	if (str_to_u64(str_starts(text, STR("-")) ? str_from_at(text, 1) : text, &n))
		return n > 0 && n <= INT32_MAX;
	Str name = plan_lower(a, text);
	if (str_starts(name, STR("sig")))
		name = str_from_at(name, 3);
	for (size_t i = 0; i < ARRAY_LEN(signal_names); i++)
		if (str_eq(name, plan_lower(a, str_from(signal_names[i]))))
			return true;
	bool from_min = str_starts(name, STR("rtmin+")), from_max = str_starts(name, STR("rtmax-"));
	return (from_min || from_max) && str_to_u64(str_from_at(name, 6), &n) && n >= 1 &&
	       n <= (from_min ? 15u : 14u);
}

Err *plan_STOPSIGNAL(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str name;
	TRY(plan_expand(p, s, node->words[0], &name));
	if (!is_signal(p->arena, name))
		return err_at(node->words[0].span, "invalid signal: '%.*s'", STR_ARG(name));
	s->out->config.stop_signal = name;
	buf_addf(&text, "STOPSIGNAL %.*s", STR_ARG(name));
	plan_add_empty_history(p, s, &text);
	return NULL;
}
