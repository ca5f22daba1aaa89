/* fuzz_page.c - any bytes as a name or a log; what comes is a text, never markup nor a control. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "page/page-internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(Str text, bool escaped)
{
	for (size_t at = 0, len; at < text.len; at += len) {
		uint32_t r = rune_at(text, at, &len);
		assert(r != RUNE_BAD || len == 3); /* itself, not bytes that are none */
		assert(r >= 0x20 || r == '\n' || r == '\t');
		assert(r < 0x7f || r >= 0xa0);
		assert(r != 0x202e && r != 0x200b);
		assert(!escaped || (r != '<' && r != '>' && r != '"' && r != '\''));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF Buf plain = BUF_INIT, text = BUF_INIT, clean = BUF_INIT;
	Str in = { (const char *)data, size };
	html_strip_terminal(&plain, in);
	assert(plain.len <= size);
	html_text(&text, buf_str(&plain));
	html_clean(&clean, buf_str(&plain));
	check(buf_str(&text), true);
	check(buf_str(&clean), false);
	return 0;
}
