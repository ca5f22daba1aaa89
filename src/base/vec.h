/*
 * vec.h - a growing array of any type, by macro.
 *
 *	typedef VEC(Step *) StepVec;
 *	StepVec v = { 0 };
 *	VEC_PUSH(&v, step);
 *	for (size_t i = 0; i < v.len; i++) use(v.at[i]);
 *	VEC_DONE(&v);
 *
 * The elements are malloc'd: VEC_DONE frees the array, never what elements point to.
 * Cannot fail (out of memory ends the process).  Not thread-safe.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

#define VEC(T)                   \
	struct {                 \
		T *at;           \
		size_t len, cap; \
	}

#define VEC_PUSH(v, ...)                                                             \
	do {                                                                         \
		if ((v)->len == (v)->cap) {                                          \
			(v)->cap = (v)->cap ? (v)->cap * 2 : 8;                      \
			(v)->at = xreallocarray((v)->at, (v)->cap, sizeof *(v)->at); \
		}                                                                    \
		(v)->at[(v)->len++] = (__VA_ARGS__);                                 \
	} while (0)

#define VEC_DONE(v)                      \
	do {                             \
		free((v)->at);           \
		(v)->at = NULL;          \
		(v)->len = (v)->cap = 0; \
	} while (0)

static inline void vec_free_at(void *v)
{
	free(*(void **)v); /* 'at' is the first member */
}
/* AUTO_VEC StepVec v = { 0 };  frees the array at the end of the scope */
#define AUTO_VEC CLEANUP(vec_free_at)
