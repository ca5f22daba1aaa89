/* build_cache.c - caches elsewhere: --cache-from, --cache-to, and what kaniko and buildah call so.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/build_cache.h"

typedef Err *ParseFn(Arena *a, Str text, CacheSpec *ret);

static Err *add(Cli *cli, const char *option, const char *text, ParseFn *parse, CacheSpecs *specs)
{
	Err *e = parse(cli->arena, str_from(text), &specs->at[specs->count]);
	if (e) {
		cli->usage_error = true;
		return err_while(e, "reading --%s '%s'", option, text);
	}
	specs->count++;
	return NULL;
}

static CacheSpecs room(Cli *cli, size_t count)
{
	return (CacheSpecs){ .at = arena_alloc(cli->arena, (count + 1) * sizeof(CacheSpec),
		                               _Alignof(CacheSpec)) };
}

/* docker's way to ask for --cache-to type=inline before there was an option. */
static bool wants_inline(const BuildRequest *r)
{
	for (size_t i = 0; i < r->arg_count; i++)
		if (str_eqc(r->args[i].name, "BUILDKIT_INLINE_CACHE"))
			return str_eqc(r->args[i].value, "1") || str_eqc(r->args[i].value, "true");
	return false;
}

/* kaniko's --cache=false: every step runs. */
static Err *set_cache(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	bool on = true;
	if (v->cache && !str_to_bool(str_from(v->cache), &on))
		return cli_usage(cli, "--cache: expected true or false, not '%s'", v->cache);
	r->no_cache = r->no_cache || !on;
	return NULL;
}

static Err *set_ttl(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	if (!v->cache_ttl)
		return NULL;
	if (!clock_parse_duration(str_from(v->cache_ttl), &r->cache_ttl_ns))
		return err_note(
			cli_usage(cli, "--cache-ttl: '%s' is no length of time", v->cache_ttl),
			"as in 336h or 90m");
	r->no_cache = r->no_cache || r->cache_ttl_ns == 0; /* buildah */
	return NULL;
}

Err *build_cache_make(Cli *cli, const BuildValues *v, BuildRequest *r, BuildCaches *ret)
{
	BuildCaches c = { .from = room(cli, v->cache_from.count + 1),
		          .to = room(cli, v->cache_to.count + 1) };
	if (v->cache_dir)
		return err_note(cli_usage(cli, "--cache-dir is not supported"),
		                "base images stay in the store (--root DIR); for steps there is "
		                "--cache-to type=local,dest=DIR");
	TRY(set_cache(cli, v, r));
	TRY(set_ttl(cli, v, r));
	for (size_t i = 0; i < v->cache_from.count; i++)
		TRY(add(cli, "cache-from", v->cache_from.at[i], cache_parse_from, &c.from));
	for (size_t i = 0; i < v->cache_to.count; i++)
		TRY(add(cli, "cache-to", v->cache_to.at[i], cache_parse_to, &c.to));
	if (v->cache_repo) { /* kaniko's: all steps, both ways */
		TRY(add(cli, "cache-repo", v->cache_repo, cache_parse_from, &c.from));
		TRY(add(cli, "cache-repo", v->cache_repo, cache_parse_to, &c.to));
		c.to.at[c.to.count - 1].max = true;
	}
	r->cache_inline = wants_inline(r);
	for (size_t i = 0; i < c.to.count; i++)
		r->cache_inline = r->cache_inline || c.to.at[i].type == CACHE_INLINE;
	r->cache_out = c.to.count > 0;
	*ret = c;
	return NULL;
}

Err *build_cache_open(const BuildCaches *c, BuildRequest *r, CacheSources **ret)
{
	if (!c->from.count)
		return NULL;
	TRY(cache_sources_open(c->from.at, c->from.count, &r->platforms[0], r->progress, r->cancel,
	                       ret));
	r->cached = *ret;
	return NULL;
}

Err *build_cache_export(const BuildCaches *c, const BuildRequest *r, const BuildResult *result)
{
	CacheExport x = { .store = r->store,
		          .records = &result->cache,
		          .sources = r->cached,
		          .mount_from = r->tags,
		          .mount_count = r->tag_count,
		          .progress = r->progress,
		          .cancel = r->cancel };
	for (size_t i = 0; i < c->to.count; i++)
		TRY(cache_export(&x, &c->to.at[i]));
	return NULL;
}
