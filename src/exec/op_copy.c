/* op_copy.c - COPY and ADD: files → a layer of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/mman.h>

typedef struct Sources {
	Build *build;
	CopySet *set;
	Map by_path; /* path in the layer → CopyFile */
} Sources;

/* The text of a heredoc as a file. */
static Err *open_inline(Str body, int *ret_fd)
{
	AUTO_CLOSE int fd = memfd_create("heredoc", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	TRY(path_write_what(fd, body.ptr, body.len, "a heredoc"));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a file in memory");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *copy_open(Build *b, const CopySet *set, const CopyFile *f, int *ret_fd)
{
	if (f->unpacked) {
		int tmp;
		TRY(store_tmp_fd(b->store, &tmp));
		return path_open_beneath(tmp, f->source, O_RDONLY | O_NONBLOCK, 0, ret_fd);
	}
	switch (f->origin) {
	case ORIGIN_CONTEXT:
		return path_open_beneath(context_root_fd(set->context), f->source,
		                         O_RDONLY | O_NONBLOCK, 0, ret_fd);
	case ORIGIN_STEP:
		return view_open_file(f->view, &f->from, f->layer, sandbox_overlay_prefix(),
		                      ret_fd);
	case ORIGIN_INLINE:
		return open_inline(f->body, ret_fd);
	}
	return NULL;
}

static Err *open_source(void *context, const Entry *e, int *ret_fd)
{
	Sources *s = context;
	const CopyFile *f = map_get(&s->by_path, e->path);
	if (!f)
		return err_new(ERR_INPUT, "nothing is known of '%.*s'", STR_ARG(e->path));
	return copy_open(s->build, s->set, f, ret_fd);
}

static Err *make_layer(Build *b, const Step *step, Sources *s, const View *parent, StoreLayer *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LIST List *list = NULL;
	TRY(copy_list(b, step, s->set, parent, &a, &list, &s->by_path));
	LayerSource source = { open_source, s };
	LayerForm form = step->looked_into ? LAYER_FORM_DIR : LAYER_FORM_TAR;
	return layer_make(b->store, list, &source, form, sandbox_overlay_prefix(), b->cancel, ret);
}

Err *op_copy(Build *b, const Step *step, StoreLayer *ret)
{
	Sources s = { .build = b };
	AUTO_VIEW View *parent = NULL;
	TRY(copy_select(b, step, &s.set));
	if (!step->copy.link) {
		TRY(state_need_base(b, step->parent));
		TRY(state_view(b, step->parent, &parent));
	}
	Err *e = make_layer(b, step, &s, parent, ret);
	map_done(&s.by_path);
	return e;
}
