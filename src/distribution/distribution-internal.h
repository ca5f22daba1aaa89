/* distribution-internal.h - one call of the protocol, and what the files of distribution/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "distribution/distribution.h"

typedef enum RouteKind {
	ROUTE_NONE,
	ROUTE_PING,
	ROUTE_CATALOG,
	ROUTE_TAGS,
	ROUTE_MANIFEST,
	ROUTE_BLOB,
	ROUTE_UPLOADS, /* to begin one */
	ROUTE_UPLOAD,
	ROUTE_REFERRERS,
} RouteKind;

typedef struct Route {
	RouteKind kind;
	Str repo, last; /* last: tag, digest or id */
} Route;

typedef struct Call Call;
struct Call {
	const DistributionOptions *o;
	Store *store;
	ServerRequest *request;
	Arena *arena;
	Str method;
	Route route;
	ServerWho who;

	/* requests with a body */
	void (*end)(Call *c, ServerReply *r);
	Buf text;       /* of a manifest */
	bool too_large; /* more than is taken came */
	StoreUpload *upload;
	uint64_t upload_from; /* its size before this request */
	uint64_t room;        /* bytes that the quota leaves */
	bool has_range, over_quota, keeps_upload;
	uint64_t range_from, range_to;
	Err *error; /* of writing; the rest of the body is dropped */
};

/* --- route.c --- */
Route distribution_route(Str path);

/* --- say.c --- */
/* {"errors":[{"code":CODE,"message":...}]} */
void distribution_say(ServerReply *r, unsigned status, const char *code, const char *fmt, ...)
	PRINTF(4, 5);
/* ERR (taken).  NOT_FOUND: the code for ERR_NOT_FOUND, "BLOB_UNKNOWN". */
void distribution_say_err(const Call *c, ServerReply *r, Err *err, const char *not_found);
void distribution_digest_header(ServerReply *r, Str digest);

/* --- access.c --- */
/* False: the reply says why not. */
bool distribution_admit(Call *c, ServerReply *r);
/* May this caller read another repository? */
bool distribution_may_pull(const Call *c, Str repo);

/* --- blobs.c, uploads.c, manifests.c, lists.c: with rights checked --- */
void distribution_blob(Call *c, ServerReply *r);
void distribution_begin_upload(Call *c, ServerReply *r);
void distribution_upload(Call *c, ServerReply *r);
void distribution_upload_body(Call *c, Str bytes);
void distribution_upload_done(Call *c);
/* Has C's project room for SIZE bytes more?  The reply says if not. */
bool distribution_has_room(Call *c, uint64_t size, ServerReply *r);
void distribution_manifest(Call *c, ServerReply *r);
void distribution_tags(Call *c, ServerReply *r);
void distribution_catalog(Call *c, ServerReply *r);
void distribution_referrers(Call *c, ServerReply *r);

/* --- images.c: images of the store in repositories --- */
/* The image that the store has under the name of TAG in C's repository; zero: none. */
NODISCARD Err *distribution_image_find(Call *c, Str tag, Digest *ret);
/* If it is another than TAG was set for, it is published, linked and tagged. */
NODISCARD Err *distribution_image_sync(Call *c, Str tag);
/* The manifest of C's digest is linked, if the store has an image named by it, or by a tag. */
NODISCARD Err *distribution_image_sync_digest(Call *c);
/* All tags of the repository. */
NODISCARD Err *distribution_image_sync_all(Call *c);
/* The name that a tag stands for is taken away too: it would come back. */
NODISCARD Err *distribution_image_untag(Call *c, Str tag);
typedef VEC(Str) DistributionNames;
/* Adds names of repositories (REPO ""), or the tags of REPO. */
NODISCARD Err *distribution_image_names(Call *c, Str repo, DistributionNames *out);
