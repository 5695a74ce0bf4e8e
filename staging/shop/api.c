/* SPDX-License-Identifier: Apache-2.0 */
/* The table of APIs, and finding the one that a request names. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "staging/shop/api.h"

static const struct api api_table[APIS] = {
	[API_PRODUCTS] = { "GET", "/products", "/products", api_products,
			   false },
	[API_BALANCE] = { "GET", "/balance", "/balance", api_balance, false },
	[API_ORDERS] = { "POST", "/orders", "/orders", api_orders, false },
	[API_COUPON_ISSUE] = { "POST", "/coupons/issue", "/coupons/issue",
			       api_coupon_issue, true },
	[API_COUPON_STATUS] = { "GET", "/coupons/", "/coupons/{id}",
				api_coupon_status, false },
	[API_OTHER] = { "GET", NULL, "UNKNOWN", NULL, false },
};

const struct api *api_row(enum api_id id)
{
	assert(id < APIS);
	return &api_table[id];
}

static bool api_path_matches(const struct api *api, struct request *req)
{
	size_t len = strlen(api->path);

	if (api->path[len - 1] != '/')
		return strcmp(api->path, req->path) == 0;
	if (strncmp(api->path, req->path, len) != 0)
		return false;
	req->rest = req->path + len;
	return true;
}

enum api_id api_route(struct request *req, const char *method, size_t len,
		      enum outcome *ret_outcome)
{
	*ret_outcome = OUTCOME_NOT_FOUND;
	for (int i = 0; i < API_OTHER; i++) {
		const struct api *api = &api_table[i];

		if (!api_path_matches(api, req))
			continue;
		if (strlen(api->method) == len &&
		    memcmp(api->method, method, len) == 0) {
			*ret_outcome = OUTCOME_OK;
			return (enum api_id)i;
		}
		*ret_outcome = OUTCOME_BAD_METHOD;
	}
	return API_OTHER;
}

bool api_query_int(const struct request *req, const char *name, int64_t *ret)
{
	size_t len = strlen(name);
	const char *p = req->query;

	while (p && *p) {
		if (strncmp(p, name, len) == 0 && p[len] == '=') {
			char *end;
			long long v;

			errno = 0;
			v = strtoll(p + len + 1, &end, 10);
			if (errno || end == p + len + 1 ||
			    (*end && *end != '&'))
				return false;
			*ret = v;
			return true;
		}
		p = strchr(p, '&');
		p = p ? p + 1 : NULL;
	}
	return false;
}
