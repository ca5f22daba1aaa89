/* container_state.c - containers on disk: made, read, listed, mended, deleted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "codec/json.h"
#include "exec/container-internal.h"
#include "fs/path.h"
#include "store/parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

enum {
	ID_HEX_LEN = 64,
	NAME_LEN_MAX = 128,
	STATUS_LOST = 137, /* of one whose monitor was killed: as docker shows it after a crash */
	NAME_TRIES = 64,
};

static const char record_name[] = "container.json";

/* --- the record ------------------------------------------------------------------------------ */

static void write_number(JsonWriter *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

Err *container_write(int dir_fd, const ContainerRecord *r)
{
	AUTO_BUF Buf text = BUF_INIT;
	JsonWriter w = { .out = &text };
	char image[DIGEST_TEXT_LEN + 1];
	json_write_object(&w);
	json_write_member(&w, "Id", r->c.id);
	json_write_member(&w, "Name", r->c.name);
	json_write_member(&w, "Image", digest_text(&r->c.image_id, image));
	json_write_member(&w, "ImageName", r->c.image_name);
	json_write_member(&w, "Command", r->c.command);
	json_write_member(&w, "Ports", r->c.ports);
	json_write_member(&w, "Network", r->network);
	if (r->layers.len)
		json_write_member(&w, "Layers", r->layers);
	json_write_member(&w, "StopSignal", r->stop_signal);
	write_number(&w, "Created", r->c.created_ns);
	write_number(&w, "Started", r->c.started_ns);
	write_number(&w, "Finished", r->c.finished_ns);
	write_number(&w, "ExitCode", r->c.exit_status);
	write_number(&w, "Pid", r->c.monitor);
	json_write_member(&w, "PidMark", r->c.monitor_mark);
	json_write_key(&w, "AutoRemove");
	json_write_bool(&w, r->remove);
	json_write_key(&w, "Request");
	json_write_raw(&w, r->c.request.len ? r->c.request : STR("{}"));
	json_write_object_end(&w);
	buf_add_char(&text, '\n');
	store_text_seal(&text);
	return path_write_file(dir_fd, record_name, buf_str(&text), 0600, false);
}

static Err *read_members(const JsonValue *v, Arena *a, ContainerRecord *r)
{
	Str image = STR("");
	int64_t status = 0, pid = 0;
	TRY(json_get_str(v, record_name, "Id", a, &r->c.id));
	TRY(json_get_str(v, record_name, "Name", a, &r->c.name));
	TRY(json_get_str(v, record_name, "Image", a, &image));
	TRY(json_get_str(v, record_name, "ImageName", a, &r->c.image_name));
	TRY(json_get_str(v, record_name, "Command", a, &r->c.command));
	TRY(json_get_str(v, record_name, "Ports", a, &r->c.ports));
	TRY(json_get_str(v, record_name, "Network", a, &r->network));
	TRY(json_get_str(v, record_name, "Layers", a, &r->layers));
	TRY(json_get_str(v, record_name, "StopSignal", a, &r->stop_signal));
	TRY(json_get_int(v, record_name, "Created", &r->c.created_ns));
	TRY(json_get_int(v, record_name, "Started", &r->c.started_ns));
	TRY(json_get_int(v, record_name, "Finished", &r->c.finished_ns));
	TRY(json_get_int(v, record_name, "ExitCode", &status));
	TRY(json_get_int(v, record_name, "Pid", &pid));
	TRY(json_get_str(v, record_name, "PidMark", a, &r->c.monitor_mark));
	TRY(json_get_bool(v, record_name, "AutoRemove", &r->remove));
	if (json_value_is_object(json_member(v, "Request"))) {
		AUTO_BUF Buf request = BUF_INIT;
		json_dump(json_member(v, "Request"), &request);
		r->c.request = arena_str(a, buf_str(&request));
	}
	r->c.exit_status = (int)status;
	r->c.monitor = (pid_t)pid;
	return digest_parse(image, &r->c.image_id);
}

static void free_json(JsonValue **v)
{
	json_free(*v);
}

bool container_is_held(int dir_fd)
{
	AUTO_CLOSE int fd = -1;
	err_free(store_open_lock(dir_fd, "lock", O_RDONLY, &fd)); /* without: nobody has it */
	if (fd < 0)
		return false;
	return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

Err *container_read(int dir_fd, Arena *a, ContainerRecord *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	/* The lock first: a record that is written at the end is then seen with the end in it. */
	bool held = container_is_held(dir_fd);
	TRY(path_read_file(dir_fd, record_name, JSON_BYTES_MAX, &text));
	Str json = buf_str(&text);
	if (!store_text_open(&json))
		return err_new(ERR_CORRUPT, "the record of a container is damaged");
	CLEANUP(free_json) JsonValue *v = NULL;
	TRY(json_parse(json, JSON_BYTES_MAX, record_name, &v));
	Str none = STR("");
	ContainerRecord r = { .c = { .id = none,
		                     .name = none,
		                     .image_name = none,
		                     .command = none,
		                     .ports = none,
		                     .monitor_mark = none,
		                     .request = none },
		              .stop_signal = none,
		              .layers = none,
		              .network = none };
	TRY(read_members(v, a, &r));
	r.c.running = held && r.c.finished_ns == 0 && container_monitor_state(&r.c) != MONITOR_GONE;
	*ret = r;
	return NULL;
}

Err *container_rewrite(int dir_fd, ContainerRecord *r)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ContainerRecord now = *r;
	Str name = r->c.name;
	AUTO_ERR Err *unreadable = container_read(dir_fd, &a, &now);
	if (!unreadable)
		r->c.name = now.c.name;
	Err *e = container_write(dir_fd, r);
	r->c.name = name; /* that of the caller's memory */
	return e;
}

/* --- making ---------------------------------------------------------------------------------- */

/* Made-up names: what a decanter meets.  30 x 30; a number is added when they run out. */
static const char *const first_words[] = {
	"amber", "aged", "bold",  "bright", "calm",   "clear", "cool",  "crisp", "deep",   "dry",
	"early", "fine", "fresh", "gentle", "golden", "keen",  "late",  "light", "mellow", "mild",
	"noble", "pale", "pure",  "quiet",  "ripe",   "rosy",  "sharp", "silky", "smooth", "warm",
};
static const char *const second_words[] = {
	"barrel",  "beaker", "bottle",  "bowl",    "bucket", "carafe", "cask",   "cellar",
	"chalice", "cork",   "cruet",   "crystal", "cup",    "ewer",   "filter", "flagon",
	"flask",   "funnel", "glass",   "goblet",  "grape",  "jug",    "kettle", "pitcher",
	"press",   "spout",  "stopper", "tumbler", "vessel", "vine",
};

static Err *random_bytes(void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((char *)bytes + done, len - done, 0);
		if (n < 0 && errno != EINTR)
			return err_sys(errno, "cannot get random bytes");
		done += n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static Err *make_id(Arena *a, Str *ret)
{
	unsigned char bytes[ID_HEX_LEN / 2];
	AUTO_BUF Buf hex = BUF_INIT;
	TRY(random_bytes(bytes, sizeof bytes));
	for (size_t i = 0; i < sizeof bytes; i++)
		buf_addf(&hex, "%02x", bytes[i]);
	*ret = arena_str(a, buf_str(&hex));
	return NULL;
}

/* docker's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
static bool name_is_good(Str name)
{
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	if (name.len < 2 || name.len > NAME_LEN_MAX || strchr("_.-", name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!memchr(more, name.ptr[i], sizeof more - 1))
			return false;
	return true;
}

static bool name_is_taken(const Container *all, size_t count, Str name, Str *ret_id)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(all[i].name, name)) {
			*ret_id = all[i].id;
			return true;
		}
	return false;
}

static Err *choose_name(const Container *all, size_t count, Arena *a, Str *name)
{
	Str owner;
	if (name->len > 0) {
		if (!name_is_good(*name))
			return err_new(
				ERR_INPUT,
				"Invalid container name (%.*s), only [a-zA-Z0-9][a-zA-Z0-9_.-] "
				"are allowed",
				STR_ARG(*name));
		if (name_is_taken(all, count, *name, &owner))
			return err_note(
				err_new(ERR_INPUT,
			                "the container name '%.*s' is already in use by container "
			                "'%.*s'",
			                STR_ARG(*name), STR_ARG(str_head(owner, 12))),
				"remove that container to use its name again: decant rm %.*s",
				STR_ARG(*name));
		return NULL;
	}
	for (unsigned i = 0; i < NAME_TRIES; i++) {
		uint16_t r[3];
		TRY(random_bytes(r, sizeof r));
		*name = arena_strf(a, "%s_%s", first_words[r[0] % ARRAY_LEN(first_words)],
		                   second_words[r[1] % ARRAY_LEN(second_words)]);
		if (i >= NAME_TRIES / 2)
			*name = arena_strf(a, "%.*s%u", STR_ARG(*name), r[2]);
		if (!name_is_taken(all, count, *name, &owner))
			return NULL;
	}
	return err_new(ERR_SYSTEM, "cannot find a free name for the container");
}

/* Empty directories for what each run makes anew: whatever the umask is. */
static Err *make_fresh(int dir_fd)
{
	static const char *const names[] = { "work", "scratch" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		TRY(path_remove_tree(dir_fd, names[i]));
		if (mkdirat(dir_fd, names[i], 0700) < 0 || fchmodat(dir_fd, names[i], 0700, 0) < 0)
			return err_sys(errno, "cannot make the container's directory '%s'",
			               names[i]);
	}
	return NULL;
}

static Err *fill_dir(int dir_fd, const ContainerRecord *r, int *ret_lock_fd)
{
	/* "upper" becomes the root directory */
	if (mkdirat(dir_fd, "upper", 0755) < 0 || fchmodat(dir_fd, "upper", 0755, 0) < 0)
		return err_sys(errno, "cannot make the container's directory 'upper'");
	TRY(make_fresh(dir_fd));
	AUTO_CLOSE int lock = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return err_sys(errno, "cannot lock the container");
	TRY(container_write(dir_fd, r));
	*ret_lock_fd = TAKE_FD(lock);
	return NULL;
}

Err *container_create(Store *s, Arena *a, ContainerRecord *r, int *ret_dir_fd, int *ret_lock_fd)
{
	Container *all;
	size_t count = 0;
	int fd, lock_fd = -1;
	TRY(store_subdir(s, "containers", &fd));
	AUTO_CLOSE int containers = fd;
	/* From the choice of the name until the directory has its own. */
	if (flock(containers, LOCK_EX) < 0)
		return err_sys(errno, "cannot lock the containers");
	TRY(container_list(s, a, &all, &count));
	TRY(choose_name(all, count, a, &r->c.name));
	TRY(make_id(a, &r->c.id));
	Str aside = arena_strf(a, ".%.*s", STR_ARG(r->c.id)); /* passed over by list and gc */
	if (mkdirat(containers, aside.ptr, 0700) < 0)
		return err_sys(errno, "cannot make the container's directory");
	AUTO_CLOSE int dir = openat(containers, aside.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open the container's directory");
	Err *e = fill_dir(dir, r, &lock_fd);
	if (!e && renameat(containers, aside.ptr, containers, r->c.id.ptr) < 0)
		e = err_sys(errno, "cannot publish the container's directory");
	if (e) {
		closep(&lock_fd);
		err_free(path_remove_tree(containers, aside.ptr)); /* the first error is told */
		return e;
	}
	*ret_lock_fd = lock_fd;
	*ret_dir_fd = TAKE_FD(dir);
	return NULL;
}

/* --- looking --------------------------------------------------------------------------------- */

Err *container_open_dir(Store *s, Str id, int *ret_fd)
{
	int fd;
	TRY(store_subdir(s, "containers", &fd));
	AUTO_CLOSE int containers = fd;
	fd = path_try_beneath(containers, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? err_new(ERR_NOT_FOUND, "No such container: %.*s",
		                               STR_ARG(str_head(id, 12)))
		                     : err_sys(-fd, "cannot open the container '%.*s'",
		                               STR_ARG(str_head(id, 12)));
	*ret_fd = fd;
	return NULL;
}

Err *container_take(Store *s, Str id, Arena *a, ContainerRecord *ret, int *ret_dir_fd,
                    int *ret_lock_fd)
{
	int fd = -1;
	bool running = false;
	TRY(container_open_dir(s, id, &fd));
	AUTO_CLOSE int dir = fd;
	TRY(container_lock_ended(dir, &fd, &running));
	AUTO_CLOSE int held = fd;
	if (running)
		return err_new(ERR_INPUT, "the container is running already");
	TRY(container_read(dir, a, ret));
	if (held < 0)
		return container_in_use(ret->c.name);
	TRY(make_fresh(dir));
	*ret_lock_fd = TAKE_FD(held);
	*ret_dir_fd = TAKE_FD(dir);
	return NULL;
}

Err *container_rename(Store *s, const Container *c, Str name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Container *all;
	size_t count = 0;
	int fd = -1, one = -1;
	ContainerRecord r = { 0 };
	TRY(store_subdir(s, "containers", &fd));
	AUTO_CLOSE int containers = fd;
	if (flock(containers, LOCK_EX) < 0)
		return err_sys(errno, "cannot lock the containers");
	TRY(container_list(s, &a, &all, &count));
	TRY(choose_name(all, count, &a, &name));
	TRY(container_open_dir(s, c->id, &one));
	AUTO_CLOSE int dir = one;
	TRY(container_read(dir, &a, &r));
	r.c.name = name;
	return container_write(dir, &r);
}

/* One whose process is gone without a word: it has ended, as of now. */
static void mend(int dir_fd, Arena *a, ContainerRecord *r)
{
	if (r->c.running || r->c.finished_ns != 0 || r->c.started_ns == 0)
		return;
	/* Written by who has the lock: it is not being started meanwhile. */
	AUTO_CLOSE int held = -1;
	err_free(store_open_lock(dir_fd, "lock", O_RDONLY, &held)); /* without: not written */
	bool ours = held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0;
	ContainerRecord now = { 0 };
	AUTO_ERR Err *e = ours ? container_read(dir_fd, a, &now) : NULL;
	if (ours && !e)
		*r = now;
	if (r->c.finished_ns != 0)
		return;
	r->c.finished_ns = clock_real_ns();
	r->c.exit_status = STATUS_LOST;
	if (ours)
		err_free(container_write(dir_fd, r)); /* a read-only store is only looked at */
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = ((const Container *)a)->created_ns, y = ((const Container *)b)->created_ns;
	return (x < y) - (x > y);
}

Err *container_list(Store *s, Arena *a, Container **ret, size_t *ret_count)
{
	VEC(Container) found = { 0 };
	int fd;
	TRY(store_subdir(s, "containers", &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read the containers");
	}
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		AUTO_CLOSE int one =
			openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		ContainerRecord r = { 0 };
		if (one < 0)
			continue; /* just removed */
		Err *e = container_read(one, a, &r);
		if (!e) {
			mend(one, a, &r);
			VEC_PUSH(&found, r.c);
		}
		err_free(e); /* being removed, or damaged: not one that can be shown */
	}
	closedir(dir);
	Container *all = arena_alloc(a, (found.len + 1) * sizeof *all, _Alignof(Container));
	if (found.len > 0)
		memcpy(all, found.at, found.len * sizeof *all);
	qsort(all, found.len, sizeof *all, newest_first);
	*ret = all;
	*ret_count = found.len;
	VEC_DONE(&found);
	return NULL;
}

Err *container_find(Store *s, Str name_or_id, Arena *a, Container *ret)
{
	Container *all;
	size_t count = 0, matches = 0;
	TRY(container_list(s, a, &all, &count));
	for (size_t i = 0; i < count; i++)
		if (str_eq(all[i].name, name_or_id) || str_eq(all[i].id, name_or_id)) {
			*ret = all[i];
			return NULL;
		}
	for (size_t i = 0; i < count && name_or_id.len > 0; i++)
		if (str_starts(all[i].id, name_or_id)) {
			*ret = all[i];
			matches++;
		}
	if (matches > 1)
		return err_new(ERR_INPUT, "multiple containers have an ID that begins with '%.*s'",
		               STR_ARG(name_or_id));
	if (matches == 0)
		return err_new(ERR_NOT_FOUND, "No such container: %.*s", STR_ARG(name_or_id));
	return NULL;
}

Err *container_delete(Store *s, Str id)
{
	int fd, tmp;
	char name[32];
	AUTO_ARENA Arena a = ARENA_INIT;
	TRY(store_subdir(s, "containers", &fd));
	AUTO_CLOSE int containers = fd;
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "container", name);
	if (renameat(containers, arena_str(&a, id).ptr, tmp, name) < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot remove the container");
	return path_remove_tree(tmp, name);
}
