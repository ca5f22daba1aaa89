/*
 * send.c - an archive through a pipe into a docker or podman, without what is there already.
 *
 * A thread writes the archive, this one carries it over HTTP: nothing is kept in between.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/send.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

typedef VEC(Str) Lines;

typedef struct Send {
	const SendRequest *request;
	const EngineImages *there;
	Arena *arena;
	const Cancel *cancel;
	Map blobs;      /* hex of those that are there: by manifests of it that are here too */
	Map diff_ids;   /* podman: of all its images */
	bool whole;     /* leave nothing out */
	size_t skipped; /* layers that were left out */
	Lines lines;
	int pipe_read, pipe_write;
	int broken; /* atomic: the archive ended before its end */
	Err *archive_err;
} Send;

Err *send_parse_kind(Cli *cli, const char *word, EngineKind *ret)
{
	*ret = strcmp(word, "podman") == 0 ? ENGINE_PODMAN : ENGINE_DOCKER;
	if (*ret == ENGINE_PODMAN || strcmp(word, "docker") == 0)
		return NULL;
	return err_note(cli_usage(cli, "unknown receiver: '%s'", word), "one of docker, podman");
}

/* --- what is there ---------------------------------------------------------------------------- */

/* The blobs of manifest D, if it is here as well. */
static void know_blobs(Send *s, const Digest *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m;
	if (!store_blob_exists(s->request->store, d, NULL))
		return;
	AUTO_ERR Err *e = store_blob_read(s->request->store, d, MANIFEST_BYTES_MAX, &json);
	if (!e)
		e = manifest_parse(&a, buf_str(&json), "a manifest", &m);
	for (size_t i = 0; !e && i < m.layer_count; i++)
		map_put(&s->blobs, digest_arena_hex(s->arena, &m.layers[i].digest), NULL);
}

static void know_all(Send *s)
{
	const EngineImages *there = s->there;
	for (size_t i = 0; i < there->manifest_count; i++)
		know_blobs(s, &there->manifests[i]);
	for (size_t i = 0; there->store == ENGINE_STORE_LAYERS && i < there->image_count; i++)
		for (size_t k = 0; k < there->images[i].count; k++)
			map_put(&s->diff_ids,
			        digest_arena_hex(s->arena, &there->images[i].diff_ids[k]), NULL);
}

/* Has docker's own store LAYER, with the same ones below it? */
static bool has_chain(const EngineImages *there, const Image *image, size_t layer)
{
	for (size_t i = 0; i < there->image_count; i++) {
		const EngineImage *other = &there->images[i];
		size_t same = 0;
		while (same <= layer && same < other->count &&
		       digest_eq(&other->diff_ids[same], &image->config.diff_ids[same]))
			same++;
		if (same > layer)
			return true;
	}
	return false;
}

static bool is_there(const Send *s, const Image *image, const Manifest *m, size_t layer)
{
	const Digest *blob = &m->layers[layer].digest, *diff_id = &image->config.diff_ids[layer];
	char hex[DIGEST_HEX_LEN + 1];
	if (s->there->store == ENGINE_STORE_CHAINS)
		return has_chain(s->there, image, layer);
	if (map_find(&s->blobs, digest_hex(blob, hex)))
		return true;
	/* podman looks for a layer by the digest of its blob: uncompressed that is the diff ID. */
	return digest_eq(blob, diff_id) && map_find(&s->diff_ids, digest_hex(diff_id, hex));
}

static bool has(void *context, const Image *image, const Manifest *m, size_t layer)
{
	Send *s = context;
	const PushListener *listener = s->request->listener;
	char hex[DIGEST_HEX_LEN + 1];
	bool there = !s->whole && is_there(s, image, m, layer);
	s->skipped += there;
	if (listener)
		listener->layer(listener->context,
		                str_head(digest_hex(&image->config.diff_ids[layer], hex), 12),
		                there ? STR("Layer already exists") : STR("Sending"));
	return there;
}

/* --- one archive ------------------------------------------------------------------------------ */

static Err *write_archive(Send *s)
{
	const SendRequest *r = s->request;
	ExportReceiver receiver = { .fd = s->pipe_write,
		                    .has = has,
		                    .context = s,
		                    .full_names = s->there->store == ENGINE_STORE_LAYERS };
	OutputSpec out = { .type = STR("docker"),
		           .dest = str_from(engine_address(r->engine)),
		           .tar = true,
		           .no_attestations = true,
		           .receiver = &receiver };
	return export_run(r->store, &out, r->images, r->count, r->progress, s->cancel);
}

static void *archive_thread(void *context)
{
	Send *s = context;
	sigset_t pipe_set;
	(void)sigemptyset(&pipe_set);
	(void)sigaddset(&pipe_set, SIGPIPE); /* who reads may end first: an error, no signal */
	(void)pthread_sigmask(SIG_BLOCK, &pipe_set, NULL);
	s->archive_err = write_archive(s);
	if (s->archive_err)
		__atomic_store_n(&s->broken, 1, __ATOMIC_SEQ_CST);
	closep(&s->pipe_write);
	s->pipe_write = -1;
	return NULL;
}

static void on_line(void *context, Str line)
{
	Send *s = context;
	VEC_PUSH(&s->lines, arena_str(s->arena, line));
}

/* Of two errors that of the archive is the cause, unless it only says that nobody listens. */
static Err *choose_error(Send *s, Err *sent)
{
	Err *written = TAKE_PTR(s->archive_err);
	bool unread = written && sent && err_errno(written) == EPIPE;
	if (!written || unread) {
		err_free(written);
		return sent;
	}
	err_free(sent);
	return written;
}

static Err *send_once(Send *s)
{
	int ends[2];
	pthread_t thread;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int read_end = ends[0];
	s->pipe_write = ends[1];
	s->broken = 0;
	s->skipped = 0;
	s->lines.len = 0;
	(void)fcntl(read_end, F_SETPIPE_SZ, 1 << 20); /* the default will do as well */
	int failed = pthread_create(&thread, NULL, archive_thread, s);
	if (failed) {
		closep(&s->pipe_write);
		return err_sys(failed, "cannot start a thread");
	}
	Err *err = engine_load(s->request->engine, read_end, &s->broken, on_line, s);
	closep(&read_end);
	read_end = -1;
	(void)pthread_join(thread, NULL);
	return choose_error(s, err);
}

static Err *send_all(Send *s)
{
	Err *err = send_once(s);
	if (!err || !s->skipped || err_kind(err) != ERR_NETWORK)
		return err;
	/* Something went there meanwhile, or was never whole: then the rest is of no use. */
	err_free(err);
	s->whole = true;
	return send_once(s);
}

Err *send_images(Cli *cli, const SendRequest *r, Str **ret, size_t *ret_count)
{
	Cancel *cancel = NULL;
	EngineImages there;
	TRY(cli_cancel(cli, &cancel));
	TRY(engine_ask(r->engine, cli->arena, &there));
	Send s = { .request = r, .there = &there, .arena = cli->arena, .cancel = cancel };
	know_all(&s);
	Err *err = send_all(&s);
	*ret_count = s.lines.len;
	*ret = arena_alloc(cli->arena, (s.lines.len + 1) * sizeof **ret, _Alignof(Str));
	if (s.lines.len)
		memcpy(*ret, s.lines.at, s.lines.len * sizeof **ret);
	VEC_DONE(&s.lines);
	map_done(&s.blobs);
	map_done(&s.diff_ids);
	return err;
}
