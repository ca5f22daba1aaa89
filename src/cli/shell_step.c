/* shell_step.c - from the journal and the layers: what a RUN saw, in milliseconds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/shell_step.h"
#include "ui/ui.h"

#include <stdio.h>

/* --- which step ------------------------------------------------------------------------------- */

/* The last step of the stage WORD. */
static bool find_stage(const StoreBuild *b, Str word, uint32_t *ret)
{
	bool found = false;
	for (uint32_t i = 0; i < b->step_count; i++)
		if (str_eq(b->steps[i].stage, word) && b->steps[i].kind != STORE_STEP_FETCH) {
			*ret = i;
			found = true;
		}
	return found;
}

/* The step whose instruction begins with WORD. */
static Err *find_text(Cli *cli, const StoreBuild *b, Str word, uint32_t *ret, bool *ret_found)
{
	AUTO_BUF Buf all = BUF_INIT;
	size_t count = 0;
	for (uint32_t i = 0; i < b->step_count && word.len; i++) {
		if (!str_starts(b->steps[i].text, word))
			continue;
		buf_addf(&all, "%s%u", count ? ", " : "", i + 1);
		*ret = i;
		count++;
	}
	*ret_found = count > 0;
	if (count <= 1)
		return NULL;
	return err_note(cli_usage(cli, "several steps begin with '%.*s': %.*s", STR_ARG(word),
	                          STR_ARG(buf_str(&all))),
	                "give the number of one, as 'decant why %.*s' shows it", STR_ARG(b->id));
}

Err *shell_step_find(Cli *cli, const StoreBuild *b, Str word, uint32_t *ret)
{
	bool found;
	Err *e = store_build_step(b, word, ret);
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	found = find_stage(b, word, ret);
	Err *e2 = found ? NULL : find_text(cli, b, word, ret, &found);
	if (!found && !e2)
		return e;
	err_free(e);
	return e2;
}

/* --- its surroundings ------------------------------------------------------------------------- */

/* What key.c has escaped. */
static Str unescape(Arena *a, Str value)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] != '\\' || i + 3 >= value.len) {
			buf_add_char(&out, value.ptr[i]);
			continue;
		}
		buf_add_char(&out, value.ptr[i + 3] == 'a' ? '\n' : '\\');
		i += 3;
	}
	return arena_str(a, buf_str(&out));
}

typedef struct Seen {
	Strs env;
	Str cwd, user, network;
} Seen;

/* The inputs of a RUN in words: what it saw. */
static void read_inputs(Arena *a, Str text, Seen *ret)
{
	while (text.len) {
		Str line, name;
		text = str_cut(text, '\n', &line);
		Str value = unescape(a, str_cut(line, ' ', &name));
		if (str_eqc(name, "env"))
			strs_push(a, &ret->env, value);
		else if (str_eqc(name, "cwd"))
			ret->cwd = value;
		else if (str_eqc(name, "user"))
			ret->user = value;
		else if (str_eqc(name, "network"))
			ret->network = value;
	}
}

static bool see(Store *s, Arena *a, const StoreStep *step, Seen *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (step->kind != STORE_STEP_RUNS)
		return false;
	if (step->inputs.len) {
		read_inputs(a, step->inputs, ret);
		return true;
	}
	AUTO_ERR Err *e = store_record_get(s, &step->key, &text);
	if (e) /* evicted: another one may be there */
		return false;
	Str rest = buf_str(&text), line;
	do /* the record's own lines end with an empty one */
		rest = str_cut(rest, '\n', &line);
	while (rest.len && line.len);
	read_inputs(a, rest, ret);
	return true;
}

/* Is STEP an ancestor of OTHER, or the same? */
static bool is_below(const StoreBuild *b, uint32_t step, uint32_t other)
{
	while (other != STORE_STEP_NONE && other != step)
		other = b->steps[other].parent;
	return other == step;
}

static bool see_image(Store *s, Arena *a, const Digest *id, Seen *ret)
{
	Image image = { 0 };
	AUTO_ERR Err *e = image_read(s, id, a, &image);
	if (e) /* it is gone */
		return false;
	ret->env = image.config.env;
	ret->cwd = image.config.working_dir;
	ret->user = image.config.user;
	return true;
}

/* Of the RUN that STEP is, else of one after it in its stage, else of the image that the stage
 * became, else of a RUN before, else of the base image. */
static void look_around(Store *s, Arena *a, const StoreBuild *b, uint32_t step, Seen *ret)
{
	const StoreStep *steps = b->steps;
	if (see(s, a, &steps[step], ret))
		return;
	for (uint32_t i = step + 1; i < b->step_count; i++)
		if (str_eq(steps[i].stage, steps[step].stage) && is_below(b, step, i) &&
		    see(s, a, &steps[i], ret))
			return;
	for (size_t i = 0; i < b->image_count; i++)
		if (str_eq(b->images[i].target, steps[step].stage) &&
		    str_eq(b->images[i].platform, steps[step].platform) &&
		    see_image(s, a, &b->images[i].image_id, ret))
			return;
	uint32_t base = step;
	for (uint32_t i = step; i != STORE_STEP_NONE; base = i, i = steps[i].parent)
		if (see(s, a, &steps[i], ret))
			return;
	(void)see_image(s, a, &steps[base].digest, ret); /* without it the defaults will do */
}

/* --- its layers ------------------------------------------------------------------------------- */

static Err *missing(const StoreBuild *b, const StoreStep *step, const Digest *diff_id)
{
	char text[DIGEST_TEXT_LEN + 1];
	Err *e = err_new(ERR_NOT_FOUND, "the layer %s below '%.*s' is not in the store any more",
	                 digest_text(diff_id, text).ptr, STR_ARG(step->title));
	return err_note(e,
	                "build it again: what is missing is made or pulled, all else is in the "
	                "cache; then --step of the new build (%.*s was that of '%.*s')",
	                STR_ARG(b->id), STR_ARG(b->context));
}

Err *shell_step_layers(Store *s, Arena *a, const StoreBuild *b, uint32_t step, ImageConfig *c)
{
	StoreBuildLayer *layers = NULL;
	size_t count = 0;
	if (step != STORE_STEP_NONE)
		TRY(store_build_root(b, step, a, &layers, &count));
	c->diff_ids = arena_alloc(a, (count + 1) * sizeof *c->diff_ids, _Alignof(Digest));
	c->diff_id_count = count;
	for (size_t i = 0; i < count; i++) {
		c->diff_ids[i] = layers[i].diff_id;
		Err *e = image_check_layer(s, &layers[i].diff_id, NULL);
		if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		err_free(e);
		if (e)
			return missing(b, &b->steps[step], &layers[i].diff_id);
	}
	return NULL;
}

/* What is not there is said, with what is shown instead. */
static void tell(const StoreStep *step, bool failed)
{
	AUTO_BUF Buf safe = BUF_INIT;
	ui_text_safe_log(step->title, &safe);
	fprintf(stderr, "%s %.*s\n", failed ? "failed, so this is the root before it:" : "before",
	        STR_ARG(buf_str(&safe)));
}

Err *shell_step_set(Cli *cli, Store *s, const char *build, const char *word, bool before,
                    ContainerRequest *r)
{
	Arena *a = cli->arena;
	StoreBuild b;
	Seen seen = { .cwd = STR(""), .user = STR(""), .network = STR("") };
	uint32_t n;
	TRY(store_build_find(s, str_from(build), a, &b));
	TRY(shell_step_find(cli, &b, str_from(word), &n));
	const StoreStep *step = &b.steps[n];
	bool failed = step->status == STORE_STEP_FAILED;
	look_around(s, a, &b, n, &seen);
	if (before || failed) {
		if (step->kind == STORE_STEP_BASE || step->kind == STORE_STEP_FETCH)
			return cli_usage(cli, "nothing is before '%.*s'", STR_ARG(step->title));
		tell(step, failed);
		n = step->parent;
	}
	TRY(shell_step_layers(s, a, &b, n, &r->image.config));
	r->image.ref = STR("");
	r->image.config.platform = platform_host();
	r->image.config.env = seen.env;
	r->image.config.working_dir = seen.cwd;
	r->image.config.user = seen.user;
	r->image_name = arena_strf(a, "%.*s:%u", STR_ARG(b.id), n + 1);
	return NULL;
}
