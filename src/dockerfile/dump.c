/* dump.c - the tree as BuildKit's parser prints it: (copy ["--from=a"] "x" "/y"). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

static void add_word(Buf *out, Str s)
{
	buf_add_char(out, ' ');
	rune_add_quoted(out, s);
}

static void add_flags(Buf *out, const Node *node)
{
	AUTO_BUF Buf flag = BUF_INIT;
	for (size_t i = 0; i < node->flag_count; i++) {
		const NodeFlag *f = &node->flags[i];
		buf_reset(&flag);
		buf_addf(&flag, "--%.*s", STR_ARG(f->name.text));
		if (f->has_value) {
			buf_add_char(&flag, '=');
			buf_add_str(&flag, f->value.text);
		}
		buf_add_str(out, i ? STR(" ") : STR(" ["));
		rune_add_quoted(out, buf_str(&flag));
	}
	if (node->flag_count)
		buf_add_char(out, ']');
}

static void add_pairs(Buf *out, const Node *node)
{
	AUTO_BUF Buf whole = BUF_INIT;
	for (size_t i = 0; i < node->pair_count; i++) {
		const NodePair *p = &node->pairs[i];
		if (node->id != INST_ARG) {
			add_word(out, p->key.text);
			add_word(out, p->value.text);
			add_word(out, node->legacy ? STR("") : STR("="));
			continue;
		}
		buf_reset(&whole);
		buf_add_str(&whole, p->key.text);
		if (p->has_value) {
			buf_add_char(&whole, '=');
			buf_add_str(&whole, p->value.text);
		}
		add_word(out, buf_str(&whole));
	}
}

static void add_node(Buf *out, const Node *node)
{
	Str keyword = node->keyword.text;
	buf_add_char(out, '(');
	for (size_t i = 0; i < keyword.len; i++) {
		char c = keyword.ptr[i];
		buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
	add_flags(out, node);
	add_pairs(out, node);
	for (size_t i = 0; i < node->word_count; i++)
		add_word(out, node->words[i].text);
	if (node->id == INST_COUNT)
		add_word(out, STR("")); /* BuildKit's parser keeps an empty argument there */
	if (node->onbuild) {
		buf_add_char(out, ' ');
		add_node(out, node->onbuild);
	}
	buf_add_char(out, ')');
}

void dockerfile_dump(const Dockerfile *d, Buf *out)
{
	for (size_t i = 0; i < d->node_count; i++) {
		add_node(out, &d->nodes[i]);
		buf_add_char(out, '\n');
	}
}
