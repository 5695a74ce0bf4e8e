/* SPDX-License-Identifier: Apache-2.0 */
/* Redirects followed. */
#include "chaos/load/redirect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"

enum { LOCATION_MAX = 2048 };

void redirect_done(struct redirect *r)
{
	buf_done(&r->bytes);
	buf_done(&r->next);
}

void redirect_begin(struct redirect *r, const struct request *request,
		    const char *bytes, size_t len)
{
	r->request = *request;
	r->hops = 0;
	buf_reset(&r->bytes);
	buf_add(&r->bytes, bytes, len);
}

bool redirect_is(const struct answer *a)
{
	size_t len;

	return (a->status == 301 || a->status == 302 || a->status == 303 ||
		a->status == 307 || a->status == 308) &&
	       answer_header(a, "Location", 0, &len);
}

/* Where a request line's method and target end; false: there is none. */
static bool line_split(const struct buf *b, size_t *ret_method,
		       size_t *ret_target)
{
	const char *space = memchr(b->data, ' ', b->len), *end;

	if (!space)
		return false;
	*ret_method = (size_t)(space - b->data);
	end = memchr(space + 1, ' ', b->len - *ret_method - 1);
	*ret_target = end ? (size_t)(end - b->data) : 0;
	return end != NULL;
}

static bool plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

/* A reference that is no URL of its own (RFC 3986, 5.2), against old's path. */
static void path_merge(const char *ref, const char *old, size_t old_len,
		       struct buf *out)
{
	size_t keep = 0;

	if (ref[0] == '?') {
		while (keep < old_len && old[keep] != '?')
			keep++;
	} else if (ref[0] != '/') {
		for (size_t i = 0; i < old_len && old[i] != '?'; i++)
			if (old[i] == '/')
				keep = i + 1;
	}
	buf_add(out, old, keep);
	buf_add(out, ref, strcspn(ref, "#"));
}

/* The new target and path. False: it leads nowhere that we know. */
static bool locate(const char *location, struct redirect *r,
		   struct endpoints *where, struct buf *path)
{
	char text[LOCATION_MAX + 8];
	size_t method, end, target;
	struct http1_url url;

	if (!plain(location) || !line_split(&r->bytes, &method, &end))
		return false;
	if (strncmp(location, "//", 2) != 0 && !strstr(location, "://")) {
		path_merge(location, r->bytes.data + method + 1,
			   end - method - 1, path);
		return path->len > 0 && path->data[0] == '/';
	}
	snprintf(text, sizeof(text), "%s%s", location[0] == '/' ? "http:" : "",
		 location);
	if (http1_url_parse(text, &url, NULL) < 0 || url.port == 0)
		return false;
	target = endpoints_find(where, &url);
	if (target == SIZE_MAX)
		return false;
	r->request.target = target;
	r->request.engine = where->v[target].engine;
	buf_adds(path, url.path);
	return true;
}

static bool line_is(const char *line, const char *name)
{
	return strncasecmp(line, name, strlen(name)) == 0;
}

/* Header lines of the old request that the next one has too. */
static void headers_copy(struct redirect *r, bool with_body, bool elsewhere,
			 const char *host)
{
	const char *p = memchr(r->bytes.data, '\n', r->bytes.len);
	const char *end = r->bytes.data + r->bytes.len, *eol;

	for (p = p ? p + 1 : end; p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		if (!eol || eol - p <= 1)
			break;
		if (line_is(p, "Host:") && elsewhere) {
			buf_addf(&r->next, "Host: %s\r\n", host);
			continue;
		}
		if (elsewhere && (line_is(p, "Authorization:") ||
				  line_is(p, "Cookie:")))
			continue;
		if (!with_body && (line_is(p, "Content-Length:") ||
				   line_is(p, "Content-Type:")))
			continue;
		buf_add(&r->next, p, (size_t)(eol - p) + 1);
	}
	buf_add(&r->next, "\r\n", 2);
}

bool redirect_next(struct redirect *r, const struct answer *a,
		   struct endpoints *where)
{
	size_t old = r->request.target, len = 0, method, end;
	const char *location = answer_header(a, "Location", 0, &len), *body;
	bool get = a->status <= 303 &&
		   (a->status == 303 || line_is(r->bytes.data, "POST "));
	struct buf path, swap;
	bool ok;

	if (!location || len > LOCATION_MAX)
		return false;
	buf_init(&path, 0);
	AUTO_FREE char *text = mem_strndup(location, len);
	ok = locate(text, r, where, &path) &&
	     line_split(&r->bytes, &method, &end);
	if (ok) {
		get = get && !r->request.head;
		buf_reset(&r->next);
		buf_add(&r->next, get ? "GET" : r->bytes.data,
			get ? 3 : method);
		buf_addf(&r->next, " %s HTTP/1.1\r\n", path.data);
		headers_copy(r, !get, old != r->request.target,
			     where->v[r->request.target].host);
		body = memmem(r->bytes.data, r->bytes.len, "\r\n\r\n", 4);
		if (!get && body)
			buf_add(&r->next, body + 4,
				r->bytes.len -
					(size_t)(body + 4 - r->bytes.data));
		swap = r->bytes;
		r->bytes = r->next;
		r->next = swap;
		r->hops++;
	}
	buf_done(&path);
	return ok;
}
