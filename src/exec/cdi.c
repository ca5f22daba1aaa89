/*
 * cdi.c - RUN --device: which devices a name means, whether they are allowed, what they bring.
 *
 * As BuildKit: "vendor/class=name" one, "vendor/class=*" all of a kind, "vendor/class" the first,
 * "class" those whose files have it as their class.  --allow device lets a build use all,
 * --allow device=NAME those that NAME means.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/cdi.h"
#include "exec/run.h"

#include <fcntl.h>
#include <sys/stat.h>

struct CdiDevices {
	CdiList list;
};

static bool is_of_kind(const CdiDevice *d, Str kind)
{
	return str_starts(d->name, kind) && d->name.len > kind.len && d->name.ptr[kind.len] == '=';
}

/* Does NAME mean D?  FIRST: nothing before D was meant. */
static bool is_meant(const CdiDevice *d, Str name, bool first)
{
	Str kind, rest = str_cut(name, '=', &kind);
	if (str_find(kind, '/') <= 0)
		return false;
	if (!rest.len)
		return first && is_of_kind(d, kind);
	return str_eqc(rest, "*") ? is_of_kind(d, kind) : str_eq(d->name, name);
}

/* The devices that NAME means: one of BITS each. */
static size_t find_devices(const CdiList *list, Str name, bool *bits)
{
	size_t found = 0;
	for (size_t i = 0; i < list->count; i++) {
		bits[i] = is_meant(&list->at[i], name, found == 0);
		found += bits[i];
	}
	for (size_t i = 0, by_name = found; !by_name && i < list->count; i++) {
		Str class_name = list->at[i].class_name;
		bits[i] = class_name.len && str_eq(class_name, name);
		found += bits[i];
	}
	return found;
}

static bool is_allowed(const Build *b, const CdiList *list, size_t device, bool *bits)
{
	const PlanAllow *allow = &b->request->run.allow;
	if (allow->all_devices)
		return true;
	for (size_t i = 0; i < allow->device_count; i++)
		if (find_devices(list, allow->devices[i], bits) && bits[device])
			return true;
	return false;
}

static Err *not_registered(const RunDevice *d)
{
	Err *e = err_at(d->span, "required device \"%.*s\" is not registered", STR_ARG(d->name));
	return err_note(e, "CDI files are looked for in /etc/cdi and /var/run/cdi");
}

static Err *check_device(Build *b, const Step *step, const RunDevice *d)
{
	const CdiList *list = &b->cdi->list;
	AUTO_FREE bool *meant = xcalloc(list->count + 1, sizeof(bool));
	AUTO_FREE bool *bits = xcalloc(list->count + 1, sizeof(bool));
	if (!find_devices(list, d->name, meant)) {
		if (d->required)
			return not_registered(d);
		progress_warning(b->progress, 0,
		                 "%.*s: the optional device \"%.*s\" is not registered",
		                 STR_ARG(step->title), STR_ARG(d->name));
		return NULL;
	}
	for (size_t i = 0; i < list->count; i++) {
		const CdiDevice *device = &list->at[i];
		if (!meant[i])
			continue;
		if (!is_allowed(b, list, i, bits))
			return err_note(
				err_at(d->span,
			               "device %.*s is requested by the build but not allowed",
			               STR_ARG(device->name)),
				"build with --allow device=%.*s, or with --allow device for all",
				STR_ARG(device->name));
		if (device->own.has_hooks || device->common.has_hooks)
			progress_warning(b->progress, 0,
			                 "the hooks of the device \"%.*s\" are not run",
			                 STR_ARG(device->name));
	}
	return NULL;
}

Err *cdi_check(Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		for (size_t k = 0; step->kind == STEP_RUN && k < step->run.device_count; k++) {
			if (!b->cdi) {
				b->cdi = arena_new(b->arena, struct CdiDevices);
				TRY(cdi_read(b->arena, &b->cdi->list));
			}
			TRY(check_device(b, step, &step->run.devices[k]));
		}
	}
	return NULL;
}

/* --- for a RUN ------------------------------------------------------------------------------- */

static Err *add_mount(RunGiven *given, SandboxMountKind kind, Str host_path, Str path,
                      bool read_only)
{
	const char *target = arena_str(given->arena, path).ptr;
	const char *source = arena_str(given->arena, host_path).ptr;
	for (size_t i = 0; i < given->mounts.len; i++)
		if (strcmp(given->mounts.at[i].target, target) == 0)
			return NULL; /* several devices bring the same */
	struct stat st;
	int fd = openat(AT_FDCWD, source, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s' of a device", source);
	VEC_PUSH(&given->fds, fd);
	bool node = fstat(fd, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
	if (kind == SANDBOX_MOUNT_DEVICE && !node)
		return err_new(ERR_INPUT, "'%s' of a device is no device node", source);
	SandboxMount m = { .kind = kind,
		           .source_fd = fd,
		           .target = target,
		           .read_only = read_only,
		           .upper_fd = -1,
		           .work_fd = -1 };
	VEC_PUSH(&given->mounts, m);
	return NULL;
}

static Err *add_edits(const CdiEdits *e, RunGiven *given)
{
	for (size_t i = 0; i < e->env_count; i++)
		VEC_PUSH(&given->env, arena_str(given->arena, e->env[i]));
	for (size_t i = 0; i < e->node_count; i++)
		TRY(add_mount(given, SANDBOX_MOUNT_DEVICE, e->nodes[i].host_path, e->nodes[i].path,
		              false));
	for (size_t i = 0; i < e->mount_count; i++)
		TRY(add_mount(given, SANDBOX_MOUNT_BIND, e->mounts[i].host_path, e->mounts[i].path,
		              e->mounts[i].read_only));
	return NULL;
}

Err *cdi_add(Build *b, const Step *step, RunGiven *given)
{
	const CdiList *list = b->cdi ? &b->cdi->list : &(CdiList){ 0 };
	AUTO_FREE bool *meant = xcalloc(list->count + 1, sizeof(bool));
	for (size_t i = 0; i < step->run.device_count; i++) {
		const RunDevice *d = &step->run.devices[i];
		(void)find_devices(list, d->name, meant);
		for (size_t k = 0; k < list->count; k++) {
			if (!meant[k])
				continue;
			TRY(err_place(add_edits(&list->at[k].own, given), d->span));
			TRY(err_place(add_edits(&list->at[k].common, given), d->span));
		}
	}
	return NULL;
}
