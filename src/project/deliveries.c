/*
 * deliveries.c - which deliveries of webhooks a BuildConfig has taken, so that none counts twice.
 *
 * proj/<project>/hooks/<config>: a line of hex digits each, the oldest first.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "project/project-internal.h"

#include <fcntl.h>

enum { LINE = DIGEST_HEX_LEN + 1 };

/* "" where none was noted. */
static Err *read_all(const Project *p, Str config, Buf *out)
{
	AUTO_CLOSE int dir = -1;
	TRY(project_check_name(config, PROJECT_NAME_MAX));
	TRY(project_dir(p, "hooks", false, &dir));
	const char *name = arena_str(p->arena, config).ptr;
	if (dir < 0 || faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	TRY(path_read_file(dir, name, (size_t)LINE * PROJECT_DELIVERIES_MAX, out));
	return out->len % LINE ? err_new(ERR_CORRUPT, "proj/%.*s/hooks/%s is damaged: remove it",
	                                 STR_ARG(p->name), name)
	                       : NULL;
}

Err *project_delivery_seen(const Project *p, Str config, const Digest *ids, size_t count, bool *ret)
{
	AUTO_BUF Buf all = BUF_INIT;
	*ret = false;
	TRY(read_all(p, config, &all));
	for (size_t i = 0; i < count; i++) {
		Str hex = digest_arena_hex(p->arena, &ids[i]);
		for (size_t at = 0; at < all.len; at += LINE)
			*ret |= memcmp(all.ptr + at, hex.ptr, hex.len) == 0;
	}
	return NULL;
}

Err *project_delivery_note(const Project *p, Str config, const Digest *ids, size_t count)
{
	AUTO_BUF Buf all = BUF_INIT;
	AUTO_CLOSE int dir = -1;
	TRY(read_all(p, config, &all));
	for (size_t i = 0; i < count; i++)
		buf_addf(&all, "%.*s\n", STR_ARG(digest_arena_hex(p->arena, &ids[i])));
	const size_t most = (size_t)LINE * PROJECT_DELIVERIES_MAX;
	Str kept = str_from_at(buf_str(&all), all.len > most ? all.len - most : 0);
	TRY(project_dir(p, "hooks", true, &dir));
	return path_write_file(dir, arena_str(p->arena, config).ptr, kept, 0600, true);
}

Err *project_delivery_drop(const Project *p, Str config)
{
	AUTO_CLOSE int dir = -1;
	TRY(project_check_name(config, PROJECT_NAME_MAX));
	TRY(project_dir(p, "hooks", false, &dir));
	if (dir >= 0 && unlinkat(dir, arena_str(p->arena, config).ptr, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove what the webhooks of '%.*s' delivered",
		               STR_ARG(config));
	return NULL;
}
