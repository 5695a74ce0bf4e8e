/* SPDX-License-Identifier: Apache-2.0 */
/* Redis by hiredis; every key begins with "shop:". */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "chaos/base/mem.h"
#include "staging/shop/redis.h"

#define REDIS_PRODUCTS "shop:products"
#define REDIS_STOCK "shop:stock"

/* KEYS: stock, idempotency key; ARGV: token, ttl in ms. */
static const char redis_reserve_lua[] =
	"if redis.call('exists', KEYS[2]) == 1 then return 2 end "
	"if redis.call('decr', KEYS[1]) < 0 then "
	"redis.call('incr', KEYS[1]) return 1 end "
	"redis.call('set', KEYS[2], ARGV[1], 'PX', ARGV[2]) return 0";

static const char redis_refund_lua[] =
	"if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end "
	"redis.call('del', KEYS[2]) redis.call('incr', KEYS[1]) return 1";

int redis_init(struct redis *r, const char *to, nsec_t timeout_real,
	       _Atomic bool *up, struct err *err)
{
	const char *colon = strrchr(to, ':');

	memset(r, 0, sizeof(*r));
	if (!colon)
		return err_set(err, -EINVAL, "'%s' is not host:port", to);
	r->host = mem_strndup(to, (size_t)(colon - to));
	r->port = atoi(colon + 1);
	r->timeout = timeout_real;
	r->up = up;
	return 0;
}

static void redis_drop(struct redis *r)
{
	if (r->ctx)
		redisFree(r->ctx);
	r->ctx = NULL;
}

void redis_done(struct redis *r)
{
	redis_drop(r);
	mem_free(r->host);
	r->host = NULL;
}

static bool redis_connect(struct redis *r)
{
	struct timeval tv = { r->timeout / NSEC_SEC,
			      r->timeout % NSEC_SEC / 1000 };

	if (r->ctx)
		return true;
	r->ctx = redisConnectWithTimeout(r->host, r->port, tv);
	if (r->ctx && !r->ctx->err &&
	    redisSetTimeout(r->ctx, tv) == REDIS_OK)
		return true;
	redis_drop(r);
	return false;
}

/*
 * The reply, or NULL: no connection, or an error from Redis.  After a failure
 * the connection is dropped: a late reply must not answer the next command.
 */
__attribute__((format(printf, 2, 3)))
static redisReply *redis_call(struct redis *r, const char *fmt, ...)
{
	redisReply *reply = NULL;
	va_list ap;

	if (redis_connect(r)) {
		va_start(ap, fmt);
		reply = redisvCommand(r->ctx, fmt, ap);
		va_end(ap);
	}
	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		if (reply)
			freeReplyObject(reply);
		reply = NULL;
		redis_drop(r);
	}
	if (r->up)
		*r->up = reply != NULL;
	return reply;
}

/* For commands whose answer only has to be no error. */
static int redis_ok(redisReply *reply)
{
	if (!reply)
		return -EIO;
	freeReplyObject(reply);
	return 0;
}

static int redis_int(redisReply *reply)
{
	int value = -EIO;

	if (reply && reply->type == REDIS_REPLY_INTEGER)
		value = (int)reply->integer;
	if (reply)
		freeReplyObject(reply);
	return value;
}

static int redis_text(redisReply *reply, struct buf *out)
{
	int r = -EIO;

	if (!reply)
		return r;
	if (reply->type == REDIS_REPLY_NIL)
		r = 0;
	else if (reply->type == REDIS_REPLY_STRING &&
		 buf_add(out, reply->str, reply->len))
		r = 1;
	freeReplyObject(reply);
	return r;
}

static long long redis_ms(nsec_t ttl)
{
	return ttl < NSEC_MS ? 1 : ttl / NSEC_MS;
}

int redis_ping(struct redis *r, struct err *err)
{
	if (redis_ok(redis_call(r, "PING")) == 0)
		return 0;
	return err_set(err, -EIO, "redis %s:%d does not answer", r->host,
		       r->port);
}

int redis_products_get(struct redis *r, struct buf *out)
{
	return redis_text(redis_call(r, "GET " REDIS_PRODUCTS), out);
}

int redis_products_set(struct redis *r, const char *text, nsec_t ttl_real)
{
	return redis_ok(redis_call(r, "PSETEX " REDIS_PRODUCTS " %lld %s",
				   redis_ms(ttl_real), text));
}

int redis_products_drop(struct redis *r)
{
	return redis_ok(redis_call(r, "DEL " REDIS_PRODUCTS));
}

int redis_reserve(struct redis *r, const char *key, const char *token,
		  nsec_t ttl_real)
{
	return redis_int(redis_call(r, "EVAL %s 2 " REDIS_STOCK
				    " shop:idem:%s %s %lld",
				    redis_reserve_lua, key, token,
				    redis_ms(ttl_real)));
}

int redis_refund(struct redis *r, const char *key, const char *token)
{
	return redis_int(redis_call(r, "EVAL %s 2 " REDIS_STOCK
				    " shop:idem:%s %s", redis_refund_lua, key,
				    token));
}

int redis_status_issued(struct redis *r, int64_t coupon, nsec_t ttl_real)
{
	/* NX: a consumer may have been quicker. */
	return redis_ok(redis_call(r, "SET shop:coupon:%lld issued PX %lld NX",
				   (long long)coupon, redis_ms(ttl_real)));
}

int redis_status_confirmed(struct redis *r, int64_t coupon, nsec_t ttl_real)
{
	return redis_ok(redis_call(r, "SET shop:coupon:%lld confirmed PX %lld",
				   (long long)coupon, redis_ms(ttl_real)));
}

int redis_status_get(struct redis *r, int64_t coupon, struct buf *out)
{
	return redis_text(redis_call(r, "GET shop:coupon:%lld",
				     (long long)coupon), out);
}

int redis_stock_left(struct redis *r, int64_t *ret)
{
	redisReply *reply = redis_call(r, "GET " REDIS_STOCK);

	if (!reply)
		return -EIO;
	*ret = reply->type == REDIS_REPLY_STRING ? atoll(reply->str) : 0;
	freeReplyObject(reply);
	return 0;
}

int redis_stock_set(struct redis *r, int64_t left, struct err *err)
{
	if (redis_ok(redis_call(r, "SET " REDIS_STOCK " %lld",
				(long long)left)) == 0)
		return 0;
	return err_set(err, -EIO, "redis: cannot set the stock");
}

/* Deletes one SCAN's worth; returns false when the answer is not one. */
static bool redis_flush_page(struct redis *r, char cursor[24])
{
	redisReply *page = redis_call(r, "SCAN %s MATCH shop:* COUNT 1000",
				      cursor);
	bool ok = page && page->type == REDIS_REPLY_ARRAY &&
		  page->elements == 2;

	if (ok) {
		const redisReply *keys = page->element[1];

		snprintf(cursor, 24, "%s", page->element[0]->str);
		for (size_t i = 0; i < keys->elements; i++)
			redisAppendCommand(r->ctx, "UNLINK %s",
					   keys->element[i]->str);
		for (size_t i = 0; ok && i < keys->elements; i++) {
			void *reply = NULL;

			ok = redisGetReply(r->ctx, &reply) == REDIS_OK;
			if (reply)
				freeReplyObject(reply);
		}
	}
	if (page)
		freeReplyObject(page);
	return ok;
}

int redis_flush(struct redis *r, struct err *err)
{
	char cursor[24] = "0";

	do {
		if (!redis_flush_page(r, cursor)) {
			redis_drop(r);
			return err_set(err, -EIO,
				       "redis: cannot delete the keys");
		}
	} while (strcmp(cursor, "0") != 0);
	return 0;
}
