/* cdi_spec.c - the files that describe CDI devices. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "codec/json.h"
#include "codec/yaml_json.h"
#include "exec/cdi.h"
#include "fs/path.h"

#include <dirent.h>
#include <fcntl.h>

enum { FILES_MAX = 1024 }; /* of one directory */

typedef VEC(CdiDevice) CdiDeviceVec;

/* --- one file -------------------------------------------------------------------------------- */

static Err *read_nodes(const JsonValue *edits, const char *where, Arena *a, CdiEdits *ret)
{
	const JsonValue *list = json_member(edits, "deviceNodes");
	size_t count = json_length(list);
	ret->nodes = arena_alloc(a, (count + 1) * sizeof *ret->nodes, _Alignof(CdiNode));
	for (size_t i = 0; i < count; i++) {
		CdiNode n = { .path = STR(""), .host_path = STR("") };
		TRY(json_get_str(json_at(list, i), where, "path", a, &n.path));
		TRY(json_get_str(json_at(list, i), where, "hostPath", a, &n.host_path));
		if (!str_starts(n.path, STR("/")))
			return err_new(ERR_INPUT,
			               "%s.deviceNodes: a path that is not absolute: '%.*s'", where,
			               STR_ARG(n.path));
		if (!n.host_path.len)
			n.host_path = n.path;
		ret->nodes[ret->node_count++] = n;
	}
	return NULL;
}

static Err *read_mounts(const JsonValue *edits, const char *where, Arena *a, CdiEdits *ret)
{
	const JsonValue *list = json_member(edits, "mounts");
	size_t count = json_length(list);
	ret->mounts = arena_alloc(a, (count + 1) * sizeof *ret->mounts, _Alignof(CdiMount));
	for (size_t i = 0; i < count; i++) {
		CdiMount m = { .path = STR(""), .host_path = STR("") };
		Str *options = NULL;
		size_t option_count = 0;
		const JsonValue *v = json_at(list, i);
		TRY(json_get_str(v, where, "containerPath", a, &m.path));
		TRY(json_get_str(v, where, "hostPath", a, &m.host_path));
		TRY(json_get_strs(v, where, "options", a, &options, &option_count));
		if (!str_starts(m.path, STR("/")) || !str_starts(m.host_path, STR("/")))
			return err_new(ERR_INPUT, "%s.mounts: a path that is not absolute: '%.*s'",
			               where, STR_ARG(m.path.len ? m.path : m.host_path));
		for (size_t k = 0; k < option_count; k++)
			m.read_only = m.read_only || str_eqc(options[k], "ro");
		ret->mounts[ret->mount_count++] = m;
	}
	return NULL;
}

static Err *read_edits(const JsonValue *edits, const char *where, Arena *a, CdiEdits *ret)
{
	if (!edits)
		return NULL;
	TRY(json_get_strs(edits, where, "env", a, &ret->env, &ret->env_count));
	TRY(read_nodes(edits, where, a, ret));
	TRY(read_mounts(edits, where, a, ret));
	ret->has_hooks = json_length(json_member(edits, "hooks")) > 0;
	return NULL;
}

static Err *read_class(const JsonValue *object, const char *where, Arena *a, Str *ret)
{
	static const char name[] = "org.mobyproject.buildkit.device.class";
	const JsonValue *annotations = json_member(object, "annotations");
	return annotations ? json_get_str(annotations, where, name, a, ret) : NULL;
}

static void put_device(CdiDeviceVec *list, const CdiDevice *d)
{
	for (size_t i = 0; i < list->len; i++) {
		if (str_eq(list->at[i].name, d->name)) {
			list->at[i] = *d;
			return;
		}
	}
	VEC_PUSH(list, *d);
}

static Err *read_document(const JsonValue *root, Arena *a, CdiDeviceVec *ret)
{
	Str kind = STR(""), class_name = STR("");
	CdiEdits common = { 0 };
	TRY(json_get_str(root, "spec", "kind", a, &kind));
	if (str_find(kind, '/') <= 0)
		return err_new(ERR_INPUT, "spec.kind: expected vendor/class, not '%.*s'",
		               STR_ARG(kind));
	TRY(read_edits(json_member(root, "containerEdits"), "containerEdits", a, &common));
	TRY(read_class(root, "spec.annotations", a, &class_name));
	const JsonValue *devices = json_member(root, "devices");
	for (size_t i = 0; i < json_length(devices); i++) {
		CdiDevice d = { .class_name = class_name, .common = common };
		Str name = STR("");
		const JsonValue *v = json_at(devices, i);
		TRY(json_get_str(v, "devices", "name", a, &name));
		if (!name.len)
			return err_new(ERR_INPUT, "devices: one has no name");
		d.name = arena_strf(a, "%.*s=%.*s", STR_ARG(kind), STR_ARG(name));
		TRY(read_class(v, "devices.annotations", a, &d.class_name));
		TRY(read_edits(json_member(v, "containerEdits"), "devices.containerEdits", a,
		               &d.own));
		put_device(ret, &d);
	}
	return NULL;
}

static Err *read_file(int dir_fd, const char *name, Arena *a, CdiDeviceVec *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	JsonValue *root = NULL;
	bool is_json = str_ends(str_from(name), STR(".json"));
	TRY(path_read_file(dir_fd, name, CDI_FILE_BYTES_MAX, &text));
	if (!is_json)
		TRY(yaml_to_json(buf_str(&text), CDI_FILE_BYTES_MAX, name, &json));
	TRY(json_parse(is_json ? buf_str(&text) : buf_str(&json), SIZE_MAX, name, &root));
	Err *e = json_value_is_object(root) ? read_document(root, a, ret)
	                                    : err_new(ERR_INPUT, "it is no object");
	json_free(root);
	return e;
}

/* --- the directories ------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Err *read_dir(const char *path, Arena *a, CdiDeviceVec *devices)
{
	VEC(const char *) names = { 0 };
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot read '%s'", path);
	for (struct dirent *d; names.len < FILES_MAX && (d = readdir(dir));) {
		Str name = str_from(d->d_name);
		if (str_ends(name, STR(".json")) || str_ends(name, STR(".yaml")) ||
		    str_ends(name, STR(".yml")))
			VEC_PUSH(&names, arena_str(a, name).ptr);
	}
	if (names.len)
		qsort(names.at, names.len, sizeof *names.at, by_text);
	Err *e = NULL;
	for (size_t i = 0; i < names.len && !e; i++) {
		e = read_file(dirfd(dir), names.at[i], a, devices);
		if (e)
			e = err_while(e, "reading the CDI file '%s/%s'", path, names.at[i]);
	}
	VEC_DONE(&names);
	(void)closedir(dir);
	return e;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const CdiDevice *)a)->name, ((const CdiDevice *)b)->name);
}

Err *cdi_read(Arena *a, CdiList *ret)
{
	const char *dirs = getenv("DECANT_CDI_DIRS");
	CdiDeviceVec devices = { 0 };
	Err *e = NULL;
	for (Str rest = str_from(dirs && *dirs ? dirs : "/etc/cdi:/var/run/cdi"), dir;
	     rest.len && !e;) {
		rest = str_cut(rest, ':', &dir);
		if (dir.len)
			e = read_dir(arena_str(a, dir).ptr, a, &devices);
	}
	ret->count = devices.len;
	ret->at = arena_alloc(a, (devices.len + 1) * sizeof *ret->at, _Alignof(CdiDevice));
	if (devices.len) {
		memcpy(ret->at, devices.at, devices.len * sizeof *ret->at);
		qsort(ret->at, ret->count, sizeof *ret->at, by_name);
	}
	VEC_DONE(&devices);
	return e;
}
