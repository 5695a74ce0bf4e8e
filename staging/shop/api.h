/* SPDX-License-Identifier: Apache-2.0 */
/* The shop's APIs: what a handler gets and gives, and the table of them. */
#ifndef GD_SHOP_API_H
#define GD_SHOP_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/rng.h"
#include "staging/shop/outcome.h"

struct http1_parser;
struct redis;
struct shop;

enum api_id {
	API_PRODUCTS, API_BALANCE, API_ORDERS, API_COUPON_ISSUE,
	API_COUPON_STATUS, API_OTHER, APIS
};

enum { API_PATH_MAX = 1024 };

/* Owned by the worker that serves it. */
struct request {
	char path[API_PATH_MAX];	/* without the query */
	const char *query;		/* behind '?'; "" if there is none */
	const char *rest;		/* of the path, behind the prefix */
	const struct http1_parser *http;
	const struct buf *body;
	struct rng rng;			/* this request's own */
	struct redis *redis;		/* the worker's own */
};

struct reply {
	enum outcome outcome;
	const char *message;		/* NULL: the outcome's; static text */
	int64_t user;			/* for the error log; -1: not known */
	struct buf body;		/* JSON, when the outcome is OK */
};

typedef void api_fn(struct shop *shop, struct request *req,
		    struct reply *reply);

struct api {
	const char *method, *path;	/* with '/' at its end: a prefix */
	const char *uri;		/* the metrics' label */
	api_fn *serve;
	bool coupon_event;		/* 503 while the event is suspended */
};

/* Row of each API; API_OTHER's has no path. */
const struct api *api_row(enum api_id id);
/* Finds the API; a wrong method gives API_OTHER and OUTCOME_BAD_METHOD. */
enum api_id api_route(struct request *req, const char *method, size_t len,
		      enum outcome *ret_outcome);

/* A whole number in the query: ?name=N. False: absent or no number. */
bool api_query_int(const struct request *req, const char *name, int64_t *ret);

api_fn api_products, api_balance, api_orders, api_coupon_issue;
api_fn api_coupon_status;

#endif
