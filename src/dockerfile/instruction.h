/* instruction.h - the instruction and flag tables, as data. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

typedef enum WordForm {
	WORDS, /* cut at blanks */
	WORDS_OR_JSON,
	ASSIGNMENTS,   /* k=v ..., or the old "k rest of line" */
	SHELL_OR_JSON, /* the rest as one string, or a JSON array */
	JSON_ONLY,
	ONE_WORD,       /* the rest of the line, blanks and all */
	SUBINSTRUCTION, /* ONBUILD */
} WordForm;

typedef enum Changes { CHANGES_NOTHING, CHANGES_CONFIG, CHANGES_FILES } Changes;

typedef enum InstructionId {
#define INSTRUCTION(name, ...) INST_##name,
#include "dockerfile/instructions.def"
#undef INSTRUCTION
	INST_COUNT
} InstructionId;

typedef struct Instruction {
	const char *name;
	WordForm form;
	int min, max; /* words; max -1: no limit */
	bool heredoc;
	Changes changes;
} Instruction;

extern const Instruction instruction_table[INST_COUNT];

typedef enum FlagValue { FLAG_VALUE, FLAG_BOOLEAN } FlagValue;

typedef enum FlagId {
#define FLAG(id, ...) FLAG_ID_##id,
#include "dockerfile/flags.def"
#undef FLAG
	FLAG_COUNT
} FlagId;

typedef struct Flag {
	const char *name;
	FlagValue value;
	bool repeat;
	uint32_t instructions; /* one bit an InstructionId */
} Flag;

extern const Flag flag_table[FLAG_COUNT];
