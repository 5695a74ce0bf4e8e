/* SPDX-License-Identifier: Apache-2.0 */
/* URLs as scenarios write them: http, https and Unix sockets. */
#include "chaos/base/http1.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/units.h"

static int fail(struct err *err, const char *text, const char *why)
{
	return err_set(err, -EINVAL, "url '%.200s': %s", text, why);
}

static int copy(char *dst, size_t size, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(dst, from, len);
	dst[len] = '\0';
	return 0;
}

/* "/path?query", "?query" or nothing, without the fragment. */
static int copy_path(struct http1_url *url, const char *from)
{
	const char *to = from + strcspn(from, "#");
	int slash = *from != '/';

	url->path[0] = '/';
	return copy(url->path + slash, sizeof(url->path) - (size_t)slash, from,
		    to);
}

static int parse_unix(const char *text, struct http1_url *url, struct err *err)
{
	const char *socket = text + strlen("unix:"), *end;

	if (*socket != '/')
		return fail(err, text, "the socket's path is not absolute");
	end = strstr(socket, ":/");
	if (!end)
		end = socket + strlen(socket);
	if (copy(url->host, sizeof(url->host), socket, end) ||
	    copy_path(url, *end ? end + 1 : end))
		return fail(err, text, "too long");
	return 0;
}

/* "host", "host:80", "[::1]", "[::1]:80" */
static int parse_authority(const char *text, const char *from, const char *to,
			   struct http1_url *url, struct err *err)
{
	const char *end, *colon;
	char port[8];
	int64_t value;
	bool v6 = *from == '[';

	if (memchr(from, '@', (size_t)(to - from)))
		return fail(err, text, "user and password are not supported");
	if (v6)
		from++;
	end = memchr(from, v6 ? ']' : ':', (size_t)(to - from));
	if (v6 && !end)
		return fail(err, text, "']' is missing");
	if (!end)
		end = to;
	colon = v6 ? end + 1 : end;
	if (end == from)
		return fail(err, text, "the host is missing");
	if (copy(url->host, sizeof(url->host), from, end))
		return fail(err, text, "the host is too long");
	if (colon == to)
		return 0;
	if (*colon != ':' || copy(port, sizeof(port), colon + 1, to) ||
	    units_int(port, &value, NULL) || value < 1 || value > 65535)
		return fail(err, text, "no port between 1 and 65535");
	url->port = (int)value;
	return 0;
}

static int parse_http(const char *text, const char *from, struct http1_url *url,
		      struct err *err)
{
	const char *to = from + strcspn(from, "/?#");
	int rc = parse_authority(text, from, to, url, err);

	if (rc)
		return rc;
	if (copy_path(url, to))
		return fail(err, text, "the path is too long");
	return 0;
}

static int parse(const char *text, struct http1_url *url, struct err *err)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 127)
			return fail(err, text, "a space or control character");
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text, url, err);
	if (!strncmp(text, "http://", 7)) {
		url->port = 80;
		return parse_http(text, text + 7, url, err);
	}
	if (!strncmp(text, "https://", 8)) {
		url->port = 443;
		url->tls = true;
		return parse_http(text, text + 8, url, err);
	}
	return fail(err, text, "it begins with none of http://, https://, "
		    "unix:/");
}

int http1_url_parse(const char *text, struct http1_url *ret, struct err *err)
{
	struct http1_url url = { 0 };
	int rc = parse(text, &url, err);

	if (!rc)
		*ret = url;
	return rc;
}
