/*
 * builds_text.c - a build's record as text, and back.
 *
 * Lines "NAME FIELD FIELD ...", fields cut by one blank and escaped (\xHH for bytes <= 0x20, 0x7f
 * and
 * '\'; "-" alone is the empty text).  A "step" line begins a step: what follows belongs to it.
 * Lines with unknown names are skipped, so that a later decant may add some.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "store/builds-internal.h"

const char *const store_build_state_names[] = {
	[STORE_BUILD_RUNNING] = "running", [STORE_BUILD_DONE] = "done",
	[STORE_BUILD_FAILED] = "failed",   [STORE_BUILD_CANCELLED] = "cancelled",
	[STORE_BUILD_LOST] = "lost",
};
const char *const store_step_status_names[] = {
	[STORE_STEP_WAITING] = "waiting",
	[STORE_STEP_HIT] = "hit",
	[STORE_STEP_RUN] = "run",
	[STORE_STEP_FAILED] = "failed",
	[STORE_STEP_CANCELLED] = "cancelled",
	[STORE_STEP_UNNEEDED] = "unneeded",
	[STORE_STEP_REFUSED] = "refused",
};
const char *const store_step_kind_names[] = {
	[STORE_STEP_BASE] = "base",       [STORE_STEP_RUNS] = "run",    [STORE_STEP_COPY] = "copy",
	[STORE_STEP_WORKDIR] = "workdir", [STORE_STEP_FETCH] = "fetch",
};

/* --- fields ---------------------------------------------------------------------------------- */

static void add_text(Buf *out, Str value)
{
	buf_add_char(out, ' ');
	if (!value.len)
		buf_add_char(out, '-');
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c <= ' ' || c == 0x7f || c == '\\' || (c == '-' && value.len == 1))
			buf_addf(out, "\\x%02x", c);
		else
			buf_add_char(out, (char)c);
	}
}

static void add_number(Buf *out, uint64_t n)
{
	buf_addf(out, " %llu", (unsigned long long)n);
}

/* Without "sha256:": a record pins nothing, and gc keeps what looks like a digest. */
static void add_digest(Buf *out, const Digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	buf_add_char(out, ' ');
	buf_add_str(out, digest_is_zero(d) ? STR("-") : digest_hex(d, hex));
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Str take_text(Str *line, Arena *a)
{
	Str field;
	*line = str_cut(*line, ' ', &field);
	if (str_eq(field, STR("-")))
		return STR("");
	if (!memchr(field.ptr, '\\', field.len))
		return field; /* the text is in the arena already */
	char *out = arena_alloc(a, field.len + 1, 1);
	size_t n = 0;
	for (size_t i = 0; i < field.len; i++) {
		bool escaped = field.ptr[i] == '\\' && i + 3 < field.len;
		out[n++] = escaped ? (char)(hex_value(field.ptr[i + 2]) << 4 |
		                            hex_value(field.ptr[i + 3]))
		                   : field.ptr[i];
		i += escaped ? 3 : 0;
	}
	return (Str){ out, n };
}

static uint64_t take_number(Str *line)
{
	Str field;
	uint64_t n = 0;
	*line = str_cut(*line, ' ', &field);
	(void)str_to_u64(field, &n); /* the text was sealed by us: 0 says that it is older */
	return n;
}

static Digest take_digest(Str *line)
{
	Str field;
	Digest d = { 0 };
	*line = str_cut(*line, ' ', &field);
	err_free(digest_parse_hex(field, &d)); /* "-": none */
	return d;
}

static unsigned take_name(Str *line, const char *const *names, unsigned count)
{
	Str field;
	*line = str_cut(*line, ' ', &field);
	for (unsigned i = 0; i < count; i++)
		if (str_eqc(field, names[i]))
			return i;
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static void add_layer(Buf *out, const char *name, const StoreBuildLayer *l)
{
	buf_addf(out, "%s", name);
	add_digest(out, &l->diff_id);
	add_digest(out, &l->identity);
	add_number(out, l->size_bytes);
	buf_add_char(out, '\n');
}

static void add_cause(Buf *out, const StoreCause *c)
{
	buf_addf(out, "cause");
	add_text(out, c->code);
	add_number(out, c->step);
	add_text(out, c->subject);
	add_text(out, c->before);
	add_text(out, c->after);
	add_text(out, c->words);
	buf_add_char(out, '\n');
}

static void add_step(Buf *out, const StoreStep *s)
{
	buf_addf(out, "step %s %s %u %u %u %lld %lld", store_step_kind_names[s->kind],
	         store_step_status_names[s->status], s->parent, s->line, s->last_line,
	         (long long)s->started_ns, (long long)s->cost_ns);
	add_text(out, s->stage);
	add_text(out, s->platform);
	add_text(out, s->title);
	/* Most have no variables: then it is the end of the title. */
	bool at_end = s->text.len && str_ends(s->title, s->text);
	add_number(out, at_end ? s->title.len - s->text.len : 0);
	if (!at_end)
		add_text(out, s->text);
	buf_addf(out, "\nkeys");
	add_digest(out, &s->definition);
	add_digest(out, &s->key);
	add_digest(out, &s->content);
	add_digest(out, &s->root);
	buf_add_char(out, '\n');
	if (s->has_layer)
		add_layer(out, "layer", &s->layer);
	for (size_t i = 0; i < s->base_count; i++)
		add_layer(out, "base", &s->base[i]);
	for (size_t i = 0; i < s->need_count; i++)
		buf_addf(out, "need %u\n", s->needs[i]);
	if (s->source.len) {
		buf_addf(out, "source");
		add_text(out, s->source);
		add_digest(out, &s->digest);
		add_text(out, s->revision);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < s->cause_count; i++)
		add_cause(out, &s->causes[i]);
	if (s->same)
		buf_addf(out, "same\n");
	if (s->log_bytes)
		buf_addf(out, "log %llu\n", (unsigned long long)s->log_bytes);
	if (s->inputs.len) {
		buf_addf(out, "inputs");
		add_text(out, s->inputs);
		buf_add_char(out, '\n');
	}
}

static void add_line(Buf *out, const char *name, Str value)
{
	if (!value.len)
		return;
	buf_addf(out, "%s", name);
	add_text(out, value);
	buf_add_char(out, '\n');
}

void store_build_format(const StoreBuild *b, Buf *out)
{
	buf_addf(out, "decant-build 1\nbuild %.*s %s %lld %lld\n", STR_ARG(b->id),
	         store_build_state_names[b->state], (long long)b->started_ns,
	         (long long)b->duration_ns);
	for (size_t i = 0; i < b->command_count; i++) {
		buf_addf(out, "word"); /* may be empty */
		add_text(out, b->command[i]);
		buf_add_char(out, '\n');
	}
	buf_addf(out, "dockerfile");
	add_text(out, b->dockerfile);
	add_digest(out, &b->dockerfile_digest);
	add_text(out, b->dockerfile_text);
	buf_add_char(out, '\n');
	add_line(out, "context", b->context);
	add_line(out, "target", b->target);
	add_line(out, "platform", b->platform);
	for (size_t i = 0; i < b->tag_count; i++)
		add_line(out, "tag", b->tags[i]);
	for (size_t i = 0; i < b->image_count; i++) {
		buf_addf(out, "image");
		add_digest(out, &b->images[i].image_id);
		add_text(out, b->images[i].target);
		add_text(out, b->images[i].platform);
		buf_add_char(out, '\n');
	}
	add_line(out, "error", b->error);
	for (size_t i = 0; i < b->step_count; i++)
		add_step(out, &b->steps[i]);
}

/* --- reading --------------------------------------------------------------------------------- */

typedef struct Parse {
	Arena *arena;
	StoreBuild *build;
	VEC(Str) command;
	VEC(Str) tags;
	VEC(StoreBuildImage) images;
	VEC(StoreStep) steps;
	/* of the step that is being read */
	VEC(StoreBuildLayer) base;
	VEC(uint32_t) needs;
	VEC(StoreCause) causes;
} Parse;

/* The vector's elements in the arena; the vector is empty again. */
#define TAKE_VEC(p, vec, ret, ret_len)                                              \
	do {                                                                        \
		(ret_len) = (vec).len;                                              \
		(ret) = arena_alloc((p)->arena, ((vec).len + 1) * sizeof *(vec).at, \
		                    _Alignof(max_align_t));                         \
		if ((vec).len)                                                      \
			memcpy((ret), (vec).at, (vec).len * sizeof *(vec).at);      \
		(vec).len = 0;                                                      \
	} while (0)

static void end_step(Parse *p)
{
	if (!p->steps.len)
		return;
	StoreStep *s = &p->steps.at[p->steps.len - 1];
	TAKE_VEC(p, p->base, s->base, s->base_count);
	TAKE_VEC(p, p->needs, s->needs, s->need_count);
	TAKE_VEC(p, p->causes, s->causes, s->cause_count);
}

static void read_build(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	StoreBuild *b = p->build;
	b->id = take_text(&line, p->arena);
	b->state = take_name(&line, store_build_state_names, STORE_BUILD_STATE_COUNT);
	b->started_ns = (int64_t)take_number(&line);
	b->duration_ns = (int64_t)take_number(&line);
}

static void read_word(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	VEC_PUSH(&p->command, take_text(&line, p->arena));
}

static void read_dockerfile(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	p->build->dockerfile = take_text(&line, p->arena);
	p->build->dockerfile_digest = take_digest(&line);
	p->build->dockerfile_text = take_text(&line, p->arena);
}

static void read_context(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	p->build->context = take_text(&line, p->arena);
}

static void read_target(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	p->build->target = take_text(&line, p->arena);
}

static void read_platform(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	p->build->platform = take_text(&line, p->arena);
}

static void read_error(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	p->build->error = take_text(&line, p->arena);
}

static void read_tag(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	VEC_PUSH(&p->tags, take_text(&line, p->arena));
}

static void read_image(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	StoreBuildImage image = { .image_id = take_digest(&line) };
	image.target = take_text(&line, p->arena);
	image.platform = take_text(&line, p->arena);
	VEC_PUSH(&p->images, image);
}

static void read_step(Parse *p, StoreStep *before, Str line)
{
	(void)before;
	end_step(p);
	StoreStep s = { .kind = take_name(&line, store_step_kind_names, STORE_STEP_KIND_COUNT) };
	s.status = take_name(&line, store_step_status_names, STORE_STEP_STATUS_COUNT);
	s.parent = (uint32_t)take_number(&line);
	s.line = (unsigned)take_number(&line);
	s.last_line = (unsigned)take_number(&line);
	s.started_ns = (int64_t)take_number(&line);
	s.cost_ns = (int64_t)take_number(&line);
	s.stage = take_text(&line, p->arena);
	s.platform = take_text(&line, p->arena);
	s.title = take_text(&line, p->arena);
	uint64_t at = take_number(&line);
	s.text = at ? str_from_at(s.title, at) : take_text(&line, p->arena);
	VEC_PUSH(&p->steps, s);
}

static void read_keys(Parse *p, StoreStep *s, Str line)
{
	(void)p;
	s->definition = take_digest(&line);
	s->key = take_digest(&line);
	s->content = take_digest(&line);
	s->root = take_digest(&line);
}

static StoreBuildLayer take_layer(Str *line)
{
	StoreBuildLayer l = { .diff_id = take_digest(line) };
	l.identity = take_digest(line);
	l.size_bytes = take_number(line);
	return l;
}

static void read_layer(Parse *p, StoreStep *s, Str line)
{
	(void)p;
	s->layer = take_layer(&line);
	s->has_layer = true;
}

static void read_base(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	VEC_PUSH(&p->base, take_layer(&line));
}

static void read_need(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	VEC_PUSH(&p->needs, (uint32_t)take_number(&line));
}

static void read_source(Parse *p, StoreStep *s, Str line)
{
	s->source = take_text(&line, p->arena);
	s->digest = take_digest(&line);
	s->revision = take_text(&line, p->arena);
}

static void read_cause(Parse *p, StoreStep *s, Str line)
{
	(void)s;
	StoreCause c = { .code = take_text(&line, p->arena) };
	c.step = (uint32_t)take_number(&line);
	c.subject = take_text(&line, p->arena);
	c.before = take_text(&line, p->arena);
	c.after = take_text(&line, p->arena);
	c.words = take_text(&line, p->arena);
	VEC_PUSH(&p->causes, c);
}

static void read_same(Parse *p, StoreStep *s, Str line)
{
	(void)p;
	(void)line;
	s->same = true;
}

static void read_log(Parse *p, StoreStep *s, Str line)
{
	(void)p;
	s->log_bytes = take_number(&line);
}

static void read_inputs(Parse *p, StoreStep *s, Str line)
{
	s->inputs = take_text(&line, p->arena);
}

typedef struct LineKind {
	const char *name;
	bool of_step;
	void (*read)(Parse *p, StoreStep *s, Str fields);
} LineKind;

static const LineKind line_kinds[] = {
	{ "build", false, read_build },
	{ "word", false, read_word },
	{ "dockerfile", false, read_dockerfile },
	{ "context", false, read_context },
	{ "target", false, read_target },
	{ "platform", false, read_platform },
	{ "tag", false, read_tag },
	{ "image", false, read_image },
	{ "error", false, read_error },
	{ "step", false, read_step },
	{ "keys", true, read_keys },
	{ "layer", true, read_layer },
	{ "base", true, read_base },
	{ "need", true, read_need },
	{ "source", true, read_source },
	{ "cause", true, read_cause },
	{ "same", true, read_same },
	{ "log", true, read_log },
	{ "inputs", true, read_inputs },
};

static void read_line(Parse *p, Str line)
{
	Str name, fields = str_cut(line, ' ', &name);
	StoreStep *step = p->steps.len ? &p->steps.at[p->steps.len - 1] : NULL;
	for (size_t i = 0; i < ARRAY_LEN(line_kinds); i++)
		if (str_eqc(name, line_kinds[i].name) && (step || !line_kinds[i].of_step)) {
			line_kinds[i].read(p, step, fields);
			return;
		}
}

/* Numbers of other steps that lead nowhere: a step comes after what it needs. */
static bool check_steps(const StoreBuild *b)
{
	for (uint32_t i = 0; i < b->step_count; i++) {
		const StoreStep *s = &b->steps[i];
		if (s->parent != STORE_STEP_NONE && s->parent >= i)
			return false;
		for (size_t k = 0; k < s->need_count; k++)
			if (s->needs[k] >= i)
				return false;
		for (size_t k = 0; k < s->cause_count; k++)
			if (s->causes[k].step != STORE_STEP_NONE &&
			    s->causes[k].step >= b->step_count)
				return false;
	}
	return true;
}

bool store_build_parse(Str text, Arena *a, StoreBuild *ret)
{
	Parse p = { .arena = a, .build = ret };
	Str line;
	*ret = (StoreBuild){ 0 };
	text = str_cut(text, '\n', &line);
	if (!str_eq(line, STR("decant-build 1")))
		return false;
	while (text.len) {
		text = str_cut(text, '\n', &line);
		read_line(&p, line);
	}
	end_step(&p);
	TAKE_VEC(&p, p.command, ret->command, ret->command_count);
	TAKE_VEC(&p, p.tags, ret->tags, ret->tag_count);
	TAKE_VEC(&p, p.images, ret->images, ret->image_count);
	TAKE_VEC(&p, p.steps, ret->steps, ret->step_count);
	VEC_DONE(&p.command);
	VEC_DONE(&p.tags);
	VEC_DONE(&p.images);
	VEC_DONE(&p.steps);
	VEC_DONE(&p.base);
	VEC_DONE(&p.needs);
	VEC_DONE(&p.causes);
	return ret->id.len == STORE_BUILD_ID_LEN && check_steps(ret);
}
