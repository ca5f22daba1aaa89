/*
 * record.c - cache records: what a key gave, what it cost, and why it is what it is.
 *
 * A record is believed only if its layer is here: a layer that was removed, or lost bytes in a
 * power cut (layer_check), makes the record a miss.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"

bool record_field(Str text, const char *name, Str *ret)
{
	size_t n = strlen(name);
	while (text.len) {
		Str line;
		text = str_cut(text, '\n', &line);
		if (line.len == 0)
			return false; /* the preimage follows */
		if (line.len > n && memcmp(line.ptr, name, n) == 0 && line.ptr[n] == ' ') {
			*ret = str_from_at(line, n + 1);
			return true;
		}
	}
	return false;
}

static bool parse(Str text, StepResult *ret)
{
	Str value;
	uint64_t n;
	Err *e = NULL;
	bool ok = record_field(text, "layer", &value) &&
	          !(e = digest_parse(value, &ret->diff_id)) &&
	          record_field(text, "identity", &value) &&
	          !(e = digest_parse(value, &ret->identity));
	err_free(e); /* a record that cannot be read is a miss */
	if (!ok || !record_field(text, "created", &value) || !str_to_u64(value, &n))
		return false;
	ret->created_ns = (int64_t)n;
	if (record_field(text, "cost", &value) && str_to_u64(value, &n))
		ret->cost_ns = (int64_t)n;
	if (record_field(text, "content", &value))
		err_free(digest_parse_hex(value, &ret->content)); /* a lack of it is no harm */
	if (!record_field(text, "from", &ret->from))
		ret->from = STR("");
	return true;
}

/* What came from a cache elsewhere is believed by builds that name that cache, and by no others:
 * what gets into the store for one may not decide another. */
static bool is_believed(const Build *b, const StepResult *r)
{
	const BuildRequest *q = b->request;
	if (q->cache_ttl_ns && r->created_ns < b->now_ns - q->cache_ttl_ns)
		return false;
	return !r->from.len || (q->cached && cache_sources_called(q->cached, r->from).len);
}

Err *record_find(Build *b, const Digest *key, StepResult *ret, bool *ret_found)
{
	AUTO_BUF Buf text = BUF_INIT;
	StoreLayer layer;
	StepResult r = { 0 };
	*ret_found = false;
	Err *e = store_record_get(b->store, key, &text);
	if (!e && parse(buf_str(&text), &r) && is_believed(b, &r)) {
		e = state_check_layer(b, &r.diff_id, &layer);
		if (!e) {
			*ret = state_result_of_layer(&layer, r.created_ns, r.cost_ns);
			ret->identity = r.identity;
			ret->content = r.content;
			if (r.from.len)
				ret->from = cache_sources_called(b->request->cached, r.from);
			*ret_found = true;
			store_record_touch(b->store, key);
			return NULL;
		}
	}
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* no record, or its layer is gone or damaged: the step runs */
	return NULL;
}

bool record_cost(Build *b, const Digest *key, int64_t *ret_ns)
{
	AUTO_BUF Buf text = BUF_INIT;
	StepResult r = { 0 };
	AUTO_ERR Err *e = store_record_get(b->store, key, &text);
	if (e || !parse(buf_str(&text), &r) || r.cost_ns <= 0)
		return false;
	*ret_ns = r.cost_ns;
	return true;
}

Err *record_keep(Build *b, const Digest *key, const StepResult *r, Str preimage)
{
	if (b->request->no_records)
		return NULL;
	AUTO_BUF Buf text = BUF_INIT;
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(&text, "layer %s\n", digest_text(&r->diff_id, hex).ptr);
	buf_addf(&text, "identity %s\n", digest_text(&r->identity, hex).ptr);
	buf_addf(&text, "created %lld\ncost %lld\n", (long long)r->created_ns,
	         (long long)r->cost_ns);
	/* without "sha256:": a key is no blob, and gc keeps what looks like one */
	if (!digest_is_zero(&r->content))
		buf_addf(&text, "content %s\n", digest_hex(&r->content, hex).ptr);
	if (r->from.len)
		buf_addf(&text, "from %.*s\n", STR_ARG(r->from));
	buf_add_char(&text, '\n');
	buf_add_str(&text, preimage);
	return store_record_put(b->store, key, buf_str(&text));
}

Err *record_preimage(Build *b, const Digest *key, Buf *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(store_record_get(b->store, key, &text));
	Str rest = buf_str(&text), line;
	do
		rest = str_cut(rest, '\n', &line);
	while (line.len);
	buf_add_str(ret, rest);
	return NULL;
}
