/* SPDX-License-Identifier: Apache-2.0 */
/* What producer and consumers share: settings, the topic, the message. */
#ifndef GD_SHOP_KAFKA_H
#define GD_SHOP_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "staging/shop/offsets.h"

struct conf;

struct kafka_setting {
	const char *key;
	char value[64];
};

/* A client. Takes nothing over; opaque is what callbacks get. */
int kafka_client(const struct conf *conf, rd_kafka_type_t type,
		 const char *client_id, const struct kafka_setting *settings,
		 void (*prepare)(rd_kafka_conf_t *rk_conf), void *opaque,
		 rd_kafka_t **ret, struct err *err) MUST_CHECK;
/*
 * Blocks until the topic is there with all leaders, at most timeout_real;
 * makes it if it is not.
 */
int kafka_topic(rd_kafka_t *rk, const struct conf *conf, nsec_t timeout_real,
		int *ret_partitions, struct err *err) MUST_CHECK;
/* librdkafka's mock cluster and no broker? Blocks at most a second. */
bool kafka_is_mock(rd_kafka_t *rk);
/* Asks where each partition ends; blocks as kafka_topic(). */
int kafka_ends(rd_kafka_t *rk, const struct conf *conf, nsec_t timeout_real,
	       struct offsets *o, struct err *err) MUST_CHECK;

/*
 * The message is JSON.  epoch tells one life of the shop's data from the next
 * (a start, a reset): consumers pass over those of another.
 */
struct kafka_coupon {
	int64_t epoch, coupon, user;
};
enum { KAFKA_COUPON_TEXT = 128 };
size_t kafka_coupon_write(const struct kafka_coupon *c,
			  char dst[KAFKA_COUPON_TEXT]);
int kafka_coupon_read(const void *data, size_t len, struct kafka_coupon *ret)
	MUST_CHECK;

#endif
