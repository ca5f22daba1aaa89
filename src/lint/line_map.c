/* line_map.c - offsets to lines, for many of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint.h"

static void fill(LineMap *m)
{
	Str text = m->source->text;
	size_t count = 1;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '\n';
	m->starts = arena_alloc(m->arena, count * sizeof *m->starts, _Alignof(uint32_t));
	m->count = 1;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\n')
			m->starts[m->count++] = (uint32_t)i + 1;
}

static unsigned line_of(const LineMap *m, uint32_t offset)
{
	size_t low = 0, high = m->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (m->starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (unsigned)low + 1;
}

void line_map_find(LineMap *m, Span span, unsigned *ret_first, unsigned *ret_last)
{
	if (!m->starts)
		fill(m);
	*ret_first = line_of(m, span.start);
	*ret_last = line_of(m, span.end > span.start ? span.end - 1 : span.start);
}

unsigned line_map_count(LineMap *m)
{
	if (!m->starts)
		fill(m);
	return (unsigned)m->count;
}

Str line_map_text(LineMap *m, unsigned number)
{
	Str line = STR("");
	if (number >= 1 && number <= line_map_count(m))
		(void)str_cut(str_from_at(m->source->text, m->starts[number - 1]), '\n', &line);
	if (str_ends(line, STR("\r")))
		line.len--;
	return line;
}
