/* commands.c - THE table of commands, and finding in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/command.h"

/* clang-format off */
#define COMMANDS(X)   \
	X(build)      \
	X(verify)     \
	X(builds)     \
	X(why)        \
	X(check_ignore) \
	X(cache_ls)   \
	X(cache_rm)   \
	X(cache_prune) \
	X(cache_export) \
	X(cache_import) \
	X(cache_push) \
	X(cache_pull) \
	X(builder_prune) \
	X(builder_du) \
	X(images)     \
	X(inspect)    \
	X(history)    \
	X(sbom)       \
	X(attest)     \
	X(diff)       \
	X(tag)        \
	X(load)       \
	X(import)     \
	X(save)       \
	X(publish)    \
	X(pull)       \
	X(push)       \
	X(send)       \
	X(login)      \
	X(logout)     \
	X(search)     \
	X(serve)      \
	X(rmi)        \
	X(manifest_inspect) \
	X(manifest_create) \
	X(manifest_annotate) \
	X(manifest_push) \
	X(manifest_rm) \
	X(imagetools_inspect) \
	X(imagetools_create) \
	X(image_prune) \
	X(image_exists) \
	X(run)        \
	X(create)     \
	X(start)      \
	X(shell)      \
	X(ps)         \
	X(logs)       \
	X(stop)       \
	X(restart)    \
	X(kill)       \
	X(wait)       \
	X(attach)     \
	X(exec)       \
	X(rename)     \
	X(cp)         \
	X(export)     \
	X(port)       \
	X(top)        \
	X(rm)         \
	X(container_prune) \
	X(system_df)  \
	X(system_prune) \
	X(du)         \
	X(volume_ls) \
	X(network_ls) \
	X(volume_prune) \
	X(network_prune) \
	X(new_build)  \
	X(start_build) \
	X(cancel_build) \
	X(get)        \
	X(describe)   \
	X(stream_tag) \
	X(import_image) \
	X(set_image_lookup) \
	X(set_triggers) \
	X(adm_prune_builds) \
	X(adm_prune_images) \
	X(delete)     \
	X(project)    \
	X(projects)   \
	X(new_project) \
	X(hook)       \
	X(hook_install) \
	X(run_build)  \
	X(run_triggers) \
	X(completion) \
	X(fsck)       \
	X(system_reset) \
	X(info)       \
	X(help)       \
	X(version)    \
	X(buildx_create) \
	X(buildx_use) \
	X(buildx_stop) \
	X(buildx_rm) \
	X(buildx_inspect) \
	X(buildx_ls) \
	X(buildx_version) \
	X(context_ls) \
	X(context_show) \
	X(context_use) \
	X(debug)      \
	X(complete)   \
	X(man)
/* clang-format on */

#define DECLARE(name) extern const Command command_##name;
#define POINTER(name) &command_##name,

COMMANDS(DECLARE)

const Command *const command_table[] = { COMMANDS(POINTER) };
const size_t command_count = ARRAY_LEN(command_table);

const Option global_options[] = {
	{ .name = "root",
	  .kind = OPTION_TEXT,
	  .value = "DIR",
	  .choices = "DIRECTORY",
	  .help = "Store to work on (default $DECANT_ROOT)",
	  .offset = offsetof(GlobalValues, root) },
	{ .name = "debug",
	  .letter = 'D',
	  .kind = OPTION_FLAG,
	  .help = "Say more about errors",
	  .offset = offsetof(GlobalValues, debug) },
	{ .name = "help",
	  .letter = 'h',
	  .kind = OPTION_FLAG,
	  .help = "Print usage",
	  .offset = offsetof(GlobalValues, help) },
	{ .name = "version",
	  .kind = OPTION_FLAG,
	  .help = "Print the version and quit",
	  .offset = offsetof(GlobalValues, version) },
};
const size_t global_option_count = ARRAY_LEN(global_options);

/* Do the words of SPELLING begin ARGV?  Their number, or 0. */
static int match_words(Str spelling, int argc, char *const *argv)
{
	int words = 0;
	while (spelling.len) {
		Str word;
		spelling = str_cut(spelling, ' ', &word);
		if (words == argc || !str_eqc(word, argv[words]))
			return 0;
		words++;
	}
	return words;
}

const Command *command_find(int argc, char *const *argv, int *ret_words)
{
	const Command *best = NULL;
	*ret_words = 0;
	for (size_t i = 0; i < command_count; i++) {
		const Command *c = command_table[i];
		Str rest = str_from(c->aliases ? c->aliases : ""), spelling = str_from(c->name);
		do {
			int words = match_words(spelling, argc, argv);
			if (words > *ret_words) {
				*ret_words = words;
				best = c;
			}
			rest = str_cut(rest, ',', &spelling);
		} while (spelling.len);
	}
	return best;
}

bool command_is_noun(const char *noun)
{
	size_t len = strlen(noun);
	for (size_t i = 0; i < command_count; i++) {
		const char *aliases = command_table[i]->aliases;
		Str rest = str_from(aliases ? aliases : ""), spelling;
		for (spelling = str_from(command_table[i]->name); spelling.len;
		     rest = str_cut(rest, ',', &spelling)) {
			if (spelling.len > len && spelling.ptr[len] == ' ' &&
			    memcmp(spelling.ptr, noun, len) == 0)
				return true;
		}
	}
	return false;
}

bool command_shows(const Command *c, const Option *o)
{
	Str rest = c && c->refuses ? str_from(c->refuses) : STR(""), one;
	while (rest.len) {
		rest = str_cut(rest, ',', &one);
		if (str_eqc(one, o->name))
			return false;
	}
	return option_is_shown(o);
}

const char *command_title(const Command *c, Arena *a)
{
	Str first;
	(void)str_cut(str_from(c->aliases ? c->aliases : ""), ',', &first);
	bool same = first.len == strlen(c->name) && memchr(first.ptr, ' ', first.len);
	for (size_t i = 0; i < first.len && same; i++)
		same = first.ptr[i] == c->name[i] || (first.ptr[i] == ' ' && c->name[i] == '-');
	return same ? arena_str(a, first).ptr : c->name;
}

const char *const *command_spellings(const Command *c, Arena *a)
{
	VEC(const char *) all = { 0 };
	const char *title = command_title(c, a);
	VEC_PUSH(&all, title);
	Str rest = str_from(c->aliases ? c->aliases : "");
	while (rest.len) {
		Str spelling;
		rest = str_cut(rest, ',', &spelling);
		if (!str_eqc(spelling, title))
			VEC_PUSH(&all, arena_str(a, spelling).ptr);
	}
	const char **copy = arena_alloc(a, (all.len + 1) * sizeof *copy, _Alignof(char *));
	memcpy(copy, all.at, all.len * sizeof *copy);
	VEC_DONE(&all);
	return copy;
}
