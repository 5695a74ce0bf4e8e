/* SPDX-License-Identifier: Apache-2.0 */
/* The management API: a table of knobs, status and reset. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/admin.h"
#include "staging/shop/consumers.h"
#include "staging/shop/db.h"
#include "staging/shop/pool.h"
#include "staging/shop/producer.h"
#include "staging/shop/redis.h"
#include "staging/shop/shop.h"
#include "staging/shop/worker.h"

enum { ADMIN_BODY_MAX = 4096 };

#define RESET_WAIT (10 * NSEC_SEC)	/* real, for consumers to have work */

struct admin {
	struct shop *shop;
	struct httpd *httpd;
	struct session *db;	/* may be NULL: connects anew */
	struct redis redis;
};

static int admin_connect(struct admin *a, struct err *err)
{
	if (a->db && PQstatus(a->db->pg) == CONNECTION_OK)
		return 0;
	session_close(a->db);
	a->db = NULL;
	return session_open(&a->shop->conf, a->shop->conf.db_direct,
			    "shop-admin", &a->db, err);
}

/* --- knobs: set takes a checked value, show writes the JSON members --- */

static int pool_set(struct admin *a, double value, struct err *err)
{
	(void)err;
	pool_resize(a->shop->pool, (int)value);
	return 0;
}

static void pool_show(struct admin *a, struct buf *out)
{
	struct pool_stats s;

	pool_stats(a->shop->pool, &s);
	buf_addf(out, "\"size\":%d,\"active\":%d,\"idle\":%d,\"pending\":%d",
		 s.max, s.active, s.idle, s.pending);
}

static int consumers_set(struct admin *a, double value, struct err *err)
{
	return consumers_resize(a->shop->consumers, (int)value, err);
}

static void consumers_show(struct admin *a, struct buf *out)
{
	struct consumers_stats s;

	consumers_stats(a->shop->consumers, &s);
	buf_addf(out, "\"count\":%d,\"running\":%d,\"assigned\":%d,"
		 "\"partitions\":%d,\"lag\":%lld", s.count, s.running,
		 s.assigned, s.partitions,
		 (long long)offsets_lag_all(&a->shop->offsets));
}

static const char *flag(bool value)
{
	return value ? "true" : "false";
}

static int event_set(struct admin *a, double value, struct err *err)
{
	(void)err;
	a->shop->coupon_open = value != 0;
	return 0;
}

static void event_show(struct admin *a, struct buf *out)
{
	buf_addf(out, "\"open\":%s", flag(a->shop->coupon_open));
}

static int limit_set(struct admin *a, double value, struct err *err)
{
	(void)err;
	a->shop->rate_limit = value;
	/* One drill second of burst. */
	limiter_set(&a->shop->limiter, value * a->shop->conf.speed, value,
		    clock_mono());
	return 0;
}

static void limit_show(struct admin *a, struct buf *out)
{
	buf_addf(out, "\"per_second\":%.6g", (double)a->shop->rate_limit);
}

static int cache_set(struct admin *a, double value, struct err *err)
{
	bool was = a->shop->cache_on;

	a->shop->cache_on = value != 0;
	/* Switched on it starts empty, as a new cache does. */
	if (!was && value != 0 && redis_products_drop(&a->redis) < 0)
		return err_set(err, -EIO, "redis does not answer");
	return 0;
}

static void cache_show(struct admin *a, struct buf *out)
{
	buf_addf(out, "\"on\":%s", flag(a->shop->cache_on));
}

static int index_set(struct admin *a, double value, struct err *err)
{
	int r = admin_connect(a, err);

	if (r == 0)
		r = schema_index(a->db, value != 0, err);
	if (r == 0)
		a->shop->index_on = value != 0;
	return r;
}

static void index_show(struct admin *a, struct buf *out)
{
	buf_addf(out, "\"on\":%s", flag(a->shop->index_on));
}

static const struct knob {
	const char *path, *key;
	bool is_flag, whole;
	double min, max;
	int (*set)(struct admin *a, double value, struct err *err);
	void (*show)(struct admin *a, struct buf *out);
} knobs[] = {
	{ "/admin/cache", "on", true, false, 0, 1, cache_set, cache_show },
	{ "/admin/consumers", "count", false, true, 0, 100, consumers_set,
	  consumers_show },
	{ "/admin/coupon-event", "open", true, false, 0, 1, event_set,
	  event_show },
	{ "/admin/index", "on", true, false, 0, 1, index_set, index_show },
	{ "/admin/pool", "size", false, true, 1, 10000, pool_set, pool_show },
	{ "/admin/rate-limit", "per_second", false, false, 0, 1e9, limit_set,
	  limit_show },
};

enum { KNOBS = sizeof(knobs) / sizeof(knobs[0]) };

static int knob_read(const struct knob *k, const struct httpd_request *req,
		     double *ret, struct err *err)
{
	const json_t *field;
	json_t *root = NULL;
	double value = 0;
	bool ok;

	if (json_parse(req->body, req->body_len, &root, err) < 0)
		return -EINVAL;
	field = json_object_get(root, k->key);
	if (k->is_flag) {
		ok = json_is_boolean(field);
		value = json_is_true(field);
	} else {
		ok = k->whole ? json_is_integer(field) : json_is_number(field);
		value = json_number_value(field);
	}
	ok = ok && value >= k->min && value <= k->max;
	json_decref(root);
	if (!ok && k->is_flag)
		return err_set(err, -EINVAL, "'%s' must be true or false",
			       k->key);
	if (!ok)
		return err_set(err, -EINVAL, "'%s' must be a %snumber, %g to "
			       "%g", k->key, k->whole ? "whole " : "", k->min,
			       k->max);
	*ret = value;
	return 0;
}

static void admin_error(struct httpd_response *resp, int status,
			const char *message)
{
	json_t *text = json_string(message);
	char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;

	resp->status = status;
	buf_reset(&resp->body);
	buf_addf(&resp->body, "{\"error\":%s}", quoted ? quoted : "\"?\"");
	free(quoted);
	json_decref(text);
}

static void knob_serve(struct admin *a, const struct knob *k,
		       const struct httpd_request *req,
		       struct httpd_response *resp)
{
	struct err err = { 0 };
	double value = 0;

	if (strcmp(req->method, "POST") == 0) {
		if (knob_read(k, req, &value, &err) < 0) {
			admin_error(resp, 400, err.msg);
			return;
		}
		if (k->set(a, value, &err) < 0) {
			admin_error(resp, 500, err.msg);
			return;
		}
		log_info("%s %s=%g", k->path, k->key, value);
	} else if (strcmp(req->method, "GET") != 0) {
		admin_error(resp, 405, "GET or POST");
		return;
	}
	buf_adds(&resp->body, "{");
	k->show(a, &resp->body);
	buf_adds(&resp->body, "}");
}

/* --- status --- */

static void status_holds(const struct metrics *m, double speed,
			 struct buf *out)
{
	buf_adds(out, "\"holds\":{");
	for (int i = 0; i < HOLD_KINDS; i++) {
		const struct metrics_hold *h = &m->holds[i];

		buf_addf(out, "%s\"%s\":{\"count\":%llu,\"asked_s\":%.6f,"
			 "\"achieved_s\":%.6f}", i ? "," : "",
			 metrics_hold_name((enum hold_kind)i),
			 (unsigned long long)h->count,
			 (double)h->asked / 1e6 * speed,
			 (double)h->achieved / 1e6 * speed);
	}
	buf_adds(out, "}");
}

static void status_counts(struct shop *shop, struct buf *out)
{
	const struct metrics *m = &shop->metrics;
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "issued", m->issued },
		{ "published", m->published },
		{ "publishing", producer_waiting(shop->producer) },
		{ "confirmed", m->confirmed },
		{ "stale", m->stale },
		{ "orders", m->orders },
		{ "client_gone", m->client_gone },
		{ "cache_hits", m->cache_hits },
		{ "cache_misses", m->cache_misses },
		{ "queue", queue_len(&shop->queue) },
		{ "queue_longest", queue_longest(&shop->queue, false) },
		{ "busy_workers", (uint64_t)workers_busy(shop->workers) },
		{ "workers", (uint64_t)workers_count(shop->workers) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		buf_addf(out, "\"%s\":%llu,", rows[i].name,
			 (unsigned long long)rows[i].value);
}

static void admin_status(struct admin *a, struct httpd_response *resp)
{
	struct shop *shop = a->shop;
	struct buf *out = &resp->body;
	struct pool_stats s;
	int64_t left = -1;

	pool_stats(shop->pool, &s);
	if (redis_stock_left(&a->redis, &left) < 0)
		left = -1;
	buf_addf(out, "{\"speed\":%.6g,\"pool\":{\"max\":%d,\"active\":%d,"
		 "\"idle\":%d,\"pending\":%d,\"timeouts\":%llu},"
		 "\"stock\":%lld,",
		 shop->conf.speed, s.max, s.active, s.idle, s.pending,
		 (unsigned long long)s.timeouts, (long long)left);
	status_counts(shop, out);
	buf_adds(out, "\"consumers\":{");
	consumers_show(a, out);
	buf_adds(out, "},\"coupon_event\":{");
	event_show(a, out);
	buf_adds(out, "},\"rate_limit\":{");
	limit_show(a, out);
	buf_adds(out, "},\"cache\":{");
	cache_show(a, out);
	buf_adds(out, "},\"index\":{");
	index_show(a, out);
	buf_adds(out, "},");
	status_holds(&shop->metrics, shop->conf.speed, out);
	buf_adds(out, "}");
}

/* --- reset --- */

static int reset_data(struct admin *a, struct err *err)
{
	struct shop *shop = a->shop;
	int r = admin_connect(a, err);

	if (r == 0)
		r = schema_reset(a->db, err);
	if (r == 0)
		r = redis_flush(&a->redis, err);
	if (r == 0)
		r = redis_stock_set(&a->redis, shop->conf.coupon_stock, err);
	if (r == 0)
		r = producer_renew(shop->producer, err);
	return r;
}

static int reset_knobs(struct admin *a, struct err *err)
{
	struct shop *shop = a->shop;

	pool_resize(shop->pool, (int)shop->conf.pool);
	event_set(a, 1, NULL);
	limit_set(a, shop->conf.rate_limit, NULL);
	shop->cache_on = shop->conf.cache;
	return index_set(a, shop->conf.index, err);
}

static void reset_counters(struct shop *shop)
{
	metrics_reset(&shop->metrics);
	pool_stats_reset(shop->pool);
	queue_longest(&shop->queue, true);
}

/*
 * Consumers are stopped meanwhile and begin anew: the topic may have been made
 * anew, and whatever is left in it is of another epoch.  Returns when they
 * have their partitions, so that a drill may begin.
 */
static int admin_reset(struct admin *a, struct err *err)
{
	struct shop *shop = a->shop;
	int r, r2;

	r = consumers_resize(shop->consumers, 0, err);
	if (r < 0)
		return r;
	consumers_settle(shop->consumers);
	shop->epoch = clock_real();
	r = reset_knobs(a, err);
	if (r == 0)
		r = reset_data(a, err);
	reset_counters(shop);
	r2 = consumers_resize(shop->consumers, (int)shop->conf.consumers,
			      r < 0 ? NULL : err);
	if (r == 0 && r2 == 0)
		r2 = consumers_wait_assigned(shop->consumers, RESET_WAIT, err);
	return r < 0 ? r : r2;
}

static void serve_reset(struct admin *a, const struct httpd_request *req,
			struct httpd_response *resp)
{
	struct err err = { 0 };

	if (strcmp(req->method, "POST") != 0)
		admin_error(resp, 405, "POST");
	else if (admin_reset(a, &err) < 0)
		admin_error(resp, 500, err.msg);
	else
		admin_status(a, resp);
}

static void admin_serve(void *arg, const struct httpd_request *req,
			struct httpd_response *resp)
{
	struct admin *a = arg;

	for (int i = 0; i < KNOBS; i++) {
		if (strcmp(req->path, knobs[i].path) == 0) {
			knob_serve(a, &knobs[i], req, resp);
			return;
		}
	}
	if (strcmp(req->path, "/admin/status") == 0) {
		admin_status(a, resp);
	} else if (strcmp(req->path, "/admin/reset") == 0) {
		serve_reset(a, req, resp);
	} else if (strcmp(req->path, "/actuator/prometheus") == 0) {
		resp->content_type = "text/plain; version=0.0.4";
		prom_render(a->shop, &resp->body);
	} else if (strcmp(req->path, "/actuator/health") == 0) {
		resp->status = health_render(a->shop, &resp->body);
	} else {
		admin_error(resp, 404, "there is no such path");
	}
}

int admin_new(struct shop *shop, int listen_fd, struct session *session,
	      struct admin **ret, struct err *err)
{
	struct admin *a = mem_zalloc(sizeof(*a));
	int r;

	a->shop = shop;
	a->db = session;
	r = redis_init(&a->redis, shop->conf.redis, NSEC_SEC, &shop->redis_up,
		       err);
	if (r == 0)
		r = httpd_new(NULL, listen_fd, ADMIN_BODY_MAX, admin_serve, a,
			      &a->httpd, err);
	if (r < 0) {
		admin_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void admin_free(struct admin *a)
{
	if (!a)
		return;
	httpd_free(a->httpd);
	session_close(a->db);
	redis_done(&a->redis);
	mem_free(a);
}
