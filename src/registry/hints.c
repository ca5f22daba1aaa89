/*
 * hints.c - why there is no connection, and what to do.
 *
 * The words are OpenSSL's or GnuTLS's, which libcurl hands on; what none of them explains keeps the
 * general advice.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "registry/registry-internal.h"

typedef struct Words {
	const char *in; /* a part of the cause */
	const char *advice;
} Words;

static const char *find_advice(const Words *words, size_t count, Str cause)
{
	for (size_t i = 0; i < count; i++)
		if (memmem(cause.ptr, cause.len, words[i].in, strlen(words[i].in)))
			return words[i].advice;
	return NULL;
}

static const char *settings_file(const Registry *r)
{
	return r->config.files.len ? r->config.files.ptr : "~/.config/decant/config.json";
}

static Err *hint_untrusted(const Registry *r, const Endpoint *e, Err *err)
{
	static const Words words[] = {
		{ "expired", "its certificate is out of date: whoever runs it has to renew it (is "
		             "this machine's clock right?)" },
		{ "not yet valid", "its certificate begins later: is this machine's clock right?" },
		{ "subject name", "its certificate is for another name: use a name that is in it" },
		{ "does not match",
		  "its certificate is for another name: use a name that is in it" },
	};
	const char *advice = find_advice(words, ARRAY_LEN(words), err_cause(err));
	if (advice)
		err = err_note(err, "%s", advice);
	else
		err = err_note(err,
		               "give its authority's certificate by --ca FILE, put it into "
		               "/etc/docker/certs.d/%.*s/ca.crt, or add it to the system "
		               "(/usr/local/share/ca-certificates, update-ca-certificates)",
		               STR_ARG(e->authority));
	return err_note(err, "to trust it blindly, list \"%.*s\" in \"insecure-registries\" of %s",
	                STR_ARG(e->authority), settings_file(r));
}

static Err *hint_no_tls(const Registry *r, const Endpoint *e, Err *err)
{
	static const Words words[] = {
		{ "unsupported protocol", "old" },
		{ "protocol version", "old" },
		{ "version is not supported", "old" },
	};
	if (find_advice(words, ARRAY_LEN(words), err_cause(err)))
		return err_note(err, "it speaks no TLS newer than 1.1, which is not safe: whoever "
		                     "runs it has to allow 1.2");
	return err_note(err,
	                "if it speaks plain http, list \"%.*s\" in \"insecure-registries\" of %s",
	                STR_ARG(e->authority), settings_file(r));
}

/* The alert of TLS 1.3 that tells more may be lost with the connection, in many words. */
static Err *hint_broken(const Endpoint *e, Err *err)
{
	static const Words words[] = { { "stalled", "" }, { "larger than", "" } };
	if (e->plain_asked)
		return err_note(err, "it was asked by plain http, as it is written: is it an https "
		                     "server?");
	if (find_advice(words, ARRAY_LEN(words), err_cause(err)))
		return err;
	return err_note(err,
	                "a registry that wants a certificate of its clients, and takes %s, ends "
	                "like this as well: NAME.cert and NAME.key in /etc/docker/certs.d/%.*s/",
	                e->tls.certificate ? "another than ours" : "nobody without",
	                STR_ARG(e->authority));
}

Err *hints_unreachable(const Registry *r, const Endpoint *e, const HttpResponse *answer, Err *err)
{
	switch (answer->failure) {
	case HTTP_UNTRUSTED:
		return hint_untrusted(r, e, err);
	case HTTP_UNKNOWN_US:
		return err_note(
			err,
			"it wants a certificate of its clients, and takes %s: put NAME.cert "
			"and NAME.key into /etc/docker/certs.d/%.*s/",
			e->tls.certificate ? "another than ours" : "nobody without",
			STR_ARG(e->authority));
	case HTTP_NO_TLS:
		return hint_no_tls(r, e, err);
	case HTTP_NO_HOST:
		return err_note(
			err,
			"is the name right, and is there a proxy to go through (https_proxy)?");
	case HTTP_NO_CONNECT:
		return err_note(
			err,
			"does it run there, and is there a proxy to go through (https_proxy)?");
	case HTTP_BROKEN:
		return hint_broken(e, err);
	case HTTP_ANSWERED:
		return err;
	}
	return err;
}
