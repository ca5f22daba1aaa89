/*
 * mount.h - the text of RUN --mount: fields, keys and types, nothing expanded yet.
 *
 * SOURCE   BuildKit's instructions/commands_runmount.go; mounts.def is THE list
 * ERRORS   ERR_INPUT with the Span of the field
 * OWNS     fields live in the arena and borrow the word
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dockerfile/dockerfile.h"

typedef enum MountType {
#define MOUNT_TYPE(id, ...) MOUNT_##id,
#define MOUNT_KEY(...)
#include "dockerfile/mounts.def"
#undef MOUNT_TYPE
#undef MOUNT_KEY
	MOUNT_TYPE_COUNT
} MountType;

typedef enum MountKey {
#define MOUNT_TYPE(...)
#define MOUNT_KEY(id, ...) MOUNT_KEY_##id,
#include "dockerfile/mounts.def"
#undef MOUNT_TYPE
#undef MOUNT_KEY
	MOUNT_KEY_COUNT
} MountKey;

typedef struct MountTypeInfo {
	const char *name, *help;
} MountTypeInfo;
extern const MountTypeInfo mount_type_table[MOUNT_TYPE_COUNT];

typedef struct MountKeyInfo {
	const char *name;
	const char *aliases; /* with commas */
	bool alone;          /* "ro" means "ro=true" */
	unsigned types;      /* one bit a MountType that it may stand in */
	const char *fallback, *help;
} MountKeyInfo;
extern const MountKeyInfo mount_key_table[MOUNT_KEY_COUNT];

/* One "key=value" of a mount. */
typedef struct MountField {
	MountKey key; /* MOUNT_KEY_COUNT: unknown */
	Str name;     /* lower case, as it was called */
	Word value;   /* "true" if it stands alone */
	Word whole;
	bool has_value;
} MountField;

NODISCARD Err *mount_fields(Arena *a, Word mount, MountField **ret, size_t *ret_count);
/* "unexpected key ...", with what was meant, for a field whose key is unknown. */
NODISCARD Err *mount_unknown_key(const MountField *field);
/* The type called NAME, or an error at SPAN. */
NODISCARD Err *mount_type_parse(Str name, Span span, MountType *ret);
/* The value of "from"; text "" if there is none.  A variable in it is an error. */
NODISCARD Err *mount_from(Arena *a, Word mount, Word *ret);
