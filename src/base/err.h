/*
 * err.h - what went wrong, where in the user's file, and while doing what.
 *
 * Every function that can fail returns an Err *.  NULL is success.
 *
 *	Err *layer_open(Store *s, Digest d, Layer **ret_layer);
 *
 *	TRY(layer_open(store, digest, &layer));
 *	TRY_WHILE(layer_apply(layer, rootfd), "unpacking layer %s", name);
 *
 * An Err is one cause, at most one place in a source file (a Span), the list
 * of things that were being done ("while ..."), and notes for the user.  The
 * place nearest the cause wins; outer callers cannot overwrite it.
 *
 * Control bytes in texts come out as \xNN (line ends are kept in notes alone): names in archives
 * and answers of servers may be put into messages as they are.
 *
 * Ownership: whoever gets an Err must return it, wrap it, or err_free() it.
 * err_while(), err_note() and err_place() take it and give it back.
 * Threads: an Err belongs to one thread at a time; there is no global state.
 *
 * Depends on: base.h, str.h.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

#include <stdio.h>

typedef struct Err Err;

/* What a caller may want to act on.  The exit status is chosen from this, in cli/main.c. */
typedef enum ErrKind {
	ERR_SYSTEM,    /* a system call failed; err_errno() has the errno */
	ERR_INPUT,     /* the Dockerfile, a flag or the context is wrong */
	ERR_NOT_FOUND, /* a tag, blob or file that may well not exist */
	ERR_RUN,       /* the user's own command exited non-zero */
	ERR_NETWORK,   /* worth a retry */
	ERR_DENIED,    /* credentials missing or refused */
	ERR_CORRUPT,   /* digest or format does not match */
	ERR_MISS,      /* a step that was to be in the cache is not */
	ERR_CANCELLED, /* signal or sibling failure: say nothing more */
} ErrKind;

/* A text the user wrote: Dockerfile, .dockerignore, config.  Lives in the build's arena. */
typedef struct Source {
	const char *name; /* as the user would type it */
	Str text;
} Source;

/* A piece of one: byte offsets [start, end) into src->text.  src == NULL: nowhere. */
typedef struct Span {
	const Source *src;
	uint32_t start, end;
} Span;

/* Never NULL: told to the compiler, so that it knows results are set where no error came back. */
#define ERR_MAKER __attribute__((returns_nonnull)) NODISCARD
ERR_MAKER Err *err_new(ErrKind kind, const char *fmt, ...) PRINTF(2, 3);
ERR_MAKER Err *err_sys(int errnum, const char *fmt, ...) PRINTF(2, 3);
ERR_MAKER Err *err_at(Span span, const char *fmt, ...) PRINTF(2, 3); /* ERR_INPUT */

/* An error if it has more than MAX_BYTES, or is no text: no line of it can hold a NUL, and UTF-16
 * is full of them. */
NODISCARD Err *err_check_text(const Source *source, size_t max_bytes);
NODISCARD Err *err_place(Err *err, Span span); /* no effect if it has a place, or is NULL */
NODISCARD Err *err_while(Err *err, const char *fmt, ...) PRINTF(2, 3);
NODISCARD Err *err_note(Err *err, const char *fmt, ...) PRINTF(2, 3);

ErrKind err_kind(const Err *err);
int err_errno(const Err *err); /* 0 unless ERR_SYSTEM */
Span err_span(const Err *err); /* .src NULL: it has no place */
Str err_cause(const Err *err); /* borrowed, one line; Str of whiles and notes: one a line */
Str err_whiles(const Err *err);
Str err_notes(const Err *err);
/* For ERR_RUN: the status of the user's command, 1..255.  0 for any other. */
int err_exit_status(const Err *err);
NODISCARD Err *err_set_exit_status(Err *err, int status);
NODISCARD Err *err_set_kind(Err *err, ErrKind kind);
/* Instead of those that it has, a line each; NOTES as err_notes() gives them. */
void err_set_notes(Err *err, Str notes);
/* It is about what the user writes to, not about what we keep: a full disk there is no full store.
 * NULL is fine. */
NODISCARD Err *err_set_elsewhere(Err *err);
bool err_is_elsewhere(const Err *err);
void err_free(Err *err); /* NULL is fine */
/* Line and column (both from 1, column in bytes) of a byte offset. */
void err_line_column(Span span, unsigned *ret_line, unsigned *ret_column);

/* Print for a person: headline, source line with caret, whiles, notes. */
void err_print(const Err *err, FILE *out);

#define TRY(expr)                        \
	do {                             \
		Err *try_err_ = (expr);  \
		if (try_err_)            \
			return try_err_; \
	} while (0)

#define TRY_WHILE(expr, ...)                                     \
	do {                                                     \
		Err *try_err_ = (expr);                          \
		if (try_err_)                                    \
			return err_while(try_err_, __VA_ARGS__); \
	} while (0)

static inline void err_freep(Err **e)
{
	err_free(*e);
}
#define AUTO_ERR CLEANUP(err_freep)
