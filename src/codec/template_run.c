/* template_run.c - the tree of a template and a JSON document → text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "codec/template-internal.h"
#include "codec/template-value.h"

typedef struct Variable {
	Str name;
	Value value;
} Variable;

typedef struct Run {
	Arena arena; /* values made on the way */
	Value root;
	const TemplateShape *shape; /* NULL: all objects are maps */
	bool titles;                /* the root is the titles of a table */
	VEC(Variable) variables;    /* innermost last */
	NodeKind jump; /* BREAK, CONTINUE: on the way to the end of the range's body; else TEXT */
	Buf *out;
} Run;

static Err *run_list(Run *r, const TemplateNode *node, const Value *dot);
static Err *run_pipe(Run *r, const Pipe *pipe, const Value *dot, Value *ret);

static Err *find_variable(const Run *r, const Operand *o, Value *ret)
{
	*ret = r->root;
	if (!o->name.len)
		return NULL;
	for (size_t i = r->variables.len; i-- > 0;)
		if (str_eq(r->variables.at[i].name, o->name)) {
			*ret = r->variables.at[i].value;
			return NULL;
		}
	return err_at(o->span, "undefined variable: '$%.*s'", STR_ARG(o->name));
}

static bool is_among(const char *const *names, Str name)
{
	for (size_t i = 0; names && names[i]; i++)
		if (str_eqc(name, names[i]))
			return true;
	return false;
}

/* As Go prints an operand. */
static void print_operand(const Operand *o, Buf *out)
{
	if (o->kind == OPERAND_VARIABLE)
		buf_addf(out, "$%.*s", STR_ARG(o->name));
	else if (o->kind != OPERAND_DOT)
		buf_add_str(out, STR("(...)"));
	for (size_t i = 0; i < o->field_count; i++)
		buf_addf(out, ".%.*s", STR_ARG(o->fields[i]));
}

/* In Go's words, with Go's place: that of the second field if there are several. */
static Err *no_such_member(const Run *r, const Operand *o, Str name)
{
	AUTO_BUF Buf text = BUF_INIT;
	unsigned line = 1, column = 1;
	err_line_column(o->span, &line, &column);
	size_t at = column - 1;
	if (o->kind == OPERAND_VARIABLE)
		at += 1 + o->name.len;
	if (o->field_count > 1)
		at += 1 + o->fields[0].len;
	if (!r->shape->type)
		buf_add_str(&text, STR("template parsing error: "));
	buf_addf(&text, "template: :%u:%zu: executing \"\" at <", line, at);
	print_operand(o, &text);
	if (r->shape->type)
		return err_at(o->span, "%s>: can't evaluate field %.*s in type %s", text.ptr,
		              STR_ARG(name), r->shape->type);
	return err_at(o->span, "%s>: map has no entry for key \"%.*s\"", text.ptr, STR_ARG(name));
}

/* OF has no member FOUND.member: may it be asked for? */
static Err *check_member(const Run *r, const Operand *o, const Value *of, const Value *found)
{
	if (!r->shape || found->kind != VALUE_NONE || is_among(r->shape->maps, of->member))
		return NULL;
	if (of->kind == VALUE_NONE || of->kind == VALUE_NIL) /* a nil pointer of docker's */
		return no_such_member(r, o, of->member.len ? of->member : found->member);
	return is_among(r->shape->maps, found->member) ||
	                       is_among(r->shape->optional, found->member)
	               ? NULL
	               : no_such_member(r, o, found->member);
}

static Err *run_operand(Run *r, const Operand *o, const Value *dot, Value *ret)
{
	Value v = { 0 };
	switch (o->kind) {
	case OPERAND_DOT:
		v = *dot;
		break;
	case OPERAND_VARIABLE:
		TRY(find_variable(r, o, &v));
		break;
	case OPERAND_TEXT:
		v = value_text(o->text);
		break;
	case OPERAND_INTEGER:
		v = value_integer(o->number);
		break;
	case OPERAND_BOOL:
		v = value_bool(o->number);
		break;
	case OPERAND_NIL:
		v.kind = VALUE_NIL;
		break;
	case OPERAND_FUNCTION:
		TRY(err_place(function_call(&r->arena, o->name, NULL, 0, r->titles, &v), o->span));
		break;
	case OPERAND_PIPE:
		TRY(run_pipe(r, o->pipe, dot, &v));
		break;
	}
	for (size_t i = 0; i < o->field_count; i++) {
		Value of = v;
		TRY(err_place(value_member(&of, o->fields[i], &v), o->span));
		TRY(check_member(r, o, &of, &v));
		if (v.kind <= VALUE_NIL)
			v.text = value_zero_text(o->fields[i]);
	}
	*ret = v;
	return NULL;
}

/* `and` and `or` do not look at what comes after the deciding argument. */
static bool decides(Str function, const Value *v)
{
	return (str_eqc(function, "and") && !value_is_true(v)) ||
	       (str_eqc(function, "or") && value_is_true(v));
}

/* OBJECT.Label NAME */
static Err *run_label(Run *r, const CommandCall *call, const Value *dot, Value *ret)
{
	Operand object = call->operands[0];
	Value of, name;
	object.field_count--;
	TRY(run_operand(r, &object, dot, &of));
	TRY(run_operand(r, &call->operands[1], dot, &name));
	if (name.kind != VALUE_TEXT)
		return err_at(call->operands[1].span, "the name of a label is expected, a text");
	return err_place(value_label(&r->arena, &of, name.text, r->titles, ret), object.span);
}

/* PIPED (may be NULL): the result of the call before, the last argument. */
static Err *run_call(Run *r, const CommandCall *call, const Value *dot, const Value *piped,
                     Value *ret)
{
	const Operand *first = &call->operands[0];
	if (first->kind != OPERAND_FUNCTION) {
		if (piped)
			return err_at(first->span, "a function is expected behind '|'");
		return call->count > 1 ? run_label(r, call, dot, ret)
		                       : run_operand(r, first, dot, ret);
	}
	Value *args = arena_alloc(&r->arena, (call->count + 1) * sizeof *args, _Alignof(Value));
	size_t count = 0;
	for (size_t i = 1; i < call->count; i++) {
		TRY(run_operand(r, &call->operands[i], dot, &args[count++]));
		if (decides(first->name, &args[count - 1])) {
			*ret = args[count - 1];
			return NULL;
		}
	}
	if (piped)
		args[count++] = *piped;
	return err_place(function_call(&r->arena, first->name, args, count, r->titles, ret),
	                 first->span);
}

static Err *run_pipe(Run *r, const Pipe *pipe, const Value *dot, Value *ret)
{
	Value v = { 0 };
	for (size_t i = 0; i < pipe->count; i++)
		TRY(run_call(r, &pipe->calls[i], dot, i ? &v : NULL, &v));
	*ret = v;
	return NULL;
}

static void declare(Run *r, Str name, Value value)
{
	VEC_PUSH(&r->variables, (Variable){ name, value });
}

/* range 3: 0, 1, 2. */
static Err *count_items(Run *r, int64_t count, ValueList *ret)
{
	if (count > TEMPLATE_COUNT_MAX)
		return err_new(ERR_INPUT, "a range of more than %d", TEMPLATE_COUNT_MAX);
	ret->count = count < 0 ? 0 : (size_t)count;
	ret->at = arena_alloc(&r->arena, (ret->count + 1) * sizeof(Value), _Alignof(Value));
	for (size_t i = 0; i < ret->count; i++)
		ret->at[i] = value_integer((int64_t)i);
	ret->keys = ret->at;
	return NULL;
}

/* "$x = ...": the innermost variable of the name. */
static Err *assign(Run *r, const Pipe *pipe, const Value *value)
{
	for (size_t i = r->variables.len; i-- > 0;)
		if (str_eq(r->variables.at[i].name, pipe->variables[0])) {
			r->variables.at[i].value = *value;
			return NULL;
		}
	return err_at(pipe->span, "undefined variable: '$%.*s'", STR_ARG(pipe->variables[0]));
}

static Err *run_range(Run *r, const TemplateNode *node, const Value *dot, const Value *over)
{
	const Pipe *pipe = node->pipe;
	ValueList items = { 0 };
	if (over->kind == VALUE_INTEGER)
		TRY(err_place(count_items(r, over->integer, &items), pipe->span));
	else
		TRY(err_place(value_items(&r->arena, over, &items), pipe->span));
	if (!items.count)
		return run_list(r, node->otherwise, dot);
	size_t variables = r->variables.len;
	for (size_t i = 0; i < items.count; i++) {
		if (pipe->variable_count == 2)
			declare(r, pipe->variables[0], items.keys[i]);
		if (pipe->variable_count)
			declare(r, pipe->variables[pipe->variable_count - 1], items.at[i]);
		TRY(run_list(r, node->body, &items.at[i]));
		r->variables.len = variables;
		bool breaks = r->jump == NODE_BREAK;
		r->jump = NODE_TEXT;
		if (breaks)
			break;
	}
	return NULL;
}

static Err *run_node(Run *r, const TemplateNode *node, const Value *dot)
{
	if (node->kind == NODE_TEXT) {
		buf_add_str(r->out, node->text);
		return NULL;
	}
	if (node->kind == NODE_BREAK || node->kind == NODE_CONTINUE) {
		r->jump = node->kind;
		return NULL;
	}
	Value v;
	TRY(run_pipe(r, node->pipe, dot, &v));
	if (node->kind == NODE_RANGE)
		return run_range(r, node, dot, &v);
	if (node->pipe->assigns)
		return assign(r, node->pipe, &v);
	if (node->pipe->variable_count)
		declare(r, node->pipe->variables[0], v);
	if (node->kind == NODE_PRINT) {
		if (!node->pipe->variable_count)
			value_print(&v, r->out);
		return NULL;
	}
	bool yes = value_is_true(&v);
	size_t variables = r->variables.len;
	TRY(run_list(r, yes ? node->body : node->otherwise,
	             yes && node->kind == NODE_WITH ? &v : dot));
	r->variables.len = variables - (node->pipe->variable_count ? 1 : 0);
	return NULL;
}

static Err *run_list(Run *r, const TemplateNode *node, const Value *dot)
{
	for (; node && r->jump == NODE_TEXT; node = node->next)
		TRY(run_node(r, node, dot));
	return NULL;
}

static Err *run_root(Run *r, const Template *t)
{
	Err *e = run_list(r, t->first, &r->root);
	VEC_DONE(&r->variables);
	arena_done(&r->arena);
	return e;
}

Err *template_run(const Template *t, const JsonValue *data, const TemplateShape *shape, Buf *out)
{
	Run r = { .out = out, .root = value_json(data), .shape = shape };
	return run_root(&r, t);
}

Err *template_run_titles(const Template *t, const JsonValue *titles, Buf *out)
{
	Run r = { .out = out, .root = value_json(titles), .titles = true };
	return run_root(&r, t);
}
