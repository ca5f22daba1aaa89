/* test_request.c - the request that is kept in container.json: there and back, and hostile ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/container-internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static Err *read_text(Str json, Arena *a, ContainerRequest *ret)
{
	Container c = { .name = STR("box"), .request = json };
	return container_request_read(&c, a, ret);
}

/* --- there and back -------------------------------------------------------------------------- */

static void test_same_again(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf once = BUF_INIT, twice = BUF_INIT;
	Str words[] = { STR("a b"), STR("\"quoted\"") };
	SandboxPort port = { .host_port = 65535, .port = 1, .udp = true, .host_ip = "::1" };
	ContainerBind binds[] = {
		{ .kind = SANDBOX_MOUNT_BIND,
		  .source = STR("/s"),
		  .target = STR("/t"),
		  .read_only = true },
		{ .kind = SANDBOX_MOUNT_TMPFS,
		  .source = STR(""),
		  .target = STR("/u"),
		  .size_bytes = UINT64_MAX,
		  .mode = 01777 },
	};
	SandboxLimit limit = { .resource = 7, .soft = 1, .hard = UINT64_MAX, .name = "nofile" };
	ContainerRequest r = {
		.command = { .at = words, .count = 2 },
		.entrypoint = { .set = true },
		.user = STR("7:8"),
		.ports = &port,
		.port_count = 1,
		.binds = binds,
		.bind_count = 2,
		.limits = &limit,
		.limit_count = 1,
		.network = SANDBOX_NET_HOST,
		.cap_drop = UINT64_MAX,
		.privileged = true,
	};
	ContainerRequest back;
	container_request_write(&r, &once);
	assert_null(read_text(buf_str(&once), &a, &back));
	container_request_write(&back, &twice);
	assert_string_equal(once.ptr, twice.ptr);
	assert_int_equal(back.ports[0].host_port, 65535);
	assert_true(back.entrypoint.set);
	assert_true(back.binds[1].size_bytes == UINT64_MAX);
}

/* --- hostile --------------------------------------------------------------------------------- */

static const struct {
	const char *json;
	const char *said; /* a part of it */
} hostile[] = {
	{ "[]", "Request: expected an object" },
	{ "7", "Request: expected an object" },
	{ "{", "" },
	{ "{\"Command\": 5}", "Command" },
	{ "{\"Command\": \"sh\"}", "Command" },
	{ "{\"Command\": [1]}", "Command" },
	{ "{\"Command\": [[\"sh\"]]}", "Command" },
	{ "{\"Env\": {\"A\": \"b\"}}", "Env" },
	{ "{\"User\": 1}", "User" },
	{ "{\"User\": [\"root\"]}", "User" },
	{ "{\"User\": \"a\\u0000b\"}", "" },
	{ "{\"User\": \"\\ud800\"}", "" },
	{ "{\"User\": \"x\", \"User\": \"y\"}", "" },
	{ "{\"Privileged\": \"yes\"}", "Privileged" },
	{ "{\"Privileged\": 1}", "Privileged" },
	{ "{\"Memory\": \"1g\"}", "Memory" },
	{ "{\"Memory\": 1.5}", "Memory" },
	{ "{\"Memory\": 99999999999999999999}", "" },
	{ "{\"Memory\": 1e999}", "" },
	{ "{\"CpusetCpus\": 3}", "CpusetCpus" },
	{ "{\"Network\": 3}", "network" },
	{ "{\"Network\": -1}", "network" },
	{ "{\"Network\": \"host\"}", "Network" },
	{ "{\"Ports\": {}}", "Ports" },
	{ "{\"Ports\": \"80\"}", "Ports" },
	{ "{\"Ports\": [80]}", "Ports" },
	{ "{\"Ports\": [{}]}", "port" },
	{ "{\"Ports\": [{\"Host\": 1, \"Port\": 65536}]}", "port" },
	{ "{\"Ports\": [{\"Host\": -1, \"Port\": 1}]}", "port" },
	{ "{\"Ports\": [{\"Host\": 1, \"Port\": \"1\"}]}", "Port" },
	{ "{\"Ports\": [{\"Host\": 1, \"Port\": 1, \"Ip\": 1}]}", "Ip" },
	{ "{\"Mounts\": 1}", "Mounts" },
	{ "{\"Mounts\": [null]}", "Mounts" },
	{ "{\"Mounts\": [{\"Kind\": 99, \"Target\": \"/t\"}]}", "mount" },
	{ "{\"Mounts\": [{\"Kind\": -1, \"Target\": \"/t\"}]}", "mount" },
	{ "{\"Mounts\": [{\"Kind\": 4294967296, \"Target\": \"/t\"}]}", "mount" },
	{ "{\"Mounts\": [{\"Kind\": 0, \"Source\": \"/s\", \"Target\": \"t\"}]}", "mount" },
	{ "{\"Mounts\": [{\"Kind\": 0, \"Source\": \"/s\"}]}", "mount" },
	{ "{\"Mounts\": [{\"Kind\": 2, \"Target\": \"/t\", \"Mode\": 4294968319}]}", "mount" },
	{ "{\"Limits\": {}}", "Limits" },
	{ "{\"Limits\": [{\"Resource\": 100}]}", "limit" },
	{ "{\"Limits\": [{\"Resource\": -1}]}", "limit" },
	{ "{\"Limits\": [{\"Resource\": 7, \"Name\": 7}]}", "Name" },
};

static void test_hostile(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		ContainerRequest r;
		AUTO_ERR Err *e = read_text(str_from(hostile[i].json), &a, &r);
		if (!e)
			fail_msg("'%s' was taken", hostile[i].json);
		if (!strstr(arena_str(&a, err_cause(e)).ptr, hostile[i].said))
			fail_msg("'%s': %.*s", hostile[i].json, STR_ARG(err_cause(e)));
	}
}

/* START, N times PIECE, END. */
static void expect_refused(const char *start, const char *piece, size_t n, const char *end)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	ContainerRequest r;
	buf_add_str(&json, str_from(start));
	for (size_t i = 0; i < n; i++)
		buf_add_str(&json, str_from(piece));
	buf_add_str(&json, str_from(end));
	AUTO_ERR Err *e = read_text(buf_str(&json), &a, &r);
	assert_non_null(e);
}

static void test_huge(void **state)
{
	(void)state;
	expect_refused("{\"User\": \"", "0123456789", 1 << 20, "\"}"); /* 10 MiB */
	expect_refused("{\"Command\": ", "[", 100000, "");
	expect_refused("{\"Command\": [", "0,", 2000000, "0]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_huge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
