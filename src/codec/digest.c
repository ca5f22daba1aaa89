/* digest.c - texts of digests: one spelling alone is taken, since a digest becomes a file name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/digest.h"

/* The value of a hex digit + 1; 0: none.  A table: stores of ten thousand images have millions. */
static const uint8_t hex_values[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static int hex_value(char c)
{
	return hex_values[(unsigned char)c] - 1;
}

/* What a message shows of a digest from outside: enough to find it, never a megabyte. */
static Str shown(Str text)
{
	return str_head(text, 2 * DIGEST_TEXT_LEN);
}

Err *digest_parse_hex(Str hex, Digest *ret)
{
	if (hex.len != DIGEST_HEX_LEN)
		return err_new(ERR_INPUT, "invalid sha256 digest '%.*s': expected %d hex digits",
		               STR_ARG(shown(hex)), DIGEST_HEX_LEN);
	Digest d;
	for (size_t i = 0; i < sizeof d.bytes; i++) {
		int high = hex_value(hex.ptr[2 * i]);
		int low = hex_value(hex.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return err_new(
				ERR_INPUT,
				"invalid sha256 digest '%.*s': expected lower-case hex digits",
				STR_ARG(hex));
		d.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = d;
	return NULL;
}

Err *digest_parse(Str text, Digest *ret)
{
	Str prefix = STR("sha256:");
	if (!str_starts(text, prefix))
		return err_new(ERR_INPUT, "invalid digest '%.*s': expected sha256:<%d hex digits>",
		               STR_ARG(shown(text)), DIGEST_HEX_LEN);
	return digest_parse_hex(str_from_at(text, prefix.len), ret);
}

Str digest_hex(const Digest *d, char text[static DIGEST_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof d->bytes; i++) {
		text[2 * i] = digits[d->bytes[i] >> 4];
		text[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	text[DIGEST_HEX_LEN] = '\0';
	return (Str){ text, DIGEST_HEX_LEN };
}

Str digest_text(const Digest *d, char text[static DIGEST_TEXT_LEN + 1])
{
	memcpy(text, "sha256:", 7);
	digest_hex(d, text + 7);
	return (Str){ text, DIGEST_TEXT_LEN };
}

Str digest_arena_hex(Arena *a, const Digest *d)
{
	char text[DIGEST_HEX_LEN + 1];
	return arena_str(a, digest_hex(d, text));
}

Str digest_arena_text(Arena *a, const Digest *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	return arena_str(a, digest_text(d, text));
}

bool digest_eq(const Digest *a, const Digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool digest_is_zero(const Digest *d)
{
	static const Digest zero;
	return digest_eq(d, &zero);
}
