/* rules_own.c - rules of ours that need the text, and what planning saw. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

#include <strings.h>

/* --- rules that do not exist ------------------------------------------------------------------ */

static bool is_rule(Str name)
{
	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		if (str_eqc(name, lint_rule_table[i].name))
			return true;
	return !name.len;
}

static void check_names(Linter *l, const Word *names, size_t count)
{
	const char *all[LINT_RULE_COUNT];
	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		all[i] = lint_rule_table[i].name;
	for (size_t i = 0; i < count; i++) {
		Node where = { .span = names[i].span };
		if (is_rule(names[i].text))
			continue;
		const char *near = dockerfile_suggest(names[i].text, all, LINT_RULE_COUNT);
		lint_report_at(l, LINT_UnknownCheckRule, &where, "No rule is called '%.*s'%s%s%s",
		               STR_ARG(names[i].text), near ? " (did you mean " : "",
		               near ? near : "", near ? "?)" : "");
	}
}

static void check_options(Linter *l, Word word)
{
	CheckOptions o;
	if (!word.text.len)
		return;
	AUTO_ERR Err *e = check_options_parse(l->arena, word, &o);
	if (e) /* told by the build, or a comment that is none of ours */
		return;
	check_names(l, o.skip, o.skip_count);
	check_names(l, o.experimental, o.experimental_count);
}

void lint_rule_UnknownCheckRule(Linter *l)
{
	if (l->node == l->file->nodes)
		check_options(l, l->file->check);
	check_options(l, node_check(l->node));
}

/* --- stages ----------------------------------------------------------------------------------- */

static bool is_named(Str name, Str stage, size_t index)
{
	char number[24];
	(void)snprintf(number, sizeof number, "%zu", index);
	return name.len &&
	       ((name.len == stage.len && strncasecmp(name.ptr, stage.ptr, name.len) == 0) ||
	        str_eqc(name, number));
}

/* Does NODE take files of the stage?  In --from=, and in from= of a mount. */
static bool takes_from(const Node *node, Str stage, size_t index)
{
	if (node->id == INST_ONBUILD && node->onbuild)
		node = node->onbuild;
	for (size_t i = 0; i < node->flag_count; i++) {
		const NodeFlag *f = &node->flags[i];
		if (f->id == FLAG_ID_FROM && is_named(f->value.text, stage, index))
			return true;
		Str rest = f->id == FLAG_ID_RUN_MOUNT ? f->value.text : STR("");
		while (rest.len) {
			Str field, key;
			rest = str_cut(rest, ',', &field);
			Str value = str_cut(field, '=', &key);
			if (key.len == 4 && strncasecmp(key.ptr, "from", 4) == 0 &&
			    is_named(value, stage, index))
				return true;
		}
	}
	return false;
}

/* Nodes times stages: a file that makes this long is read by no person. */
enum { COMPARED_MAX = 1 << 20 };

static bool is_used(const Linter *l, Str stage, size_t index)
{
	const PlanFacts *facts = l->in->facts;
	for (size_t i = 0; i < facts->len; i++)
		if (facts->at[i].kind == PLAN_SAW_STAGE && facts->at[i].other == index)
			return true;
	for (size_t i = 0; i < l->file->node_count; i++)
		if (takes_from(&l->file->nodes[i], stage, index))
			return true;
	return false;
}

void lint_rule_UnusedStage(Linter *l)
{
	const Dockerfile *d = l->file;
	const PlanFacts *facts = l->in->facts;
	size_t planned = 0, index = 0;
	for (size_t i = 0; i < facts->len; i++)
		planned += facts->at[i].kind == PLAN_SAW_STAGE;
	/* With --target others are not planned, and each may be a target of its own. */
	if (!l->in->is_planned || planned != l->stage_count ||
	    l->stage_count * d->node_count > COMPARED_MAX)
		return;
	for (size_t i = 0; i < d->node_count; i++) {
		const Node *n = &d->nodes[i];
		if (n->id != INST_FROM)
			continue;
		l->node = l->place = n;
		Str name = n->word_count == 3 ? n->words[2].text : STR("");
		bool last = index == l->stage_count - 1;
		if (!last && !is_used(l, name, index) && !name.len)
			lint_report(
				l, LINT_UnusedStage,
				"Nothing can use this stage: it has no name, and is not the last");
		else if (!last && !is_used(l, name, index) && !node_description(n, name).len)
			lint_report(
				l, LINT_UnusedStage,
				"No other stage uses '%.*s': if it is a target, say what for, as "
				"in '# %.*s runs the tests' above it",
				STR_ARG(name), STR_ARG(name));
		index++;
	}
}

/* --- what makes steps run again --------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static bool names(Str text, Str name)
{
	ptrdiff_t at;
	char before = ' ';
	while ((at = lint_find(text, name)) >= 0) {
		before = at ? text.ptr[at - 1] : before;
		Str rest = str_from_at(text, (size_t)at + name.len);
		if (!is_name_char(before) && !(rest.len && is_name_char(rest.ptr[0])))
			return true;
		before = text.ptr[at];
		text = str_from_at(text, (size_t)at + 1);
	}
	return false;
}

/* All of the instruction as written, bodies of heredocs too. */
static Str text_of(const Node *n)
{
	return str_head(str_from_at(n->span.src->text, n->span.start), n->span.end - n->span.start);
}

static void check_arg(Linter *l, size_t at, Str name)
{
	const Dockerfile *d = l->file;
	size_t runs = 0;
	unsigned first, last;
	for (size_t i = at + 1; i < d->node_count && d->nodes[i].id != INST_FROM; i++) {
		const Node *n = &d->nodes[i];
		if (!names(text_of(n), name)) {
			runs += n->id == INST_RUN;
			continue;
		}
		if (!runs)
			return;
		l->node = l->place = &d->nodes[at];
		line_map_find(&l->lines, n->span, &first, &last);
		lint_report(
			l, LINT_ArgBeforeUse,
			"ARG %.*s stands before %zu RUN that %s not name it and run%s again when "
			"it changes: it is first used in line %u",
			STR_ARG(name), runs, runs == 1 ? "does" : "do", runs == 1 ? "s" : "",
			first);
		return;
	}
}

/* Each costs a look at the rest of its stage. */
enum { ARGS_ASKED_MAX = 100 };

/* Of names that sound like another value in each build alone: GIT_COMMIT, not GO_VERSION. */
void lint_rule_ArgBeforeUse(Linter *l)
{
	static const char *const changing[] = { "commit", "sha",       "rev",     "revision",
		                                "date",   "timestamp", "buildid", "time" };
	const Dockerfile *d = l->file;
	bool in_stage = false;
	size_t asked = 0;
	for (size_t i = 0; i < d->node_count; i++) {
		const Node *n = &d->nodes[i];
		in_stage = in_stage || n->id == INST_FROM;
		for (size_t k = 0; in_stage && n->id == INST_ARG && k < n->pair_count; k++)
			if (lint_has_part(n->pairs[k].key.text, changing, ARRAY_LEN(changing)) &&
			    ++asked <= ARGS_ASKED_MAX)
				check_arg(l, i, n->pairs[k].key.text);
	}
}

typedef struct Installer {
	const char *command, *files;
} Installer;

static const Installer installers[] = {
	{ "npm ci", "package.json and package-lock.json" },
	{ "npm install", "package.json and package-lock.json" },
	{ "yarn install", "package.json and yarn.lock" },
	{ "pnpm install", "package.json and pnpm-lock.yaml" },
	{ "pip install -r", "requirements.txt" },
	{ "pip3 install -r", "requirements.txt" },
	{ "poetry install", "pyproject.toml and poetry.lock" },
	{ "uv sync", "pyproject.toml and uv.lock" },
	{ "bundle install", "Gemfile and Gemfile.lock" },
	{ "composer install", "composer.json and composer.lock" },
	{ "go mod download", "go.mod and go.sum" },
	{ "cargo fetch", "Cargo.toml and Cargo.lock" },
	{ "mvn dependency:go-offline", "pom.xml" },
	{ "dotnet restore", "the project files" },
};

/* Does the command that REST goes on with name something? "--omit=dev && x" does not. */
static bool names_package(Str rest)
{
	while (rest.len && !strchr(";&|", rest.ptr[0])) {
		size_t n = 0;
		if (str_starts(rest, STR("\\\n")))
			n = 2;
		else if (rest.ptr[0] == '\n')
			break;
		else if (rest.ptr[0] == ' ' || rest.ptr[0] == '\t')
			n = 1;
		else if (rest.ptr[0] != '-')
			return true;
		while (rest.ptr[0] == '-' && n < rest.len && !strchr(" \t\n\\;&|", rest.ptr[n]))
			n++;
		if (rest.ptr[0] == '-' &&
		    (str_eqc(str_head(rest, n), "-g") || str_eqc(str_head(rest, n), "--global")))
			return true;
		rest = str_from_at(rest, n);
	}
	return false;
}

/* "npm install" and "npm install --omit=dev" install what a file of the context names; "npm install
 * x" does not. */
static bool is_install(Str text, const Installer *in)
{
	Str command = str_from(in->command);
	ptrdiff_t at;
	while ((at = lint_find(text, command)) >= 0) {
		text = str_from_at(text, (size_t)at + command.len);
		if (str_ends(command, STR("-r")) || !names_package(text))
			return true;
	}
	return false;
}

static bool copies_all(const Node *n)
{
	static const char *const all[] = { ".", "./", "*", "./*", "/" };
	bool copy = n->id == INST_COPY || n->id == INST_ADD;
	if (!copy || node_flag(n, FLAG_ID_FROM))
		return false;
	for (size_t i = 0; i + 1 < n->word_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			if (str_eqc(n->words[i].text, all[k]))
				return true;
	return false;
}

static bool has_cache_mount(const Node *n)
{
	for (size_t i = 0; i < n->flag_count; i++)
		if (n->flags[i].id == FLAG_ID_RUN_MOUNT &&
		    names(n->flags[i].value.text, STR("cache")))
			return true;
	return false;
}

static void check_install(Linter *l, const Node *copy, const Node *run, bool *done)
{
	unsigned first, last;
	for (size_t i = 0; i < ARRAY_LEN(installers); i++) {
		if (done[i] || !is_install(text_of(run), &installers[i]))
			continue;
		done[i] = true;
		if (!copy || has_cache_mount(run))
			continue; /* it was installed before the files came, or is at hand */
		l->node = l->place = copy;
		line_map_find(&l->lines, run->span, &first, &last);
		lint_report(
			l, LINT_CopyBeforeInstall,
			"All files are copied before '%s' in line %u, which runs again with each "
			"change of one: copy %s alone first",
			installers[i].command, first, installers[i].files);
	}
}

void lint_rule_CopyBeforeInstall(Linter *l)
{
	const Dockerfile *d = l->file;
	const Node *copy = NULL;
	bool done[ARRAY_LEN(installers)] = { false };
	for (size_t i = 0; i < d->node_count; i++) {
		const Node *n = &d->nodes[i];
		if (n->id == INST_FROM) {
			copy = NULL;
			memset(done, 0, sizeof done);
		} else if (copies_all(n)) {
			copy = copy ? copy : n;
		} else if (n->id == INST_RUN) {
			check_install(l, copy, n, done);
		}
	}
}

/* --- where documents and behaviour differ ----------------------------------------------------- */

void lint_rule_LinkIgnored(Linter *l)
{
	const Node *n = l->node;
	if (l->fact->kind != PLAN_SAW_INSTRUCTION || (n->id != INST_COPY && n->id != INST_ADD))
		return;
	const NodeFlag *link = node_flag(n, FLAG_ID_LINK), *chmod = node_flag(n, FLAG_ID_CHMOD);
	bool on = link && (!link->has_value || (link->value.text.ptr[0] | 0x20) == 't');
	if (on && chmod && chmod->value.text.len)
		lint_report(
			l, LINT_LinkIgnored,
			"--link has no effect beside --chmod, in docker as here: the step depends "
			"on all before it");
}

void lint_rule_ArgHidesEnv(Linter *l)
{
	const PlanFact *f = l->fact;
	unsigned first, last;
	if (f->kind != PLAN_SAW_SHADOWED)
		return;
	if (f->origin.src != l->file->source) {
		lint_report(l, LINT_ArgHidesEnv,
		            "RUN sees this value of '%.*s', and not that of the base image's ENV, "
		            "which the image keeps",
		            STR_ARG(f->text));
		return;
	}
	line_map_find(&l->lines, f->origin, &first, &last);
	lint_report(l, LINT_ArgHidesEnv,
	            "RUN sees this value of '%.*s', and not that of the ENV in line %u, which the "
	            "image keeps",
	            STR_ARG(f->text), first);
}
