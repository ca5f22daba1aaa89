/*
 * secret.c - is this file a key or a token?
 *
 * By name first, since a build context may have a hundred thousand files and is looked at in every
 * build; then by what stands in it, since a file called .env is no secret for that.  What lies
 * among tests, examples and the packages of others is none of the user's own: keys there are made
 * to be seen.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/base64.h"
#include "lint/lint-internal.h"

#include <strings.h>

bool lint_has_part(Str name, const char *const *words, size_t count)
{
	while (name.len) {
		Str part;
		name = str_cut(name, '_', &part);
		for (size_t i = 0; i < count; i++)
			if (part.len == strlen(words[i]) &&
			    strncasecmp(part.ptr, words[i], part.len) == 0)
				return true;
	}
	return false;
}

bool lint_is_secret_variable(Str name)
{
	static const char *const secret[] = { "apikey", "auth",     "credential", "credentials",
		                              "key",    "password", "pword",      "passwd",
		                              "secret", "token" };
	static const char *const harmless[] = { "public", "file", "version" };
	return lint_has_part(name, secret, ARRAY_LEN(secret)) &&
	       !lint_has_part(name, harmless, ARRAY_LEN(harmless));
}

/* --- names ------------------------------------------------------------------------------------ */

typedef const char *SecretFn(Str text);

static Str name_of(Str path)
{
	return str_from_at(path, (size_t)(str_rfind(path, '/') + 1));
}

static bool is_harmless_place(Str path)
{
	static const char *const places[] = { "test",     "tests",  "testdata",     "fixtures",
		                              "spec",     "mock",   "mocks",        "example",
		                              "examples", "sample", "node_modules", "vendor",
		                              "samples",  "docs",   "site-packages" };
	while (path.len) {
		Str part;
		path = str_cut(path, '/', &part);
		for (size_t i = 0; i < ARRAY_LEN(places); i++)
			if (str_eqc(part, places[i]))
				return true;
	}
	return false;
}

ptrdiff_t lint_find(Str text, Str part)
{
	size_t at = 0;
	while (part.len && at + part.len <= text.len) {
		ptrdiff_t next = str_find(
			str_head(str_from_at(text, at), text.len - at - part.len + 1), part.ptr[0]);
		if (next < 0)
			return -1;
		at += (size_t)next;
		if (memcmp(text.ptr + at, part.ptr, part.len) == 0)
			return (ptrdiff_t)at;
		at++;
	}
	return -1;
}

static bool holds(Str text, const char *part)
{
	return lint_find(text, str_from(part)) >= 0;
}

/* --- contents --------------------------------------------------------------------------------- */

/* OpenSSH names the cipher inside (PROTOCOL.key): "openssh-key-v1", NUL, its length in four bytes,
 * then the name, which is "none" where there is no passphrase. */
static bool is_locked_openssh(Str text)
{
	/* The magic and the length are 19 bytes: the base64 of the first 18 is always this. */
	static const char magic[] = "b3BlbnNzaC1rZXktdjEAAAAA";
	enum { BYTES = 24, DIGITS = BYTES / 3 * 4 };
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	ptrdiff_t at = lint_find(text, str_from(begin));
	if (at < 0)
		return false;
	Str body = str_trim(str_from_at(text, (size_t)at + strlen(begin)));
	AUTO_BUF Buf bytes = BUF_INIT;
	if (body.len < DIGITS || !str_starts(body, str_from(magic)) ||
	    !base64_decode(str_head(body, DIGITS), &bytes) || bytes.len != BYTES)
		return false; /* damaged, or another format: it counts as a key */
	static const char open[] = { 0, 0, 0, 4, 'n', 'o', 'n', 'e' };
	return memcmp(bytes.ptr + BYTES - 1 - sizeof open, open, sizeof open) != 0;
}

static const char *private_key(Str text)
{
	bool key = holds(text, "-----BEGIN ") && holds(text, "PRIVATE KEY-----");
	/* One with a passphrase is no use without it. */
	return key && !holds(text, "ENCRYPTED") && !is_locked_openssh(text) ? "a private key"
	                                                                    : NULL;
}

static const char *putty_key(Str text)
{
	bool open = holds(text, "Encryption: none");
	return open && str_starts(text, STR("PuTTY-User-Key-File-")) ? "a private key" : NULL;
}

/* The value of KEY at the start of a line, behind SEP; "" if there is none, or a variable's. */
static Str value_of(Str text, const char *key, char sep)
{
	size_t len = strlen(key);
	while (text.len) {
		Str line, name;
		text = str_cut(text, '\n', &line);
		line = str_trim(line);
		Str value = str_trim(str_cut(line, sep, &name));
		name = str_trim(name);
		if (name.len >= len && str_ends(name, (Str){ key, len }) && value.len &&
		    value.ptr[0] != '$')
			return value;
	}
	return STR("");
}

static const char *npm_token(Str text)
{
	static const char *const keys[] = { "_authToken", "_auth", "_password" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (value_of(text, keys[i], '=').len)
			return "a token of npm";
	return NULL;
}

static const char *python_password(Str text)
{
	bool found = value_of(text, "password", '=').len || value_of(text, "password", ':').len;
	return found ? "a password of a package index" : NULL;
}

static const char *netrc_password(Str text)
{
	return holds(text, "machine ") && holds(text, "password ") ? "a password" : NULL;
}

static const char *git_password(Str text)
{
	return holds(text, "://") && holds(text, "@") ? "a password of git" : NULL;
}

static const char *aws_key(Str text)
{
	return value_of(text, "aws_secret_access_key", '=').len ? "a key of AWS" : NULL;
}

static const char *registry_password(Str text)
{
	return holds(text, "\"auth\": \"") || holds(text, "\"auth\":\"")
	               ? "a password of a registry"
	               : NULL;
}

static const char *kube_key(Str text)
{
	return holds(text, "client-key-data:") || holds(text, " token:") ? "a key of a cluster"
	                                                                 : NULL;
}

/* Long enough, and letters and digits: what people make up for their own machine is neither. */
static bool is_random(Str value)
{
	enum { LENGTH_MIN = 16 };
	bool digit = false, letter = false;
	if (value.len && (value.ptr[0] == '"' || value.ptr[0] == '\'')) {
		value = str_from_at(value, 1);
		value.len -= value.len > 0;
	}
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		digit = digit || (c >= '0' && c <= '9');
		letter = letter || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		if (c <= ' ' || c == '$' || c == '<' || c == '{' || c == '/')
			return false;
	}
	return digit && letter && value.len >= LENGTH_MIN;
}

static const char *env_secret(Str text)
{
	while (text.len) {
		Str line, name;
		text = str_cut(text, '\n', &line);
		Str value = str_trim(str_cut(line, '=', &name));
		name = str_trim(name);
		if (name.len && name.ptr[0] != '#' && lint_is_secret_variable(name) &&
		    is_random(value))
			return "a secret of the environment";
	}
	return NULL;
}

/* --- both ------------------------------------------------------------------------------------- */

typedef struct SecretKind {
	const char *name;   /* of the file; with a first '*' its end, with a last one its start */
	const char *folder; /* that it lies in; NULL: any */
	SecretFn *find;
} SecretKind;

static const SecretKind kinds[] = {
	{ "id_rsa", NULL, private_key },
	{ "id_dsa", NULL, private_key },
	{ "id_ecdsa", NULL, private_key },
	{ "id_ed25519", NULL, private_key },
	{ "*.pem", NULL, private_key },
	{ "*.key", NULL, private_key },
	{ "*.p8", NULL, private_key },
	{ "*.ppk", NULL, putty_key },
	{ ".npmrc", NULL, npm_token },
	{ ".pypirc", NULL, python_password },
	{ ".netrc", NULL, netrc_password },
	{ "_netrc", NULL, netrc_password },
	{ ".git-credentials", NULL, git_password },
	{ "credentials", ".aws", aws_key },
	{ "config.json", ".docker", registry_password },
	{ ".dockerconfigjson", NULL, registry_password },
	{ ".dockercfg", NULL, registry_password },
	{ "config", ".kube", kube_key },
	{ "kubeconfig", NULL, kube_key },
	{ ".env", NULL, env_secret },
	{ ".env.*", NULL, env_secret },
};

static bool fits(const SecretKind *k, Str path, Str name)
{
	Str want = str_from(k->name);
	bool fit;
	if (want.ptr[0] == '*')
		fit = str_ends(name, str_from_at(want, 1)) && name.len >= want.len;
	else if (str_ends(want, STR("*")))
		fit = str_starts(name, str_head(want, want.len - 1));
	else
		fit = str_eq(name, want);
	if (!fit || !k->folder)
		return fit;
	return str_eqc(name_of(str_head(path, path.len - name.len - (path.len > name.len))),
	               k->folder);
}

/* ".env.example" is there to be copied. */
static bool is_template(Str name)
{
	static const char *const ends[] = { ".example", ".sample",   ".template", ".dist",
		                            ".test",    ".defaults", ".pub" };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_ends(name, str_from(ends[i])))
			return true;
	return false;
}

static const SecretKind *find_kind(Str path)
{
	Str name = name_of(path);
	/* All names above begin or end with one of few bytes: most files are done with here. */
	if (!name.len || (!strchr("._ick", name.ptr[0]) && !strchr("my8k", name.ptr[name.len - 1])))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (fits(&kinds[i], path, name))
			return is_template(name) || is_harmless_place(path) ? NULL : &kinds[i];
	return NULL;
}

bool lint_secret_name(Str path)
{
	return find_kind(path) != NULL;
}

const char *lint_secret(Str path, Str text)
{
	const SecretKind *kind = find_kind(path);
	return kind ? kind->find(text) : NULL;
}
