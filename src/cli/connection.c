/* connection.c - --ca, --authfile, --insecure-registry and others → the environment of this
 * process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/connection.h"
#include "cli/password.h"
#include "codec/base64.h"
#include "fs/path.h"
#include "registry/authorities.h"
#include "registry/registry.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

static Err *read_authorities(const OptionList *files, Buf *out)
{
	for (size_t i = 0; i < files->count; i++)
		TRY(authorities_add(files->at[i], "--ca", out));
	return NULL;
}

static Err *set_variable(const char *name, const char *value)
{
	return setenv(name, value, 1) < 0 ? err_sys(errno, "cannot set %s", name) : NULL;
}

/* Open until the program ends. */
static Err *memory_file(Str text, const char *what, int *ret)
{
	int fd = memfd_create("decant", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	TRY(path_write_all(fd, text.ptr, text.len, what));
	*ret = fd;
	return NULL;
}

/* Both in a file that only memory holds.  Children (git) open it by our process ID. */
static Err *trust(Cli *cli, Str authorities)
{
	AUTO_BUF Buf all = BUF_INIT;
	TRY(authorities_usual(&all));
	if (all.len && all.ptr[all.len - 1] != '\n')
		buf_add_char(&all, '\n');
	buf_add_str(&all, authorities);
	int fd = -1;
	TRY(memory_file(buf_str(&all), "the certificates", &fd));
	return set_variable("SSL_CERT_FILE",
	                    arena_strf(cli->arena, "/proc/%d/fd/%d", (int)getpid(), fd).ptr);
}

static Err *add_list(Cli *cli, const char *name, const OptionList *list, const char *more)
{
	AUTO_BUF Buf text = BUF_INIT;
	const char *before = getenv(name);
	for (size_t i = 0; i < list->count; i++) {
		if (!*list->at[i] || strchr(list->at[i], ','))
			return err_new(ERR_INPUT, "'%s' names no registry", list->at[i]);
		buf_addf(&text, "%s%s", text.len ? "," : "", list->at[i]);
	}
	if (more)
		buf_addf(&text, "%s%s", text.len ? "," : "", more);
	if (!text.len)
		return NULL;
	if (before && *before)
		buf_addf(&text, ",%s", before);
	return set_variable(name, arena_str(cli->arena, buf_str(&text)).ptr);
}

/* "a=b;c=d" is kaniko's way to write two. */
static Err *add_map(Cli *cli, const OptionList *list)
{
	OptionList all = { 0 };
	for (size_t i = 0; i < list->count; i++) {
		Str rest = str_from(list->at[i]), one;
		while (rest.len) {
			rest = str_cut(rest, ';', &one);
			const char **at = arena_alloc(cli->arena, (all.count + 1) * sizeof *at,
			                              _Alignof(char *));
			if (all.count)
				memcpy(at, all.at, all.count * sizeof *at);
			at[all.count++] = arena_str(cli->arena, one).ptr;
			all.at = at;
			if (str_find(one, '=') <= 0 || one.ptr[one.len - 1] == '=')
				return err_new(ERR_INPUT,
				               "invalid value '%s' for --registry-map: expected "
				               "REGISTRY=MIRROR",
				               list->at[i]);
		}
	}
	return add_list(cli, "DECANT_REGISTRY_MAP", &all, NULL);
}

/* HOST=VALUE, one a line. */
static Err *add_lines(Cli *cli, const char *name, const char *option, const char *what,
                      const OptionList *list)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->at[i], '=');
		bool good = equals && equals != list->at[i] && equals[1] &&
		            !strchr(list->at[i], '\n') &&
		            (strcmp(what, "CERT,KEY") != 0 || strchr(equals, ','));
		if (!good)
			return err_new(ERR_INPUT,
			               "invalid value '%s' for --%s: expected REGISTRY=%s",
			               list->at[i], option, what);
		buf_addf(&text, "%s\n", list->at[i]);
	}
	return text.len ? set_variable(name, arena_str(cli->arena, buf_str(&text)).ptr) : NULL;
}

static Err *apply(Cli *cli, const ConnectionValues *v, Buf *authorities)
{
	static const char everywhere[] = "0.0.0.0/0,::/0";
	bool verify = true;
	if (v->tls_verify && !str_to_bool(str_from(v->tls_verify), &verify))
		return err_new(ERR_INPUT,
		               "invalid value '%s' for --tls-verify: expected true or false",
		               v->tls_verify);
	verify = verify && !v->skip_verify;
	if (v->auth_file && access(v->auth_file, R_OK) < 0)
		return err_sys(errno, "cannot open the file of --authfile '%s'", v->auth_file);
	TRY(read_authorities(&v->authorities, authorities));
	TRY(add_list(cli, "DECANT_INSECURE_REGISTRIES", &v->insecure, verify ? NULL : everywhere));
	TRY(add_list(cli, "DECANT_REGISTRY_MIRRORS", &v->mirrors, NULL));
	TRY(add_map(cli, &v->map));
	TRY(add_lines(cli, "DECANT_REGISTRY_CERTIFICATES", "registry-certificate", "FILE",
	              &v->certificates));
	TRY(add_lines(cli, "DECANT_REGISTRY_CLIENT_CERTS", "registry-client-cert", "CERT,KEY",
	              &v->client_certificates));
	if (v->tls_verify && verify)
		TRY(set_variable("DECANT_VERIFY_LOOPBACK", "1"));
	if (v->no_fallback)
		TRY(set_variable("DECANT_NO_REGISTRY_FALLBACK", "1"));
	if (v->cert_dir && access(v->cert_dir, R_OK | X_OK) < 0)
		return err_sys(errno, "cannot open the directory of --cert-dir '%s'", v->cert_dir);
	if (v->cert_dir)
		TRY(set_variable("DECANT_CERT_DIR", v->cert_dir));
	TRY(patience_set(v->retry, v->retry_delay, v->stall_timeout));
	return v->auth_file ? set_variable("REGISTRY_AUTH_FILE", v->auth_file) : NULL;
}

Err *connection_apply(Cli *cli, const ConnectionValues *v, Str *ret_authorities)
{
	AUTO_BUF Buf text = BUF_INIT;
	Err *e = apply(cli, v, &text);
	if (e) {
		cli->usage_error = true;
		return e;
	}
	*ret_authorities = arena_str(cli->arena, buf_str(&text));
	return text.len ? trust(cli, *ret_authorities) : NULL;
}

Err *connection_creds(Cli *cli, const char *creds, Str domain)
{
	AUTO_BUF Buf plain = BUF_INIT, auth = BUF_INIT, json = BUF_INIT;
	Str password = { "", 0 };
	int fd = -1;
	if (!creds)
		return NULL;
	if (!*creds || *creds == ':')
		return cli_usage(cli, "--creds: expected USER:PASSWORD");
	bool whole = strchr(creds, ':') != NULL;
	if (!whole && !isatty(STDIN_FILENO))
		return cli_usage(cli,
		                 "--creds: expected USER:PASSWORD, and there is no terminal to "
		                 "ask for the password");
	if (!whole)
		TRY(password_ask(cli, "Password: ", false, &password));
	buf_addf(&plain, "%s%s%.*s", creds, whole ? "" : ":", STR_ARG(password));
	base64_encode(buf_str(&plain), &auth);
	/* a domain, by the grammar of names, needs no escapes in JSON; nor has base64 */
	buf_addf(&json, "{\"auths\":{\"%.*s\":{\"auth\":\"%s\"}}}", STR_ARG(domain), auth.ptr);
	TRY(memory_file(buf_str(&json), "the login", &fd));
	return set_variable("REGISTRY_AUTH_FILE",
	                    arena_strf(cli->arena, "/proc/self/fd/%d", fd).ptr);
}

Err *cli_of_registry(Err *e)
{
	bool theirs = e && (err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_CORRUPT);
	return theirs ? err_set_kind(e, ERR_NETWORK) : e;
}
