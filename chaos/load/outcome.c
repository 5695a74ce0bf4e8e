/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses and causes to outcomes. */
#include "chaos/load/outcome.h"

/* The first range that has the status. */
static const struct {
	int lo, hi;
	enum outcome_kind kind;
	enum load_cause cause;
} table[] = {
	{ 200, 399, OUTCOME_OK, 0 },
	{ 409, 409, OUTCOME_BUSINESS, 0 },
	{ 429, 429, OUTCOME_FAILED, LOAD_429 },
	{ 400, 499, OUTCOME_CLIENT, 0 },
	{ 500, 599, OUTCOME_FAILED, LOAD_5XX },
};

struct outcome outcome_failed(enum load_cause cause)
{
	return (struct outcome){ .kind = OUTCOME_FAILED, .cause = cause };
}

static struct outcome by_table(int status)
{
	/* 101, or no status at all: not what was asked for. */
	struct outcome o = outcome_failed(LOAD_PROTOCOL);

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (status < table[i].lo || status > table[i].hi)
			continue;
		o.kind = table[i].kind;
		o.cause = table[i].cause;
		break;
	}
	return o;
}

struct outcome outcome_of_status(const struct load_step *step, int status)
{
	struct outcome o = by_table(status);

	if (step->expect_lo && status >= step->expect_lo &&
	    status <= step->expect_hi)
		o.kind = OUTCOME_OK;
	else if (step->expect_lo && o.kind == OUTCOME_OK)
		o = outcome_failed(LOAD_CHECK);
	o.answered = true;
	return o;
}
