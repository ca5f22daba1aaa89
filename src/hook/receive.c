/* receive.c - what a post-receive hook of git reads from its standard input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "hook/hook.h"

Err *hook_read_line(Str line, Arena *a, HookChange *ret)
{
	const Str none = STR("");
	Str old, new;
	Str ref = str_cut(str_cut(line, ' ', &old), ' ', &new);
	bool hex = new.len == 40 || new.len == 64;
	for (size_t i = 0; i < new.len &&hex; i++)
		hex = new.ptr[i] == '0';
	if (!ref.len || !old.len || (!hex && !hook_is_commit(new)))
		return err_note(err_new(ERR_INPUT, "'%.*s' is no line of a post-receive hook",
		                        STR_ARG(str_clip(line, 100))),
		                "expected OLD NEW REF, as git writes them to hooks/post-receive");
	*ret = (HookChange){ .ref = arena_str(a, ref),
		             .commit = hex ? none : arena_str(a, new),
		             .author = none,
		             .message = none,
		             .deleted = hex };
	return NULL;
}
