/* container_config.c - what a container is made of: its request over its image's config. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/container-internal.h"
#include "fs/walk.h"

#include <fcntl.h>
#include <stdio.h>

/* --- the config ------------------------------------------------------------------------------ */

static Str name_of(Str assignment)
{
	Str name;
	(void)str_cut(assignment, '=', &name);
	return name;
}

static bool has_name(const Strs *env, Str name)
{
	for (size_t i = 0; i < env->count; i++)
		if (str_eq(name_of(env->at[i]), name))
			return true;
	return false;
}

/* As docker shows it: what was asked for first, then what of the image is left. */
static Strs merge_env(const ContainerRequest *r, const ImageConfig *image, Arena *a)
{
	Strs env = { 0 };
	for (size_t i = 0; i < r->env.count; i++)
		strs_push(a, &env, r->env.at[i]);
	for (size_t i = 0; i < image->env.count; i++)
		if (!has_name(&r->env, name_of(image->env.at[i])))
			strs_push(a, &env, image->env.at[i]);
	return env;
}

/* What is published is exposed as well. */
static void merge_ports(const ContainerRequest *r, Arena *a, ImageConfig *c)
{
	for (size_t i = 0; i < r->port_count; i++) {
		Str port =
			arena_strf(a, "%u/%s", r->ports[i].port, r->ports[i].udp ? "udp" : "tcp");
		bool known = false;
		for (size_t k = 0; k < c->exposed_ports.count && !known; k++)
			known = str_eq(c->exposed_ports.at[k], port);
		if (!known)
			strs_push(a, &c->exposed_ports, port);
	}
}

void container_config(const ContainerRequest *r, Arena *a, ImageConfig *ret)
{
	ImageConfig c = image_config_fork(a, &r->image.config);
	bool own_words = r->entrypoint.set || r->command.count;
	c.env = merge_env(r, &r->image.config, a);
	if (r->entrypoint.set)
		c.entrypoint = r->entrypoint;
	if (own_words) /* another ENTRYPOINT makes the image's CMD meaningless */
		c.cmd = r->command;
	if (r->user.len)
		c.user = r->user;
	if (r->working_dir.len)
		c.working_dir = r->working_dir;
	if (r->stop_signal.len)
		c.stop_signal = r->stop_signal;
	for (size_t i = 0; i < r->labels.count; i++) {
		Str key, value = str_cut(r->labels.at[i], '=', &key);
		image_config_set_label(a, &c, key, value);
	}
	merge_ports(r, a, &c);
	*ret = c;
}

Err *container_request_whole(Store *s, const Container *c, Arena *a, ContainerRequest *ret)
{
	Image image = { 0 };
	TRY(container_request_read(c, a, ret));
	AUTO_ERR Err *e = image_read(s, &c->image_id, a, &image);
	ret->image = e ? (Image){ .ref = STR("") } : image;
	return NULL;
}

/* --- its size -------------------------------------------------------------------------------- */

typedef struct Sizes {
	uint64_t bytes;
} Sizes;

static Err *add_file(void *context, const WalkFile *f, bool *skip)
{
	Sizes *s = context;
	(void)skip;
	/* of several names of a file each has its part */
	if (S_ISREG(f->st.st_mode) && f->st.st_nlink)
		s->bytes += (uint64_t)f->st.st_size / f->st.st_nlink;
	return NULL;
}

Err *container_size(Store *s, const Container *c, uint64_t *ret)
{
	enum { TRIES = 10 };
	int dir_fd;
	TRY(container_open_dir(s, c->id, &dir_fd));
	AUTO_CLOSE int dir = dir_fd;
	AUTO_CLOSE int upper =
		openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (upper < 0)
		return err_sys(errno, "cannot open the files of container '%.*s'",
		               STR_ARG(c->name));
	for (int i = 1;; i++) {
		Sizes sizes = { 0 };
		Err *e = walk_tree(upper, NULL, add_file, &sizes);
		*ret = sizes.bytes;
		/* one that runs may remove what is just looked at */
		if (!e || i == TRIES || err_errno(e) != ENOENT)
			return e;
		err_free(e);
	}
}
