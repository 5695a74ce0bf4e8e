/* SPDX-License-Identifier: Apache-2.0 */
/* Service times. */
#include <assert.h>
#include <errno.h>

#include "chaos/base/log.h"
#include "staging/shop/db.h"
#include "staging/shop/pace.h"
#include "staging/shop/pool.h"
#include "staging/shop/service.h"
#include "staging/shop/shop.h"

static nsec_t service_mean(const struct conf *conf, enum hold_kind kind)
{
	const nsec_t means[HOLD_KINDS] = {
		[HOLD_PRODUCTS] = conf->service_product,
		[HOLD_BALANCE] = conf->service_balance,
		[HOLD_ORDERS] = conf->service_order,
		[HOLD_COUPONS] = conf->service_coupon,
		[HOLD_CACHED] = conf->service_cached,
	};

	assert(kind < HOLD_KINDS);
	return conf_real(conf, means[kind]);
}

/* Real microseconds. */
static int64_t service_draw(const struct conf *conf, struct rng *rng,
			    enum hold_kind kind)
{
	double mean = (double)service_mean(conf, kind) / NSEC_US;

	if (mean > 0 && conf->service_cv > 0)
		mean = rng_gamma(rng, mean, conf->service_cv);
	return (int64_t)(mean + 0.5);
}

enum outcome service_sql(struct shop *shop, struct request *req,
			 enum hold_kind kind, const char *const *params,
			 int n_params, PGresult **ret, bool *ret_unknown)
{
	struct hold hold = {
		.kind = kind, .floor = shop->index_on,
		.target_us = service_draw(&shop->conf, &req->rng, kind),
		.params = params, .n_params = n_params,
	};
	struct err err = { 0 };
	void *session = NULL;
	int r;

	*ret_unknown = false;
	/* Without the index only what reads balances gets slower. */
	if (kind != HOLD_BALANCE && kind != HOLD_ORDERS)
		hold.floor = true;
	if (pool_take(shop->pool, &session) < 0)
		return OUTCOME_POOL_TIMEOUT;
	r = hold_run(session, &hold, &shop->metrics, ret, &err);
	pool_give(shop->pool, session, r == -ECONNRESET);
	if (r == 0)
		return OUTCOME_OK;
	log_warn("%s", err.msg);
	*ret_unknown = r == -ECONNRESET;
	return OUTCOME_SQL;
}

void service_cached(struct shop *shop, nsec_t began)
{
	int64_t asked = service_mean(&shop->conf, HOLD_CACHED) / NSEC_US;
	int64_t less = metrics_hold_less(&shop->metrics, HOLD_CACHED, asked);
	nsec_t own = clock_mono(), until, now;

	until = began + (asked - less) * NSEC_US;
	now = pace_sleep_until(until, NULL);
	/* As in shop_hold(): what Redis took too long is real. */
	if (own < until)
		metrics_hold_owe(&shop->metrics, HOLD_CACHED,
				 (now - until) / NSEC_US);
	else if ((own - began) / NSEC_US < asked)
		metrics_hold_owe(&shop->metrics, HOLD_CACHED,
				 (own - until) / NSEC_US);
	else
		metrics_hold_owe(&shop->metrics, HOLD_CACHED, less);
	metrics_hold_add(&shop->metrics, HOLD_CACHED, asked,
			 (now - began) / NSEC_US);
}
