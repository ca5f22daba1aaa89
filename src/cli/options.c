/* options.c - flags of a command line, by table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/options.h"

#include <limits.h>

typedef VEC(const char *) TextVec;

typedef struct Parser {
	const OptionSet *sets;
	size_t set_count;
	int argc, next; /* the next word to read */
	char *const *argv;
	Arena *arena;
} Parser;

bool option_takes_value(const Option *o)
{
	return o->kind == OPTION_TEXT || o->kind == OPTION_LIST || o->kind == OPTION_NUMBER ||
	       (o->kind == OPTION_IGNORED && o->value);
}

bool option_is_shown(const Option *o)
{
	return !o->hidden && o->kind != OPTION_REFUSED && o->kind != OPTION_IGNORED;
}

const char *option_value_name(const Option *o)
{
	if (!option_takes_value(o))
		return "";
	if (o->value)
		return o->value;
	return o->kind == OPTION_LIST ? "list" : o->kind == OPTION_NUMBER ? "int" : "string";
}

/* --- did you mean ----------------------------------------------------------------------------- */

enum { SUGGEST_LEN_MAX = 32, SUGGEST_EDITS_MAX = 2 };

/* Levenshtein distance of two words of at most SUGGEST_LEN_MAX bytes. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[SUGGEST_LEN_MAX + 1];
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *option_suggest(const char *word, const char *const *names, size_t count)
{
	const char *best = NULL;
	size_t least = SUGGEST_EDITS_MAX + 1, len = strlen(word);
	for (size_t i = 0; i < count && len <= SUGGEST_LEN_MAX; i++) {
		size_t name_len = strlen(names[i]);
		if (name_len > SUGGEST_LEN_MAX)
			continue;
		size_t d = distance(word, len, names[i], name_len);
		/* Two edits make nearly any word of four letters into any other. */
		if (d < least && d * 2 < len) {
			least = d;
			best = names[i];
		}
	}
	return best;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const Option *find_long(const Parser *p, Str name, void **ret_values)
{
	for (size_t s = 0; s < p->set_count; s++)
		for (size_t i = 0; i < p->sets[s].count; i++)
			if (str_eqc(name, p->sets[s].at[i].name)) {
				*ret_values = p->sets[s].values;
				return &p->sets[s].at[i];
			}
	return NULL;
}

static const Option *find_letter(const Parser *p, char letter, void **ret_values)
{
	for (size_t s = 0; s < p->set_count; s++)
		for (size_t i = 0; i < p->sets[s].count; i++)
			if (p->sets[s].at[i].letter == letter) {
				*ret_values = p->sets[s].values;
				return &p->sets[s].at[i];
			}
	return NULL;
}

static Err *unknown_flag(const Parser *p, Str name)
{
	Err *e = err_new(ERR_INPUT, "unknown flag: --%.*s", STR_ARG(name));
	AUTO_VEC TextVec names = { 0 };
	for (size_t s = 0; s < p->set_count; s++)
		for (size_t i = 0; i < p->sets[s].count; i++)
			if (option_is_shown(&p->sets[s].at[i]))
				VEC_PUSH(&names, p->sets[s].at[i].name);
	const char *near = option_suggest(arena_str(p->arena, name).ptr, names.at, names.len);
	return near ? err_note(e, "did you mean --%s?", near) : e;
}

/* --- storing ---------------------------------------------------------------------------------- */

/* What Go's strconv.ParseBool takes. */
static bool parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = strcmp(text, yes[i]) == 0;
			return true;
		}
	return false;
}

static Err *store_number(const Option *o, unsigned *member, const char *text)
{
	uint64_t n = 0;
	bool good = str_to_u64(str_from(text), &n);
	if (o->max && (!good || n == 0 || n > o->max))
		return err_new(ERR_INPUT, "invalid value '%s' for --%s: expected a number, 1 to %u",
		               text, o->name, o->max);
	if (!good || n > UINT_MAX)
		return err_new(ERR_INPUT, "invalid value '%s' for --%s: expected a number", text,
		               o->name);
	*member = (unsigned)n;
	return NULL;
}

static void add_to_list(Arena *a, OptionList *list, const char *text)
{
	const char **more = arena_alloc(a, (list->count + 1) * sizeof *more, _Alignof(char *));
	if (list->count)
		memcpy(more, list->at, list->count * sizeof *more);
	more[list->count] = text;
	*list = (OptionList){ more, list->count + 1 };
}

static Err *store(const Parser *p, const Option *o, void *values, const char *text)
{
	char *member = (char *)values + o->offset;
	switch (o->kind) {
	case OPTION_FLAG:
		if (!parse_bool(text ? text : "true", (bool *)member))
			return err_new(ERR_INPUT,
			               "invalid value '%s' for --%s: expected true or false", text,
			               o->name);
		return NULL;
	case OPTION_TEXT:
		*(const char **)member = text;
		return NULL;
	case OPTION_LIST:
		add_to_list(p->arena, (OptionList *)member, text);
		return NULL;
	case OPTION_WORD:
		*(const char **)member = text ? text : "true";
		return NULL;
	case OPTION_IGNORED:
		if (o->advice)
			add_to_list(
				p->arena, (OptionList *)member,
				arena_strf(p->arena, "--%s has no effect: %s", o->name, o->advice)
					.ptr);
		return NULL;
	case OPTION_NUMBER:
		return store_number(o, (unsigned *)member, text);
	case OPTION_COUNT:
		++*(unsigned *)member;
		return NULL;
	case OPTION_REFUSED:
		break;
	}
	Err *e = err_new(ERR_INPUT, "--%s is not supported", o->name);
	return o->advice ? err_note(e, "%s", o->advice) : e;
}

/* --- words ------------------------------------------------------------------------------------ */

static Err *take_long(Parser *p, const char *word)
{
	Str name;
	Str whole = str_from(word + 2);
	(void)str_cut(whole, '=', &name);
	const char *value = name.len < whole.len ? name.ptr + name.len + 1 : NULL;
	void *values;
	const Option *o = find_long(p, name, &values);
	if (!o)
		return unknown_flag(p, name);
	if (!value && option_takes_value(o)) {
		if (p->next == p->argc)
			return err_new(ERR_INPUT, "flag needs an argument: --%s", o->name);
		value = p->argv[p->next++];
	}
	return store(p, o, values, value);
}

static Err *take_letters(Parser *p, const char *word)
{
	for (const char *at = word + 1; *at; at++) {
		void *values;
		const Option *o = find_letter(p, *at, &values);
		if (!o)
			return err_new(ERR_INPUT, "unknown shorthand flag: '%c' in %s", *at, word);
		if (!option_takes_value(o) && at[1] != '=') {
			TRY(store(p, o, values, NULL));
			continue;
		}
		const char *value = at + 1;
		if (*value == '=')
			value++;
		else if (!*value && p->next == p->argc)
			return err_new(ERR_INPUT, "flag needs an argument: '%c' in %s", *at, word);
		else if (!*value)
			value = p->argv[p->next++];
		return store(p, o, values, value);
	}
	return NULL;
}

Err *options_parse(const OptionSet *sets, size_t set_count, int argc, char *const *argv,
                   bool stop_at_argument, Arena *a, Arguments *ret, int *ret_used)
{
	Parser p = { .sets = sets, .set_count = set_count, .argc = argc, .argv = argv, .arena = a };
	Arguments found = { .at = arena_alloc(a, ((size_t)argc + 1) * sizeof *found.at,
		                              _Alignof(char *)) };
	bool flags = true;
	int used = 0;
	while (p.next < argc) {
		const char *word = argv[p.next++];
		if (flags && strcmp(word, "--") == 0) {
			flags = false;
		} else if (flags && strncmp(word, "--", 2) == 0) {
			TRY(take_long(&p, word));
		} else if (flags && word[0] == '-' && word[1]) {
			TRY(take_letters(&p, word));
		} else {
			found.at[found.count++] = word;
			flags = flags && !stop_at_argument;
			continue;
		}
		used = p.next;
	}
	*ret = found;
	*ret_used = used;
	return NULL;
}
