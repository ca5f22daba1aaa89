/* foreign.c - RUN for another processor than this machine's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/foreign.h"
#include "sandbox/emulate.h"

typedef struct ForeignArch {
	Str arch;
	Emulation how;
} ForeignArch;

typedef struct Foreign {
	VEC(ForeignArch) arches;
	Emulators emulators;
	Err *broken; /* why they could not be registered; NULL */
} Foreign;

static const Platform *platform_of(const Build *b, const Step *step)
{
	return &b->plan.stages[step->stage].platform;
}

/* Is it not what this machine itself is? */
static bool is_foreign(const Build *b, const Step *step)
{
	Platform host = platform_host();
	return step->kind == STEP_RUN && !str_eq(platform_of(b, step)->arch, host.arch);
}

static const ForeignArch *find_arch(const Build *b, Str arch)
{
	for (size_t i = 0; b->foreign && i < b->foreign->arches.len; i++)
		if (str_eq(b->foreign->arches.at[i].arch, arch))
			return &b->foreign->arches.at[i];
	return NULL;
}

static void learn_arch(Build *b, Str arch)
{
	if (!b->foreign) {
		b->foreign = arena_new(b->arena, Foreign);
		b->foreign->emulators = EMULATORS_NONE;
	}
	if (!find_arch(b, arch))
		VEC_PUSH(&b->foreign->arches, (ForeignArch){ arch, emulate_find(arch) });
}

Err *foreign_prepare(Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (b->states[i].status != STEP_KNOWN && is_foreign(b, step))
			learn_arch(b, platform_of(b, step)->arch);
	}
	Strs within = { 0 };
	for (size_t i = 0; b->foreign && i < b->foreign->arches.len; i++)
		if (b->foreign->arches.at[i].how == EMULATION_WITHIN)
			strs_push(b->arena, &within, b->foreign->arches.at[i].arch);
	if (within.count) /* whether it was needed is known when it is */
		b->foreign->broken = emulate_open(within.at, within.count, &b->foreign->emulators);
	return NULL;
}

Err *foreign_check(Build *b, const Step *step)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Platform host = platform_host();
	const Platform *platform = platform_of(b, step);
	const ForeignArch *arch = is_foreign(b, step) ? find_arch(b, platform->arch) : NULL;
	if (!arch || arch->how == EMULATION_HOST)
		return NULL;
	if (arch->how == EMULATION_WITHIN && !b->foreign->broken)
		return NULL;
	Err *e = err_new(ERR_SYSTEM, "a RUN for %s needs an emulator: this machine is %s",
	                 platform_text(&a, platform).ptr, platform_text(&a, &host).ptr);
	Str program = emulate_program(&a, platform->arch);
	if (arch->how == EMULATION_WITHIN) {
		Str cause = err_cause(b->foreign->broken), notes = err_notes(b->foreign->broken);
		e = err_note(e, "%.*s is in PATH, but: %.*s", STR_ARG(program), STR_ARG(cause));
		while (notes.len) {
			Str line;
			notes = str_cut(notes, '\n', &line);
			e = err_note(e, "%.*s", STR_ARG(line));
		}
	} else if (program.len) {
		e = err_note(
			e,
			"install qemu-user-static: %.*s in PATH is enough, or what binfmt_misc "
			"has for it with flag F",
			STR_ARG(program));
	}
	return err_note(e, "a stage with FROM --platform=$BUILDPLATFORM needs none: it can compile "
	                   "for $TARGETARCH");
}

int foreign_user_ns(const Build *b, const Step *step)
{
	const ForeignArch *arch =
		is_foreign(b, step) ? find_arch(b, platform_of(b, step)->arch) : NULL;
	return arch && arch->how == EMULATION_WITHIN ? b->foreign->emulators.user_ns_fd : 0;
}

void foreign_done(Build *b)
{
	if (!b->foreign)
		return;
	VEC_DONE(&b->foreign->arches);
	emulate_close(&b->foreign->emulators);
	err_free(b->foreign->broken);
}
