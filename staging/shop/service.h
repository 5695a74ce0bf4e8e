/* SPDX-License-Identifier: Apache-2.0 */
/* Service times: drawn for each request, spent where the API spends them. */
#ifndef GD_SHOP_SERVICE_H
#define GD_SHOP_SERVICE_H

#include <libpq-fe.h>

#include "staging/shop/api.h"
#include "staging/shop/metrics.h"

struct shop;

/*
 * One statement on a connection of the pool, holding it for the service time.
 * OUTCOME_OK with *ret (PQclear); POOL_TIMEOUT: nothing was done; SQL: nothing
 * was done, or *ret_unknown is set.
 */
enum outcome service_sql(struct shop *shop, struct request *req,
			 enum hold_kind kind, const char *const *params,
			 int n_params, PGresult **ret, bool *ret_unknown);
/* The rest of a cached answer's time, in the worker itself. */
void service_cached(struct shop *shop, nsec_t began);

#endif
