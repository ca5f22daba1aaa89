/*
 * connection.h - options that say how registries and servers are reached, for every command that
 * asks some.
 *
 * WHAT     --ca, --authfile, --insecure-registry, --registry-mirror, --tls-verify and others.  registry/, http/ and git/ read such
 *          things from the environment ($SSL_CERT_FILE, $REGISTRY_AUTH_FILE, $DECANT_INSECURE_REGISTRIES,
 *          $DECANT_REGISTRY_MIRRORS, $DECANT_RETRY ...): connection_apply() sets these variables for this process, before any
 *          thread is there.
 * ERRORS   ERR_INPUT naming the option and the file, cli->usage_error set
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

typedef struct ConnectionValues {
	OptionList authorities, insecure, mirrors, map, certificates, client_certificates;
	const char *auth_file, *tls_verify, *cert_dir, *retry, *retry_delay, *stall_timeout;
	bool no_fallback, skip_verify;
} ConnectionValues;

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): members take none */
/* For a table of options: TYPE has the ConnectionValues MEMBER. */
#define CONNECTION_OPTIONS(type, member)                                                           \
	{ .name = "ca", .kind = OPTION_LIST, .choices = "FILE", .value = "file",                   \
	  .offset = offsetof(type, member.authorities),                                            \
	  .help = "Certificates of authorities that are trusted too (PEM)" },                      \
	{ .name = "authfile", .kind = OPTION_TEXT, .choices = "FILE", .value = "file",             \
	  .offset = offsetof(type, member.auth_file),                                              \
	  .help = "File with logins of registries, looked into first" },                           \
	{ .name = "insecure-registry", .kind = OPTION_LIST, .value = "host[:port]",                \
	  .offset = offsetof(type, member.insecure),                                               \
	  .help = "Registry, or network like 10.0.0.0/8, that may have no valid certificate, or plain http" }, \
	{ .name = "registry-mirror", .kind = OPTION_LIST, .value = "url",                          \
	  .offset = offsetof(type, member.mirrors),                                                \
	  .help = "Mirror of docker.io, asked first" },                                            \
	{ .name = "cert-dir", .kind = OPTION_TEXT, .choices = "DIRECTORY", .value = "dir",         \
	  .offset = offsetof(type, member.cert_dir),                                               \
	  .help = "Folder with *.crt, and NAME.cert with NAME.key, for every registry" },          \
	{ .name = "registry-map", .kind = OPTION_LIST, .value = "registry=mirror",                 \
	  .offset = offsetof(type, member.map),                                                    \
	  .help = "Mirror of any registry, asked before it" },                                     \
	{ .name = "skip-default-registry-fallback", .kind = OPTION_FLAG,                           \
	  .offset = offsetof(type, member.no_fallback),                                            \
	  .help = "What has mirrors is read from them alone" },                                    \
	{ .name = "registry-certificate", .kind = OPTION_LIST, .hidden = true,                     \
	  .value = "registry=file", .offset = offsetof(type, member.certificates),                 \
	  .help = "Authority that is trusted at one registry" },                                   \
	{ .name = "registry-client-cert", .kind = OPTION_LIST, .hidden = true,                     \
	  .value = "registry=cert,key", .offset = offsetof(type, member.client_certificates),      \
	  .help = "Who we are at one registry" },                                                  \
	{ .name = "skip-tls-verify", .kind = OPTION_FLAG, .hidden = true,                          \
	  .offset = offsetof(type, member.skip_verify),                                            \
	  .help = "The same as --tls-verify=false" },                                              \
	{ .name = "retry", .kind = OPTION_TEXT, .value = "n",                                      \
	  .offset = offsetof(type, member.retry),                                                  \
	  .help = "How often a registry is asked again after a failure that may pass (default 3)" }, \
	{ .name = "retry-delay", .kind = OPTION_TEXT, .value = "time",                             \
	  .offset = offsetof(type, member.retry_delay),                                            \
	  .help = "Wait before the first of these, doubled each time (default 200ms)" },           \
	{ .name = "stall-timeout", .kind = OPTION_TEXT, .value = "time",                           \
	  .offset = offsetof(type, member.stall_timeout),                                          \
	  .help = "Give a transfer up after so long without a byte (default 30s)" },               \
	{ .name = "tls-verify", .kind = OPTION_WORD, .hidden = true, .choices = "true,false",      \
	  .offset = offsetof(type, member.tls_verify),                                             \
	  .help = "With =false, every registry may have no valid certificate; with =true, not even loopback's" }
/* For commands that speak with one registry; MEMBER is a text. */
#define CONNECTION_CREDS(type, member)                                                             \
	{ .name = "creds", .kind = OPTION_TEXT, .value = "user[:password]",                        \
	  .offset = offsetof(type, member),                                                        \
	  .help = "Login for the registry, instead of that in files" }
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

/* *ret_authorities: the text of all --ca files, in the arena of CLI; "" none. */
NODISCARD Err *connection_apply(Cli *cli, const ConnectionValues *v, Str *ret_authorities);
/* What --creds says (NULL: nothing) becomes the login for DOMAIN alone, in an auth file that only
 * memory holds; a missing password is asked for on the terminal. */
NODISCARD Err *connection_creds(Cli *cli, const char *creds, Str domain);

/* E (taken, given back; NULL is fine) of something asked of a registry: what it has not, and
 * nonsense of it, is no name and no damage of ours. */
NODISCARD Err *cli_of_registry(Err *e);
