/* list.c - a content list read in place: opened, searched, checked, hashed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/sha256.h"
#include "fs/list-internal.h"
#include "fs/list.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/mman.h>

void list_close(List *l)
{
	if (!l)
		return;
	if (l->map)
		(void)munmap(l->map, l->text.len);
	free(l->heap);
	free(l);
}

Str list_text(const List *l)
{
	return l->text;
}

size_t list_count(const List *l)
{
	return l->count;
}

/* Find the first and the last line of l->text; what lies between is not looked at. */
static Err *read_frame(List *l, const char *name)
{
	static const Str header = { LIST_HEADER, sizeof LIST_HEADER - 1 };
	static const Str older = { LIST_HEADER_1, sizeof LIST_HEADER_1 - 1 };
	Str text = l->text, word, count, hex;

	if (!str_starts(text, header) && !str_starts(text, older))
		return err_new(ERR_CORRUPT, "'%s' is not a content list", name);
	if (!str_ends(text, STR("\n")))
		return err_new(ERR_CORRUPT, "the content list '%s' is cut short", name);
	const char *line = memrchr(text.ptr, '\n', text.len - 1);
	Str last = line ? (Str){ line + 1, text.len - 2 - (size_t)(line - text.ptr) } : STR("");
	Str rest = str_cut(last, ' ', &word);
	hex = str_cut(rest, ' ', &count);
	uint64_t n;
	if (!str_eqc(word, "end") || !str_to_u64(count, &n))
		return err_new(ERR_CORRUPT, "the content list '%s' is cut short", name);
	AUTO_ERR Err *e = digest_parse_hex(hex, &l->hash);
	if (e)
		return err_new(ERR_CORRUPT, "the content list '%s' has no right last line", name);
	l->count = n;
	l->body = (Str){ text.ptr + header.len, (size_t)(last.ptr - text.ptr) - header.len };
	return NULL;
}

Err *list_open(int dir_fd, const char *name, List **ret)
{
	AUTO_CLOSE int fd = path_try_beneath(dir_fd, str_from(name), O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	if (fd < 0)
		return err_sys(-fd, "cannot open '%s'", name);
	if (fstat(fd, &st) != 0)
		return err_sys(errno, "cannot look at '%s'", name);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return err_new(ERR_CORRUPT, "'%s' is not a content list", name);
	if ((uint64_t)st.st_size > LIST_BYTES_MAX)
		return err_new(ERR_CORRUPT, "the content list '%s' is too large", name);

	AUTO_LIST List *l = xcalloc(1, sizeof *l);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_sys(errno, "cannot map '%s'", name);
	l->map = map;
	l->text = (Str){ map, (size_t)st.st_size };
	TRY(read_frame(l, name));
	*ret = TAKE_PTR(l);
	return NULL;
}

/* The line at the start of REST, without its '\n'; *rest moves behind it. */
static Str next_line(Str *rest)
{
	Str line;
	*rest = str_cut(*rest, '\n', &line);
	return line;
}

Err *list_verify(const List *l, const char *name)
{
	Str hashed = { l->text.ptr, (size_t)(l->body.ptr + l->body.len - l->text.ptr) };
	Digest hash = sha256_of(hashed);
	if (!digest_eq(&hash, &l->hash))
		return err_new(ERR_CORRUPT,
		               "the content list '%s' does not have the hash it ends with", name);

	AUTO_BUF Buf again = BUF_INIT, last = BUF_INIT;
	size_t count = 0;
	for (Str rest = l->body; rest.len > 0; count++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e = { 0 };
		Str line = next_line(&rest);
		buf_reset(&again);
		if (list_line_parse(line, &a, &e))
			list_line_add(&again, &e);
		/* the line with its '\n', which the body is known to end in */
		if (!str_eq(buf_str(&again), (Str){ line.ptr, line.len + 1 }) ||
		    !entry_path_is_clean(e.path))
			return err_new(ERR_CORRUPT,
			               "line %zu of the content list '%s' is malformed", count + 2,
			               name);
		if (count > 0 && entry_path_cmp(buf_str(&last), e.path) >= 0)
			return err_new(ERR_CORRUPT,
			               "line %zu of the content list '%s' is out of order",
			               count + 2, name);
		buf_reset(&last);
		buf_add_str(&last, e.path);
	}
	if (count != l->count)
		return err_new(ERR_CORRUPT, "the content list '%s' has %zu entries, not %zu", name,
		               count, l->count);
	return NULL;
}

/* Offset in the body of the first line whose path is not below PATH in order. */
static size_t lower_bound(const List *l, Str path)
{
	const char *text = l->body.ptr;
	size_t low = 0, high = l->body.len; /* both at starts of lines */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *before = middle > low ? memrchr(text + low, '\n', middle - low) : NULL;
		size_t start = before ? (size_t)(before - text) + 1 : low;
		Str line;
		Str rest = str_cut((Str){ text + start, high - start }, '\n', &line);
		if (list_line_cmp(line, path) < 0)
			low = (size_t)(rest.ptr - text);
		else
			high = start;
	}
	return low;
}

bool list_find(const List *l, Str path, Arena *a, Entry *ret)
{
	Str rest = str_from_at(l->body, lower_bound(l, path));
	if (rest.len == 0)
		return false;
	Str line = next_line(&rest);
	return list_line_cmp(line, path) == 0 && list_line_parse(line, a, ret);
}

ListCursor list_cursor(const List *l, Str prefix)
{
	Str rest = l->body;
	if (prefix.len > 0)
		rest = str_from_at(rest, lower_bound(l, prefix));
	return (ListCursor){ .rest = rest, .prefix = prefix };
}

bool list_next(ListCursor *c, Arena *a, Entry *ret)
{
	if (c->rest.len == 0)
		return false;
	Str line = next_line(&c->rest);
	Entry e;
	c->damaged = !list_line_parse(line, a, &e);
	if (c->damaged || !entry_path_below(e.path, c->prefix)) {
		c->rest.len = 0;
		return false;
	}
	*ret = e;
	return true;
}

bool list_last(const List *l, Arena *a, Entry *ret)
{
	if (l->body.len < 2)
		return false;
	const char *before = memrchr(l->body.ptr, '\n', l->body.len - 1);
	const char *start = before ? before + 1 : l->body.ptr;
	Str line = { start, (size_t)(l->body.ptr + l->body.len - 1 - start) };
	return list_line_parse(line, a, ret);
}

bool list_starts(const List *l, const List *first)
{
	return str_starts(l->body, first->body);
}

bool list_hides(const List *l)
{
	for (Str rest = l->body, line; rest.len > 0;) {
		line = next_line(&rest);
		if (line.len && (line.ptr[0] == 'D' || line.ptr[0] == ENTRY_WHITEOUT))
			return true;
	}
	return false;
}

Digest list_identity(const List *l)
{
	enum { CHUNK_BYTES = 64 * 1024 };
	Sha256 hash;
	AUTO_BUF Buf chunk = BUF_INIT;

	sha256_init(&hash);
	sha256_add_str(&hash, STR("decant-identity 2\n"));
	for (Str rest = l->body; rest.len > 0;) {
		Str line = next_line(&rest), before, after;
		int64_t mtime_ns;
		if (list_line_cut_untimed(line, &before, &mtime_ns, &after)) {
			buf_add_str(&chunk, before);
			buf_add_char(&chunk, '~');
			line = after;
		}
		buf_add_str(&chunk, line);
		buf_add_char(&chunk, '\n');
		if (chunk.len >= CHUNK_BYTES) {
			sha256_add_str(&hash, buf_str(&chunk));
			buf_reset(&chunk);
		}
	}
	sha256_add_str(&hash, buf_str(&chunk));
	return sha256_end(&hash);
}

void list_each_untimed(const List *l, void (*fn)(void *context, int64_t mtime_ns), void *context)
{
	for (Str rest = l->body; rest.len > 0;) {
		Str line = next_line(&rest), before, after;
		int64_t mtime_ns;
		if (list_line_cut_untimed(line, &before, &mtime_ns, &after))
			fn(context, mtime_ns);
	}
}

/* --- marks ----------------------------------------------------------------------------------- */

void list_marks(const List *l, Buf *out, bool *ret_all)
{
	AUTO_BUF Buf bits = BUF_INIT;
	size_t i = 0;
	*ret_all = true;
	for (Str rest = l->body; rest.len > 0; i++) {
		Str line = next_line(&rest), before, after;
		int64_t mtime_ns;
		bool untimed = list_line_cut_untimed(line, &before, &mtime_ns, &after);
		if (i % 8 == 0)
			buf_add_char(&bits, 0);
		if (untimed)
			bits.ptr[i / 8] = (char)((unsigned char)bits.ptr[i / 8] | 1u << i % 8);
		*ret_all = *ret_all && untimed;
	}
	if (!*ret_all)
		buf_add_str(out, buf_str(&bits));
}

Err *list_mark(const List *l, const Str *bits, List **ret)
{
	AUTO_LIST_WRITER ListWriter *w = list_writer_new(l->body.len + l->count);
	ListCursor c = list_cursor(l, STR(""));
	size_t i = 0;
	if (bits && bits->len != (l->count + 7) / 8)
		return err_new(ERR_CORRUPT, "the marks are for another content list");
	for (Entry e;; i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		if (!list_next(&c, &a, &e))
			break;
		e.untimed = !bits || ((unsigned char)bits->ptr[i / 8] >> i % 8 & 1);
		list_writer_add(w, &e);
	}
	if (c.damaged || i != l->count)
		return err_new(ERR_CORRUPT, "a content list is damaged at entry %zu", i + 1);
	*ret = list_writer_finish(TAKE_PTR(w));
	return NULL;
}
