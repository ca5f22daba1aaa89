/* platform.c - the names of operating systems and processors, normalised as containerd does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/platform.h"

#include <sys/utsname.h>

/*
 * One line a spelling that means something else.  FROM_VARIANT "" matches any spelling of no
 * variant;
 * "*" matches every variant and keeps it.
 */
static const struct alias {
	const char *arch, *variant;       /* as written */
	const char *to_arch, *to_variant; /* as OCI has it; "*": unchanged */
} aliases[] = {
	{ "x86_64", "*", "amd64", "*" },
	{ "x86-64", "*", "amd64", "*" },
	{ "amd64", "v1", "amd64", "" },
	{ "aarch64", "*", "arm64", "*" },
	{ "arm64", "8", "arm64", "" },
	{ "arm64", "v8", "arm64", "" },
	{ "arm64", "9", "arm64", "v9" },
	{ "armhf", "*", "arm", "v7" },
	{ "armel", "*", "arm", "v6" },
	{ "armv5tel", "*", "arm", "v5" },
	{ "armv6l", "*", "arm", "v6" },
	{ "armv7l", "*", "arm", "v7" },
	{ "armv8l", "*", "arm", "v8" },
	{ "arm", "", "arm", "v7" },
	{ "arm", "5", "arm", "v5" },
	{ "arm", "6", "arm", "v6" },
	{ "arm", "7", "arm", "v7" },
	{ "arm", "8", "arm", "v8" },
	{ "i386", "*", "386", "" },
	{ "i486", "*", "386", "" },
	{ "i586", "*", "386", "" },
	{ "i686", "*", "386", "" },
	{ "loongarch64", "*", "loong64", "*" },
};

static const char *const known_arches[] = {
	"386",    "amd64",    "arm",   "arm64",   "loong64", "mips",  "mips64",
	"mipsle", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
};

static const char *const known_systems[] = {
	"linux",   "windows", "darwin",  "freebsd", "netbsd",
	"openbsd", "solaris", "illumos", "wasip1",
};

static bool is_in(Str s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eqc(s, names[i]))
			return true;
	return false;
}

void platform_normalise(Platform *p)
{
	/* Twice: "aarch64/v8" is first arm64/v8, then arm64. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
			const struct alias *e = &aliases[i];
			if (!str_eqc(p->arch, e->arch) ||
			    (*e->variant != '*' && !str_eqc(p->variant, e->variant)))
				continue;
			p->arch = str_from(e->to_arch);
			if (*e->to_variant != '*')
				p->variant = str_from(e->to_variant);
			break;
		}
	}
	if (str_eqc(p->os, "macos"))
		p->os = STR("darwin");
}

Platform platform_host(void)
{
	struct utsname u;
	/* Only the texts of the tables are kept: U ends with this function. */
	Platform p = { STR("linux"), STR("amd64"), STR("") };
	if (uname(&u) < 0)
		return p;
	Platform machine = { STR("linux"), str_from(u.machine), STR("") };
	platform_normalise(&machine);
	for (size_t i = 0; i < ARRAY_LEN(known_arches); i++)
		if (str_eqc(machine.arch, known_arches[i]))
			p.arch = str_from(known_arches[i]);
	p.variant = machine.variant; /* "" or of the alias table */
	return p;
}

static bool is_component(Str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		          c == '.' || c == '-';
		if (!ok)
			return false;
	}
	return s.len > 0;
}

static Str lower(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + 32 : s.ptr[i]);
	return (Str){ copy, s.len };
}

Err *platform_parse(Arena *a, Str text, Platform *ret)
{
	Platform host = platform_host();
	if (str_eqc(text, "local")) {
		*ret = host;
		return NULL;
	}
	Str part[3] = { STR(""), STR(""), STR("") };
	Str rest = lower(a, text);
	size_t count = 0;
	for (bool more = true; more; count++) {
		more = str_find(rest, '/') >= 0;
		Str head;
		rest = str_cut(rest, '/', &head);
		if (count == 3 || !is_component(head))
			return err_note(
				err_new(ERR_INPUT, "invalid platform '%.*s'", STR_ARG(text)),
				"write os/arch or os/arch/variant, as in linux/amd64");
		part[count] = head;
	}
	Platform p = { part[0], part[1], part[2] };
	if (count == 1 && is_in(part[0], known_systems, ARRAY_LEN(known_systems)))
		p = (Platform){ part[0], host.arch, host.variant };
	else if (count == 1)
		p = (Platform){ STR("linux"), part[0], STR("") };
	platform_normalise(&p);
	if (count == 1 && !is_in(p.arch, known_arches, ARRAY_LEN(known_arches)))
		return err_note(err_new(ERR_INPUT,
		                        "unknown operating system or architecture '%.*s'",
		                        STR_ARG(text)),
		                "write os/arch or os/arch/variant, as in linux/amd64");
	*ret = p;
	return NULL;
}

Str platform_text(Arena *a, const Platform *p)
{
	return arena_strf(a, "%.*s/%.*s%s%.*s", STR_ARG(p->os), STR_ARG(p->arch),
	                  p->variant.len ? "/" : "", STR_ARG(p->variant));
}

/* What "v7" counts as, for "a newer one runs what was made for an older one". -1: not of that form.
 */
static int variant_level(const Platform *p)
{
	if (!p->variant.len)
		return str_eqc(p->arch, "arm64") ? 8 : str_eqc(p->arch, "arm") ? 7 : 1;
	uint64_t n;
	if (p->variant.ptr[0] != 'v' || !str_to_u64(str_from_at(p->variant, 1), &n) || n > 99)
		return -1;
	return (int)n;
}

int platform_fit(const Platform *wanted, const Platform *offered)
{
	/* Best first, with room for the levels of variants between the classes. */
	enum { FIT_EXACT = 1000, FIT_OLDER_VARIANT = 500, FIT_32_BIT = 100 };

	Platform w = *wanted, o = *offered;
	platform_normalise(&w);
	platform_normalise(&o);
	if (!str_eq(w.os, o.os))
		return 0;
	int have = variant_level(&w), need = variant_level(&o);
	if (str_eq(w.arch, o.arch)) {
		if (str_eq(w.variant, o.variant))
			return FIT_EXACT;
		return have >= 0 && need >= 0 && need <= have ? FIT_OLDER_VARIANT + need : 0;
	}
	if (str_eqc(w.arch, "amd64") && str_eqc(o.arch, "386"))
		return FIT_32_BIT;
	if (str_eqc(w.arch, "arm64") && str_eqc(o.arch, "arm") && need >= 0 && need <= 8)
		return FIT_32_BIT + need;
	return 0;
}
