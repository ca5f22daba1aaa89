/* schema.c - the tables of the Dockerfile language as JSON and as Markdown. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/schema.h"
#include "codec/json.h"
#include "dockerfile/mount.h"

static bool has_flag(InstructionId instruction, FlagId flag)
{
	return flag_table[flag].instructions & (1u << instruction);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void member(JsonWriter *w, const char *key, const char *value)
{
	json_write_key(w, key);
	json_write_str(w, str_from(value));
}

/* "a,b" as an array. */
static void member_list(JsonWriter *w, const char *key, const char *list)
{
	json_write_key(w, key);
	json_write_array(w);
	for (Str rest = str_from(list), one; rest.len; json_write_str(w, one))
		rest = str_cut(rest, ',', &one);
	json_write_array_end(w);
}

static void member_bool(JsonWriter *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}

static void write_flag(JsonWriter *w, const Flag *flag)
{
	static const char *const kinds[] = {
		[FLAG_VALUE] = "value", [FLAG_BOOLEAN] = "boolean", [FLAG_CHOICE] = "choice"
	};
	json_write_object(w);
	member(w, "name", flag->name);
	member(w, "kind", kinds[flag->value]);
	if (flag->value == FLAG_VALUE)
		member(w, "value", flag->shown);
	else
		member_list(w, "choices", flag->value == FLAG_BOOLEAN ? "true,false" : flag->shown);
	member_bool(w, "repeatable", flag->repeat);
	member(w, "help", flag->help);
	json_write_object_end(w);
}

static void write_instruction(JsonWriter *w, InstructionId id)
{
	static const char *const forms[] = {
		[WORDS] = "words",
		[WORDS_OR_JSON] = "words or json",
		[ASSIGNMENTS] = "assignments",
		[SHELL_OR_JSON] = "text or json",
		[JSON_ONLY] = "json",
		[ONE_WORD] = "text",
		[SUBINSTRUCTION] = "instruction",
	};
	static const char *const changes[] = { [CHANGES_NOTHING] = "nothing",
		                               [CHANGES_CONFIG] = "config",
		                               [CHANGES_FILES] = "files" };
	const Instruction *in = &instruction_table[id];
	json_write_object(w);
	member(w, "name", in->name);
	member(w, "usage", in->usage);
	member(w, "help", in->help);
	member(w, "form", forms[in->form]);
	json_write_key(w, "minWords");
	json_write_int(w, in->min);
	json_write_key(w, "maxWords");
	if (in->max < 0)
		json_write_null(w);
	else
		json_write_int(w, in->max);
	member_bool(w, "heredocs", in->heredoc);
	member(w, "changes", changes[in->changes]);
	json_write_key(w, "flags");
	json_write_array(w);
	for (FlagId flag = 0; flag < FLAG_COUNT; flag++)
		if (has_flag(id, flag))
			write_flag(w, &flag_table[flag]);
	json_write_array_end(w);
	json_write_object_end(w);
}

static void write_mount_key(JsonWriter *w, const MountKeyInfo *key)
{
	json_write_object(w);
	member(w, "name", key->name);
	member_list(w, "aliases", key->aliases);
	member_bool(w, "alone", key->alone);
	json_write_key(w, "types");
	json_write_array(w);
	for (MountType type = 0; type < MOUNT_TYPE_COUNT; type++)
		if (key->types & (1u << type))
			json_write_str(w, str_from(mount_type_table[type].name));
	json_write_array_end(w);
	member(w, "default", key->fallback);
	member(w, "help", key->help);
	json_write_object_end(w);
}

static void write_mounts(JsonWriter *w)
{
	json_write_key(w, "mounts");
	json_write_object(w);
	json_write_key(w, "types");
	json_write_array(w);
	for (MountType type = 0; type < MOUNT_TYPE_COUNT; type++) {
		json_write_object(w);
		member(w, "name", mount_type_table[type].name);
		member(w, "help", mount_type_table[type].help);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_key(w, "keys");
	json_write_array(w);
	for (MountKey key = 0; key < MOUNT_KEY_COUNT; key++)
		write_mount_key(w, &mount_key_table[key]);
	json_write_array_end(w);
	json_write_object_end(w);
}

void schema_write_json(Buf *out)
{
	AUTO_BUF Buf compact = BUF_INIT;
	JsonWriter w = { .out = &compact };
	json_write_object(&w);
	member(&w, "decant", DECANT_VERSION);
	json_write_key(&w, "directives");
	json_write_array(&w);
	for (DirectiveId id = 0; id < DIRECTIVE_COUNT; id++) {
		json_write_object(&w);
		member(&w, "name", directive_table[id].name);
		member(&w, "value", directive_table[id].shown);
		member(&w, "help", directive_table[id].help);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	json_write_key(&w, "instructions");
	json_write_array(&w);
	for (InstructionId id = 0; id < INST_COUNT; id++)
		write_instruction(&w, id);
	json_write_array_end(&w);
	write_mounts(&w);
	json_write_object_end(&w);
	buf_add_str(out, buf_str(&compact));
	buf_add_char(out, '\n');
}

/* --- Markdown --------------------------------------------------------------------------------- */

/* In a table a bar would end the cell, in code too. */
static void add_cell(Buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

static void add_row(Buf *out, const char *code, const char *second, const char *help)
{
	buf_add_str(out, STR("| `"));
	add_cell(out, code);
	buf_add_str(out, STR("` | "));
	if (second) {
		add_cell(out, second);
		buf_add_str(out, STR(" | "));
	}
	add_cell(out, help);
	buf_add_str(out, STR(" |\n"));
}

static void add_instructions(Buf *out)
{
	buf_add_str(out, STR("| instruction | |\n|---|---|\n"));
	for (InstructionId id = 0; id < INST_COUNT; id++) {
		AUTO_BUF Buf code = BUF_INIT;
		buf_addf(&code, "%s %s", instruction_table[id].name, instruction_table[id].usage);
		add_row(out, code.ptr, NULL, instruction_table[id].help);
	}
}

static void add_flags(Buf *out)
{
	buf_add_str(out, STR("| flag | of | |\n|---|---|---|\n"));
	for (FlagId flag = 0; flag < FLAG_COUNT; flag++) {
		const Flag *f = &flag_table[flag];
		AUTO_BUF Buf code = BUF_INIT;
		AUTO_BUF Buf of = BUF_INIT;
		AUTO_BUF Buf help = BUF_INIT;
		buf_addf(&code, "--%s", f->name);
		if (f->value == FLAG_BOOLEAN)
			buf_add_str(&code, STR("[=true|false]"));
		else
			buf_add_char(&code, '=');
		for (const char *c = f->shown; *c; c++) /* the choices with bars */
			buf_add_char(&code, f->value == FLAG_CHOICE && *c == ',' ? '|' : *c);
		for (InstructionId id = 0; id < INST_COUNT; id++)
			if (has_flag(id, flag))
				buf_addf(&of, "%s`%s`", of.len ? " " : "",
				         instruction_table[id].name);
		buf_addf(&help, "%s%s", f->help, f->repeat ? "; may be repeated" : "");
		add_row(out, code.ptr, of.ptr, help.ptr);
	}
}

static void add_mount_keys(Buf *out)
{
	buf_add_str(out, STR("| key of `RUN --mount` | in | |\n|---|---|---|\n"));
	for (MountKey key = 0; key < MOUNT_KEY_COUNT; key++) {
		const MountKeyInfo *k = &mount_key_table[key];
		AUTO_BUF Buf code = BUF_INIT;
		AUTO_BUF Buf in = BUF_INIT;
		AUTO_BUF Buf help = BUF_INIT;
		buf_addf(&code, "%s", k->name);
		for (Str rest = str_from(k->aliases), one; rest.len;) {
			rest = str_cut(rest, ',', &one);
			buf_addf(&code, "` `%.*s", STR_ARG(one));
		}
		unsigned all = (1u << MOUNT_TYPE_COUNT) - 1;
		for (MountType t = 0; t < MOUNT_TYPE_COUNT && (k->types & all) != all; t++)
			if (k->types & (1u << t))
				buf_addf(&in, "%s%s", in.len ? ", " : "", mount_type_table[t].name);
		buf_addf(&help, "%s%s%s%s", k->help, *k->fallback ? " (" : "", k->fallback,
		         *k->fallback ? ")" : "");
		add_row(out, code.ptr, in.len ? in.ptr : "every type", help.ptr);
	}
}

void schema_write_markdown(Buf *out)
{
	add_instructions(out);
	buf_add_char(out, '\n');
	add_flags(out);
	buf_add_str(out, STR("\n| type of `RUN --mount` | |\n|---|---|\n"));
	for (MountType type = 0; type < MOUNT_TYPE_COUNT; type++)
		add_row(out, mount_type_table[type].name, NULL, mount_type_table[type].help);
	buf_add_char(out, '\n');
	add_mount_keys(out);
	buf_add_str(out, STR("\n| directive | |\n|---|---|\n"));
	for (DirectiveId id = 0; id < DIRECTIVE_COUNT; id++) {
		AUTO_BUF Buf code = BUF_INIT;
		buf_addf(&code, "# %s=%s", directive_table[id].name, directive_table[id].shown);
		/* A backquote within: two around it. */
		bool quoted = strchr(code.ptr, '`') != NULL;
		buf_addf(out, quoted ? "| `` %s `` | %s |\n" : "| `%s` | %s |\n", code.ptr,
		         directive_table[id].help);
	}
}
