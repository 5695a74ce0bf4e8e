/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shop keeps in Redis: the cached product list, the coupon stock,
 * idempotency keys and each coupon's status.  A struct redis is one thread's
 * own; it connects when it is first used, and anew after a failure.
 */
#ifndef GD_SHOP_REDIS_H
#define GD_SHOP_REDIS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct redisContext;

struct redis {
	struct redisContext *ctx;	/* NULL: not connected */
	char *host;
	int port;
	nsec_t timeout;			/* real, for connect and reply */
	_Atomic bool *up;		/* told of each success and failure */
};

/* to: "host:port". up may be NULL. */
int redis_init(struct redis *r, const char *to, nsec_t timeout_real,
	       _Atomic bool *up, struct err *err) MUST_CHECK;
void redis_done(struct redis *r);

/* All block for one round trip; negative: -EIO. */
int redis_ping(struct redis *r, struct err *err) MUST_CHECK;
/* 1 with the text added to out, 0: not there. */
int redis_products_get(struct redis *r, struct buf *out) MUST_CHECK;
int redis_products_set(struct redis *r, const char *text, nsec_t ttl_real);
int redis_products_drop(struct redis *r);

enum redis_stock { REDIS_RESERVED, REDIS_SOLD_OUT, REDIS_ALREADY };

/*
 * Takes one of the stock for this idempotency key.  token is this request's
 * own: redis_refund() gives back what it took, and is a no-op if nothing was,
 * so it may follow a reserve whose outcome is not known.
 */
int redis_reserve(struct redis *r, const char *key, const char *token,
		  nsec_t ttl_real) MUST_CHECK;
int redis_refund(struct redis *r, const char *key, const char *token);

int redis_status_issued(struct redis *r, int64_t coupon, nsec_t ttl_real);
int redis_status_confirmed(struct redis *r, int64_t coupon, nsec_t ttl_real);
/* 1 with the status added, 0: no such coupon. */
int redis_status_get(struct redis *r, int64_t coupon, struct buf *out)
	MUST_CHECK;

int redis_stock_left(struct redis *r, int64_t *ret) MUST_CHECK;
int redis_stock_set(struct redis *r, int64_t left, struct err *err) MUST_CHECK;
/* Deletes every key of the shop, and no other. */
int redis_flush(struct redis *r, struct err *err) MUST_CHECK;

#endif
