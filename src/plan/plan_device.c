/* plan_device.c - RUN --device: names of CDI devices, to be found when the build runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"
#include "plan/plan-internal.h"

/* One field: "required", "required=BOOL", "name=N", or the name itself, which may hold a '='. */
static Err *take_field(Planner *p, Span span, Str field, RunDevice *d)
{
	Str name, value = str_cut(field, '=', &name);
	bool has_value = name.len < field.len;
	Str key = plan_lower(p->arena, name);
	if (str_eqc(key, "required")) {
		if (!has_value)
			d->required = true;
		else if (!str_to_bool(value, &d->required))
			return err_at(span, "invalid value for required: %.*s", STR_ARG(value));
		return NULL;
	}
	if (has_value && str_eqc(key, "name")) {
		if (d->name.len)
			return err_at(span, "device name already set to %.*s", STR_ARG(d->name));
		d->name = value;
		return NULL;
	}
	if (!d->name.len) {
		d->name = field;
		return NULL;
	}
	if (!has_value)
		return err_at(span, "invalid field '%.*s' must be a key=value pair",
		              STR_ARG(field));
	return err_note(
		err_at(span, "unexpected key '%.*s' in '%.*s'", STR_ARG(key), STR_ARG(field)),
		"there are name and required");
}

static Err *take_device(Planner *p, const NodeFlag *flag, RunDevice *ret)
{
	RunDevice d = { .name = STR(""), .span = flag->value.span };
	bool more = flag->value.text.len > 0;
	for (Str rest = flag->value.text, field; more;) {
		TRY(err_place(csv_cut(p->arena, &rest, &field, &more), d.span));
		TRY(take_field(p, d.span, field, &d));
	}
	if (!d.name.len)
		return err_note(err_at(d.span, "RUN --device names no device"),
		                "write vendor.com/class=name, as its CDI file has it");
	*ret = d;
	return NULL;
}

Err *plan_devices(Planner *p, const Node *node, RunArgs *run)
{
	size_t count = 0;
	for (size_t i = 0; i < node->flag_count; i++)
		count += node->flags[i].id == FLAG_ID_RUN_DEVICE;
	if (!count)
		return NULL;
	run->devices = arena_alloc(p->arena, count * sizeof *run->devices, _Alignof(RunDevice));
	TRY(plan_grow(p, count * sizeof *run->devices, node->span));
	for (size_t i = 0; i < node->flag_count; i++)
		if (node->flags[i].id == FLAG_ID_RUN_DEVICE)
			TRY(take_device(p, &node->flags[i], &run->devices[run->device_count++]));
	return NULL;
}
