/* new_build_look.c - what the words of new-build name, and what is there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/new_build.h"
#include "exec/image.h"
#include "fs/path.h"
#include "registry/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TEXT_BYTES_MAX = 512 << 10 }; /* it is kept in an object */

/* --- words ------------------------------------------------------------------------------------ */

/* NAME=VALUE of an environment: a letter or '_', then digits too. */
static bool is_variable(Str word)
{
	Str name;
	Str value = str_cut(word, '=', &name);
	bool fine = name.len > 0 && name.len + value.len + 1 == word.len;
	for (size_t i = 0; i < name.len && fine; i++) {
		char c = name.ptr[i];
		fine = c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		       (i && ((c >= '0' && c <= '9') || c == '.' || c == '-'));
	}
	return fine;
}

static bool is_directory(const char *path)
{
	struct stat st;
	return fstatat(AT_FDCWD, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static Err *one_source(NewBuild *n)
{
	return n->address.len || n->local.len
	               ? cli_usage(n->cli, "only one source repository can be built at once")
	               : NULL;
}

/* A work tree stands for what it was cloned from. */
static Err *take_directory(NewBuild *n, const char *word)
{
	Arena *a = n->cli->arena;
	Str revision, source;
	Remote remote;
	TRY(one_source(n));
	AUTO_CLOSE int fd = open(word, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", word);
	n->local = str_from(word);
	git_describe(fd, n->cancel, a, &source, &revision);
	AUTO_ERR Err *e = source.len ? remote_parse(a, source, &remote) : NULL;
	if (source.len && !e && remote.kind != REMOTE_NONE)
		n->address = source;
	return NULL;
}

static Err *take_address(NewBuild *n, const char *word)
{
	Remote remote;
	Str text = str_from(word);
	TRY(one_source(n));
	TRY(remote_parse(n->cli->arena, text, &remote));
	if (remote.kind == REMOTE_NONE)
		return err_note(
			cli_usage(n->cli, "'%s' is no git repository and no directory", word),
			"give the URL of a repository, a directory, or NAME=VALUE for a variable; "
			"images and builders (S2I) are no sources here");
	if (remote.user_info.len)
		return err_note(
			cli_usage(n->cli,
		                  "'%.*s' has a password, which would be kept in the "
		                  "build configuration",
		                  STR_ARG(remote.shown)),
			"leave it out, and put a token into the environment's GIT_AUTH_TOKEN");
	n->ref = str_cut(text, '#', &n->address);
	return NULL;
}

static Err *take_word(NewBuild *n, const char *word)
{
	Str name, value;
	if (is_variable(str_from(word))) {
		value = str_cut(str_from(word), '=', &name);
		project_pair_set(&n->env, n->cli->arena, name, value);
		return NULL;
	}
	return is_directory(word) ? take_directory(n, word) : take_address(n, word);
}

Err *new_build_words(NewBuild *n, const Arguments *args)
{
	for (size_t i = 0; i < args->count; i++)
		TRY(take_word(n, args->at[i]));
	if (n->values->code)
		TRY(is_directory(n->values->code) ? take_directory(n, n->values->code)
		                                  : take_address(n, n->values->code));
	if (!n->address.len && !n->local.len && !n->text.len && !n->values->binary)
		return err_note(cli_usage(n->cli, "nothing to build was given"),
		                "give the URL of a git repository, a Dockerfile with -D, or "
		                "--binary with --name");
	return NULL;
}

/* --- base images ------------------------------------------------------------------------------ */

static Err *find_here(NewBuild *n, NewBase *b, bool *ret)
{
	Image image = { 0 };
	Arena *a = n->cli->arena;
	Err *e = image_find(n->store, b->image, a, &image);
	*ret = false;
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* perhaps a registry has it */
		return NULL;
	}
	TRY(e);
	*ret = b->found = true;
	b->where = STR("the store");
	b->id = digest_arena_text(a, &image.id);
	b->created_ns = image.config.created_ns;
	const Digest *digest = store_ref_remote(&image.store_ref, NULL);
	if (!digest_is_zero(digest))
		b->digest = digest_arena_text(a, digest);
	return NULL;
}

static Err *find_there(NewBuild *n, const Reference *ref, NewBase *b)
{
	Arena *a = n->cli->arena;
	AUTO_REGISTRY Registry *registry = NULL;
	RegistryImage image;
	ImageConfig config;
	Platform host = platform_host();
	TRY(registry_open(n->cancel, &registry));
	TRY(registry_resolve(registry, ref, &host, a, &image));
	TRY(image_config_parse(a, image.config_json, b->image.ptr, &config));
	b->found = true;
	b->where = str_eqc(ref->domain, "docker.io") ? STR("Docker Hub") : ref->domain;
	b->id = digest_arena_text(a, &image.manifest.config.digest);
	b->created_ns = config.created_ns;
	b->digest = digest_arena_text(a, &image.top_digest);
	return NULL;
}

/* Is there a stream NAME whose TAG follows IMAGE?  *ret_other: one that does not. */
static Err *look_at_stream(NewBuild *n, NewBase *b, bool *ret_other)
{
	ImageStream is;
	Str followed = arena_strf(n->cli->arena, "%.*s", STR_ARG(b->image));
	*ret_other = false;
	b->new_tag = true;
	Err *e = project_get_stream(&n->project, b->stream, &is);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it will be made */
		return NULL;
	}
	TRY(e);
	const StreamTag *t = stream_tag(&is, b->tag);
	*ret_other = t ? !str_eq(t->from, followed) : str_eq(is.meta.name, n->name);
	b->new_tag = !t;
	return NULL;
}

/* Two images of one last name have streams of their own. */
static Err *name_stream(NewBuild *n, NewBase *b, const Reference *ref)
{
	Arena *a = n->cli->arena;
	Str plain;
	bool other;
	TRY(project_name_of_image(a, ref->path, &plain));
	for (unsigned i = 0;; i++) {
		b->stream = i ? arena_strf(a, "%.*s-%u", STR_ARG(plain), i) : plain;
		TRY(look_at_stream(n, b, &other));
		for (const NewBase *k = n->bases; k < b; k++)
			other |= str_eq(k->stream, b->stream) && str_eq(k->tag, b->tag);
		other |= str_eq(b->stream, n->name);
		if (!other)
			return NULL;
	}
}

static Err *look_at_base(NewBuild *n, NewBase *b)
{
	Arena *a = n->cli->arena;
	Reference ref;
	bool here;
	TRY(reference_parse(a, b->image, &ref));
	b->tag = ref.tag.len ? ref.tag
	                     : arena_strf(a, "sha256-%.12s", digest_arena_hex(a, &ref.digest).ptr);
	TRY(find_here(n, b, &here));
	if (!here) {
		Err *e = find_there(n, &ref, b);
		if (e && !n->values->missing_images)
			return err_note(e, "--allow-missing-images goes on without '%.*s'",
			                STR_ARG(b->image));
		err_free(e); /* it is said to be missing */
	}
	if (b->digest.len)
		b->reference = arena_strf(a, "%.*s/%.*s@%.*s", STR_ARG(ref.domain),
		                          STR_ARG(ref.path), STR_ARG(b->digest));
	return name_stream(n, b, &ref);
}

static Err *look_at_bases(NewBuild *n)
{
	n->bases = arena_alloc(n->cli->arena, (n->look.base_count + 1) * sizeof *n->bases,
	                       _Alignof(NewBase));
	for (size_t i = 0; i < n->look.base_count; i++) {
		n->bases[i] = (NewBase){ .image = n->look.bases[i].image,
			                 .where = STR(""),
			                 .id = STR(""),
			                 .reference = STR(""),
			                 .digest = STR(""),
			                 .created_ns = IMAGE_TIME_NONE };
		TRY_WHILE(look_at_base(n, &n->bases[i]), "looking for the base image '%.*s'",
		          STR_ARG(n->bases[i].image));
		n->base_count++;
	}
	return NULL;
}

/* --- the repository --------------------------------------------------------------------------- */

static Err *look_at_repository(NewBuild *n)
{
	Arena *a = n->cli->arena;
	AUTO_CLOSE int scratch = -1;
	CLEANUP(runner_source_done) RunnerSource source = { 0 };
	GitTree tree = { .fd = -1 };
	const char *dir = n->values->context_dir, *file = n->values->dockerfile_path;
	TRY_WHILE(runner_source(a, n->address, n->ref, n->cancel, &source),
	          "looking at the repository '%.*s'", STR_ARG(n->address));
	if (!n->ref.len && str_starts(source.commit.name, STR("refs/heads/")))
		n->branch = source.commit.name;
	TRY(runner_scratch(n->store, &scratch));
	TRY(git_checkout(&source.access, a, &source.remote, &source.commit, false, scratch, &tree));
	AUTO_CLOSE int fd = tree.fd;
	if (n->text.len)
		return runner_look_text(a, n->text, &n->args, &n->look);
	return runner_look(a, fd, str_from(dir ? dir : ""), str_from(file ? file : ""), n->address,
	                   &n->args, &n->look);
}

/* Of binary input nobody knows yet what it is. */
Err *new_build_look(NewBuild *n)
{
	n->look.last = n->look.dockerfile = STR("");
	if (n->values->binary || (!n->address.len && !n->text.len))
		return NULL;
	if (n->address.len)
		TRY(look_at_repository(n));
	else
		TRY(runner_look_text(n->cli->arena, n->text, &n->args, &n->look));
	return look_at_bases(n);
}
