/*
 * check.c - what can be said of instructions without an image and without values of variables.
 *
 * A tree may hold anything that looks like an instruction; what is refused here is refused for
 * every build of the file, also in stages that the target does not need, as BuildKit does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

#include <stdio.h>

static const char *name_of(const Node *node)
{
	return instruction_table[node->id].name;
}

static Err *unknown_instruction(const Node *node)
{
	const char *names[INST_COUNT];
	for (InstructionId i = 0; i < INST_COUNT; i++)
		names[i] = instruction_table[i].name;
	Err *err = err_at(node->keyword.span, "unknown instruction: '%.*s'",
	                  STR_ARG(word_clip(node->keyword.text)));
	const char *near = dockerfile_suggest(node->keyword.text, names, INST_COUNT);
	return near ? err_note(err, "did you mean '%s'?", near) : err;
}

static Err *unknown_flag(const Node *node, const NodeFlag *flag)
{
	const char *names[FLAG_COUNT];
	size_t count = 0;
	for (FlagId i = 0; i < FLAG_COUNT; i++)
		if (flag_table[i].instructions & (1u << node->id))
			names[count++] = flag_table[i].name;
	Err *err = err_at(flag->name.span, "unknown flag of %s: '--%.*s'", name_of(node),
	                  STR_ARG(word_clip(flag->name.text)));
	const char *near = dockerfile_suggest(flag->name.text, names, count);
	return near ? err_note(err, "did you mean '--%s'?", near) : err;
}

/* A word of those that the table names. */
static Err *check_choice(const NodeFlag *flag)
{
	enum { CHOICES_MAX = 8 };
	const Flag *known = &flag_table[flag->id];
	char text[64]; /* of the table: "default,none,host" */
	const char *names[CHOICES_MAX];
	size_t count = 0;
	(void)snprintf(text, sizeof text, "%s", known->shown);
	char *rest = text;
	while (rest && count < CHOICES_MAX) {
		names[count++] = strsep(&rest, ",");
		if (str_eqc(flag->value.text, names[count - 1]))
			return NULL;
	}
	Err *err = err_at(flag->value.span, "invalid value of flag '--%s': '%.*s'", known->name,
	                  STR_ARG(word_clip(flag->value.text)));
	const char *near = dockerfile_suggest(flag->value.text, names, count);
	return near ? err_note(err, "did you mean '%s'?", near)
	            : err_note(err, "it is one of %s", known->shown);
}

static Err *check_flag_value(const NodeFlag *flag)
{
	const Flag *known = &flag_table[flag->id];
	Str value = flag->value.text;
	if (known->value != FLAG_BOOLEAN) {
		if (!flag->has_value)
			return err_at(flag->name.span, "missing a value on flag: '--%s'",
			              known->name);
		return known->value == FLAG_CHOICE ? check_choice(flag) : NULL;
	}
	if (!flag->has_value)
		return NULL;
	if (!value.len)
		return err_at(flag->name.span, "missing a value on flag: '--%s'", known->name);
	if (!word_equal_fold(value, "true") && !word_equal_fold(value, "false"))
		return err_at(flag->value.span, "flag '--%s' is true or false, not: '%.*s'",
		              known->name, STR_ARG(word_clip(value)));
	return NULL;
}

static Err *check_flags(const Node *node)
{
	bool seen[FLAG_COUNT] = { false };
	for (size_t i = 0; i < node->flag_count; i++) {
		const NodeFlag *flag = &node->flags[i];
		if (flag->id == FLAG_COUNT)
			return unknown_flag(node, flag);
		if (seen[flag->id] && !flag_table[flag->id].repeat)
			return err_at(flag->name.span, "duplicate flag: '--%s'",
			              flag_table[flag->id].name);
		seen[flag->id] = true;
		TRY(check_flag_value(flag));
	}
	return NULL;
}

static Err *too_few(const Node *node)
{
	const Instruction *in = &instruction_table[node->id];
	Span span = node->rest.text.len ? node->rest.span : node->keyword.span;
	if (in->min == 2)
		return err_at(span,
		              "%s requires at least two arguments: a source and a destination",
		              in->name);
	return err_at(span, "%s requires %s one argument", in->name,
	              in->max == 1 ? "exactly" : "at least");
}

static Err *check_count(const Node *node)
{
	const Instruction *in = &instruction_table[node->id];
	size_t count = node->word_count + node->pair_count + (node->onbuild != NULL);
	/* FROM has a rule of its own; too many is not possible elsewhere. */
	if (node->id != INST_FROM && count < (size_t)in->min)
		return too_few(node);
	return NULL;
}

static Err *check_pairs(const Node *node)
{
	for (size_t i = 0; i < node->pair_count; i++)
		if (!node->pairs[i].key.text.len)
			return err_at(node->pairs[i].value.span, "%s names cannot be blank",
			              name_of(node));
	return NULL;
}

static bool is_stage_name(Str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		bool other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
		if (!letter && !(i > 0 && other))
			return false;
	}
	return s.len > 0;
}

static Err *check_from(const Node *node)
{
	const Word *words = node->words;
	bool named = node->word_count == 3 && word_equal_fold(words[1].text, "as");
	if (!named && node->word_count != 1) {
		Span span = node->word_count ? node->rest.span : node->keyword.span;
		return err_note(err_at(span, "FROM requires either one or three arguments"),
		                "write FROM image, or FROM image AS name");
	}
	if (named && !is_stage_name(words[2].text))
		return err_note(err_at(words[2].span, "invalid name for build stage: '%.*s'",
		                       STR_ARG(word_clip(words[2].text))),
		                "a name begins with a letter and holds letters, digits, '-', '_' "
		                "and '.' only");
	return NULL;
}

static Err *check_copy(const Node *node)
{
	const Word *destination = &node->words[node->word_count - 1];
	if (node_heredoc(node, *destination))
		return err_at(destination->span, "%s cannot accept a heredoc as a destination",
		              name_of(node));
	return NULL;
}

static Err *check_healthcheck(const Node *node)
{
	const Word *type = &node->words[0];
	if (word_equal_fold(type->text, "none")) {
		if (node->word_count > 1)
			return err_at(node->words[1].span, "HEALTHCHECK NONE takes no arguments");
		return NULL;
	}
	if (!word_equal_fold(type->text, "cmd"))
		return err_note(err_at(type->span, "unknown type of HEALTHCHECK: '%.*s'",
		                       STR_ARG(word_clip(type->text))),
		                "it must be CMD or NONE");
	if (node->word_count < 2)
		return err_at(type->span, "missing command after HEALTHCHECK CMD");
	static const FlagId times[] = { FLAG_ID_HEALTH_INTERVAL, FLAG_ID_HEALTH_TIMEOUT,
		                        FLAG_ID_HEALTH_PERIOD, FLAG_ID_HEALTH_START_INTERVAL };
	int64_t value;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		TRY(dockerfile_health_duration(node, times[i], &value));
	return dockerfile_health_retries(node, FLAG_ID_HEALTH_RETRIES, &value);
}

static Err *check_volume(const Node *node)
{
	for (size_t i = 0; i < node->word_count; i++)
		if (!node->words[i].text.len)
			return err_at(node->words[i].span, "a VOLUME cannot be an empty string");
	return NULL;
}

/* The text of a file holds no NUL, but the escapes of JSON can make one. */
static Err *check_words(const Node *node)
{
	for (size_t i = 0; node->json && i < node->word_count; i++)
		if (str_find(node->words[i].text, '\0') >= 0)
			return err_note(
				err_at(node->words[i].span, "\\u0000 cannot be in an argument"),
				"programs take their arguments up to the first NUL byte");
	return NULL;
}

static Err *check_node(const Node *node);

Err *dockerfile_check_trigger(const Node *node)
{
	if (node->id == INST_ONBUILD)
		return err_at(node->keyword.span, "ONBUILD cannot trigger another ONBUILD");
	if (node->id == INST_FROM || node->id == INST_MAINTAINER)
		return err_at(node->keyword.span, "ONBUILD cannot trigger %s", name_of(node));
	return check_node(node);
}

static Err *check_node(const Node *node)
{
	if (node->id == INST_COUNT)
		return unknown_instruction(node);
	TRY(check_count(node));
	TRY(check_flags(node));
	TRY(check_pairs(node));
	TRY(check_words(node));
	if (node->id == INST_FROM)
		return check_from(node);
	if (node->id == INST_COPY || node->id == INST_ADD)
		return check_copy(node);
	if (node->id == INST_HEALTHCHECK)
		return check_healthcheck(node);
	if (node->id == INST_VOLUME)
		return check_volume(node);
	if (node->id == INST_ONBUILD)
		return dockerfile_check_trigger(node->onbuild);
	if (node->id == INST_SHELL && !node->json)
		return err_note(
			err_at(node->rest.span, "SHELL requires its arguments in JSON form"),
			"for example: SHELL [\"/bin/bash\", \"-c\"]");
	return NULL;
}

/* The last part of an image name, without tag and digest. */
static Str image_base_name(Str image)
{
	Str head;
	(void)str_cut(image, '@', &head);
	ptrdiff_t slash = str_rfind(head, '/');
	Str base = str_from_at(head, (size_t)(slash + 1));
	(void)str_cut(base, ':', &head);
	return head;
}

/*
 * A frontend other than docker/dockerfile, of whatever registry and version, reads another
 * language: a build by our own reader would be a wrong one.  "dockerfile.v0" is BuildKit's name of
 * the one that is built in.
 */
Err *dockerfile_check_syntax(const Dockerfile *d)
{
	static const char *const ours[] = { "dockerfile", "dockerfile-upstream", "dockerfile.v0" };
	if (!d->syntax.text.len)
		return NULL;
	Str image;
	(void)str_cut(d->syntax.text, ' ', &image);
	Str base = image_base_name(image);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (str_eqc(base, ours[i]))
			return NULL;
	Err *err = err_new(ERR_INPUT, "unsupported frontend: '%.*s'", STR_ARG(word_clip(image)));
	if (d->syntax.span.src)
		err = err_place(err, d->syntax.span);
	else
		err = err_note(err, "the build argument BUILDKIT_SYNTAX names it");
	return err_note(err, "decant reads Dockerfiles by itself and fetches no frontend");
}

Err *dockerfile_check(const Dockerfile *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CheckOptions options;
	TRY(dockerfile_check_syntax(d));
	TRY(check_options_parse(&a, d->check, &options));
	bool in_stage = false;
	for (size_t i = 0; i < d->node_count; i++) {
		const Node *node = &d->nodes[i];
		TRY(check_node(node));
		in_stage |= node->id == INST_FROM;
		if (!in_stage && node->id != INST_ARG)
			return err_note(err_at(node->keyword.span, "no build stage for %s yet",
			                       name_of(node)),
			                "only ARG may stand before the first FROM");
	}
	if (!in_stage)
		return err_new(ERR_INPUT, "'%s' holds no FROM: there is no stage to build",
		               d->source->name);
	return NULL;
}
