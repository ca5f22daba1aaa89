/* plan_health.c - HEALTHCHECK: the check and its history, with Go's durations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <strings.h>

#define SECOND_NS      1000000000ll
#define MILLISECOND_NS 1000000ll

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
		TRY(dockerfile_health_duration(node, FLAG_ID_HEALTH_INTERVAL, &h.interval_ns));
		TRY(dockerfile_health_duration(node, FLAG_ID_HEALTH_TIMEOUT, &h.timeout_ns));
		TRY(dockerfile_health_duration(node, FLAG_ID_HEALTH_PERIOD, &h.start_period_ns));
		TRY(dockerfile_health_duration(node, FLAG_ID_HEALTH_START_INTERVAL,
		                               &h.start_interval_ns));
		TRY(dockerfile_health_retries(node, FLAG_ID_HEALTH_RETRIES, &h.retries));
	}
	image_config_set_health(p->arena, &s->out->config, &h);
	put_history(&text, &h);
	plan_add_empty_history(p, s, &text);
	return NULL;
}
