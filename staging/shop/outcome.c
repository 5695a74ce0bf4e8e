/* SPDX-License-Identifier: Apache-2.0 */
/* The table of how a request can end. */
#include <assert.h>
#include <stddef.h>

#include "staging/shop/outcome.h"

static const struct outcome_info outcome_table[OUTCOMES] = {
	[OUTCOME_OK] = { 200, "ok", "", "None", false },
	[OUTCOME_INVALID] = { 400, "invalid", "the request does not validate",
			      "MethodArgumentNotValidException", true },
	[OUTCOME_NOT_FOUND] = { 404, "not-found", "there is no such thing",
				"None", false },
	[OUTCOME_BAD_METHOD] = { 405, "bad-method",
				 "the method is not supported here",
				 "HttpRequestMethodNotSupportedException",
				 true },
	[OUTCOME_SOLD_OUT] = { 409, "sold-out", "sold out", "None", false },
	[OUTCOME_ALREADY_ISSUED] = { 409, "already-issued", "already issued",
				     "None", false },
	[OUTCOME_NO_BALANCE] = { 409, "insufficient-balance",
				 "insufficient balance", "None", false },
	[OUTCOME_LIMITED] = { 429, "rate-limited", "rate limit exceeded",
			      "None", true },
	[OUTCOME_SUSPENDED] = { 503, "suspended",
				"the coupon event is suspended", "None",
				true },
	[OUTCOME_POOL_TIMEOUT] = { 500, "pool-timeout",
				   "Connection is not available, request "
				   "timed out",
				   "SQLTransientConnectionException", true },
	[OUTCOME_SQL] = { 500, "database", "the database failed",
			  "DataAccessResourceFailureException", true },
	[OUTCOME_REDIS] = { 500, "redis", "Redis failed",
			    "RedisConnectionFailureException", true },
	[OUTCOME_KAFKA] = { 500, "kafka", "Kafka failed", "KafkaException",
			    true },
};

const struct outcome_info *outcome_info(enum outcome outcome)
{
	assert(outcome < OUTCOMES);
	return &outcome_table[outcome];
}

const char *outcome_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} table[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].reason;
	return "Unknown";
}

const char *outcome_class(int status)
{
	if (status < 400)
		return "SUCCESS";
	return status < 500 ? "CLIENT_ERROR" : "SERVER_ERROR";
}
