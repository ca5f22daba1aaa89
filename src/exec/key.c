/*
 * key.c - what a step's result depends on, in words, and the hash of those words.
 *
 * The preimage is the key: one line an input, hashed as it stands and kept in the record, so that a
 * miss can be explained later by comparing two texts.  What is in no key: proxies, cache mounts'
 * content, secrets' values, mtimes of files that nobody set (Entry.untimed: of the context, of what
 * a RUN made), the names of stages.
 *
 * Two levels for a COPY from another step: the definition with the origin's whole identity first
 * (no file is looked at), then the content of just the paths that are used.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"
#include "exec/run.h"

#include <sys/resource.h>

/* Changes whenever the meaning of a key or the bytes of layers change: old records then miss. */
#define KEY_VERSION "decant-key 6\n"

const KeyInputInfo key_input_table[KEY_INPUT_COUNT] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): names and initialisers take none */
#define KEY_INPUT(id, name, style, written, code, words) \
	[KEY_##id] = { name, KEY_STYLE_##style, written, code, words },
#include "exec/key_inputs.def"
#undef KEY_INPUT
};

void key_lists_done(KeyLists *lists)
{
	for (size_t i = 0; i < lists->len; i++)
		buf_done(&lists->at[i].text);
	VEC_DONE(lists);
}

void key_done(StepKey *k)
{
	buf_done(&k->preimage);
	key_lists_done(&k->lists);
}

void key_begin(Buf *out, KeyInput input)
{
	buf_add_str(out, str_from(key_input_table[input].name));
	buf_add_char(out, ' ');
}

/* One input a line; line ends in it are escaped, so that no text can pass for two inputs. */
static void input(Buf *out, KeyInput name, Str value)
{
	key_begin(out, name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '\n' || c == '\\')
			buf_addf(out, "\\x%02x", (unsigned char)c);
		else
			buf_add_char(out, c);
	}
	buf_add_char(out, '\n');
}

void key_add(Buf *out, KeyInput name, Str value)
{
	input(out, name, value);
}

static void inputs(Buf *out, KeyInput name, const Strs *values)
{
	for (size_t i = 0; i < values->count; i++)
		input(out, name, values->at[i]);
}

static void input_digest(Buf *out, KeyInput name, const Digest *d)
{
	char text[DIGEST_TEXT_LEN + 1];
	/* without "sha256:": identities are no blobs, and gc keeps what looks like one */
	input(out, name, str_from_at(digest_text(d, text), 7));
}

/* The definition alone: of secrets, agents and caches nothing else counts, and no value. */
static void mount_input(Buf *out, Arena *a, const RunMount *m)
{
	static const char *const shape = "type %s target %.*s%s";
	Str type = str_from(mount_type_table[m->type].name);
	input(out, KEY_MOUNT,
	      arena_strf(a, shape, type.ptr, STR_ARG(m->target), m->read_only ? " ro" : ""));
	switch (m->type) {
	case MOUNT_BIND:
		break;
	case MOUNT_CACHE:
		/* As BuildKit: which cache it is does not matter, but that it has a name. */
		if (m->own_id)
			input(out, KEY_CACHE, STR("named"));
		if (m->has_owner)
			input(out, KEY_OWNER, arena_strf(a, "%u:%u %o", m->uid, m->gid, m->mode));
		break;
	case MOUNT_TMPFS:
		input(out, KEY_SIZE, arena_strf(a, "%llu", (unsigned long long)m->size_bytes));
		break;
	case MOUNT_SECRET:
	case MOUNT_SSH:
		input(out, KEY_ID, m->id);
		input(out, KEY_OWNER, arena_strf(a, "%u:%u %o", m->uid, m->gid, m->mode));
		input(out, KEY_MOUNT_ENV, m->env);
		input(out, KEY_REQUIRED, m->required ? STR("true") : STR("false"));
		break;
	case MOUNT_TYPE_COUNT:
		break;
	}
}

/* One line, however they were ordered; of two of a kind the last holds, as for the command. */
static void limits_input(Buf *out, Arena *a, const BuildRun *run)
{
	AUTO_BUF Buf all = BUF_INIT;
	for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
		const SandboxLimit *l = NULL;
		for (size_t i = 0; i < run->limit_count; i++)
			if (run->limits[i].resource == resource)
				l = &run->limits[i];
		if (l)
			buf_addf(&all, "%s%s=%llu:%llu", all.len ? " " : "", l->name,
			         (unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	input(out, KEY_ULIMIT, arena_str(a, buf_str(&all)));
}

/* What is given to all RUNs and can change what they make; what was not given is in no key. */
static void run_machine(Buf *out, Arena *a, const BuildRun *run)
{
	for (size_t i = 0; i < run->host_count; i++)
		input(out, KEY_HOST, run->hosts[i].name); /* not its address: BuildKit */
	if (run->shm_bytes)
		input(out, KEY_SHM_SIZE, arena_strf(a, "%llu", (unsigned long long)run->shm_bytes));
	if (run->limit_count)
		limits_input(out, a, run);
}

static void run_rights(Buf *out, Build *b, const RunArgs *r)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (r->insecure)
		input(out, KEY_SECURITY, STR("insecure"));
	if (r->hostname.len)
		input(out, KEY_HOSTNAME, r->hostname);
	run_machine(out, &a, &b->request->run);
	for (size_t i = 0; i < r->device_count; i++)
		input(out, KEY_DEVICE, r->devices[i].name);
	for (size_t i = 0; i < r->mount_count; i++)
		mount_input(out, &a, &r->mounts[i]);
}

static void run_inputs(Buf *out, Build *b, const Step *step)
{
	const RunArgs *r = &step->run;
	input(out, KEY_OP, STR("run"));
	inputs(out, KEY_ARG, &r->argv);
	inputs(out, KEY_ENV, &r->key_env);
	input(out, KEY_CWD, r->cwd);
	input(out, KEY_USER, r->user);
	input(out, KEY_NETWORK, r->network);
	if (r->script.len)
		input(out, KEY_SCRIPT, r->script);
	run_rights(out, b, r);
}

/* What came counts, not where it came from; nor when, unless the commit's time was asked for. */
static void source_input(Buf *out, const Build *b, const CopySource *source)
{
	if (source->fetch_step == STEP_NONE) {
		input(out, KEY_SOURCE, source->path);
		return;
	}
	const FetchArgs *f = &b->plan.steps[source->fetch_step].fetch;
	input(out, KEY_FETCHED, f->remote.git.mtime_commit ? STR("commit times") : STR(""));
}

static void copy_inputs(Buf *out, const Build *b, const Step *step)
{
	const CopyArgs *c = &step->copy;
	input(out, KEY_OP, c->is_add ? STR("add") : STR("copy"));
	if (c->keep_archives)
		input(out, KEY_UNPACK, STR("false"));
	if (c->unpack_fetched)
		input(out, KEY_UNPACK, STR("true"));
	if (c->link)
		input(out, KEY_LINK, STR("true"));
	if (c->parents)
		input(out, KEY_PARENTS, STR("true"));
	for (size_t i = 0; i < c->exclude_count; i++)
		input(out, KEY_EXCLUDE, c->excludes[i].text);
	input(out, KEY_CHOWN, c->chown);
	input(out, KEY_CHMOD, c->chmod);
	input(out, KEY_DEST, c->dest);
	for (size_t i = 0; i < c->source_count; i++) {
		source_input(out, b, &c->sources[i]);
		if (c->sources[i].is_inline)
			input(out, KEY_INLINE, c->sources[i].inline_body);
	}
}

static void definition(Buf *out, Build *b, const Step *step)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	buf_add_str(out, STR(KEY_VERSION));
	input(out, KEY_PLATFORM, platform_text(&a, &b->plan.stages[step->stage].platform));
	if (b->epoch_ns >= 0)
		input(out, KEY_EPOCH, arena_strf(&a, "%lld", (long long)b->epoch_ns));
	switch (step->kind) {
	case STEP_RUN:
		run_inputs(out, b, step);
		break;
	case STEP_COPY:
		copy_inputs(out, b, step);
		break;
	case STEP_WORKDIR:
		input(out, KEY_OP, STR("workdir"));
		input(out, KEY_PATH, step->workdir.path);
		input(out, KEY_USER, step->workdir.user);
		break;
	case STEP_BASE:
	case STEP_FETCH:
		break; /* an image is its digest, and what is fetched has keys of its own: fetch.h
		        */
	}
}

Digest key_of_definition(Build *b, const Step *step)
{
	AUTO_BUF Buf text = BUF_INIT;
	definition(&text, b, step);
	return sha256_of(buf_str(&text));
}

Err *key_of_step(Build *b, const Step *step, StepKey *ret)
{
	StepKey k = { 0 };
	definition(&k.preimage, b, step);
	k.definition = sha256_of(buf_str(&k.preimage));
	if (!(step->kind == STEP_COPY && step->copy.link))
		input_digest(&k.preimage, KEY_PARENT, &b->states[step->parent].identity);
	if (step->kind == STEP_COPY) {
		Err *e = NULL;
		if (step->copy.origin == ORIGIN_STEP)
			input_digest(&k.preimage, KEY_FROM,
			             &b->states[step->copy.origin_step].identity);
		else if (step->copy.origin == ORIGIN_CONTEXT)
			e = copy_context_inputs(b, step, &k.preimage, &k.lists);
		for (size_t i = 0; i < step->copy.source_count; i++)
			if (step->copy.sources[i].fetch_step != STEP_NONE)
				input_digest(&k.preimage, KEY_FROM,
				             &b->states[step->copy.sources[i].fetch_step].identity);
		if (e) {
			key_done(&k);
			return e;
		}
	}
	if (step->kind == STEP_RUN) {
		Err *e = run_key_inputs(b, step, false, &k.preimage, &k.lists);
		if (e) {
			key_done(&k);
			return e;
		}
	}
	k.full = sha256_of(buf_str(&k.preimage));
	*ret = k;
	return NULL;
}

Digest key_with_result(const StepKey *key, const Digest *identity)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add_str(&h, STR("decant-result 1\n"));
	sha256_add(&h, &key->definition, sizeof key->definition);
	sha256_add(&h, identity, sizeof *identity);
	return sha256_end(&h);
}

static Err *run_content(Build *b, const Step *step, StepKey *ret)
{
	StepKey k = { 0 };
	definition(&k.preimage, b, step);
	k.definition = sha256_of(buf_str(&k.preimage));
	input_digest(&k.preimage, KEY_PARENT, &b->states[step->parent].identity);
	Err *e = run_key_inputs(b, step, true, &k.preimage, &k.lists);
	if (e) {
		key_done(&k);
		return e;
	}
	k.full = sha256_of(buf_str(&k.preimage));
	*ret = k;
	return NULL;
}

Err *key_of_content(Build *b, const Step *step, StepKey *ret)
{
	StepKey k = { 0 };
	CopySet *set;
	if (step->kind == STEP_RUN)
		return run_content(b, step, ret);
	TRY(copy_select(b, step, &set));
	definition(&k.preimage, b, step);
	k.definition = sha256_of(buf_str(&k.preimage));
	if (!step->copy.link)
		input_digest(&k.preimage, KEY_PARENT, &b->states[step->parent].identity);
	copy_content_inputs(set, &k.preimage, &k.lists);
	k.full = sha256_of(buf_str(&k.preimage));
	*ret = k;
	return NULL;
}
