/* template_parse.c - the text of a Go template → its tree. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "codec/template-internal.h"

typedef enum TokenKind {
	TOKEN_END, /* of the action */
	TOKEN_WORD,
	TOKEN_VARIABLE, /* "$", "$x" */
	TOKEN_FIELD,    /* ".Name"; "." alone has no text */
	TOKEN_TEXT,
	TOKEN_INTEGER,
	TOKEN_SIGN, /* ( ) | , := */
} TokenKind;

typedef struct Token {
	TokenKind kind;
	Span span;
	Str text;
	int64_t number;
	bool glued; /* no blank before it: ".A.B" goes on, ".A .B" is two operands */
} Token;

typedef struct Parser {
	Arena *arena;
	const Source *source;
	uint32_t at;            /* next byte to read */
	uint32_t action_end;    /* where the closing braces of the action begin */
	uint32_t after;         /* where the text after the action begins */
	bool trim_next;         /* the action ended with "-}}" */
	Token token;            /* looked at, not taken */
	unsigned depth, ranges; /* blocks, and ranges, around what is read */
} Parser;

static Span span_of(const Parser *p, uint32_t start, uint32_t end)
{
	return (Span){ p->source, start, end };
}

static Str slice(const Parser *p, uint32_t start, uint32_t end)
{
	return (Str){ p->source->text.ptr + start, end - start };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

/* --- tokens ----------------------------------------------------------------------------------- */

static char byte_at(const Parser *p, uint32_t at)
{
	return at < p->action_end ? p->source->text.ptr[at] : '\0';
}

static uint32_t skip_name(const Parser *p, uint32_t at)
{
	while (is_name(byte_at(p, at)))
		at++;
	return at;
}

static Err *read_quoted(Parser *p)
{
	uint32_t start = p->at;
	char quote = byte_at(p, start);
	AUTO_BUF Buf text = BUF_INIT;
	uint32_t at = start + 1;
	while (at < p->action_end && byte_at(p, at) != quote) {
		char c = byte_at(p, at++);
		if (c != '\\' || quote != '"') {
			buf_add_char(&text, c);
			continue;
		}
		size_t len = template_unescape(slice(p, at, p->action_end), &text);
		if (!len)
			return err_at(span_of(p, at - 1, at + 1),
			              "unknown escape in a quoted text");
		at += (uint32_t)len;
	}
	if (at >= p->action_end)
		return err_at(span_of(p, start, p->action_end), "unterminated quoted text");
	p->at = at + 1;
	p->token.kind = TOKEN_TEXT;
	p->token.text = arena_str(p->arena, buf_str(&text));
	return NULL;
}

static Err *read_integer(Parser *p)
{
	uint32_t start = p->at, digits = start + (byte_at(p, start) == '-');
	uint32_t end = skip_name(p, digits);
	uint64_t number;
	if (byte_at(p, end) == '.')
		return err_at(span_of(p, start, end + 1), "only whole numbers are known here");
	if (!str_to_u64(slice(p, digits, end), &number) || number > INT64_MAX)
		return err_at(span_of(p, start, end), "not a number: '%.*s'",
		              STR_ARG(slice(p, start, end)));
	p->at = end;
	p->token.kind = TOKEN_INTEGER;
	p->token.number = digits > start ? -(int64_t)number : (int64_t)number;
	return NULL;
}

static Err *read_token(Parser *p)
{
	char c = byte_at(p, p->at), next = byte_at(p, p->at + 1);
	if (c == '"' || c == '`')
		return read_quoted(p);
	if (c == '\'' && next && next != '\\' && byte_at(p, p->at + 2) == '\'') {
		p->at += 3; /* a character is its number */
		p->token.kind = TOKEN_INTEGER;
		p->token.number = (unsigned char)next;
		return NULL;
	}
	if ((c >= '0' && c <= '9') || (c == '-' && next >= '0' && next <= '9'))
		return read_integer(p);
	uint32_t start = p->at;
	if (c == '.' || c == '$') {
		p->at = skip_name(p, start + 1);
		p->token.kind = c == '.' ? TOKEN_FIELD : TOKEN_VARIABLE;
		p->token.text = slice(p, start + 1, p->at);
	} else if (is_name(c)) {
		p->at = skip_name(p, start);
		p->token.kind = TOKEN_WORD;
		p->token.text = slice(p, start, p->at);
	} else if (strchr("()|,=", c) || (c == ':' && next == '=')) {
		p->at += c == ':' ? 2 : 1;
		p->token.kind = TOKEN_SIGN;
		p->token.text = slice(p, start, p->at);
	} else {
		return err_at(span_of(p, start, start + 1), "unexpected '%c' in an action", c);
	}
	return NULL;
}

/* Take the token, look at the next. */
static Err *advance(Parser *p)
{
	uint32_t before = p->at;
	while (is_blank(byte_at(p, p->at)))
		p->at++;
	p->token = (Token){ .kind = TOKEN_END, .glued = p->at == before };
	uint32_t start = p->at;
	if (p->at < p->action_end)
		TRY(read_token(p));
	p->token.span = span_of(p, start, p->at);
	return NULL;
}

static bool is_sign(const Parser *p, const char *sign)
{
	return p->token.kind == TOKEN_SIGN && str_eqc(p->token.text, sign);
}

static Err *unexpected(const Parser *p, const char *wanted)
{
	if (p->token.kind == TOKEN_END)
		return err_at(p->token.span, "the action ends where %s is expected", wanted);
	return err_at(p->token.span, "%s is expected here", wanted);
}

/* --- pipes ------------------------------------------------------------------------------------ */

static Err *parse_pipe(Parser *p, Pipe **ret);

/* ".A.B" right behind what was read. */
static Err *parse_fields(Parser *p, Operand *o)
{
	VEC(Str) fields = { 0 };
	Err *e = NULL;
	while (!e && p->token.kind == TOKEN_FIELD && p->token.glued) {
		if (!p->token.text.len)
			e = err_at(p->token.span, "a name is expected behind '.'");
		VEC_PUSH(&fields, p->token.text);
		e = e ? e : advance(p);
	}
	if (!e && fields.len) {
		o->fields = arena_alloc(p->arena, fields.len * sizeof(Str), _Alignof(Str));
		memcpy(o->fields, fields.at, fields.len * sizeof(Str));
		o->field_count = fields.len;
	}
	VEC_DONE(&fields);
	return e;
}

static Err *parse_word(Parser *p, Operand *o)
{
	Str word = p->token.text;
	bool yes = str_eqc(word, "true");
	if (yes || str_eqc(word, "false")) {
		o->kind = OPERAND_BOOL;
		o->number = yes;
	} else if (str_eqc(word, "nil")) {
		o->kind = OPERAND_NIL;
	} else {
		o->kind = OPERAND_FUNCTION;
		o->name = word;
	}
	return advance(p);
}

static Err *parse_operand(Parser *p, Operand *ret)
{
	Operand o = { .span = p->token.span, .text = p->token.text, .number = p->token.number };
	switch (p->token.kind) {
	case TOKEN_FIELD:
		o.kind = OPERAND_DOT;
		p->token.glued = o.text.len > 0; /* its own first field is read by parse_fields() */
		if (!o.text.len)
			TRY(advance(p));
		TRY(parse_fields(p, &o));
		break;
	case TOKEN_VARIABLE:
		o.kind = OPERAND_VARIABLE;
		o.name = o.text;
		TRY(advance(p));
		TRY(parse_fields(p, &o));
		break;
	case TOKEN_TEXT:
	case TOKEN_INTEGER:
		o.kind = p->token.kind == TOKEN_TEXT ? OPERAND_TEXT : OPERAND_INTEGER;
		TRY(advance(p));
		break;
	case TOKEN_WORD:
		TRY(parse_word(p, &o));
		break;
	case TOKEN_SIGN:
	case TOKEN_END:
		if (!is_sign(p, "("))
			return unexpected(p, "a value");
		o.kind = OPERAND_PIPE;
		TRY(advance(p));
		TRY(parse_pipe(p, &o.pipe));
		if (!is_sign(p, ")"))
			return unexpected(p, "')'");
		TRY(advance(p));
		TRY(parse_fields(p, &o));
		break;
	}
	*ret = o;
	return NULL;
}

/* .Label "NAME" is the one method. */
static bool is_method(const Operand *o, size_t count)
{
	return count == 2 && o->field_count && str_eqc(o->fields[o->field_count - 1], "Label");
}

static Err *parse_call(Parser *p, CommandCall *ret)
{
	VEC(Operand) operands = { 0 };
	Err *e = NULL;
	do {
		Operand o;
		e = parse_operand(p, &o);
		if (!e)
			VEC_PUSH(&operands, o);
	} while (!e && p->token.kind != TOKEN_END && !is_sign(p, "|") && !is_sign(p, ")"));
	if (!e && operands.len > 1 && operands.at[0].kind != OPERAND_FUNCTION &&
	    !is_method(&operands.at[0], operands.len))
		e = err_at(operands.at[0].span, "a function is expected before arguments");
	if (!e) {
		ret->operands =
			arena_alloc(p->arena, operands.len * sizeof(Operand), _Alignof(Operand));
		memcpy(ret->operands, operands.at, operands.len * sizeof(Operand));
		ret->count = operands.len;
	}
	VEC_DONE(&operands);
	return e;
}

/* "$x :=" or "$i, $e :=", if that is what comes. */
static Err *parse_declaration(Parser *p, Pipe *pipe)
{
	if (p->token.kind != TOKEN_VARIABLE)
		return NULL;
	Parser before = *p;
	size_t count = 0;
	while (p->token.kind == TOKEN_VARIABLE && count < ARRAY_LEN(pipe->variables)) {
		pipe->variables[count++] = p->token.text;
		TRY(advance(p));
		if (!is_sign(p, ","))
			break;
		TRY(advance(p));
	}
	pipe->assigns = is_sign(p, "=") && count == 1;
	if (!is_sign(p, ":=") && !pipe->assigns) {
		*p = before; /* it was a value */
		return NULL;
	}
	pipe->variable_count = count;
	return advance(p);
}

static Err *parse_pipe(Parser *p, Pipe **ret)
{
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return err_at(p->token.span, "too many parentheses in each other");
	Pipe *pipe = arena_new(p->arena, Pipe);
	pipe->span = p->token.span;
	TRY(parse_declaration(p, pipe));
	VEC(CommandCall) calls = { 0 };
	Err *e = NULL;
	for (bool more = true; more && !e;) {
		CommandCall call;
		e = parse_call(p, &call);
		if (!e)
			VEC_PUSH(&calls, call);
		more = !e && is_sign(p, "|");
		if (more)
			e = advance(p);
	}
	if (!e) {
		pipe->calls = arena_alloc(p->arena, calls.len * sizeof(CommandCall),
		                          _Alignof(CommandCall));
		memcpy(pipe->calls, calls.at, calls.len * sizeof(CommandCall));
		pipe->count = calls.len;
	}
	VEC_DONE(&calls);
	pipe->span.end = p->token.span.start;
	p->depth--;
	*ret = pipe;
	return e;
}

/* --- text and blocks -------------------------------------------------------------------------- */

/* What ended a list of nodes. */
typedef enum ListEnd { LIST_END_OF_TEXT, LIST_END, LIST_ELSE } ListEnd;

static Err *parse_list(Parser *p, TemplateNode **ret, ListEnd *ret_end);

/* The closing braces of the action that begins at START: quoted texts and comments may hold some.
 */
static Err *find_action_end(Parser *p, uint32_t start)
{
	Str text = p->source->text;
	char quote = '\0';
	bool comment = str_starts(str_from_at(text, p->at), STR("/*"));
	for (uint32_t i = p->at; i < text.len; i++) {
		Str rest = str_from_at(text, i);
		if (comment) {
			comment = !str_starts(rest, STR("*/"));
		} else if (quote) {
			if (text.ptr[i] == '\\' && quote == '"')
				i++;
			else if (text.ptr[i] == quote)
				quote = '\0';
		} else if (text.ptr[i] == '"' || text.ptr[i] == '`') {
			quote = text.ptr[i];
		} else if (str_starts(rest, STR("}}"))) {
			p->trim_next = i > p->at + 1 && text.ptr[i - 1] == '-' &&
			               is_blank(text.ptr[i - 2]);
			p->action_end = p->trim_next ? i - 1 : i;
			p->after = i + 2;
			return NULL;
		}
	}
	return err_at(span_of(p, start, start + 2), "unclosed action");
}

/* The text up to the next action, trimmed as the actions around it say; then into that action. */
static Err *parse_text(Parser *p, Str *ret, bool *ret_action)
{
	Str text = p->source->text;
	uint32_t start = p->at;
	Str rest = str_from_at(text, start);
	const char *open = rest.len ? memmem(rest.ptr, rest.len, "{{", 2) : NULL;
	uint32_t end = open ? (uint32_t)(open - text.ptr) : (uint32_t)text.len;
	uint32_t action = end;
	if (p->trim_next)
		while (start < end && is_blank(text.ptr[start]))
			start++;
	p->trim_next = false;
	*ret_action = open;
	if (!open) {
		*ret = slice(p, start, end);
		p->at = end;
		return NULL;
	}
	p->at = action + 2;
	bool trims =
		p->at + 1 < text.len && text.ptr[p->at] == '-' && is_blank(text.ptr[p->at + 1]);
	if (trims) {
		p->at += 2;
		while (end > start && is_blank(text.ptr[end - 1]))
			end--;
	}
	*ret = slice(p, start, end);
	return find_action_end(p, action);
}

static bool take_keyword(Parser *p, const char *word)
{
	return p->token.kind == TOKEN_WORD && str_eqc(p->token.text, word);
}

static Err *end_action(Parser *p)
{
	if (p->token.kind != TOKEN_END)
		return err_at(p->token.span, "unexpected text in an action");
	p->at = p->after;
	return NULL;
}

static Err *parse_block(Parser *p, NodeKind kind, TemplateNode *node)
{
	Span span = p->token.span;
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return err_at(span, "too many blocks in each other");
	node->kind = kind;
	TRY(advance(p));
	TRY(parse_pipe(p, &node->pipe));
	TRY(end_action(p));
	ListEnd end;
	p->ranges += kind == NODE_RANGE;
	TRY(parse_list(p, &node->body, &end));
	p->ranges -= kind == NODE_RANGE;
	if (end == LIST_ELSE) {
		TRY(advance(p)); /* "else" */
		if (p->token.kind == TOKEN_WORD && take_keyword(p, "if")) {
			/* {{else if x}} is {{else}}{{if x}}...{{end}}{{end}} with one end */
			node->otherwise = arena_new(p->arena, TemplateNode);
			TRY(parse_block(p, NODE_IF, node->otherwise));
			p->depth--;
			return NULL;
		}
		TRY(end_action(p));
		TRY(parse_list(p, &node->otherwise, &end));
	}
	if (end != LIST_END)
		return err_at(span, end == LIST_ELSE ? "a second else" : "no end for this block");
	p->depth--;
	TRY(advance(p));
	return end_action(p);
}

static Err *parse_action(Parser *p, TemplateNode *node)
{
	if (take_keyword(p, "if"))
		return parse_block(p, NODE_IF, node);
	if (take_keyword(p, "range"))
		return parse_block(p, NODE_RANGE, node);
	if (take_keyword(p, "with"))
		return parse_block(p, NODE_WITH, node);
	bool breaks = take_keyword(p, "break");
	if (breaks || take_keyword(p, "continue")) {
		if (!p->ranges)
			return err_at(p->token.span, "'%.*s' outside of a range",
			              STR_ARG(p->token.text));
		node->kind = breaks ? NODE_BREAK : NODE_CONTINUE;
		TRY(advance(p));
		return end_action(p);
	}
	if (take_keyword(p, "define") || take_keyword(p, "template") || take_keyword(p, "block"))
		return err_at(p->token.span,
		              "'%.*s' is not there: a template cannot be made of others",
		              STR_ARG(p->token.text));
	node->kind = NODE_PRINT;
	TRY(parse_pipe(p, &node->pipe));
	return end_action(p);
}

static Err *parse_list(Parser *p, TemplateNode **ret, ListEnd *ret_end)
{
	*ret = NULL;
	TemplateNode **last = ret;
	for (;;) {
		Str text;
		bool action;
		TRY(parse_text(p, &text, &action));
		if (text.len) {
			*last = arena_new(p->arena, TemplateNode);
			**last = (TemplateNode){ .kind = NODE_TEXT, .text = text };
			last = &(*last)->next;
		}
		if (!action) {
			*ret_end = LIST_END_OF_TEXT;
			return NULL;
		}
		if (str_starts(slice(p, p->at, p->action_end), STR("/*"))) {
			p->at = p->after;
			continue;
		}
		TRY(advance(p));
		if (take_keyword(p, "end") || take_keyword(p, "else")) {
			*ret_end = take_keyword(p, "end") ? LIST_END : LIST_ELSE;
			return NULL;
		}
		TemplateNode *node = arena_new(p->arena, TemplateNode);
		TRY(parse_action(p, node));
		*last = node;
		last = &node->next;
	}
}

Err *template_parse(Arena *a, const Source *source, const Template **ret)
{
	Parser p = { .arena = a, .source = source };
	if (source->text.len > UINT32_MAX / 2)
		return err_new(ERR_INPUT, "the template is too long");
	Template *t = arena_new(a, Template);
	ListEnd end;
	TRY(parse_list(&p, &t->first, &end));
	if (end != LIST_END_OF_TEXT)
		return err_at(p.token.span, "'%.*s' without a block", STR_ARG(p.token.text));
	*ret = t;
	return NULL;
}
