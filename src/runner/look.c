/*
 * look.c - what a repository is: is there a Dockerfile, and which images does that begin with?
 *
 * The files are a stranger's: they are opened below the checkout, and no link leads out of it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "fs/path.h"
#include "plan/plan.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Files that tell a language, for the answer to a repository without a Dockerfile. */
static const struct {
	const char *file, *language;
} languages[] = {
	{ "Jenkinsfile", "a Jenkins pipeline" },
	{ "Gemfile", "ruby" },
	{ "Rakefile", "ruby" },
	{ "config.ru", "ruby" },
	{ "pom.xml", "jee" },
	{ "app.json", "nodejs" },
	{ "package.json", "nodejs" },
	{ "index.php", "php" },
	{ "composer.json", "php" },
	{ "requirements.txt", "python" },
	{ "setup.py", "python" },
	{ "index.pl", "perl" },
	{ "cpanfile", "perl" },
	{ "build.sbt", "scala" },
	{ "project.json", "dotnet" },
	{ "main.go", "golang" },
	{ "Godeps", "golang" },
	{ "go.mod", "golang" },
	{ "Cargo.toml", "rust" },
};

static const char *const usual[] = { "Dockerfile", "Containerfile" };

/* --- the file --------------------------------------------------------------------------------- */

static Err *no_dockerfile(int fd, Str context_dir, Str dockerfile, Str address)
{
	const char *where = context_dir.len ? " in '" : "", *end = context_dir.len ? "'" : "";
	Err *e = dockerfile.len
	                 ? err_new(ERR_NOT_FOUND, "there is no '%.*s'%s%.*s%s of \"%.*s\"",
	                           STR_ARG(dockerfile), where, STR_ARG(context_dir), end,
	                           STR_ARG(address))
	                 : err_new(ERR_NOT_FOUND,
	                           "no Dockerfile was found for repository at \"%.*s\"%s%.*s%s",
	                           STR_ARG(address), where, STR_ARG(context_dir), end);
	if (!dockerfile.len)
		e = err_note(e, "looked for: Dockerfile, Containerfile");
	for (size_t i = 0; i < ARRAY_LEN(languages); i++)
		if (faccessat(fd, languages[i].file, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			e = err_note(e,
			             "'%s' looks like %s: builds from source without a "
			             "Dockerfile (S2I) are not done here",
			             languages[i].file, languages[i].language);
			break;
		}
	return err_note(e, "give the folder with --context-dir, or a Dockerfile with -D");
}

static Err *open_context(int tree_fd, Str context_dir, int *ret_fd)
{
	Str dir = context_dir.len ? context_dir : STR(".");
	int fd = path_try_beneath(tree_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_new(ERR_INPUT, "the repository has no folder '%.*s': %s", STR_ARG(dir),
		               strerror(-fd));
	*ret_fd = fd;
	return NULL;
}

static Err *read_text(Arena *a, int fd, Str path, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%.*s' is no file", STR_ARG(path));
	TRY(path_read_fd(fd, DOCKERFILE_BYTES_MAX, path.ptr, &text));
	*ret = arena_str(a, buf_str(&text));
	return NULL;
}

/* --- its images ------------------------------------------------------------------------------- */

typedef struct Bases {
	Arena *arena;
	VEC(RunnerBase) all;
} Bases;

static void add_base(Bases *b, const Reference *ref)
{
	Str image = reference_familiar(b->arena, ref);
	for (size_t i = 0; i < b->all.len; i++)
		if (str_eq(b->all.at[i].image, image))
			return;
	VEC_PUSH(&b->all, (RunnerBase){ image });
}

/* Planning asks for each image; what it is does not matter here. */
static Err *note_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                       BaseImage *ret)
{
	Bases *b = context;
	(void)a;
	add_base(b, ref);
	*ret = (BaseImage){ .ref = *ref, .config = { .platform = *platform } };
	return NULL;
}

static Err *find_bases(Bases *b, const Dockerfile *d, const ProjectPairs *args, RunnerLook *look)
{
	PlanArg *given =
		arena_alloc(b->arena, (args->count + 1) * sizeof *given, _Alignof(PlanArg));
	for (size_t i = 0; i < args->count; i++)
		given[i] = (PlanArg){ args->at[i].key, args->at[i].value };
	PlanRequest request = { .dockerfile = d,
		                .target = STR(""),
		                .args = given,
		                .arg_count = args->count,
		                .platform = platform_host(),
		                .build_platform = platform_host(),
		                .network = STR("default"),
		                .allow = { .network_host = true, .security_insecure = true },
		                .lookup = { .image = note_image, .context = b },
		                .all_stages = true };
	Plan plan;
	Reference ref;
	TRY(plan_make(b->arena, &request, &plan));
	Str last = plan.stages[plan.stage_count - 1].base_name;
	look->last = STR("");
	for (size_t i = 0; i + 1 < plan.stage_count; i++)
		if (str_eq(last, plan.stages[i].name))
			return NULL; /* a stage of the file */
	if (!last.len || str_eqc(last, "scratch"))
		return NULL;
	TRY(reference_parse(b->arena, last, &ref));
	look->last = reference_familiar(b->arena, &ref);
	return NULL;
}

static Err *parse_text(Arena *a, Str text, const char *name, Dockerfile *ret)
{
	Source *source = arena_new(a, Source);
	*source = (Source){ name, text };
	return dockerfile_parse(a, source, ret);
}

static Err *look_at(Arena *a, const char *name, const ProjectPairs *args, RunnerLook *look)
{
	Dockerfile d;
	Bases b = { .arena = a };
	TRY(parse_text(a, look->text, name, &d));
	Err *e = find_bases(&b, &d, args, look);
	look->bases = arena_alloc(a, (b.all.len + 1) * sizeof *look->bases, _Alignof(RunnerBase));
	if (b.all.len)
		memcpy(look->bases, b.all.at, b.all.len * sizeof *look->bases);
	look->base_count = b.all.len;
	VEC_DONE(&b.all);
	return e;
}

Err *runner_look(Arena *a, int tree_fd, Str context_dir, Str dockerfile, Str address,
                 const ProjectPairs *args, RunnerLook *ret)
{
	AUTO_CLOSE int context = -1;
	AUTO_CLOSE int file = -1;
	RunnerLook look = { .dockerfile = dockerfile, .last = STR("") };
	TRY(open_context(tree_fd, context_dir, &context));
	for (size_t i = 0; file < 0 && i < (dockerfile.len ? 1 : ARRAY_LEN(usual)); i++) {
		look.dockerfile = dockerfile.len ? dockerfile : str_from(usual[i]);
		file = path_try_in_root(context, look.dockerfile, O_RDONLY | O_NONBLOCK, 0);
	}
	if (file < 0)
		return no_dockerfile(context, context_dir, dockerfile, address);
	TRY(read_text(a, file, look.dockerfile, &look.text));
	TRY(look_at(a, arena_str(a, look.dockerfile).ptr, args, &look));
	*ret = look;
	return NULL;
}

Err *runner_look_text(Arena *a, Str text, const ProjectPairs *args, RunnerLook *ret)
{
	RunnerLook look = { .dockerfile = STR(""), .text = text, .last = STR("") };
	TRY(look_at(a, "Dockerfile", args, &look));
	*ret = look;
	return NULL;
}

/* --- ENV after each FROM ---------------------------------------------------------------------- */

static void put_quoted(Buf *out, Str value, char escape)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '"' || c == '$' || c == escape)
			buf_add_char(out, escape);
		buf_add_char(out, c);
	}
	buf_add_char(out, '"');
}

Err *runner_add_env(Arena *a, Str text, const ProjectPairs *env, Str *ret)
{
	AUTO_BUF Buf out = BUF_INIT;
	Dockerfile d;
	size_t at = 0;
	TRY(parse_text(a, text, "Dockerfile", &d));
	for (size_t i = 0; i < d.node_count; i++) {
		if (d.nodes[i].id != INST_FROM)
			continue;
		size_t end = d.nodes[i].span.end;
		buf_add_str(&out, (Str){ text.ptr + at, end - at });
		buf_add_str(&out, STR("\nENV"));
		for (size_t k = 0; k < env->count; k++) {
			buf_addf(&out, " %.*s=", STR_ARG(env->at[k].key));
			put_quoted(&out, env->at[k].value, d.escape);
		}
		at = end;
	}
	buf_add_str(&out, str_from_at(text, at));
	*ret = arena_str(a, buf_str(&out));
	return NULL;
}
