/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The idempotent producer of issued coupons.  It retries for ever, so that a
 * coupon that was issued is published once, however long the broker is away.
 */
#ifndef GD_SHOP_PRODUCER_H
#define GD_SHOP_PRODUCER_H

#include <stdbool.h>

#include "staging/shop/kafka.h"
#include "staging/shop/metrics.h"

struct producer;

/* Blocks until the topic is there, at most timeout_real. */
int producer_new(const struct conf *conf, struct metrics *metrics,
		 struct offsets *offsets, nsec_t timeout_real,
		 struct producer **ret, struct err *err) MUST_CHECK;
void producer_free(struct producer *p);

/*
 * Blocks until the broker has acknowledged it: 0; -ETIMEDOUT: not yet, it goes
 * on trying; -EIO: it will not be published.  Any thread.
 */
int producer_publish(struct producer *p, const struct kafka_coupon *coupon,
		     nsec_t timeout_real) MUST_CHECK;
/*
 * A new client, and offsets read anew, for a topic that may have been made
 * anew: the old client's sequence numbers would not fit.
 */
int producer_renew(struct producer *p, struct err *err) MUST_CHECK;
bool producer_on_mock(const struct producer *p);	/* kafka_is_mock() */
bool producer_up(const struct producer *p);
uint64_t producer_waiting(const struct producer *p);	/* not acknowledged */

#endif
