/* follow.c - the log of a build, as it is written, and its end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/resource.h"
#include "fs/path.h"

#include <fcntl.h>
#include <poll.h>

enum { FOLLOW_MS = 100, PIECE = 64 << 10 };

static Err *nap(const Cancel *cancel)
{
	struct pollfd fd = { .fd = cancel_fd(cancel), .events = POLLIN };
	(void)poll(&fd, 1, FOLLOW_MS); /* a signal ends it as well */
	return cancel_check(cancel);
}

/* What is there of it now; *ret_some: it was something. */
static Err *copy_log(int fd, bool *ret_some)
{
	char bytes[PIECE];
	ssize_t n;
	*ret_some = false;
	while ((n = read(fd, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read the log");
		*ret_some = true;
		TRY(path_write_what(STDOUT_FILENO, bytes, (size_t)n, "the log"));
	}
	return NULL;
}

static Err *look(const Project *p, Str build, bool *ret_over)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Project own = { .store = p->store, .name = p->name, .arena = &a };
	Build b;
	TRY(project_get_build(&own, build, &b));
	TRY(resource_settle(&own, &b, 1));
	*ret_over = build_is_over(b.phase);
	return NULL;
}

Err *build_log_print(const Project *p, Str build, bool follow, const Cancel *cancel)
{
	AUTO_CLOSE int fd = -1;
	bool some, over = !follow;
	Err *e = project_log_open(p, build, O_RDONLY, &fd);
	if (e && err_kind(e) == ERR_NOT_FOUND)
		return err_while(e, "looking for the log of the build '%.*s'", STR_ARG(build));
	TRY(e);
	for (;;) {
		bool last = over; /* what it wrote before its end is read once more */
		TRY(copy_log(fd, &some));
		if (last)
			return NULL;
		TRY(look(p, build, &over));
		if (!over && !some)
			TRY(nap(cancel));
	}
}

Err *build_wait_over(const Project *p, Str build, const Cancel *cancel, Build *ret)
{
	TRY(project_build_wait(p, build, cancel));
	TRY(project_get_build(p, build, ret));
	return resource_settle(p, ret, 1);
}

/* The newest build of CONFIG, or number VERSION. */
static Err *of_config(Cli *cli, const Project *p, Str config, const char *version, Str *ret)
{
	BuildConfig bc;
	uint64_t number;
	TRY(project_get_config(p, config, &bc));
	number = (uint64_t)bc.last_version;
	if (version && !str_to_u64(str_from(version), &number))
		return cli_usage(cli, "invalid value '%s' for --version: expected a number",
		                 version);
	if (!number)
		return err_note(
			err_new(ERR_NOT_FOUND, "no builds found for \"%.*s\"", STR_ARG(config)),
			"start one: start-build %.*s", STR_ARG(config));
	*ret = arena_strf(cli->arena, "%.*s-%llu", STR_ARG(config), (unsigned long long)number);
	return NULL;
}

Err *build_log_find(Cli *cli, const Project *p, const char *word, const char *version, Str *ret)
{
	Str type, name = str_cut(str_from(word), '/', &type);
	ResourceKind kind = RESOURCE_BUILD;
	Build b;
	if (!name.len)
		name = str_from(word);
	else if (!resource_kind(type, &kind) ||
	         (kind != RESOURCE_BUILD && kind != RESOURCE_BUILD_CONFIG))
		return cli_usage(cli, "'%s' has no log: give bc/NAME or build/NAME", word);
	if (kind == RESOURCE_BUILD_CONFIG)
		TRY(of_config(cli, p, name, version, &name));
	*ret = name;
	return project_get_build(p, name, &b);
}
