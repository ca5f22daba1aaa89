/* authorities.c - certificates of authorities: those of the machine, and more in PEM files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/base64.h"
#include "fs/path.h"
#include "registry/authorities.h"

#include <fcntl.h>

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
static Err *check_pem(const char *file, const char *what, Str text)
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
			return err_note(err_new(ERR_INPUT, "%s '%s': certificate %u is damaged",
			                        what, file, count),
			                "%s", expected);
		text = str_from_at(text, (size_t)(to - text.ptr) + sizeof end - 1);
	}
	return count ? NULL
	             : err_note(err_new(ERR_INPUT, "%s '%s' holds no certificate", what, file),
	                        "%s", expected);
}

static Err *read_text(const char *file, const char *what, Buf *out)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "cannot open %s '%s'", what, file);
	return path_read_fd(fd, CA_BYTES_MAX, file, out);
}

Err *authorities_add_text(Str text, const char *file, const char *what, Buf *out)
{
	TRY(check_pem(file, what, text));
	buf_add_str(out, text);
	if (text.len && text.ptr[text.len - 1] != '\n')
		buf_add_char(out, '\n');
	return NULL;
}

Err *authorities_add(const char *file, const char *what, Buf *out)
{
	AUTO_BUF Buf one = BUF_INIT;
	AUTO_BUF Buf name = BUF_INIT;
	buf_addf(&name, "the file of %s", what);
	TRY(read_text(file, name.ptr, &one));
	return authorities_add_text(buf_str(&one), file, what, out);
}

/* What is trusted anyway; nothing if the machine has no such file. */
Err *authorities_usual(Buf *out)
{
	const char *own = getenv("SSL_CERT_FILE");
	if (own && *own)
		return read_text(own, "the file of SSL_CERT_FILE", out);
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++)
		if (faccessat(AT_FDCWD, bundles[i], R_OK, 0) == 0)
			return read_text(bundles[i], "the certificates", out);
	return NULL;
}
