/* SPDX-License-Identifier: Apache-2.0 */
/* How a request can end: one row says status, message and exception. */
#ifndef GD_SHOP_OUTCOME_H
#define GD_SHOP_OUTCOME_H

#include <stdbool.h>

enum outcome {
	OUTCOME_OK,
	OUTCOME_INVALID,
	OUTCOME_NOT_FOUND,
	OUTCOME_BAD_METHOD,
	OUTCOME_SOLD_OUT,
	OUTCOME_ALREADY_ISSUED,
	OUTCOME_NO_BALANCE,
	OUTCOME_LIMITED,
	OUTCOME_SUSPENDED,
	OUTCOME_POOL_TIMEOUT,
	OUTCOME_SQL,
	OUTCOME_REDIS,
	OUTCOME_KAFKA,
	OUTCOMES
};

struct outcome_info {
	int status;
	const char *cause;	/* for the error log and the metrics */
	const char *message;	/* default text of the answer */
	const char *exception;	/* what Spring would have thrown */
	bool logged;		/* a line in the error log */
};

const struct outcome_info *outcome_info(enum outcome outcome);
const char *outcome_reason(int status);		/* "Too Many Requests" */
const char *outcome_class(int status);		/* "SUCCESS", as Micrometer */

#endif
