/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop's configuration: key=value arguments.  All durations and rates are
 * drill time; conf_real() is the one place where the speed turns them into
 * real time.
 */
#ifndef GD_SHOP_CONF_H
#define GD_SHOP_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct conf {
	char *listen, *management;	/* "host:port" */
	int64_t ready_fd;		/* -1: none */
	double speed;			/* drill seconds per real second */
	int64_t seed;
	char *db, *db_direct;		/* "host:port"; direct: by no link */
	char *db_user, *db_name;
	char *redis, *kafka;		/* "host:port" */
	char *topic;
	int64_t partitions;
	char *error_log;		/* path, or NULL */
	int64_t pool;
	nsec_t connection_timeout;
	int64_t workers, poller_connections, accept_count;
	int64_t consumers;
	nsec_t consumer_pace;
	nsec_t publish_timeout;
	nsec_t service_product, service_cached, service_balance;
	nsec_t service_order, service_coupon;
	double service_cv;
	nsec_t cache_ttl;
	int64_t coupon_stock;
	double rate_limit;		/* per drill second; 0: off */
	bool cache, index;
};

/*
 * Fills *ret from argv[1..]; every mistake goes into errs, with a suggestion.
 * -EINVAL if there was one.  *ret is released with conf_done() either way.
 */
int conf_parse(int argc, char **argv, struct conf *ret, struct errs *errs)
	MUST_CHECK;
void conf_done(struct conf *conf);
void conf_help(FILE *f);

/* A drill span in real time. */
nsec_t conf_real(const struct conf *conf, nsec_t drill);

#endif
