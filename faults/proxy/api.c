/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the HTTP API, its errors, and the check of the instance. */
#include "faults/proxy/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"

int api_error(struct api_call *call, int status, const char *fmt, ...)
{
	va_list ap;
	struct buf text;

	buf_init(&text, sizeof(call->err.msg));
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	err_set(&call->err, -EINVAL, "%s", text.data ? text.data : "error");
	buf_done(&text);
	return status;
}

int api_errno(const struct api_call *call)
{
	static const struct {
		int code, status;
	} table[] = {
		{-EEXIST, 409}, {-EINVAL, 400}, {-ENOENT, 404},
		{-ENOSPC, 409}, {-EPERM, 403},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].code == call->err.code)
			return table[i].status;
	return 500;
}

struct link *api_link(struct api_call *call)
{
	struct link *l = proxy_link(call->proxy, call->name[0]);

	if (!l)
		err_set(&call->err, -ENOENT, "proxy not found");
	return l;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One segment of the path, with %XX read; false: too long. */
static bool take_name(const char *s, size_t len, char dst[API_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%' && i + 2 < len && hex(s[i + 1]) >= 0 &&
		    hex(s[i + 2]) >= 0) {
			c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
			i += 2;
		}
		if (n + 1 == API_NAME_MAX || !c)
			return false;
		dst[n++] = c;
	}
	dst[n] = '\0';
	return n > 0;
}

/* "/proxies/" then '*' then "/toxics": each '*' is one segment. */
static bool path_matches(struct api_call *call, const char *pattern)
{
	const char *path = call->req->path;
	unsigned n = 0;

	while (*pattern) {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t len = strcspn(path, "/");

		if (n == API_NAMES || !take_name(path, len, call->name[n++]))
			return false;
		path += len;
		pattern++;
	}
	return !*path || !strcmp(path, "/");
}

static const struct api_route *find_in(struct api_call *call,
				       const struct api_route *routes,
				       bool *ret_path_known)
{
	for (; routes->method; routes++) {
		if (!path_matches(call, routes->path))
			continue;
		*ret_path_known = true;
		if (!strcmp(routes->method, call->req->method))
			return routes;
	}
	return NULL;
}

static int read_body(struct api_call *call)
{
	const struct httpd_request *req = call->req;

	if (!req->body_len)
		return 0;
	if (json_parse(req->body, req->body_len, &call->body, &call->err)) {
		err_prefix(&call->err, "bad request body");
		return 400;
	}
	return 0;
}

static int run_route(struct api_call *call, const struct api_route *route)
{
	const char *id = httpd_header(call->req, "Gameday-Instance");

	if (route->changes && id && strcmp(id, call->proxy->instance))
		return api_error(call, 410,
				 "this is instance %s, not the one asked for",
				 call->proxy->instance);
	int status = read_body(call);

	if (status)
		return status;
	status = route->fn(call);
	if (route->changes)
		log_info("api: %s %s: %d", call->req->method, call->req->path,
			 status);
	return status;
}

/* A Unix socket's file says who may; a port is for whoever has the token. */
static bool may_call(const struct api_call *call)
{
	const char *want = call->proxy->token;
	const char *got = httpd_header(call->req, "Authorization");
	unsigned char differ = 0;

	if (!want || call->local)
		return true;
	if (!got || strncasecmp(got, "Bearer ", 7) ||
	    strlen(got + 7) != strlen(want))
		return false;
	/* Its time tells nothing about where they differ */
	for (size_t i = 0; want[i]; i++)
		differ |= (unsigned char)(want[i] ^ got[7 + i]);
	return !differ;
}

static int route_call(struct api_call *call)
{
	bool known = false;
	const struct api_route *route;

	const char *agent = httpd_header(call->req, "User-Agent");

	/* A browser's page has no business here */
	if (httpd_header(call->req, "Origin"))
		return api_error(call, 403,
				 "requests from web pages are "
				 "refused");
	if (agent && !strncmp(agent, "Mozilla/", 8))
		return api_error(call, 403, "User agent not allowed");
	if (!may_call(call))
		return api_error(call, 401,
				 "needs Authorization: Bearer TOKEN, as "
				 "--token-file has it");
	route = find_in(call, api_gameday_routes, &known);
	if (!route)
		route = find_in(call, api_toxiproxy_routes, &known);
	if (!route)
		return known ? api_error(call, 405, "method not allowed")
			     : api_error(call, 404, "not found");
	return run_route(call, route);
}

static void write_answer(struct httpd_response *resp, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(12));

	if (text)
		buf_adds(&resp->body, text);
	buf_adds(&resp->body, "\n");
	free(text);
}

/* An error beside what an answer has all the same: what was populated. */
static void answer_error(struct api_call *call, int status)
{
	if (!call->answer)
		call->answer = json_object();
	json_object_set_new(call->answer, "error", json_string(call->err.msg));
	json_object_set_new(call->answer, "status", json_integer(status));
}

void api_request(void *arg, const struct httpd_request *req,
		 struct httpd_response *resp)
{
	const struct proxy_api *api = arg;
	struct api_call call = {
		.proxy = api->proxy,
		.local = api->addr.u.sa.sa_family == AF_UNIX,
		.req = req,
		.resp = resp,
	};
	char id[24];

	(void)snprintf(id, sizeof(id), "%llu", ++call.proxy->n_requests);
	resp->header = "X-Toxiproxy-Request-Id";
	resp->header_value = id;
	call.proxy->had_visit = true;
	resp->status = route_call(&call);
	if (resp->status >= 400)
		answer_error(&call, resp->status);
	if (call.answer)
		write_answer(resp, call.answer);
	json_decref(call.answer);
	json_decref(call.body);
}
