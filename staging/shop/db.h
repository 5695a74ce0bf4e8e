/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL sessions, and the service time that is spent inside one.
 *
 * Each API is one statement: it does the real work, then sleeps what is left
 * of the service time, less what others of its kind overslept (pg_sleep rounds
 * up to whole milliseconds), so that the mean is what was asked.  That is
 * carried by kind and not by connection: on one of 50 an API that is rare comes
 * too seldom to be made even, and would shorten what follows it.
 */
#ifndef GD_SHOP_DB_H
#define GD_SHOP_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/err.h"
#include "staging/shop/metrics.h"

struct conf;

/* One thread at a time uses it. */
struct session {
	PGconn *pg;
};

/* Blocks, at most a few seconds. to: "host:port"; app: application_name. */
int session_open(const struct conf *conf, const char *to, const char *app,
		 struct session **ret, struct err *err) MUST_CHECK;
void session_close(struct session *s);		/* NULL is fine */
/* One or more statements, no result. -EIO, -ECONNRESET as hold_run(). */
int session_exec(struct session *s, const char *sql, struct err *err)
	MUST_CHECK;
/* Prepares what the pool's sessions run; one round trip. */
int hold_prepare(struct session *s, struct err *err) MUST_CHECK;

struct hold {
	enum hold_kind kind;
	int64_t target_us;	/* real */
	bool floor;		/* the work counts towards the target */
	const char *const *params;	/* the statement's own */
	int n_params;
};

/* The statement's own results begin at this column; there is one row. */
enum { HOLD_COLUMN = 3, HOLD_PARAMS_MAX = 8 };

/*
 * Blocks for the round trip.  0 with *ret (PQclear), -EIO: the server refused,
 * nothing was done; -ECONNRESET: the connection broke, nobody knows.
 */
int hold_run(struct session *s, const struct hold *hold, struct metrics *m,
	     PGresult **ret, struct err *err) MUST_CHECK;

/* Tables, functions and their first rows; whatever is there stays. */
int schema_create(struct session *s, bool index, struct err *err) MUST_CHECK;
/* The rows as after the first start. */
int schema_reset(struct session *s, struct err *err) MUST_CHECK;
/* The index that balance and order need: makes it or drops it. */
int schema_index(struct session *s, bool on, struct err *err) MUST_CHECK;
int schema_count(struct session *s, const char *table, int64_t *ret,
		 struct err *err) MUST_CHECK;

#endif
