/* plan_health.c - HEALTHCHECK, with Go's durations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <strings.h>

#define SECOND_NS      1000000000ll
#define MILLISECOND_NS 1000000ll

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },       { "us", 1000 },     { "\xc2\xb5s", 1000 },   { "\xce\xbcs", 1000 },
	{ "ms", 1000000 }, { "s", SECOND_NS }, { "m", 60 * SECOND_NS }, { "h", 3600 * SECOND_NS },
};

static size_t digits(Str s, size_t at)
{
	size_t n = 0;
	while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
		n++;
	return n;
}

/* The longest unit at the start of S: "ms" before "m". */
static int64_t unit_of(Str s, size_t *ret_len)
{
	int64_t ns = 0;
	*ret_len = 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		Str name = str_from(units[i].name);
		if (str_starts(s, name) && name.len > *ret_len) {
			*ret_len = name.len;
			ns = units[i].ns;
		}
	}
	return ns;
}

/* Go's time.ParseDuration for what is not negative: "1h30m", "1.5s", "0". */
static bool parse_duration(Str s, int64_t *ret)
{
	*ret = 0;
	if (str_eqc(s, "0"))
		return true;
	if (!s.len)
		return false;
	for (size_t at = 0; at < s.len;) {
		size_t whole = digits(s, at), fraction = 0, unit_len;
		uint64_t n = 0;
		if (whole && (whole > 18 || !str_to_u64((Str){ s.ptr + at, whole }, &n)))
			return false;
		at += whole;
		size_t point = at;
		if (at < s.len && s.ptr[at] == '.') {
			fraction = digits(s, at + 1);
			at += 1 + fraction;
		}
		if (!whole && !fraction)
			return false;
		int64_t unit = unit_of(str_from_at(s, at), &unit_len), part;
		if (!unit || __builtin_mul_overflow((int64_t)n, unit, &part) ||
		    __builtin_add_overflow(*ret, part, ret))
			return false;
		int64_t digit_ns = unit;
		for (size_t i = 0; i < fraction; i++) {
			digit_ns /= 10;
			if (__builtin_add_overflow(*ret, digit_ns * (s.ptr[point + 1 + i] - '0'),
			                           ret))
				return false;
		}
		at += unit_len;
	}
	return true;
}

/* Go's Duration.String(): "5m0s", "1.5s", "100ms", "0s". */
static void put_duration(Buf *out, int64_t ns)
{
	if (ns == 0) {
		buf_addf(out, "0s");
		return;
	}
	int64_t unit = ns < SECOND_NS ? MILLISECOND_NS : SECOND_NS; /* under 1 ms was refused */
	if (ns >= 3600 * SECOND_NS)
		buf_addf(out, "%lldh", (long long)(ns / (3600 * SECOND_NS)));
	if (ns >= 60 * SECOND_NS)
		buf_addf(out, "%lldm", (long long)(ns / (60 * SECOND_NS) % 60));
	int64_t rest = ns % (60 * SECOND_NS);
	buf_addf(out, "%lld", (long long)(rest / unit));
	int64_t fraction = rest % unit;
	if (fraction) {
		char text[24];
		int len = snprintf(text, sizeof text, "%0*lld", unit == SECOND_NS ? 9 : 6,
		                   (long long)fraction);
		while (text[len - 1] == '0')
			len--;
		buf_addf(out, ".%.*s", len, text);
	}
	buf_addf(out, unit == SECOND_NS ? "s" : "ms");
}

static Err *take_duration(const Node *node, FlagId id, int64_t *ret)
{
	const NodeFlag *flag = node_flag(node, id);
	*ret = 0;
	if (!flag || !flag->value.text.len)
		return NULL;
	if (!parse_duration(flag->value.text, ret))
		return err_note(err_at(flag->value.span, "invalid duration '%.*s'",
		                       STR_ARG(flag->value.text)),
		                "write it as in 30s, 1m30s, 500ms");
	if (*ret && *ret < MILLISECOND_NS)
		return err_at(flag->value.span, "--%s cannot be less than 1ms",
		              flag_table[id].name);
	return NULL;
}

static Err *take_retries(const Node *node, int64_t *ret)
{
	const NodeFlag *flag = node_flag(node, FLAG_ID_HEALTH_RETRIES);
	uint64_t n = 0;
	if (flag && flag->value.text.len && (!str_to_u64(flag->value.text, &n) || n > INT32_MAX))
		return err_at(flag->value.span, "--retries must be a number from 0 on, not '%.*s'",
		              STR_ARG(flag->value.text));
	*ret = (int64_t)n;
	return NULL;
}

static void put_history(Buf *out, const Health *h)
{
	const struct {
		const char *name;
		int64_t ns;
	} times[] = {
		{ " Interval:", h->interval_ns },
		{ " Timeout:", h->timeout_ns },
		{ " StartPeriod:", h->start_period_ns },
		{ " StartInterval:", h->start_interval_ns },
	};
	buf_addf(out, "HEALTHCHECK {Test:");
	plan_put_list(out, &h->test);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		buf_addf(out, "%s", times[i].name);
		put_duration(out, times[i].ns);
	}
	buf_addf(out, " Retries:%lld}", (long long)h->retries);
}

Err *plan_HEALTHCHECK(Planner *p, StageWork *s, const Node *node)
{
	AUTO_BUF Buf text = BUF_INIT;
	Health h = { 0 };
	Str type = node->words[0].text;
	if (type.len == 4 && strncasecmp(type.ptr, "none", 4) == 0) {
		strs_push(p->arena, &h.test, STR("NONE"));
	} else {
		strs_push(p->arena, &h.test, node->json ? STR("CMD") : STR("CMD-SHELL"));
		for (size_t i = 1; i < node->word_count; i++)
			strs_push(p->arena, &h.test, node->words[i].text);
		TRY(take_duration(node, FLAG_ID_HEALTH_INTERVAL, &h.interval_ns));
		TRY(take_duration(node, FLAG_ID_HEALTH_TIMEOUT, &h.timeout_ns));
		TRY(take_duration(node, FLAG_ID_HEALTH_PERIOD, &h.start_period_ns));
		TRY(take_duration(node, FLAG_ID_HEALTH_START_INTERVAL, &h.start_interval_ns));
		TRY(take_retries(node, &h.retries));
	}
	image_config_set_health(p->arena, &s->out->config, &h);
	put_history(&text, &h);
	plan_add_empty_history(p, s, &text);
	return NULL;
}
