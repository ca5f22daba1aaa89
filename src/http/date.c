/* date.c - HTTP dates, in the three ways that servers write them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "http/client.h"

#include <time.h>

bool http_parse_date(Str text, int64_t *ret_s)
{
	/* RFC 9110 5.6.7: what is to be written today, RFC 850's, and asctime()'s */
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
		                             "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y" };
	char date[64];
	if (!text.len || text.len >= sizeof date)
		return false;
	memcpy(date, text.ptr, text.len);
	date[text.len] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(date, forms[i], &tm);
		if (!end || *end)
			continue;
		*ret_s = timegm(&tm);
		return true;
	}
	return false;
}
