/* container_changes.c - what a container has changed in its image's files, as docker's diff says.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "exec/container-internal.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

typedef struct Changes {
	View *view;
	ContainerChangeFn *fn;
	void *context;
	Arena arena;
	int root_fd;
	Str fresh; /* nothing of the image shows in this directory; "" none */
} Changes;

/* Does overlay hide what the image has in this directory? */
static Err *is_opaque(const WalkFile *f, bool *ret)
{
	char name[64], value[2];
	AUTO_CLOSE int fd =
		openat(f->dir_fd, f->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(f->path));
	(void)snprintf(name, sizeof name, "%sopaque", sandbox_overlay_prefix());
	*ret = fgetxattr(fd, name, value, sizeof value) == 1 && value[0] == 'y';
	return NULL;
}

static Err *tell(Changes *c, char kind, Str path)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	return c->fn(c->context, kind, arena_strf(&a, "/%.*s", STR_ARG(path)));
}

/* Names of the image in the directory F that is hidden, unless the container made them again. */
static Err *tell_hidden(Changes *c, const WalkFile *f)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *names;
	size_t count;
	TRY(view_names(c->view, f->path, &a, &names, &count));
	for (size_t i = 0; i < count; i++) {
		Str path = arena_strf(&a, "%.*s/%.*s", STR_ARG(f->path), STR_ARG(names[i]));
		AUTO_CLOSE int fd =
			path_try_beneath(c->root_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
		if (fd < 0)
			TRY(tell(c, 'D', path));
	}
	return NULL;
}

static Err *take(void *context, const WalkFile *f, bool *skip)
{
	Changes *c = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry was;
	bool opaque = false;
	(void)skip;
	if (c->fresh.len && !entry_path_below(f->path, c->fresh))
		c->fresh = STR("");
	bool before = view_find(c->view, f->path, &a, &was, NULL);
	if (S_ISCHR(f->st.st_mode) && f->st.st_rdev == 0) /* overlay's whiteout */
		return before && !c->fresh.len ? tell(c, 'D', f->path) : NULL;
	if (S_ISDIR(f->st.st_mode))
		TRY(is_opaque(f, &opaque));
	TRY(tell(c, before ? 'C' : 'A', f->path));
	if (opaque && before && !c->fresh.len) {
		TRY(tell_hidden(c, f));
		c->fresh = arena_str(&c->arena, f->path);
	}
	return NULL;
}

Err *container_changes(Store *s, const Container *container, ContainerChangeFn *fn, void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_VIEW View *view = NULL;
	Image image = { 0 };
	int fd;
	TRY(container_open_dir(s, container->id, &fd));
	AUTO_CLOSE int dir = fd;
	AUTO_CLOSE int root = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return err_sys(errno, "cannot open the container's files");
	TRY(image_read(s, &container->image_id, &a, &image));
	TRY(view_open(s, image.config.diff_ids, image.config.diff_id_count, &view));
	Changes c = { .view = view, .fn = fn, .context = context, .root_fd = root };
	Err *e = walk_tree(root, NULL, take, &c);
	arena_done(&c.arena);
	return e;
}
