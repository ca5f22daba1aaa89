/* names.c - THE table of names that decant answers to, and what differs under each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"

static const ProgramWord buildah_words[] = {
	{ "bud", "build" },
	{ "build-using-dockerfile", "build" },
};

/* docker's own word for another thing. */
static const ProgramWord oc_words[] = {
	{ "tag", "stream-tag" },
};

/* In each place: -c is docker's --cpu-shares. */
static const ProgramWord kaniko_words[] = {
	{ "-c", "--context" },
};

/* The first is decant itself. */
static const Program programs[] = {
	{ .name = "decant", .version = "decant", .version_end = "" },
	{ .name = "docker",
	  .docker_options = true,
	  .docker_statuses = true,
	  .version = "Docker",
	  .version_end = ", build decant" },
	{ .name = "podman",
	  .docker_options = true,
	  .docker_statuses = true,
	  .version = "podman",
	  .version_end = "" },
	{ .name = "buildah",
	  .words = buildah_words,
	  .word_count = ARRAY_LEN(buildah_words),
	  .docker_options = true,
	  .docker_statuses = true,
	  .version = "buildah",
	  .version_end = " (decant)" },
	{ .name = "oc",
	  .words = oc_words,
	  .word_count = ARRAY_LEN(oc_words),
	  .version = "oc",
	  .version_end = " (decant)" },
	{ .name = "executor",
	  .first = "build",
	  .alone = "version",
	  .context = "/workspace",
	  .words = kaniko_words,
	  .word_count = ARRAY_LEN(kaniko_words),
	  .version = "decant",
	  .version_end = "" },
	{ .name = "kaniko",
	  .first = "build",
	  .alone = "version",
	  .context = "/workspace",
	  .words = kaniko_words,
	  .word_count = ARRAY_LEN(kaniko_words),
	  .version = "decant",
	  .version_end = "" },
};

#define IGNORED_TEXT(flag, short_flag)                                                          \
	{                                                                                       \
		.name = (flag), .letter = (short_flag), .kind = OPTION_IGNORED, .hidden = true, \
		.value = "string", .help = "Accepted, no effect",                               \
		.offset = offsetof(GlobalValues, ignored)                                       \
	}
#define IGNORED_FLAG(flag)                                                               \
	{                                                                                \
		.name = (flag), .kind = OPTION_IGNORED, .hidden = true,                  \
		.help = "Accepted, no effect", .offset = offsetof(GlobalValues, ignored) \
	}

/* There is no daemon, and so no host, context or certificate of one. */
const Option program_options[] = {
	{ .name = "config",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  .help = "Directory of config.json, as $DOCKER_CONFIG",
	  .offset = offsetof(GlobalValues, config) },
	{ .name = "version",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Print the version and quit",
	  .offset = offsetof(GlobalValues, version) },
	IGNORED_TEXT("host", 'H'),
	IGNORED_TEXT("context", 'c'),
	IGNORED_TEXT("log-level", 'l'),
	IGNORED_TEXT("tlscacert", 0),
	IGNORED_TEXT("tlscert", 0),
	IGNORED_TEXT("tlskey", 0),
	IGNORED_FLAG("tls"),
	IGNORED_FLAG("tlsverify"),
	/* podman, buildah */
	IGNORED_TEXT("cgroup-manager", 0),
	IGNORED_TEXT("events-backend", 0),
	IGNORED_TEXT("registries-conf", 0),
	IGNORED_TEXT("registries-conf-dir", 0),
	IGNORED_TEXT("runroot", 0),
	IGNORED_TEXT("runtime", 0),
	IGNORED_TEXT("storage-driver", 0),
	IGNORED_TEXT("storage-opt", 0),
	IGNORED_TEXT("tmpdir", 0),
	IGNORED_TEXT("url", 0),
	IGNORED_FLAG("syslog"),
};
const size_t program_option_count = ARRAY_LEN(program_options);

const Program *program_find(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash ? slash + 1 : argv0;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (strcmp(name, programs[i].name) == 0)
			return &programs[i];
	return &programs[0];
}

/* Does a command's name begin TEXT? */
static bool begins_with_command(Str text)
{
	char word[32];
	size_t n = 0;
	int words;
	while (n < text.len && ((text.ptr[n] >= 'a' && text.ptr[n] <= 'z') || text.ptr[n] == '-'))
		n++;
	if (!n || n >= sizeof word)
		return false;
	memcpy(word, text.ptr, n);
	word[n] = '\0';
	char *argv[] = { word, NULL };
	return command_find(1, argv, &words) || command_is_noun(word);
}

void program_text(const char *name, Str text, Buf *out)
{
	static const char own[] = "decant ";
	const Program *p = program_find(name);
	for (size_t i = 0; i < text.len;) {
		Str rest = str_from_at(text, i);
		bool word = i == 0 || strchr(" '\"(\n", text.ptr[i - 1]);
		/* what kaniko's name takes is one command alone */
		if (!p->first && word && str_starts(rest, STR("decant ")) &&
		    begins_with_command(str_from_at(rest, sizeof own - 1))) {
			buf_addf(out, "%s ", p->name);
			i += sizeof own - 1;
			continue;
		}
		buf_add_char(out, text.ptr[i++]);
	}
}

static char *arena_text(Arena *a, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = arena_alloc(a, bytes, 1);
	memcpy(copy, text, bytes);
	return copy;
}

char **program_words(const Program *p, int argc, char **argv, Arena *a, int *ret_argc)
{
	char **words = arena_alloc(a, ((size_t)argc + 2) * sizeof *words, _Alignof(char *));
	int count = 0;
	bool plumbing = argc > 0 && strncmp(argv[0], "__", 2) == 0;
	bool alone = p->alone && argc > 0 && strcmp(argv[0], p->alone) == 0;
	if (p->first && !plumbing && !alone)
		words[count++] = arena_text(a, p->first);
	bool command = !p->first;
	for (int i = 0; i < argc; i++) {
		words[count] = argv[i];
		for (size_t k = 0; (command || p->first) && k < p->word_count; k++)
			if (strcmp(argv[i], p->words[k].word) == 0)
				words[count] = arena_text(a, p->words[k].ours);
		command = command && argv[i][0] == '-'; /* up to the first that is no option */
		count++;
	}
	words[count] = NULL;
	*ret_argc = count;
	return words;
}
