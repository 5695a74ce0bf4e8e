/* SPDX-License-Identifier: Apache-2.0 */
/* GET /balance?user=N: one simple query. */
#include <stdio.h>

#include "staging/shop/api.h"
#include "staging/shop/db.h"
#include "staging/shop/service.h"
#include "staging/shop/shop.h"

void api_balance(struct shop *shop, struct request *req, struct reply *reply)
{
	const char *params[1];
	PGresult *res = NULL;
	char user[24];
	bool unknown;

	if (!api_query_int(req, "user", &reply->user) || reply->user < 0) {
		reply->user = -1;
		reply->outcome = OUTCOME_INVALID;
		reply->message = "'user' is missing or not a number";
		return;
	}
	snprintf(user, sizeof(user), "%lld", (long long)reply->user);
	params[0] = user;
	reply->outcome = service_sql(shop, req, HOLD_BALANCE, params, 1, &res,
				     &unknown);
	if (reply->outcome != OUTCOME_OK)
		return;
	if (PQgetisnull(res, 0, HOLD_COLUMN)) {
		reply->outcome = OUTCOME_NOT_FOUND;
		reply->message = "there is no such user";
	} else {
		buf_addf(&reply->body, "{\"user\":%lld,\"balance\":%s}",
			 (long long)reply->user,
			 PQgetvalue(res, 0, HOLD_COLUMN));
	}
	PQclear(res);
}
