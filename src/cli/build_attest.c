/* build_attest.c - --attest, --provenance, --sbom: what the build is to say of its images. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_options.h"

static Err *parse(Cli *cli, const char *option, const char *kind, const char *text,
                  AttestSpec *spec)
{
	Err *e = attest_parse(cli->arena, kind, str_from(text), spec);
	if (e)
		cli->usage_error = true;
	return err_while(e, "reading --%s '%s'", option, text);
}

/* docker attests at each push unless this is set; decant never does without being asked. */
static Err *check_environment(Cli *cli)
{
	static const char name[] = "BUILDX_NO_DEFAULT_ATTESTATIONS";
	const char *text = getenv(name);
	bool ignored;
	if (!text || str_to_bool(str_from(text), &ignored))
		return NULL;
	return cli_usage(cli, "invalid %s '%s': expected true or false", name, text);
}

bool build_attest_asks_git(const AttestSpec *spec)
{
	const char *text = getenv("BUILDX_GIT_INFO"); /* as buildx: false turns it off */
	bool on = true;
	if (text && str_to_bool(str_from(text), &on) && !on)
		return false;
	return spec->provenance == ATTEST_YES;
}

Err *build_attest_make(Cli *cli, const BuildValues *v, AttestSpec *ret)
{
	AttestSpec spec = { 0 };
	TRY(check_environment(cli));
	for (size_t i = 0; i < v->attests.count; i++)
		TRY(parse(cli, "attest", NULL, v->attests.at[i], &spec));
	if (v->provenance)
		TRY(parse(cli, "provenance", "provenance", v->provenance, &spec));
	if (v->sbom)
		TRY(parse(cli, "sbom", "sbom", v->sbom, &spec));
	*ret = spec;
	return NULL;
}
