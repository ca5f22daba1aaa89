/* template-internal.h - the tree of a template: made by template_parse.c, walked by template_run.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/template.h"

/* Blocks and parentheses in each other: the C stack is what a limit protects. */
enum { TEMPLATE_DEPTH_MAX = 100, TEMPLATE_NAMES_MAX = 8, TEMPLATE_COUNT_MAX = 100000 };

typedef struct Pipe Pipe;

typedef enum OperandKind {
	OPERAND_DOT,      /* .  or .A.B */
	OPERAND_VARIABLE, /* $x or $x.A.B; $ alone has the name "" */
	OPERAND_TEXT,
	OPERAND_INTEGER,
	OPERAND_BOOL,
	OPERAND_NIL,
	OPERAND_FUNCTION,
	OPERAND_PIPE, /* ( pipe ) or ( pipe ).A.B */
} OperandKind;

typedef struct Operand {
	OperandKind kind;
	Span span;
	Str name;       /* VARIABLE, FUNCTION */
	Str text;       /* TEXT: unquoted */
	int64_t number; /* INTEGER, BOOL */
	Pipe *pipe;     /* PIPE */
	Str *fields;    /* .A.B */
	size_t field_count;
} Operand;

typedef struct CommandCall {
	Operand *operands; /* a function and its arguments, or one value */
	size_t count;
} CommandCall;

struct Pipe {
	Span span;
	Str variables[2]; /* "$x :=", "$i, $e :=": names without '$' */
	size_t variable_count;
	bool assigns;       /* "$x =": one that is there */
	CommandCall *calls; /* the result of each is the last argument of the next */
	size_t count;
};

typedef enum NodeKind {
	NODE_TEXT,
	NODE_PRINT,
	NODE_IF,
	NODE_RANGE,
	NODE_WITH,
	NODE_BREAK,
	NODE_CONTINUE,
} NodeKind;

typedef struct TemplateNode TemplateNode;
struct TemplateNode {
	NodeKind kind;
	Str text;                       /* TEXT */
	Pipe *pipe;                     /* all others */
	TemplateNode *body, *otherwise; /* IF, RANGE, WITH */
	TemplateNode *next;
};

struct Template {
	TemplateNode *first;
};

/* template_text.c */
/* One escape of Go's "quoted" texts, S behind its backslash, appended to OUT: bytes of S, 0: none.
 */
size_t template_unescape(Str s, Buf *out);
