/* instruction.c - the tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/instruction.h"

const Instruction instruction_table[INST_COUNT] = {
#define INSTRUCTION(name, form, min, max, heredoc, changes, usage, help) \
	[INST_##name] = { #name, form, min, max, heredoc, CHANGES_##changes, usage, help },
#include "dockerfile/instructions.def"
#undef INSTRUCTION
};

#define BIT(n) (1u << (n))
const Flag flag_table[FLAG_COUNT] = {
#define FLAG(id, name, value, repeat, instructions, shown, help) \
	[FLAG_ID_##id] = { name, FLAG_##value, repeat, instructions, shown, help },
#include "dockerfile/flags.def"
#undef FLAG
};

const Directive directive_table[DIRECTIVE_COUNT] = {
	[DIRECTIVE_ESCAPE] = { "escape", "\\ or `",
	                       "The character that continues lines and escapes" },
	[DIRECTIVE_SYNTAX] = { "syntax", "docker/dockerfile:VERSION",
	                       "The language of the file; any version, the reader is built in" },
	[DIRECTIVE_CHECK] = { "check", "skip=RULE,...;error=BOOLEAN",
	                      "What the checks of the file leave out, and whether they fail the "
	                      "build" },
};
