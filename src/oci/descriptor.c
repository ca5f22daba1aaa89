/* descriptor.c - the texts of a descriptor: media types, addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/descriptor-internal.h"

enum { TYPE_NAME_BYTES_MAX = 127 };

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* restricted-name of RFC 6838 */
static bool is_type_name(Str name)
{
	if (name.len == 0 || name.len > TYPE_NAME_BYTES_MAX || !is_alphanumeric(name.ptr[0]))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!is_alphanumeric(name.ptr[i]) && !memchr("!#$&^_.+-", name.ptr[i], 9))
			return false;
	return true;
}

Err *descriptor_check_type(Str type, const char *where, const char *key)
{
	Str first;
	Str second = str_cut(type, '/', &first);
	if (is_type_name(first) && is_type_name(second))
		return NULL;
	return err_new(ERR_CORRUPT, "%s.%s: '%.*s' is no media type", where, key,
	               STR_ARG(str_head(type, 300)));
}

/* "scheme:rest" */
static bool is_address(Str text)
{
	Str scheme;
	Str rest = str_cut(text, ':', &scheme);
	bool good = scheme.len && rest.len && !memchr("0123456789+-.", scheme.ptr[0], 13);
	for (size_t i = 0; i < scheme.len; i++)
		good = good &&
		       (is_alphanumeric(scheme.ptr[i]) || memchr("+-.", scheme.ptr[i], 3) != NULL);
	return good;
}

Err *descriptor_check_urls(const JsonValue *object, const char *where)
{
	const JsonValue *urls = json_member(object, "urls");
	if (json_value_is_null(urls))
		return NULL;
	if (!json_value_is_array(urls))
		return err_new(ERR_CORRUPT, "%s.urls: expected an array of addresses", where);
	for (size_t i = 0; i < json_length(urls); i++)
		if (!is_address(json_value_string(json_at(urls, i))))
			return err_new(ERR_CORRUPT, "%s.urls[%zu]: expected an address", where, i);
	return NULL;
}
