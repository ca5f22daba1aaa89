/*
 * idmap.h - which ids of the host a user namespace of ours may use, and writing its maps.
 *
 * WHAT     An ordinary user owns one uid and the ranges that /etc/subuid and /etc/subgid give him.
 *          Inside the namespace his own id becomes 0 and the ranges follow from 1 on.  Only the
 *          setuid programs newuidmap and newgidmap may write such maps, and only from outside the
 *          namespace: a child that stays behind runs them.
 * ERRORS   ERR_SYSTEM, with a note that says which line, package or setting is missing
 * SOURCE   user_namespaces(7), subuid(5), newuidmap(1)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef struct IdRange {
	uint32_t inside, outside, count;
} IdRange;
typedef VEC(IdRange) IdRanges;

/* Add the ranges that TEXT (in the format of subuid(5)) gives to NAME or ID, to follow NEXT_INSIDE.
 * Lines that cannot be understood are passed over, as newuidmap does. */
void idmap_parse(Str text, Str name, uint32_t id, uint32_t next_inside, IdRanges *ranges);

/* Put this process, which has one thread, into new user and mount namespaces with maps. */
NODISCARD Err *idmap_enter_namespaces(void);
/* How many subordinate uids and gids this user has: for `info`. */
void idmap_count(uint64_t *ret_uids, uint64_t *ret_gids);
