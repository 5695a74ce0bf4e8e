/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL sessions, and service time spent inside one. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "staging/shop/conf.h"
#include "staging/shop/db.h"

/* libpq's message without its newline, on one line. */
static void db_message(char *dst, size_t size, const char *text)
{
	snprintf(dst, size, "%s", text && *text ? text : "no reason given");
	for (char *p = dst; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	for (size_t n = strlen(dst); n && dst[n - 1] == ' '; n--)
		dst[n - 1] = '\0';
}

int session_open(const struct conf *conf, const char *to, const char *app,
		 struct session **ret, struct err *err)
{
	const char *colon = strrchr(to, ':');
	AUTO_FREE char *host = NULL;
	struct session *s;
	char why[256];

	if (!colon)
		return err_set(err, -EINVAL, "'%s' is not host:port", to);
	host = mem_strndup(to, (size_t)(colon - to));
	const char *const keys[] = { "host", "port", "user", "dbname",
		"application_name", "connect_timeout", "sslmode",
		"gssencmode", NULL };
	const char *const values[] = { host, colon + 1, conf->db_user,
		conf->db_name, app, "5", "disable", "disable", NULL };

	s = mem_zalloc(sizeof(*s));
	s->pg = PQconnectdbParams(keys, values, 0);
	if (PQstatus(s->pg) != CONNECTION_OK) {
		db_message(why, sizeof(why), PQerrorMessage(s->pg));
		session_close(s);
		return err_set(err, -ECONNREFUSED, "postgres %s: %s", to, why);
	}
	*ret = s;
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	PQfinish(s->pg);
	mem_free(s);
}

static int db_failed(struct session *s, const char *what, struct err *err)
{
	char why[256];

	db_message(why, sizeof(why), PQerrorMessage(s->pg));
	return err_set(err, PQstatus(s->pg) == CONNECTION_OK ? -EIO
							     : -ECONNRESET,
		       "postgres: %s: %s", what, why);
}

int session_exec(struct session *s, const char *sql, struct err *err)
{
	PGresult *res = PQexec(s->pg, sql);
	ExecStatusType status = PQresultStatus(res);

	PQclear(res);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	return db_failed(s, "statement", err);
}

static const char *const hold_names[HOLD_KINDS] = {
	[HOLD_PRODUCTS] = "shop_products",
	[HOLD_BALANCE] = "shop_balance",
	[HOLD_ORDERS] = "shop_order",
	[HOLD_COUPONS] = "shop_coupon",
};

int hold_prepare(struct session *s, struct err *err)
{
	return session_exec(s,
		"PREPARE shop_products(int8, int8, bool) AS"
		" SELECT * FROM shop_products($1, $2, $3);"
		"PREPARE shop_balance(int8, int8, bool, int8) AS"
		" SELECT * FROM shop_balance($1, $2, $3, $4);"
		"PREPARE shop_order(int8, int8, bool, int8, int8, int8, int8)"
		" AS SELECT * FROM shop_order($1, $2, $3, $4, $5, $6, $7);"
		"PREPARE shop_coupon(int8, int8, bool, int8, text) AS"
		" SELECT * FROM shop_coupon($1, $2, $3, $4, $5)", err);
}

static int64_t hold_column(const PGresult *res, int column)
{
	return strtoll(PQgetvalue(res, 0, column), NULL, 10);
}

int hold_run(struct session *s, const struct hold *hold, struct metrics *m,
	     PGresult **ret, struct err *err)
{
	const char *params[HOLD_PARAMS_MAX];
	char target[24], carry[24];
	int64_t less = metrics_hold_less(m, hold->kind, hold->target_us);
	PGresult *res;

	assert(hold->n_params + 3 <= HOLD_PARAMS_MAX);
	snprintf(target, sizeof(target), "%lld", (long long)hold->target_us);
	snprintf(carry, sizeof(carry), "%lld", (long long)less);
	params[0] = target;
	params[1] = carry;
	params[2] = hold->floor ? "t" : "f";
	for (int i = 0; i < hold->n_params; i++)
		params[3 + i] = hold->params[i];
	res = PQexecPrepared(s->pg, hold_names[hold->kind], 3 + hold->n_params,
			     params, NULL, NULL, 0);
	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1) {
		PQclear(res);
		metrics_hold_owe(m, hold->kind, less);
		return db_failed(s, hold_names[hold->kind], err);
	}
	metrics_hold_add(m, hold->kind, hold_column(res, 0),
			 hold_column(res, 1));
	metrics_hold_owe(m, hold->kind, hold_column(res, 2));
	*ret = res;
	return 0;
}
