/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /orders: validated, then a transaction that debits the balance and
 * inserts the order.
 */
#include <stdio.h>
#include <stdlib.h>

#include "chaos/base/json.h"
#include "staging/shop/api.h"
#include "staging/shop/db.h"
#include "staging/shop/service.h"
#include "staging/shop/shop.h"

enum { ORDER_USER, ORDER_PRODUCT, ORDER_QUANTITY, ORDER_AMOUNT, ORDER_FIELDS };

static const struct {
	const char *name;
	int64_t min, max;
	const char *message;
} order_fields[ORDER_FIELDS] = {
	[ORDER_USER] = { "user", 0, INT32_MAX,
			 "'user' must be a whole number, at least 0" },
	[ORDER_PRODUCT] = { "product", 1, 100,
			    "'product' must be a whole number, 1 to 100" },
	[ORDER_QUANTITY] = { "quantity", 1, 100,
			     "'quantity' must be a whole number, 1 to 100" },
	[ORDER_AMOUNT] = { "amount", 1, 100000000,
			   "'amount' must be a whole number, 1 to 10^8" },
};

/* NULL, or what is wrong. */
static const char *order_read(const struct buf *body,
			      int64_t order[ORDER_FIELDS])
{
	const char *wrong = NULL;
	json_t *root = NULL;

	if (!body->len || json_parse(body->data, body->len, &root, NULL) < 0)
		return "the body is not JSON";
	for (int i = 0; i < ORDER_FIELDS && !wrong; i++) {
		const json_t *field = json_object_get(root,
						      order_fields[i].name);

		order[i] = json_integer_value(field);
		if (!json_is_integer(field) || order[i] < order_fields[i].min ||
		    order[i] > order_fields[i].max)
			wrong = order_fields[i].message;
	}
	json_decref(root);
	return wrong;
}

static void order_answer(struct shop *shop, const PGresult *res,
			 struct reply *reply)
{
	switch (atoi(PQgetvalue(res, 0, HOLD_COLUMN))) {
	case 0:
		shop->metrics.orders++;
		buf_addf(&reply->body, "{\"order\":%s}",
			 PQgetvalue(res, 0, HOLD_COLUMN + 1));
		break;
	case 1:
		reply->outcome = OUTCOME_INVALID;
		reply->message = "there is no such user";
		break;
	default:
		reply->outcome = OUTCOME_NO_BALANCE;
		break;
	}
}

void api_orders(struct shop *shop, struct request *req, struct reply *reply)
{
	int64_t order[ORDER_FIELDS] = { -1, 0, 0, 0 };
	char text[ORDER_FIELDS][24];
	const char *params[ORDER_FIELDS];
	PGresult *res = NULL;
	bool unknown;

	reply->message = order_read(req->body, order);
	reply->user = order[ORDER_USER];
	if (reply->message) {
		reply->outcome = OUTCOME_INVALID;
		return;
	}
	for (int i = 0; i < ORDER_FIELDS; i++) {
		snprintf(text[i], sizeof(text[i]), "%lld", (long long)order[i]);
		params[i] = text[i];
	}
	reply->outcome = service_sql(shop, req, HOLD_ORDERS, params,
				     ORDER_FIELDS, &res, &unknown);
	if (reply->outcome != OUTCOME_OK)
		return;
	order_answer(shop, res, reply);
	PQclear(res);
}
