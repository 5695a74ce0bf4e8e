/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups by path in jansson's trees, and event lines written in order.  The
 * same values give the same bytes on every run.
 */
#include "chaos/base/json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One step down: a member by its name, an element by its number. */
static json_t *child(const json_t *at, const char *name, size_t len)
{
	char text[256];
	char *end;
	unsigned long index;

	if (len >= sizeof(text))
		return NULL;
	memcpy(text, name, len);
	text[len] = '\0';
	if (json_is_object(at))
		return json_object_get(at, text);
	if (!json_is_array(at) || !isdigit((unsigned char)text[0]))
		return NULL;
	index = strtoul(text, &end, 10);
	return *end ? NULL : json_array_get(at, index);
}

json_t *json_at(const json_t *root, const char *path)
{
	json_t *at = (json_t *)(uintptr_t)root;
	size_t len;

	while (at && *path) {
		len = strcspn(path, "/");
		at = child(at, path, len);
		path += len;
		if (*path)
			path++;
	}
	return at;
}

const char *json_str(const json_t *root, const char *path, const char *def)
{
	const char *value = json_string_value(json_at(root, path));

	return value ? value : def;
}

double json_num(const json_t *root, const char *path, double def)
{
	const json_t *at = json_at(root, path);

	return json_is_number(at) ? json_number_value(at) : def;
}

int64_t json_int64(const json_t *root, const char *path, int64_t def)
{
	const json_t *at = json_at(root, path);
	double value;

	if (json_is_integer(at))
		return json_integer_value(at);
	if (!json_is_real(at))
		return def;
	value = json_real_value(at);
	/* 2^63 is a double, and the first that does not fit */
	if (!(value >= -0x1p63 && value < 0x1p63))
		return def;
	return (int64_t)value;
}

bool json_flag(const json_t *root, const char *path, bool def)
{
	const json_t *at = json_at(root, path);

	return json_is_boolean(at) ? json_is_true(at) : def;
}

int json_parse(const char *text, size_t len, json_t **ret, struct err *err)
{
	json_error_t error;
	json_t *root = json_loadb(text, len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
				  &error);

	if (!root)
		return err_set(err, -EINVAL, "json, line %d, column %d: %s",
			       error.line, error.column, error.text);
	*ret = root;
	return 0;
}

/* Length of the UTF-8 character at s, which is terminated; 0: none such. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* over-long forms, surrogates, beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static void add_escaped(struct buf *b, unsigned char c)
{
	static const char shorts[][2] = {
		{ '"', '"' }, { '\\', '\\' }, { '\n', 'n' },
		{ '\r', 'r' }, { '\t', 't' },
	};

	for (size_t i = 0; i < sizeof(shorts) / sizeof(*shorts); i++) {
		if (shorts[i][0] == (char)c) {
			buf_addf(b, "\\%c", shorts[i][1]);
			return;
		}
	}
	buf_addf(b, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_string(struct buf *b, const char *value)
{
	const unsigned char *s = (const unsigned char *)value, *from;
	size_t len;

	buf_adds(b, "\"");
	while (*s) {
		for (from = s; is_plain(*s);)
			s++;
		buf_add(b, from, (size_t)(s - from));
		if (!*s)
			break;
		len = utf8_len(s);
		if (len > 1)
			buf_add(b, s, len);
		else if (len == 1)
			add_escaped(b, *s);
		else
			buf_adds(b, "\xef\xbf\xbd");
		s += len ? len : 1;
	}
	buf_adds(b, "\"");
}

static void add_key(struct buf *b, const char *key)
{
	if (b->len && b->data[b->len - 1] != '{')
		buf_adds(b, ",");
	add_string(b, key);
	buf_adds(b, ":");
}

void json_line_begin(struct buf *b)
{
	buf_adds(b, "{");
}

void json_line_end(struct buf *b)
{
	buf_adds(b, "}\n");
}

void json_line_str(struct buf *b, const char *key, const char *value)
{
	add_key(b, key);
	if (value)
		add_string(b, value);
	else
		buf_adds(b, "null");
}

void json_line_int(struct buf *b, const char *key, int64_t value)
{
	add_key(b, key);
	buf_addf(b, "%" PRId64, value);
}

/* The shortest text that reads back as the same double. */
void json_line_num(struct buf *b, const char *key, double value)
{
	char text[40];

	add_key(b, key);
	if (!isfinite(value)) {
		buf_adds(b, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_adds(b, text);
}

void json_line_bool(struct buf *b, const char *key, bool value)
{
	add_key(b, key);
	buf_adds(b, value ? "true" : "false");
}

void json_line_time(struct buf *b, const char *key, nsec_t value)
{
	uint64_t us;

	add_key(b, key);
	if (value == NSEC_NEVER) {
		buf_adds(b, "null");
		return;
	}
	us = (value < 0 ? -(uint64_t)value : (uint64_t)value) / NSEC_US;
	buf_addf(b, "%s%" PRIu64 ".%06" PRIu64, value < 0 && us ? "-" : "",
		 us / 1000000, us % 1000000);
}

void json_line_open(struct buf *b, const char *key)
{
	add_key(b, key);
	buf_adds(b, "{");
}

void json_line_close(struct buf *b)
{
	buf_adds(b, "}");
}

void json_line_raw(struct buf *b, const char *key, const char *json)
{
	add_key(b, key);
	buf_adds(b, json);
}
