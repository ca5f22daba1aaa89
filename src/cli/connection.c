/* connection.c - --ca, --authfile, --insecure-registry and others → the environment of this
 * process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/connection.h"
#include "codec/base64.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Where distributions keep the authorities that the machine trusts. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",
};

/* Is DER one ASN.1 SEQUENCE, and all of it (X.690, 8.1)?  That it is a certificate is seen when it
 * is used. */
static bool is_sequence(Str der)
{
	const unsigned char *p = (const unsigned char *)der.ptr;
	if (der.len < 4 || p[0] != 0x30 || p[1] != 0x82) /* 256 bytes at least, 64 KiB at most */
		return false;
	return der.len == 4u + (((size_t)p[2] << 8) | p[3]);
}

/* The text between "BEGIN" and "END" lines (RFC 7468), without white space. */
static bool is_certificate(Str body)
{
	AUTO_BUF Buf packed = BUF_INIT;
	AUTO_BUF Buf der = BUF_INIT;
	for (size_t i = 0; i < body.len; i++)
		if ((unsigned char)body.ptr[i] > ' ')
			buf_add_char(&packed, body.ptr[i]);
	return base64_decode(buf_str(&packed), &der) && is_sequence(buf_str(&der));
}

/* At least one certificate, and every one of them readable. */
static Err *check_pem(const char *file, Str text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	static const char expected[] = "expected PEM: -----BEGIN CERTIFICATE----- ...";
	unsigned count = 0;
	for (;;) {
		const char *from = memmem(text.ptr, text.len, begin, sizeof begin - 1);
		if (!from)
			break;
		text = str_from_at(text, (size_t)(from - text.ptr) + sizeof begin - 1);
		const char *to = memmem(text.ptr, text.len, end, sizeof end - 1);
		count++;
		if (!to || !is_certificate(str_head(text, (size_t)(to - text.ptr))))
			return err_note(err_new(ERR_INPUT, "--ca '%s': certificate %u is damaged",
			                        file, count),
			                "%s", expected);
		text = str_from_at(text, (size_t)(to - text.ptr) + sizeof end - 1);
	}
	return count ? NULL
	             : err_note(err_new(ERR_INPUT, "--ca '%s' holds no certificate", file), "%s",
	                        expected);
}

static Err *read_text(const char *file, const char *what, Buf *out)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "cannot open %s '%s'", what, file);
	return path_read_fd(fd, CA_BYTES_MAX, file, out);
}

static Err *read_authorities(const OptionList *files, Buf *out)
{
	for (size_t i = 0; i < files->count; i++) {
		AUTO_BUF Buf one = BUF_INIT;
		TRY(read_text(files->at[i], "the file of --ca", &one));
		TRY(check_pem(files->at[i], buf_str(&one)));
		buf_add_str(out, buf_str(&one));
		if (one.len && one.ptr[one.len - 1] != '\n')
			buf_add_char(out, '\n');
	}
	return NULL;
}

/* What is trusted anyway; nothing if the machine has no such file. */
static Err *read_usual(Buf *out)
{
	const char *own = getenv("SSL_CERT_FILE");
	if (own && *own)
		return read_text(own, "the file of SSL_CERT_FILE", out);
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++)
		if (access(bundles[i], R_OK) == 0)
			return read_text(bundles[i], "the certificates", out);
	return NULL;
}

static Err *set_variable(const char *name, const char *value)
{
	return setenv(name, value, 1) < 0 ? err_sys(errno, "cannot set %s", name) : NULL;
}

/* Both in a file that only memory holds.  Children (git) open it by our process ID. */
static Err *trust(Cli *cli, Str authorities)
{
	AUTO_BUF Buf all = BUF_INIT;
	TRY(read_usual(&all));
	if (all.len && all.ptr[all.len - 1] != '\n')
		buf_add_char(&all, '\n');
	buf_add_str(&all, authorities);
	int fd = memfd_create("decant-ca", MFD_CLOEXEC); /* open until the program ends */
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	TRY(path_write_all(fd, all.ptr, all.len, "the certificates"));
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

static Err *apply(Cli *cli, const ConnectionValues *v, Buf *authorities)
{
	static const char everywhere[] = "0.0.0.0/0,::/0";
	bool verify = true;
	if (v->tls_verify && !str_to_bool(str_from(v->tls_verify), &verify))
		return err_new(ERR_INPUT,
		               "invalid value '%s' for --tls-verify: expected true or false",
		               v->tls_verify);
	if (v->auth_file && access(v->auth_file, R_OK) < 0)
		return err_sys(errno, "cannot open the file of --authfile '%s'", v->auth_file);
	TRY(read_authorities(&v->authorities, authorities));
	TRY(add_list(cli, "DECANT_INSECURE_REGISTRIES", &v->insecure, verify ? NULL : everywhere));
	TRY(add_list(cli, "DECANT_REGISTRY_MIRRORS", &v->mirrors, NULL));
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
