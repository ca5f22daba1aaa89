/*
 * purl.h - package URLs: "pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12".
 *
 * SOURCE   package-url/purl-spec, PURL-SPECIFICATION.rst and PURL-TYPES.rst
 * OWNS     texts live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oci/platform.h"
#include "oci/reference.h"

typedef struct PurlQualifier {
	const char *key;
	Str value; /* "": left out */
} PurlQualifier;

/* NAMESPACE may have several parts ("github.com/a"), or none; VERSION may be "".  QUALIFIERS in the
 * order of their keys.  TYPE says which letters are lowered. */
Str purl_make(Arena *a, const char *type, Str space, Str name, Str version,
              const PurlQualifier *qualifiers, size_t count);
/* "pkg:docker/alpine@3.17?platform=linux%2Famd64" */
Str purl_image(Arena *a, const char *type, const Reference *ref, const Platform *platform);
