/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a request to libcurl's options. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/mem.h"
#include "chaos/load/curl.h"

enum { METHOD_MAX = 32, TARGET_MAX = 8192, HEADER_MAX = 16384 };

/* What libcurl would add of its own, unless the request has it. */
static const char *const added[] = { "Accept", "Content-Type", "Expect" };
enum { ADDED = sizeof(added) / sizeof(added[0]) };

struct line {
	const char *from, *to;	/* without CRLF */
};

/* False: no whole line is left. */
static bool line_next(const char **at, const char *end, struct line *ret)
{
	const char *eol = memmem(*at, (size_t)(end - *at), "\r\n", 2);

	if (!eol)
		return false;
	*ret = (struct line){ *at, eol };
	*at = eol + 2;
	return true;
}

static bool name_is(const struct line *l, const char *colon, const char *name)
{
	size_t len = strlen(name);

	return (size_t)(colon - l->from) == len &&
	       strncasecmp(l->from, name, len) == 0;
}

static bool cut(char *dst, size_t size, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);

	if (from > to || len >= size)
		return false;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return true;
}

static void header_push(struct curl_request *q, const char *text)
{
	struct curl_slist *list = curl_slist_append(q->headers, text);

	if (list)
		q->headers = list;
}

/* "Name: value"; one without a value is "Name;" in libcurl's spelling. */
static bool header_add(struct curl_request *q, const struct line *l,
		       const char *colon)
{
	char text[HEADER_MAX];
	const char *value = colon + 1;

	if (!cut(text, sizeof(text), l->from, l->to))
		return false;
	while (value < l->to && (*value == ' ' || *value == '\t'))
		value++;
	if (value == l->to) {
		text[colon - l->from] = ';';
		text[colon - l->from + 1] = '\0';
	}
	header_push(q, text);
	return true;
}

/* Up to the empty line; *at is then the body. */
static bool headers_read(struct curl_request *q, const char **at,
			 const char *end)
{
	bool has[ADDED] = { false };
	struct line l;

	while (line_next(at, end, &l)) {
		const char *colon = memchr(l.from, ':',
					   (size_t)(l.to - l.from));

		if (l.from == l.to) {
			for (size_t i = 0; i < ADDED; i++) {
				char text[32];

				snprintf(text, sizeof(text), "%s:", added[i]);
				if (!has[i])
					header_push(q, text);
			}
			return true;
		}
		if (!colon)
			return false;
		for (size_t i = 0; i < ADDED; i++)
			has[i] |= name_is(&l, colon, added[i]);
		/* libcurl counts the body itself. */
		if (!name_is(&l, colon, "Content-Length") &&
		    !header_add(q, &l, colon))
			return false;
	}
	return false;
}

static bool length_was_sent(const char *bytes, const char *body)
{
	static const char name[] = "\r\nContent-Length:";

	return memmem(bytes, (size_t)(body - bytes), name, strlen(name));
}

static void method_set(CURL *easy, const char *method, bool has_body)
{
	bool plain = strcmp(method, has_body ? "POST" : "GET") == 0;

	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);	/* undoes the last */
	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		plain = true;
	} else if (has_body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, plain ? NULL : method);
}

static void body_set(struct curl_request *q, CURL *easy, const char *body,
		     size_t len, bool fixed)
{
	if (!fixed) {
		buf_reset(&q->body);
		buf_add(&q->body, body, len);
		body = q->body.data ? q->body.data : "";
	}
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
}

bool curl_request_set(struct curl_request *q, CURL *easy, const char *bytes,
		      size_t len, bool fixed)
{
	const char *at = bytes, *end = bytes + len, *path, *version;
	char method[METHOD_MAX], target[TARGET_MAX];
	struct line start;
	bool has_body;

	if (fixed && q->bytes == bytes)
		return true;
	q->bytes = NULL;
	curl_slist_free_all(q->headers);
	q->headers = NULL;
	if (!line_next(&at, end, &start))
		return false;
	path = memchr(start.from, ' ', (size_t)(start.to - start.from));
	version = memrchr(start.from, ' ', (size_t)(start.to - start.from));
	if (!path || !cut(method, sizeof(method), start.from, path) ||
	    !cut(target, sizeof(target), path + 1, version) ||
	    !headers_read(q, &at, end))
		return false;
	has_body = at < end || length_was_sent(bytes, at);
	q->body_len = (size_t)(end - at);
	if (has_body)
		body_set(q, easy, at, (size_t)(end - at), fixed);
	method_set(easy, method, has_body);
	curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, q->headers);
	if (fixed)
		q->bytes = bytes;
	return true;
}

void curl_request_done(struct curl_request *q)
{
	curl_slist_free_all(q->headers);
	buf_done(&q->body);
	*q = (struct curl_request){ 0 };
}
