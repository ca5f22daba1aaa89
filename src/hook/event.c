/*
 * event.c - the body of a webhook → which refs it says were moved to where.
 *
 * What is not there is left out; what is there and is wrong is told.  Texts for people are cut to a
 * line, and bytes that a terminal would act on are taken out: they will be shown.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "codec/yaml_json.h"
#include "hook/hook.h"

#include <strings.h>

enum { TEXT_BYTES_MAX = 300, REF_BYTES_MAX = 1024 };

/* --- parts ------------------------------------------------------------------------------------ */

static const JsonValue *member(const JsonValue *v, const char *key)
{
	return v && json_value_is_object(v) ? json_member(v, key) : NULL;
}

static Str text(const JsonValue *v, const char *key)
{
	return json_value_string(member(v, key));
}

/* The first line of it, without control characters. */
static Str shown(Arena *a, Str s)
{
	AUTO_BUF Buf out = BUF_INIT;
	(void)str_cut(s, '\n', &s);
	s = str_trim(str_clip(s, TEXT_BYTES_MAX));
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool second = i + 1 < s.len && c == 0xc2 && (unsigned char)s.ptr[i + 1] < 0xa0;
		i += second; /* U+0080 ... U+009F */
		buf_add_char(&out, second || c < 0x20 || c == 0x7f ? ' ' : (char)c);
	}
	return arena_str(a, buf_str(&out));
}

static bool is_hex(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789abcdefABCDEF", s.ptr[i]))
			return false;
	return s.len == 40 || s.len == 64;
}

static bool is_zeros(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != '0')
			return false;
	return is_hex(s);
}

bool hook_is_commit(Str s)
{
	return memchr(s.ptr ? s.ptr : "", 0, s.len) == NULL && is_hex(s) && !is_zeros(s);
}

static Err *take_commit(Arena *a, Str s, HookChange *ret)
{
	if (is_zeros(s)) {
		ret->deleted = true;
		return NULL;
	}
	if (s.len && !hook_is_commit(s))
		return err_new(ERR_INPUT, "'%.*s' is no commit: expected 40 or 64 hex digits",
		               STR_ARG(str_clip(s, 100)));
	ret->commit = arena_str(a, s);
	return NULL;
}

static Err *take_ref(Arena *a, Str s, HookChange *ret)
{
	bool fine = s.len <= REF_BYTES_MAX;
	for (size_t i = 0; i < s.len && fine; i++)
		fine = (unsigned char)s.ptr[i] > 0x20 && s.ptr[i] != 0x7f;
	if (!fine)
		return err_new(ERR_INPUT, "'%.*s' is no name of a branch or tag",
		               STR_ARG(str_clip(s, 100)));
	ret->ref = arena_str(a, s);
	return NULL;
}

/* {"name": ..., "email": ...} */
static Str person(Arena *a, const JsonValue *v)
{
	Str name = shown(a, text(v, "name")), mail = shown(a, text(v, "email"));
	return mail.len ? arena_strf(a, "%.*s <%.*s>", STR_ARG(name), STR_ARG(mail)) : name;
}

static const HookChange no_change = {
	.ref = { "", 0 }, .commit = { "", 0 }, .author = { "", 0 }, .message = { "", 0 }
};

static HookChange *add_changes(Arena *a, size_t count, HookEvent *ret)
{
	ret->changes = arena_alloc(a, (count + 1) * sizeof *ret->changes, _Alignof(HookChange));
	ret->count = count;
	for (size_t i = 0; i < count; i++)
		ret->changes[i] = no_change;
	return ret->changes;
}

/* *ret_count of the array at KEY, 0 if there is none. */
static Err *length(const JsonValue *array, const char *what, size_t max, size_t *ret_count)
{
	*ret_count = 0;
	if (json_value_is_null(array))
		return NULL;
	if (!json_value_is_array(array))
		return err_new(ERR_INPUT, "%s: expected an array", what);
	*ret_count = json_length(array);
	return *ret_count > max ? err_new(ERR_INPUT, "%s: more than %zu elements", what, max)
	                        : NULL;
}

/* --- GitHub, Gitea, Forgejo, GitLab ----------------------------------------------------------- */

/* The commit that is meant, among those of the push. */
static const JsonValue *head_of(const JsonValue *body, Str commit)
{
	const JsonValue *head = member(body, "head_commit"), *all = member(body, "commits");
	if (head && json_value_is_object(head))
		return head;
	for (size_t i = 0; json_value_is_array(all) && i < json_length(all); i++)
		if (str_eq(text(json_at(all, i), "id"), commit))
			return json_at(all, i);
	return NULL;
}

Err *hook_read_git(const JsonValue *body, Arena *a, HookEvent *ret)
{
	HookChange *c = add_changes(a, 1, ret);
	const JsonValue *repository = member(body, "repository"),
			*project = member(body, "project");
	Str after = text(body, "after");
	if (!text(body, "ref").len || !after.len)
		return err_new(ERR_INPUT, "a push has 'ref' and 'after'");
	TRY(take_ref(a, text(body, "ref"), c));
	TRY(take_commit(a, after, c));
	c->deleted |= json_bool(member(body, "deleted"));
	const JsonValue *head = head_of(body, after);
	c->author = person(a, member(head, "author"));
	c->message = shown(a, text(head, "message"));
	Str branch = text(project, "default_branch");
	ret->branch = shown(a, branch.len ? branch : text(repository, "default_branch"));
	return NULL;
}

/* --- Bitbucket: of the cloud, and of one's own server ----------------------------------------- */

static Err *read_cloud(const JsonValue *change, Arena *a, HookChange *c)
{
	const JsonValue *new = member(change, "new"), *target = member(new, "target");
	if (json_value_is_null(new)) {
		c->deleted = true;
		return NULL;
	}
	bool is_tag = str_eqc(text(new, "type"), "tag");
	TRY(take_ref(a,
	             arena_strf(a, "refs/%s/%.*s", is_tag ? "tags" : "heads",
	                        STR_ARG(str_clip(text(new, "name"), REF_BYTES_MAX + 1))),
	             c));
	TRY(take_commit(a, text(target, "hash"), c));
	c->author = shown(a, text(member(target, "author"), "raw"));
	c->message = shown(a, text(target, "message"));
	return NULL;
}

static Err *read_server(const JsonValue *change, Arena *a, HookChange *c)
{
	TRY(take_ref(a, text(member(change, "ref"), "id"), c));
	c->deleted = str_eqc(text(change, "type"), "DELETE");
	return take_commit(a, text(change, "toHash"), c);
}

Err *hook_read_bitbucket(const JsonValue *body, Arena *a, HookEvent *ret)
{
	size_t count;
	const JsonValue *cloud = member(member(body, "push"), "changes");
	const JsonValue *all = cloud ? cloud : member(body, "changes");
	if (json_value_is_null(all))
		return err_new(ERR_INPUT, "a push has 'push.changes' or 'changes'");
	TRY(length(all, "changes", HOOK_CHANGES_MAX, &count));
	HookChange *changes = add_changes(a, count, ret);
	for (size_t i = 0; i < count; i++)
		TRY((cloud ? read_cloud : read_server)(json_at(all, i), a, &changes[i]));
	return NULL;
}

/* --- generic ---------------------------------------------------------------------------------- */

static bool is_variable(Str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return name.len > 0 && name.len <= 256;
}

static bool is_plain(Str value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] < 0x20 || value.ptr[i] == 0x7f)
			return false;
	return true;
}

static Err *read_pairs(const JsonValue *array, const char *what, Arena *a, ProjectPairs *ret)
{
	size_t count, bytes = 0;
	TRY(length(array, what, HOOK_ENV_MAX, &count));
	for (size_t i = 0; i < count; i++) {
		Str name = text(json_at(array, i), "name"),
		    value = text(json_at(array, i), "value");
		bytes += name.len + value.len;
		if (!is_variable(name) || !is_plain(value))
			return err_new(ERR_INPUT,
			               "%s: '%.*s' is no name of a variable, or its "
			               "value has control characters",
			               what, STR_ARG(str_clip(name, 100)));
		if (bytes > HOOK_ENV_BYTES_MAX)
			return err_new(ERR_INPUT, "%s: more than %d bytes", what,
			               HOOK_ENV_BYTES_MAX);
		project_pair_set(ret, a, name, value);
	}
	return NULL;
}

static Err *read_generic_ref(const JsonValue *git, Arena *a, HookChange *c)
{
	TRY(take_ref(a, text(git, "ref"), c));
	TRY(take_commit(a, text(git, "commit"), c));
	c->author = person(a, member(git, "author"));
	c->message = shown(a, text(git, "message"));
	return NULL;
}

Err *hook_read_generic(const JsonValue *body, Arena *a, HookEvent *ret)
{
	const JsonValue *git = member(body, "git"), *refs = member(git, "refs");
	const JsonValue *options = member(body, "dockerStrategyOptions");
	size_t count;
	TRY(length(refs, "git.refs", HOOK_CHANGES_MAX, &count));
	HookChange *changes = add_changes(a, count ? count : json_value_is_object(git), ret);
	for (size_t i = 0; i < ret->count; i++)
		TRY(read_generic_ref(count ? json_at(refs, i) : git, a, &changes[i]));
	ret->no_cache = json_bool(member(options, "noCache"));
	TRY(read_pairs(member(options, "buildArgs"), "dockerStrategyOptions.buildArgs", a,
	               &ret->args));
	return read_pairs(member(body, "env"), "env", a, &ret->env);
}

/* --- a body ----------------------------------------------------------------------------------- */

static bool is_one_of(Str word, const char *const *words)
{
	for (; *words; words++)
		if (str_eqc(word, *words))
			return true;
	return false;
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* payload=..., as GitHub sends it where the hook says application/x-www-form-urlencoded. */
static Err *form_payload(Str body, Buf *out)
{
	Str pair, name = STR(""), value = STR("");
	while (body.len && !str_eqc(name, "payload")) {
		body = str_cut(body, '&', &pair);
		value = str_cut(pair, '=', &name);
	}
	if (!str_eqc(name, "payload"))
		return err_new(ERR_INPUT, "the form has no 'payload'");
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '%') {
			int high = i + 2 < value.len ? hex_value(value.ptr[i + 1]) : -1;
			int low = i + 2 < value.len ? hex_value(value.ptr[i + 2]) : -1;
			if (high < 0 || low < 0)
				return err_new(ERR_INPUT, "the form's '%%' is not followed by two "
				                          "hex digits");
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_add_char(out, c == '+' && value.ptr[i] == '+' ? ' ' : c);
	}
	return NULL;
}

/* What of the body is JSON, into OUT. */
static Err *body_json(const HookProvider *provider, Str content_type, Str body, Buf *out)
{
	static const char *const yaml[] = { "application/yaml", "application/x-yaml", "text/yaml",
		                            NULL };
	AUTO_BUF Buf type = BUF_INIT;
	Str word;
	(void)str_cut(content_type, ';', &word);
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];
		buf_add_char(&type, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
	word = str_trim(buf_str(&type));
	if (str_eqc(word, "application/json")) {
		buf_add_str(out, body);
		return NULL;
	}
	if (provider->kind == BUILD_ON_GENERIC && is_one_of(word, yaml))
		return yaml_to_json(body, HOOK_BODY_BYTES_MAX, "the body", out);
	if (provider->kind == BUILD_ON_GITHUB && str_eqc(word, "application/x-www-form-urlencoded"))
		return form_payload(body, out);
	return err_note(err_new(ERR_INPUT, "unsupported Content-Type '%.*s'",
	                        STR_ARG(str_clip(content_type, 100))),
	                "send application/json");
}

Err *hook_read(const HookProvider *provider, Str event, Str content_type, Str body, Arena *a,
               HookEvent *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonValue *document;
	*ret = (HookEvent){ .branch = STR("") };
	if (provider->event[0] && !event.len)
		return err_new(ERR_INPUT, "the header %s is missing", provider->event[0]);
	if (provider->ping && str_eqc(event, provider->ping)) {
		ret->ping = true;
		return NULL;
	}
	if (provider->event[0] && !is_one_of(event, provider->push))
		return err_new(ERR_INPUT, "the event '%.*s' starts no builds: send pushes alone",
		               STR_ARG(str_clip(event, 100)));
	if (!body.len && provider->kind == BUILD_ON_GENERIC)
		return NULL; /* it says all with its path */
	TRY(body_json(provider, content_type, body, &json));
	TRY(err_set_kind(json_parse(buf_str(&json), HOOK_BODY_BYTES_MAX, "the body", &document),
	                 ERR_INPUT));
	Err *e = json_value_is_object(document) ? provider->read(document, a, ret)
	                                        : err_new(ERR_INPUT, "the body is no object");
	json_free(document);
	return e;
}

/* --- which of them is ours -------------------------------------------------------------------- */

/* "main" and "refs/heads/main" are one; a tag is meant by its whole name alone, or whoever may push
 * tags would build what only a branch should. */
static Str branch_of(Str ref)
{
	Str heads = STR("refs/heads/");
	return str_starts(ref, heads) ? str_from_at(ref, heads.len) : ref;
}

static bool is_ours(Str pushed, Str ref, Str branch)
{
	Str wanted = branch_of(ref.len ? ref : branch);
	pushed = branch_of(pushed);
	if (!wanted.len)
		return str_eqc(pushed, "main") || str_eqc(pushed, "master");
	return str_eq(pushed, wanted);
}

const HookChange *hook_match(const HookEvent *e, Str ref, Str branch)
{
	for (size_t i = 0; i < e->count; i++)
		if ((!e->changes[i].ref.len && !e->changes[i].deleted) ||
		    is_ours(e->changes[i].ref, ref, branch))
			return &e->changes[i];
	return NULL;
}
