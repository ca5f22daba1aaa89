/* instruction.c - the two tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/instruction.h"

const Instruction instruction_table[INST_COUNT] = {
#define INSTRUCTION(name, form, min, max, heredoc, changes) \
	[INST_##name] = { #name, form, min, max, heredoc, CHANGES_##changes },
#include "dockerfile/instructions.def"
#undef INSTRUCTION
};

#define BIT(n) (1u << (n))
const Flag flag_table[FLAG_COUNT] = {
#define FLAG(id, name, value, repeat, instructions) \
	[FLAG_ID_##id] = { name, FLAG_##value, repeat, instructions },
#include "dockerfile/flags.def"
#undef FLAG
};
