/* instruction.h - the tables of instructions, flags and directives, as data. */
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
	const char *usage; /* behind the name: "[FLAGS] SOURCE... DESTINATION" */
	const char *help;  /* one line */
} Instruction;

extern const Instruction instruction_table[INST_COUNT];

typedef enum FlagValue {
	FLAG_VALUE,
	FLAG_BOOLEAN,
	FLAG_CHOICE, /* one of a few words */
} FlagValue;

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
	const char *shown;     /* of the value: "USER[:GROUP]"; the words of a CHOICE with commas */
	const char *help;      /* one line */
} Flag;

extern const Flag flag_table[FLAG_COUNT];

typedef enum DirectiveId {
	DIRECTIVE_ESCAPE,
	DIRECTIVE_SYNTAX,
	DIRECTIVE_CHECK,
	DIRECTIVE_COUNT
} DirectiveId;

/* "# name=value" at the top. */
typedef struct Directive {
	const char *name;
	const char *shown; /* of the value */
	const char *help;
} Directive;

extern const Directive directive_table[DIRECTIVE_COUNT];
