/*
 * plan_mount.c - RUN --mount: fields of mounts.def → RunMounts.
 *
 * As BuildKit reads them: fields from left to right, so that "type" has to stand before "size" and
 * "required"; all values but that of "from" are expanded; keys that mean nothing for a type and do
 * no harm are taken silently.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "plan/plan-internal.h"

typedef struct Mounting {
	Planner *planner;
	StageWork *stage;
	RunMount *mount;
	Word whole; /* of the flag */
	Span sharing_span, source_span, from_span, env_span, target_span;
	Span mode_span, uid_span, gid_span;
	bool has_mode, has_uid, has_gid, has_sharing, has_ro, has_env;
	Str from;
} Mounting;

/* --- fields ---------------------------------------------------------------------------------- */

static Err *take_bool(const MountField *f, Str value, bool *ret)
{
	return str_to_bool(value, ret) ? NULL
	                               : err_at(f->value.span, "invalid value for %.*s: %.*s",
	                                        STR_ARG(f->name), STR_ARG(value));
}

static Err *take_number(const MountField *f, Str value, bool octal, uint32_t *ret)
{
	uint64_t n;
	if (!(octal ? str_to_octal(value, &n) : str_to_u64(value, &n)) || n > UINT32_MAX)
		return err_note(err_at(f->value.span, "invalid value %.*s for %.*s", STR_ARG(value),
		                       STR_ARG(f->name)),
		                "%s",
		                octal ? "it is a number in octal, like 0755" : "it is a number");
	*ret = (uint32_t)n;
	return NULL;
}

static Err *take_TYPE(Mounting *m, const MountField *f, Str value)
{
	return mount_type_parse(value, f->value.span, &m->mount->type);
}

static Err *take_FROM(Mounting *m, const MountField *f, Str value)
{
	m->from = value;
	m->from_span = f->value.span;
	return NULL;
}

static Err *take_SOURCE(Mounting *m, const MountField *f, Str value)
{
	m->mount->source = value;
	m->source_span = f->value.span;
	return NULL;
}

static Err *take_TARGET(Mounting *m, const MountField *f, Str value)
{
	m->mount->target = value;
	m->target_span = f->value.span;
	return NULL;
}

static Err *take_READONLY(Mounting *m, const MountField *f, Str value)
{
	m->has_ro = true;
	return take_bool(f, value, &m->mount->read_only);
}

static Err *take_RW(Mounting *m, const MountField *f, Str value)
{
	bool rw = true;
	m->has_ro = true;
	TRY(take_bool(f, value, &rw));
	m->mount->read_only = !rw;
	return NULL;
}

static Err *take_ID(Mounting *m, const MountField *f, Str value)
{
	(void)f;
	m->mount->id = value;
	return NULL;
}

static Err *take_SHARING(Mounting *m, const MountField *f, Str value)
{
	static const char *const names[] = {
		[CACHE_SHARED] = "shared", [CACHE_PRIVATE] = "private", [CACHE_LOCKED] = "locked"
	};
	m->has_sharing = true;
	m->sharing_span = f->whole.span;
	Str lower = plan_lower(m->planner->arena, value);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eqc(lower, names[i])) {
			m->mount->sharing = (CacheSharing)i;
			return NULL;
		}
	}
	Err *e = err_at(f->value.span, "unsupported sharing value \"%.*s\"", STR_ARG(value));
	const char *near = dockerfile_suggest(value, names, ARRAY_LEN(names));
	return near ? err_note(e, "did you mean %s?", near)
	            : err_note(e, "there are shared, private and locked");
}

static Err *take_MODE(Mounting *m, const MountField *f, Str value)
{
	m->has_mode = true;
	m->mode_span = f->whole.span;
	return take_number(f, value, true, &m->mount->mode);
}

static Err *take_UID(Mounting *m, const MountField *f, Str value)
{
	m->has_uid = true;
	m->uid_span = f->whole.span;
	return take_number(f, value, false, &m->mount->uid);
}

static Err *take_GID(Mounting *m, const MountField *f, Str value)
{
	m->has_gid = true;
	m->gid_span = f->whole.span;
	return take_number(f, value, false, &m->mount->gid);
}

static Err *take_REQUIRED(Mounting *m, const MountField *f, Str value)
{
	return take_bool(f, value, &m->mount->required);
}

static Err *take_SIZE(Mounting *m, const MountField *f, Str value)
{
	return str_to_bytes(value, &m->mount->size_bytes)
	               ? NULL
	               : err_note(err_at(f->value.span, "invalid value for size: %.*s",
	                                 STR_ARG(value)),
	                          "it is a number of bytes, or with a unit: 512k, 64m, 1g");
}

static Err *take_ENV(Mounting *m, const MountField *f, Str value)
{
	m->has_env = true;
	m->env_span = f->value.span;
	m->mount->env = value;
	return NULL;
}

typedef Err *TakeFn(Mounting *m, const MountField *f, Str value);
static TakeFn *const takers[MOUNT_KEY_COUNT] = {
#define MOUNT_TYPE(...)
#define MOUNT_KEY(id, ...) [MOUNT_KEY_##id] = take_##id,
#include "dockerfile/mounts.def"
#undef MOUNT_TYPE
#undef MOUNT_KEY
};

/* Keys that a type does not have.  Those of owners are looked at once the type is known for sure.
 */
static Err *check_type(const Mounting *m, const MountField *f)
{
	MountType type = m->mount->type;
	bool late = f->key == MOUNT_KEY_MODE || f->key == MOUNT_KEY_UID ||
	            f->key == MOUNT_KEY_GID || f->key == MOUNT_KEY_SHARING;
	if (late || (mount_key_table[f->key].types & (1u << type)))
		return NULL;
	AUTO_BUF Buf types = BUF_INIT;
	for (MountType t = 0; t < MOUNT_TYPE_COUNT; t++)
		if (mount_key_table[f->key].types & (1u << t))
			buf_addf(&types, "%s%s", types.len ? ", " : "", mount_type_table[t].name);
	return err_note(err_at(f->whole.span, "unexpected key '%.*s' for mount type '%s'",
	                       STR_ARG(f->name), mount_type_table[type].name),
	                "it is for type=%s, which has to stand before it", types.ptr);
}

static Err *take_field(Mounting *m, const MountField *f)
{
	Str value = f->value.text;
	if (f->key == MOUNT_KEY_COUNT || (!f->has_value && !mount_key_table[f->key].alone))
		return mount_unknown_key(f);
	TRY(check_type(m, f));
	if (f->has_value && f->key != MOUNT_KEY_FROM)
		TRY(plan_expand(m->planner, m->stage, f->value, &value));
	if (value.len && memchr(value.ptr, '\0', value.len))
		return err_at(f->value.span, "a NUL byte cannot stand here");
	return takers[f->key](m, f, value);
}

/* --- what a whole mount means ---------------------------------------------------------------- */

static Err *not_allowed(const Mounting *m, const char *key, Span span)
{
	return err_at(span, "%s not allowed for \"%s\" type mounts", key,
	              mount_type_table[m->mount->type].name);
}

static Err *check_keys(const Mounting *m)
{
	MountType type = m->mount->type;
	bool owned = type == MOUNT_CACHE || type == MOUNT_SECRET || type == MOUNT_SSH;
	if (!owned && m->has_mode)
		return not_allowed(m, "mode", m->mode_span);
	if (!owned && m->has_uid)
		return not_allowed(m, "uid", m->uid_span);
	if (!owned && m->has_gid)
		return not_allowed(m, "gid", m->gid_span);
	if (m->has_sharing && type != MOUNT_CACHE && type != MOUNT_SECRET)
		return err_at(m->sharing_span, "invalid cache sharing set for %s mount",
		              mount_type_table[type].name);
	return NULL;
}

static Str base_name(Str path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	ptrdiff_t slash = str_rfind(path, '/');
	return slash < 0 || path.len == 1 ? path : str_from_at(path, (size_t)slash + 1);
}

/* "source=.", "/a/../b" → "", "b" */
static Str relative_source(Planner *p, Str source)
{
	return str_from_at(plan_path_join(p->arena, STR("/"), source), 1);
}

static Str working_dir(const Mounting *m)
{
	Str dir = m->stage->out->config.working_dir;
	return dir.len ? dir : STR("/");
}

static Err *set_target(const Mounting *m, Str base)
{
	RunMount *mount = m->mount;
	Str written = mount->target;
	mount->target = plan_path_join(m->planner->arena, base, written);
	if (mount->target.len >= PATH_BYTES_MAX)
		return err_at(m->whole.span, "the target of the mount is too long");
	if (str_eqc(mount->target, "/"))
		return err_note(err_at(m->target_span.src ? m->target_span : m->whole.span,
		                       "invalid mount target \"/\""),
		                "%s",
		                written.len ? "nothing can be mounted over the whole root"
		                            : "give one with target=");
	return NULL;
}

static Err *set_origin(Mounting *m, const Node *node, size_t number)
{
	RunMount *mount = m->mount;
	const FromRef *ref = plan_ref(m->planner, node, number);
	bool takes_files = mount->type == MOUNT_BIND || mount->type == MOUNT_CACHE;
	mount->origin = mount->type == MOUNT_BIND ? ORIGIN_CONTEXT : ORIGIN_INLINE;
	mount->origin_step = STEP_NONE;
	mount->from_name = m->from;
	if (!takes_files || (ref->kind == REF_NONE && mount->type != MOUNT_BIND))
		return NULL;
	Origin origin;
	TRY(ref->kind == REF_NONE ? plan_main_context(m->planner, m->stage, node, &origin)
	                          : plan_origin(m->planner, m->stage, node, ref, &origin));
	mount->origin = origin.kind;
	mount->origin_step = origin.step;
	mount->context = origin.context;
	return NULL;
}

static Err *finish_secret(Mounting *m)
{
	RunMount *mount = m->mount;
	if (m->from.len)
		return err_at(m->from_span, "secret mount should not have a from");
	if (m->has_sharing)
		return err_at(m->sharing_span, "secret mount should not define sharing");
	if (!mount->source.len && !mount->target.len && !mount->id.len)
		return err_note(err_at(m->whole.span,
		                       "invalid secret mount. one of source, target required"),
		                "id= names a secret of --secret");
	if (mount->source.len && mount->id.len)
		return err_at(m->source_span, "both source and id can't be set");
	if (m->has_env && (!mount->env.len || str_find(mount->env, '=') >= 0))
		return err_at(m->env_span, "'%.*s' is no name of a variable", STR_ARG(mount->env));
	if (mount->source.len)
		mount->id = mount->source;
	if (!mount->id.len)
		mount->id = base_name(mount->target);
	mount->source = STR("");
	if (!m->has_mode)
		mount->mode = 0400;
	if (!mount->target.len && mount->env.len)
		return NULL;
	if (!mount->target.len)
		mount->target = arena_strf(m->planner->arena, "/run/secrets/%.*s",
		                           STR_ARG(base_name(mount->id)));
	return set_target(m, working_dir(m));
}

/* SSH_MOUNTS: how many this RUN has had. */
static Err *finish_ssh(Mounting *m, unsigned ssh_mounts)
{
	RunMount *mount = m->mount;
	if (mount->source.len)
		return err_note(err_at(m->source_span, "ssh does not support source"),
		                "id= names an agent of --ssh");
	if (!mount->id.len)
		mount->id = STR("default");
	if (!m->has_mode)
		mount->mode = 0600;
	if (!mount->target.len)
		mount->target =
			arena_strf(m->planner->arena, "/run/buildkit/ssh_agent.%u", ssh_mounts);
	return set_target(m, working_dir(m));
}

static void finish_cache(Mounting *m)
{
	Planner *p = m->planner;
	RunMount *mount = m->mount;
	const PlanArg *space = plan_build_arg(p, STR("BUILDKIT_CACHE_MOUNT_NS"));
	/* Of the target as written: a relative one is not joined to WORKDIR before (BuildKit). */
	Str id = mount->id.len ? mount->id : plan_path_join(p->arena, STR(""), mount->target);
	if (!mount->id.len && !str_starts(mount->target, STR("/")))
		id = str_from_at(id, 1);
	mount->own_id = mount->id.len > 0;
	mount->id = arena_strf(p->arena, "%.*s/%.*s", STR_ARG(space ? space->value : STR("")),
	                       STR_ARG(id));
	mount->has_owner = m->has_mode || m->has_uid || m->has_gid;
	if (!m->has_mode)
		mount->mode = 0755;
}

static Err *finish(Mounting *m, const Node *node, size_t number, unsigned ssh_mounts)
{
	RunMount *mount = m->mount;
	TRY(check_keys(m));
	TRY(set_origin(m, node, number));
	mount->mode &= 07777;
	if (!m->has_ro)
		mount->read_only = mount->type != MOUNT_CACHE && mount->type != MOUNT_TMPFS;
	if (mount->type == MOUNT_SECRET)
		return finish_secret(m);
	if (mount->type == MOUNT_SSH)
		return finish_ssh(m, ssh_mounts);
	if (mount->type == MOUNT_CACHE)
		finish_cache(m);
	mount->source =
		mount->type == MOUNT_TMPFS ? STR("") : relative_source(m->planner, mount->source);
	return set_target(m, working_dir(m));
}

static Err *take_mount(Planner *p, StageWork *s, const Node *node, const NodeFlag *flag,
                       size_t number, unsigned ssh_mounts, RunMount *ret)
{
	MountField *fields;
	size_t count;
	*ret = (RunMount){ .type = MOUNT_BIND,
		           .span = flag->value.span,
		           .from_name = STR(""),
		           .source = STR(""),
		           .target = STR(""),
		           .id = STR(""),
		           .env = STR("") };
	Mounting m = {
		.planner = p, .stage = s, .mount = ret, .whole = flag->value, .from = STR("")
	};
	TRY(mount_fields(p->arena, flag->value, &fields, &count));
	for (size_t i = 0; i < count; i++)
		TRY(take_field(&m, &fields[i]));
	return finish(&m, node, number, ssh_mounts);
}

/* --- a RUN's --------------------------------------------------------------------------------- */

/* What is mounted below another mount has to come after it; else the order as written. */
static void sort_by_target(RunMount *mounts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		RunMount m = mounts[i];
		size_t k = i;
		for (; k > 0 && str_cmp(mounts[k - 1].target, m.target) > 0; k--)
			mounts[k] = mounts[k - 1];
		mounts[k] = m;
	}
}

/* SSH_AUTH_SOCK, unless the file sets it. */
static void add_auth_sock(Planner *p, RunArgs *run, Str target)
{
	Strs *lists[] = { &run->env, &run->key_env };
	Str entry = arena_strf(p->arena, "SSH_AUTH_SOCK=%.*s", STR_ARG(target));
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		Strs more = { .set = true };
		bool set = false;
		for (size_t i = 0; i < lists[k]->count; i++) {
			set = set || str_starts(lists[k]->at[i], STR("SSH_AUTH_SOCK="));
			strs_push(p->arena, &more, lists[k]->at[i]);
		}
		if (!set)
			strs_push(p->arena, &more, entry);
		p->bytes += more.count * sizeof(Str);
		*lists[k] = more; /* the one before is shared with other RUNs */
	}
}

Err *plan_mounts(Planner *p, StageWork *s, const Node *node, RunArgs *run)
{
	enum { RUN_MOUNTS_MAX = 256 }; /* sorted by insertion, and each is a mount in the kernel */
	size_t count = 0, number = 0;
	unsigned ssh_mounts = 0;
	for (size_t i = 0; i < node->flag_count; i++)
		count += node->flags[i].id == FLAG_ID_RUN_MOUNT;
	if (!count)
		return NULL;
	if (count > RUN_MOUNTS_MAX)
		return err_at(node->span, "a RUN cannot have more than %d mounts", RUN_MOUNTS_MAX);
	run->mounts = arena_alloc(p->arena, count * sizeof *run->mounts, _Alignof(RunMount));
	run->mount_count = count;
	TRY(plan_grow(p, count * sizeof *run->mounts, node->span));
	for (size_t i = 0; i < node->flag_count; i++) {
		const NodeFlag *flag = &node->flags[i];
		if (flag->id != FLAG_ID_RUN_MOUNT)
			continue;
		RunMount *m = &run->mounts[number];
		TRY(take_mount(p, s, node, flag, number++, ssh_mounts, m));
		if (m->type == MOUNT_SSH && ssh_mounts++ == 0)
			add_auth_sock(p, run, m->target);
	}
	sort_by_target(run->mounts, count);
	return NULL;
}

void plan_mount_needs(Planner *p, Step *step)
{
	for (size_t i = 0; i < step->run.mount_count; i++)
		if (step->run.mounts[i].origin == ORIGIN_STEP)
			plan_step_needs(p, step, step->run.mounts[i].origin_step);
}
