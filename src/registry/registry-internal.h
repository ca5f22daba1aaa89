/*
 * registry-internal.h - what the files of this module share.
 *
 *	Registry     a session: settings, HTTP client, endpoints met so far
 *	Endpoint     one base URL ("https://registry-1.docker.io") and how it wants to be spoken to
 *	Credentials  who we are there, from the auth files
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "codec/json.h"
#include "http/client.h"
#include "http/url.h"
#include "registry/file-internal.h"
#include "registry/registry.h"

#include <pthread.h>

/* --- config.c: decant's own settings --------------------------------------------------------- */

typedef struct Mirror {
	Str domain; /* of what: "docker.io", "quay.io" */
	Str url;    /* "https://m:5000/base", without trailing '/' */
	Str inside; /* what comes before the repositories there: "cache" of "m:5000/cache"; ""
	               mostly */
} Mirror;

typedef struct RegistryConfig {
	Mirror *mirrors; /* in the order in which they are asked */
	size_t mirror_count;
	bool no_fallback; /* what has mirrors is read from them alone */
	Str *insecure;    /* "host:port", "host", "10.0.0.0/8" */
	size_t insecure_count;
	bool verify_loopback; /* else it may be insecure without being listed */
	Str files; /* those that were read, for notes: "/etc/decant/config.json, ..." or "" */
} RegistryConfig;

NODISCARD Err *registry_config_read(Arena *a, RegistryConfig *ret);
/* Add the settings in JSON (of the file NAME) to C. */
NODISCARD Err *registry_config_add(Arena *a, Str json, const char *name, RegistryConfig *c);
/* Add the mirror TEXT of DOMAIN: "https://m/base", or "m:5000/inside" as kaniko has it.  WHERE for
 * messages. */
NODISCARD Err *registry_config_add_mirror(Arena *a, const char *where, Str domain, Str text,
                                          RegistryConfig *c);
/* Add a host, or a network, that may be insecure. */
NODISCARD Err *registry_config_add_insecure(Arena *a, const char *where, Str text,
                                            RegistryConfig *c);
/* Add what the options of the command line have put into the environment (config_env.c). */
NODISCARD Err *registry_config_add_environment(Arena *a, RegistryConfig *c);
/* Is AUTHORITY ("host:port") listed?  Host names are looked up only if a CIDR is listed. */
bool registry_config_insecure(const RegistryConfig *c, Str authority, Str host);

/* --- patience.c: how often, how long ---------------------------------------------------------- */

typedef struct Patience {
	HttpPatience http;
	unsigned connections; /* for one large blob; 0: as many as seem sensible */
	uint64_t chunk_bytes; /* of one request of an upload; 0: all in one, unless that is refused
	                       */
} Patience;

/* From $DECANT_RETRY, $DECANT_RETRY_DELAY, $DECANT_STALL_TIMEOUT, $DECANT_CONNECTIONS,
 * $DECANT_CHUNK_SIZE. */
NODISCARD Err *patience_read(Patience *ret);
/* How long a credential helper may take, from $DECANT_HELPER_TIMEOUT: a minute if unset, since some
 * ask the user to touch a key. */
NODISCARD Err *patience_helper(unsigned *ret_ms);

/* --- auth.c: credentials --------------------------------------------------------------------- */

typedef struct Credentials {
	bool found;
	Str user, password;
	Str identity_token; /* an OAuth2 refresh token instead of a password */
	Str registry_token; /* a bearer token as it is */
	Str source;         /* "/root/.docker/config.json", "docker-credential-pass" */
} Credentials;

/* For REPOSITORY ("library/x") of DOMAIN ("docker.io", "h:5000").  Nothing found is no error. */
NODISCARD Err *auth_find(Arena *a, Str domain, Str repository, const Cancel *cancel,
                         Credentials *ret);
/* The files that auth_find() looks into, ", " between them. */
Str auth_files_text(Arena *a);
/* One auth file.  *RET is left alone if it has nothing for the repository. */
NODISCARD Err *auth_file_find(Arena *a, Str json, const char *name, Str domain, Str repository,
                              const Cancel *cancel, Credentials *ret);
/* Ask docker-credential-HELPER (found in PATH) for SERVER.  "Not found" leaves *RET alone. */
NODISCARD Err *auth_helper_get(Arena *a, Str helper, Str server, const Cancel *cancel,
                               Credentials *ret);

/* The same for `store` and `erase`; nothing there to erase is no error. */
NODISCARD Err *auth_helper_store(Str helper, Str server, const Credentials *c,
                                 const Cancel *cancel);
NODISCARD Err *auth_helper_erase(Str helper, Str server, const Cancel *cancel);
/* The helper that the auth file DOC (NAME) names for DOMAIN: its own in credHelpers, else
 * credsStore, else "". */
NODISCARD Err *auth_file_helper(Arena *a, const JsonValue *doc, const char *name, Str domain,
                                Str *ret);
/* docker's historical name of its own registry: the key under which `docker login` stores it. */
#define HUB_SERVER "https://index.docker.io/v1/"
/* What helpers and docker's files call DOMAIN. */
Str auth_server(Str domain);
/* "https://h:5000/v2/" → "h:5000"; index.docker.io is docker.io.  A path that is no API root stays.
 */
Str auth_normal_key(Str key);
/* Where a login is written: FILE, else $REGISTRY_AUTH_FILE, else docker's file. */
FilePlace auth_place_to_write(const char *file);

typedef enum ChallengeKind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } ChallengeKind;
typedef struct Challenge {
	ChallengeKind kind;
	Str realm, service;
} Challenge;

/* The best challenge of all WWW-Authenticate headers of R; NONE if there is none that we know. */
Challenge auth_challenge(Arena *a, const HttpResponse *r);

/* --- endpoint.c: requests to one base URL ---------------------------------------------------- */

typedef struct Token {
	Str scope;
	pthread_mutex_t asking; /* held by whoever asks for a new one: others wait for that */
	Str text;               /* the endpoint's lock guards it */
	int64_t expires_ns;     /* the same; monotonic */
	uint64_t uses;          /* the same: how many requests were given this text */
} Token;

/* Who we are for one repository. */
typedef struct Login {
	Str repository;
	Credentials credentials;
} Login;

typedef struct Endpoint {
	Str domain;    /* whose credentials: "docker.io", "h:5000" */
	Str authority; /* "registry-1.docker.io" */
	Str prefix;    /* path of a mirror before /v2, "" mostly */
	Str inside;    /* of a mirror: see Mirror */
	bool mirror, loopback, insecure, plain_asked /* mirror given as http:// */;
	pthread_mutex_t lock; /* over what follows */
	Arena arena;
	bool ready, dead;
	Str base; /* "https://registry-1.docker.io", once ready */
	bool insecure_tls;
	HttpTls tls; /* set before it is ready */
	Str dead_cause;
	Challenge challenge;
	VEC(Token *) tokens;
	VEC(Login) logins;
} Endpoint;

struct Registry {
	const Cancel *cancel;
	HttpClient *http;
	Arena arena; /* settings: read-only after registry_open() */
	RegistryConfig config;
	Patience patience;
	unsigned fetching;    /* large blobs on their way; atomically */
	unsigned dropped;     /* mirrors that gave wrong bytes; atomically */
	pthread_mutex_t lock; /* over what follows */
	VEC(Endpoint *) endpoints;
	VEC(int) files; /* certificates and keys in memory */
};

/* Endpoints for DOMAIN, best first; for writing only the registry itself. */
enum { ENDPOINTS_MAX = 17 };
void endpoint_list(Registry *r, Str domain, bool write, Endpoint *ret[ENDPOINTS_MAX],
                   size_t *ret_count);
void endpoint_free(Endpoint *e);
/* Find out whether E answers and how (https or http, who may come in).  Done once; cheap after
 * that. */
NODISCARD Err *endpoint_open(Registry *r, Endpoint *e, unsigned timeout_ms);
/* The mirror E is not asked again, because of WHY. */
void endpoint_drop(Registry *r, Endpoint *e, const Err *why);

typedef struct Call {
	Endpoint *endpoint;
	const Reference *ref;
	bool push;      /* needs "pull,push" */
	Str scope;      /* "": that of ref's repository */
	Str mount_from; /* needs "pull" there as well */
	const char *method;
	Str path;                  /* "/v2/..." or a whole URL (upload Location) */
	const HttpHeader *headers; /* at most 6 */
	size_t header_count;
	Str body;
	HttpSourceFn *source;
	uint64_t source_bytes;
	HttpHeadFn *head;
	HttpSinkFn *sink;
	void *context; /* of source, head and sink */
	size_t limit_bytes;
	const Cancel *stop;
	unsigned tries;
	bool own_token; /* of a token server: one that no other request uses */
} Call;

/*
 * Send with the authorisation that the endpoint wants; a 401 refreshes it once.  Where other
 * requests spent the new token too, a second 401 gets one that is this request's own (a request
 * with a source is not sent again: its 401 comes back, the next one will have a new token).
 */
NODISCARD Err *endpoint_send(Registry *r, const Call *call, Arena *a, HttpResponse *ret);
/* What an answer >= 300 means, in words for the user.  WHAT: "manifest", "blob sha256:..",
 * "upload". */
NODISCARD Err *endpoint_status_error(Endpoint *e, const Reference *ref, const HttpResponse *r,
                                     const char *what, bool push);
/* The repository of REF at E. */
Str endpoint_path(Arena *a, const Endpoint *e, Str path);
/* "registry-1.docker.io/library/x" for messages. */
Str endpoint_repository(Arena *a, const Endpoint *e, const Reference *ref);

/* Run DO for each endpoint of REF until one succeeds; the error tells what was tried. */
typedef Err *EndpointFn(void *context, Endpoint *e);
NODISCARD Err *endpoint_each(Registry *r, const Reference *ref, EndpointFn *fn, void *context);
/* The registry of REF itself, open: what is written goes there and to no mirror. */
NODISCARD Err *endpoint_own(Registry *r, const Reference *ref, Endpoint **ret);
/* What the server calls what we sent, if it says: must be WANTED. */
NODISCARD Err *endpoint_check_digest(const HttpResponse *answer, const char *wanted);

/* --- certs.c, hints.c --------------------------------------------------------------------------
 */
/* What the folders of certificates and the options say about AUTHORITY (docker.io's own is also
 * found by DOMAIN).  The files live as long as R. */
NODISCARD Err *certs_find(Registry *r, Str authority, Str domain, HttpTls *ret);
/* Notes to ERR (taken, given back): what to do about a connection that failed. */
NODISCARD Err *hints_unreachable(const Registry *r, const Endpoint *e, const HttpResponse *answer,
                                 Err *err);

/* --- auth_token.c ---------------------------------------------------------------------------- */
/* The Authorization header's value for SCOPE at E ("" if none is wanted).  Takes E's lock, and does
 * not hold it while a token is asked for: tokens of several repositories come side by side.
 * OWN: a token is asked for and shared with nobody. */
NODISCARD Err *auth_header(Registry *r, Endpoint *e, const Reference *ref, Str scope, bool own,
                           Arena *a, Str *ret);
/* The credentials for REPOSITORY, looked for once.  E's lock is held. */
NODISCARD Err *auth_login(Registry *r, Endpoint *e, Str repository, const Credentials **ret);
/* Are C good at E, which is open?  *ret_identity: what the token server gives to be kept instead of
 * the password, "" mostly.  ERR_DENIED: refused. */
NODISCARD Err *auth_try(Registry *r, Endpoint *e, const Credentials *c, Arena *a,
                        Str *ret_identity);
/* The header REFUSED was not taken: the next auth_header() asks for a new token.  E's lock is held.
 * True if other requests had it too, and may have spent it. */
bool auth_forget(Endpoint *e, Str scope, Str refused);

/* --- fetch.c
 * -------------------------------------------------------------------------------------------------
 */
/* A small blob at one endpoint, verified, into memory. */
NODISCARD Err *fetch_small(Registry *r, Endpoint *e, const Reference *ref, const Descriptor *d,
                           size_t limit, Arena *a, Str *ret);
