/* store_fixture.h - for tests: a store in a temporary directory, and an arena. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/test/must.h"
#include "fs/path.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>

typedef struct Fixture {
	char dir[64];
	Store *store;
	Arena arena;
} Fixture;

static inline int fixture_setup(void **state)
{
	Fixture *f = xcalloc(1, sizeof *f);
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/decant-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	must(store_open(f->dir, &f->store));
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	Fixture *f = *state;
	store_close(f->store);
	arena_done(&f->arena);
	must(path_remove_tree(AT_FDCWD, f->dir));
	free(f);
	return 0;
}

static inline void must_be(Err *e, ErrKind kind)
{
	assert_non_null(e);
	assert_int_equal(err_kind(e), kind);
	err_free(e);
}
