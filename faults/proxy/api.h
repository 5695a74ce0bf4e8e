/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP API: Toxiproxy's, and what is gameday's own below /gameday.  All of
 * it runs on the control thread and waits for nothing.
 */
#ifndef GD_PROXY_API_H
#define GD_PROXY_API_H

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "faults/proxy/proxy.h"

/* arg: the struct proxy_api that it came by. */
void api_request(void *arg, const struct httpd_request *req,
		 struct httpd_response *resp);

/* The rest is for the handlers (api_*.c). */

enum { API_NAMES = 2, API_NAME_MAX = 256 };

struct api_call {
	struct proxy *proxy;
	bool local; /* by a Unix socket */
	const struct httpd_request *req;
	struct httpd_response *resp;
	char name[API_NAMES][API_NAME_MAX]; /* the path's "*" */
	json_t *body;			    /* NULL: none */
	json_t *answer;			    /* to be set; NULL: no body */
	struct err err; /* the text when the status says so */
};

/* Returns the HTTP status. */
typedef int api_fn(struct api_call *call);

struct api_route {
	const char *method, *path;
	bool changes; /* obeys the header Gameday-Instance */
	api_fn *fn;
};

/* Each ends with a row whose method is NULL. */
extern const struct api_route api_toxiproxy_routes[], api_gameday_routes[];

/* Fills call->err; returns status. */
int api_error(struct api_call *call, int status, const char *fmt, ...)
	PRINTF(3, 4);
/* A status for the errno in call->err. */
int api_errno(const struct api_call *call);
/* The link of name[0], or NULL with the 404's text. */
struct link *api_link(struct api_call *call);


struct link_args;
/* From JSON that may lack them: 0, or a status and call->err. */
int api_parse_addrs(struct api_call *call, const json_t *json,
		    struct link_args *args);
/* at: said behind the name of a field that is missing. */
int api_parse_link(struct api_call *call, const json_t *json, const char *at,
		   struct link_args *args);
json_t *api_proxy_json(struct link *l);
json_t *api_toxics_json(struct link *l);
api_fn api_populate, api_metrics;

#endif
