/* ps_filters.c - --filter of ps. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/ps_filters.h"
#include "oci/reference.h"

enum { SHORT_ID = 12 };

static const char *const filter_keys[] = { "id",       "name",   "label", "status", "exited",
	                                   "ancestor", "before", "since", "volume", "network",
	                                   "publish",  "expose", "health" };

Str ps_state(const Container *c)
{
	return c->running ? STR("running") : c->started_ns ? STR("exited") : STR("created");
}

/* --- one filter --------------------------------------------------------------------------------
 */

static bool has_label(const ContainerRequest *r, Str wanted)
{
	bool whole = str_find(wanted, '=') >= 0;
	for (size_t i = 0; i < r->labels.count; i++) {
		Str name;
		(void)str_cut(r->labels.at[i], '=', &name);
		if (str_eq(whole ? r->labels.at[i] : name, wanted))
			return true;
	}
	return false;
}

/* "alpine" → "alpine:latest"; what is none stays. */
static Str whole_name(Arena *a, Str name)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, name, &ref);
	return e ? name : reference_familiar(a, &ref);
}

/* A name without a tag is that of all tags. */
static bool is_of_image(const Container *c, Str wanted)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str whole = whole_name(&a, c->image_name), name;
	(void)str_cut(whole, ':', &name);
	char digest[DIGEST_TEXT_LEN + 1];
	Str id = digest_text(&c->image_id, digest);
	return str_eq(whole, whole_name(&a, wanted)) || str_eq(name, wanted) ||
	       str_eq(id, wanted) ||
	       (wanted.len >= SHORT_ID && str_starts(str_from_at(id, strlen("sha256:")), wanted));
}

/* A path of the host or of the container, as a whole. */
static bool has_volume(const ContainerRequest *r, Str wanted)
{
	for (size_t i = 0; i < r->bind_count; i++)
		if (r->binds[i].kind == SANDBOX_MOUNT_BIND &&
		    (str_eq(r->binds[i].source, wanted) || str_eq(r->binds[i].target, wanted)))
			return true;
	return false;
}

static bool is_on_network(const ContainerRequest *r, Str wanted)
{
	return str_eqc(wanted, r->network == SANDBOX_NET_HOST   ? "host"
	                       : r->network == SANDBOX_NET_NONE ? "none"
	                                                        : "bridge");
}

/* "80", "80/udp", "8000-8010/tcp" */
typedef struct PortRange {
	uint64_t first, last;
	Str protocol;
} PortRange;

static bool read_ports(Str text, PortRange *ret)
{
	Str ports, first;
	Str protocol = str_cut(text, '/', &ports);
	Str last = str_cut(ports, '-', &first);
	bool ranged = str_find(ports, '-') >= 0;
	*ret = (PortRange){ .protocol = protocol.len ? protocol : STR("tcp") };
	if (!str_to_u64(first, &ret->first) || !str_to_u64(ranged ? last : first, &ret->last))
		return false;
	return ret->first > 0 && ret->first <= ret->last && ret->last <= UINT16_MAX &&
	       (str_eqc(ret->protocol, "tcp") || str_eqc(ret->protocol, "udp"));
}

static bool is_port(const PortRange *wanted, uint64_t port, Str protocol)
{
	return port >= wanted->first && port <= wanted->last && str_eq(protocol, wanted->protocol);
}

/* HOST: its ports; else the container's, also those of its image WHOLE. */
static bool has_port(const ContainerRequest *r, const ContainerRequest *whole, Str text, bool host)
{
	PortRange wanted;
	if (!read_ports(text, &wanted))
		return false;
	for (size_t i = 0; i < r->port_count; i++) {
		const SandboxPort *p = &r->ports[i];
		if (is_port(&wanted, host ? p->host_port : p->port,
		            str_from(p->udp ? "udp" : "tcp")))
			return true;
	}
	for (size_t i = 0; !host && i < whole->image.config.exposed_ports.count; i++) {
		PortRange p;
		if (read_ports(whole->image.config.exposed_ports.at[i], &p) &&
		    is_port(&wanted, p.first, p.protocol))
			return true;
	}
	return false;
}

typedef struct Candidate {
	const PsFilters *filters;
	const Container *c;
	const ContainerRequest *r, *whole;
} Candidate;

static bool matches(const Candidate *is, Str key, Str value)
{
	const Container *c = is->c;
	uint64_t number;
	if (str_eqc(key, "id"))
		return str_starts(c->id, value);
	if (str_eqc(key, "name"))
		return memmem(c->name.ptr, c->name.len, value.ptr, value.len) != NULL;
	if (str_eqc(key, "label"))
		return has_label(is->r, value);
	if (str_eqc(key, "status"))
		return str_eq(ps_state(c), value);
	if (str_eqc(key, "exited"))
		return !c->running && c->started_ns && str_to_u64(value, &number) &&
		       number == (uint64_t)c->exit_status;
	if (str_eqc(key, "before"))
		return c->created_ns < is->filters->before_ns;
	if (str_eqc(key, "since"))
		return c->created_ns > is->filters->since_ns;
	if (str_eqc(key, "volume"))
		return has_volume(is->r, value);
	if (str_eqc(key, "network"))
		return is_on_network(is->r, value);
	if (str_eqc(key, "publish"))
		return has_port(is->r, is->whole, value, true);
	if (str_eqc(key, "expose"))
		return has_port(is->r, is->whole, value, false);
	if (str_eqc(key, "health")) /* nobody runs a HEALTHCHECK here */
		return str_eqc(value, "none");
	return is_of_image(c, value);
}

/* --- what there is to ask for ------------------------------------------------------------------
 */

static const char *const states[] = { "created",  "running", "paused", "restarting",
	                              "removing", "exited",  "dead",   NULL };
static const char *const healths[] = { "starting", "healthy", "unhealthy", "none", NULL };

static bool is_one_of(const char *const *words, Str word)
{
	for (size_t i = 0; words[i]; i++)
		if (str_eqc(word, words[i]))
			return true;
	return false;
}

static Err *check_value(Cli *cli, const char *filter, Str key, Str value)
{
	uint64_t number;
	PortRange range;
	const char *advice = NULL;
	if (str_eqc(key, "status") && !is_one_of(states, value))
		advice =
			"there are created, running, paused, restarting, removing, exited and dead";
	else if (str_eqc(key, "health") && !is_one_of(healths, value))
		advice = "there are starting, healthy, unhealthy and none";
	else if (str_eqc(key, "exited") && !str_to_u64(value, &number))
		advice = "an exit status is a number";
	else if ((str_eqc(key, "publish") || str_eqc(key, "expose")) && !read_ports(value, &range))
		advice = "PORT[-PORT][/tcp|/udp], from 1 to 65535";
	return advice ? err_note(cli_usage(cli, "invalid filter '%s'", filter), "%s", advice)
	              : NULL;
}

Err *ps_filters_check(Cli *cli, const OptionList *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		Str key;
		bool known = false;
		Str value = str_cut(str_from(filters->at[i]), '=', &key);
		for (size_t k = 0; k < ARRAY_LEN(filter_keys); k++)
			known = known || str_eqc(key, filter_keys[k]);
		if (!known || key.len == strlen(filters->at[i]))
			return err_note(cli_usage(cli, "invalid filter '%s'", filters->at[i]),
			                "there are id, name, label, status, exited, ancestor, "
			                "before, since, volume, network, publish, expose and "
			                "health, each as KEY=VALUE");
		TRY(check_value(cli, filters->at[i], key, value));
	}
	return NULL;
}

bool ps_filters_ask_for_state(const OptionList *filters)
{
	for (size_t i = 0; i < filters->count; i++)
		if (strncmp(filters->at[i], "status=", 7) == 0 ||
		    strncmp(filters->at[i], "exited=", 7) == 0)
			return true;
	return false;
}

/* --- all of them -------------------------------------------------------------------------------
 */

/* Of several the one that lets most through. */
static void widen(PsFilters *f, bool before, int64_t created_ns)
{
	if (before && created_ns > f->before_ns)
		f->before_ns = created_ns;
	if (!before && (!f->since_ns || created_ns < f->since_ns))
		f->since_ns = created_ns;
}

Err *ps_filters_open(Cli *cli, Store *s, PsFilters *f)
{
	for (size_t i = 0; i < f->given->count; i++) {
		Str key, value = str_cut(str_from(f->given->at[i]), '=', &key);
		Container c = { 0 };
		bool before = str_eqc(key, "before");
		f->exposed = f->exposed || str_eqc(key, "expose");
		if (!before && !str_eqc(key, "since"))
			continue;
		if (!s)
			return err_new(ERR_NOT_FOUND, "No such container: %.*s", STR_ARG(value));
		TRY(container_find(s, value, cli->arena, &c));
		widen(f, before, c.created_ns);
	}
	return NULL;
}

Err *ps_filters_pass(const PsFilters *f, Store *s, const Container *c, const ContainerRequest *r,
                     Arena *a, bool *ret)
{
	const OptionList *filters = f->given;
	ContainerRequest whole = { 0 };
	*ret = false;
	if (f->exposed)
		TRY(container_request_whole(s, c, a, &whole));
	const Candidate is = { f, c, r, &whole };
	for (size_t k = 0; k < ARRAY_LEN(filter_keys); k++) {
		bool any = false, all = true, asked = false;
		for (size_t i = 0; i < filters->count; i++) {
			Str key, value = str_cut(str_from(filters->at[i]), '=', &key);
			if (!str_eqc(key, filter_keys[k]))
				continue;
			bool match = matches(&is, key, value);
			asked = true;
			any = any || match;
			all = all && match;
		}
		if (asked && !(strcmp(filter_keys[k], "label") == 0 ? all : any))
			return NULL;
	}
	*ret = true;
	return NULL;
}
