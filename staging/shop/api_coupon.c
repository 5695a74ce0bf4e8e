/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /coupons/issue: stock in Redis, row in PostgreSQL, message in Kafka, in
 * that order and with what failed taken back, so that the rows never outnumber
 * the stock.  GET /coupons/ID: the status, from Redis.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "staging/shop/api.h"
#include "staging/shop/db.h"
#include "staging/shop/pool.h"
#include "staging/shop/producer.h"
#include "staging/shop/redis.h"
#include "staging/shop/service.h"
#include "staging/shop/shop.h"

enum { COUPON_KEY_MAX = 128 };

#define COUPON_TTL (24 * 60 * NSEC_MIN)		/* drill ns */

struct coupon {
	char key[COUPON_KEY_MAX + 1];
	char token[64];			/* of this request */
	int64_t user, epoch;
};

static bool coupon_key_ok(const char *key, size_t len)
{
	if (!key || len == 0 || len > COUPON_KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (key[i] < '!' || key[i] > '~')
			return false;
	return true;
}

/* NULL, or what is wrong. */
static const char *coupon_read(const struct request *req, struct coupon *c)
{
	size_t len = 0;
	const char *key = http1_header(req->http, "Idempotency-Key", &len);
	const json_t *user;
	json_t *root = NULL;

	if (!coupon_key_ok(key, len))
		return "the header Idempotency-Key is missing, or is not 1 to "
		       "128 visible characters";
	memcpy(c->key, key, len);
	c->key[len] = '\0';
	if (!req->body->len ||
	    json_parse(req->body->data, req->body->len, &root, NULL) < 0)
		return "the body is not JSON";
	user = json_object_get(root, "user");
	c->user = json_is_integer(user) ? json_integer_value(user) : -1;
	json_decref(root);
	return c->user < 0 ? "'user' must be a whole number, at least 0" : NULL;
}

static enum outcome coupon_reserve(struct shop *shop, struct request *req,
				   const struct coupon *c)
{
	int r = redis_reserve(req->redis, c->key, c->token,
			      conf_real(&shop->conf, COUPON_TTL));

	if (r == REDIS_RESERVED)
		return OUTCOME_OK;
	if (r == REDIS_SOLD_OUT)
		return OUTCOME_SOLD_OUT;
	if (r == REDIS_ALREADY)
		return OUTCOME_ALREADY_ISSUED;
	/* It may have been taken all the same. */
	redis_refund(req->redis, c->key, c->token);
	return OUTCOME_REDIS;
}

static enum outcome coupon_insert(struct shop *shop, struct request *req,
				  const struct coupon *c, int64_t *ret_id)
{
	char user[24];
	const char *params[] = { user, c->key };
	PGresult *res = NULL;
	enum outcome outcome;
	bool unknown;

	snprintf(user, sizeof(user), "%lld", (long long)c->user);
	outcome = service_sql(shop, req, HOLD_COUPONS, params, 2, &res,
			      &unknown);
	if (outcome == OUTCOME_OK) {
		if (PQgetisnull(res, 0, HOLD_COLUMN))
			outcome = OUTCOME_ALREADY_ISSUED;
		else
			*ret_id = atoll(PQgetvalue(res, 0, HOLD_COLUMN));
		PQclear(res);
	}
	/* Perhaps committed: the stock then stays taken. */
	if (outcome != OUTCOME_OK && !unknown)
		redis_refund(req->redis, c->key, c->token);
	return outcome;
}

/* The coupon will not reach Kafka: as if it had never been issued. */
static void coupon_take_back(struct shop *shop, struct request *req,
			     const struct coupon *c, int64_t id)
{
	void *session = NULL;
	struct err err = { 0 };
	char sql[96];
	int r;

	if (pool_take(shop->pool, &session) < 0) {
		log_error("coupon %lld stays issued and unpublished",
			  (long long)id);
		return;
	}
	snprintf(sql, sizeof(sql), "DELETE FROM coupons WHERE id = %lld",
		 (long long)id);
	r = session_exec(session, sql, &err);
	pool_give(shop->pool, session, r == -ECONNRESET);
	if (r < 0) {
		log_error("coupon %lld stays issued and unpublished: %s",
			  (long long)id, err.msg);
		return;
	}
	shop->metrics.issued--;
	redis_refund(req->redis, c->key, c->token);
}

static enum outcome coupon_publish(struct shop *shop, struct request *req,
				   const struct coupon *c, int64_t id)
{
	struct kafka_coupon message = { c->epoch, id, c->user };
	int r = producer_publish(shop->producer, &message,
				 conf_real(&shop->conf,
					   shop->conf.publish_timeout));

	if (r == -EIO)
		coupon_take_back(shop, req, c, id);
	return r < 0 ? OUTCOME_KAFKA : OUTCOME_OK;
}

void api_coupon_issue(struct shop *shop, struct request *req,
		      struct reply *reply)
{
	struct coupon c = { .user = -1, .epoch = shop->epoch };
	int64_t id = 0;

	reply->message = coupon_read(req, &c);
	reply->user = c.user;
	if (reply->message) {
		reply->outcome = OUTCOME_INVALID;
		return;
	}
	snprintf(c.token, sizeof(c.token), "%lld.%llu", (long long)c.epoch,
		 (unsigned long long)shop->tokens++);
	reply->outcome = coupon_reserve(shop, req, &c);
	if (reply->outcome != OUTCOME_OK)
		return;
	reply->outcome = coupon_insert(shop, req, &c, &id);
	if (reply->outcome != OUTCOME_OK)
		return;
	shop->metrics.issued++;
	redis_status_issued(req->redis, id, conf_real(&shop->conf, COUPON_TTL));
	reply->outcome = coupon_publish(shop, req, &c, id);
	if (reply->outcome == OUTCOME_OK)
		buf_addf(&reply->body,
			 "{\"coupon\":%lld,\"status\":\"issued\"}",
			 (long long)id);
}

void api_coupon_status(struct shop *shop, struct request *req,
		       struct reply *reply)
{
	struct buf status;
	char *end;
	long long id;
	int r;

	(void)shop;
	errno = 0;
	id = strtoll(req->rest, &end, 10);
	if (errno || end == req->rest || *end || id < 0) {
		reply->outcome = OUTCOME_NOT_FOUND;
		return;
	}
	buf_init(&status, 64);
	r = redis_status_get(req->redis, id, &status);
	if (r == 1)
		buf_addf(&reply->body, "{\"coupon\":%lld,\"status\":\"%s\"}",
			 id, status.data);
	else
		reply->outcome = r == 0 ? OUTCOME_NOT_FOUND : OUTCOME_REDIS;
	buf_done(&status);
}
