/*
 * manifests.c - manifests/<sha256 of a name>: a list that `manifest create` has begun.
 *
 * A sealed text: "decant-manifests 1", "name NAME", an empty line, and what the caller has of it.
 * It stays until it is pushed with --purge or removed; nothing of the store is needed by it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/store-internal.h"

#include <fcntl.h>

static const char head[] = "decant-manifests 1\nname ";

static StorePath path_of(Str name)
{
	Digest key = sha256_of(name);
	return store_path_of("manifests", &key, "");
}

Err *store_manifests_get(Store *s, Str name, Buf *out)
{
	StorePath path = path_of(name);
	AUTO_BUF Buf file = BUF_INIT;
	Err *e = store_sealed_read(s, path.text, &file);
	if (e && err_kind(e) == ERR_CORRUPT)
		return err_note(e,
		                "remove it with 'decant manifest rm', and create the list again");
	TRY(e);
	Str text = buf_str(&file), own;
	if (str_starts(text, str_from(head))) {
		text = str_cut(str_from_at(text, sizeof head - 1), '\n', &own);
		if (str_eq(own, name) && str_starts(text, STR("\n"))) {
			buf_add_str(out, str_from_at(text, 1));
			return NULL;
		}
	}
	return err_note(err_new(ERR_CORRUPT, "'%s/%s' is no list of this version of decant",
	                        s->path, path.text),
	                "remove it with 'decant manifest rm', and create the list again");
}

Err *store_manifests_put(Store *s, Str name, Str text)
{
	StorePath path = path_of(name);
	AUTO_BUF Buf file = BUF_INIT;
	AUTO_CLOSE int dir = -1; /* made with the first list */
	TRY(store_subdir(s, "manifests", &dir));
	buf_addf(&file, "%s%.*s\n\n%.*s\n", head, STR_ARG(name), STR_ARG(text));
	store_text_seal(&file);
	return store_write_small(s, path.text, buf_str(&file), true);
}

Err *store_manifests_remove(Store *s, Str name)
{
	StorePath path = path_of(name);
	if (unlinkat(s->dir_fd, path.text, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove '%s/%s'", s->path, path.text);
	return NULL;
}
