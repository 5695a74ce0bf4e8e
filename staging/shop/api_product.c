/* SPDX-License-Identifier: Apache-2.0 */
/* GET /products: the product list, cached aside in Redis. */
#include "staging/shop/api.h"
#include "staging/shop/db.h"
#include "staging/shop/redis.h"
#include "staging/shop/service.h"
#include "staging/shop/shop.h"

static void products_load(struct shop *shop, struct request *req,
			  struct reply *reply)
{
	PGresult *res = NULL;
	bool unknown;

	shop->metrics.cache_misses++;
	reply->outcome = service_sql(shop, req, HOLD_PRODUCTS, NULL, 0, &res,
				     &unknown);
	if (reply->outcome != OUTCOME_OK)
		return;
	buf_adds(&reply->body, PQgetvalue(res, 0, HOLD_COLUMN));
	PQclear(res);
	/* If Redis is away the next request asks the database again. */
	if (shop->cache_on)
		redis_products_set(req->redis, reply->body.data,
				   conf_real(&shop->conf,
					     shop->conf.cache_ttl));
}

void api_products(struct shop *shop, struct request *req, struct reply *reply)
{
	nsec_t began = clock_mono();

	if (shop->cache_on &&
	    redis_products_get(req->redis, &reply->body) == 1) {
		shop->metrics.cache_hits++;
		service_cached(shop, began);
		return;
	}
	products_load(shop, req, reply);
}
