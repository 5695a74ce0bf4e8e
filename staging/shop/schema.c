/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop's tables and functions.  A function does the real work of its API,
 * then shop_hold() sleeps the rest of the service time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "staging/shop/db.h"

static const char schema_tables[] =
	"SET client_min_messages = warning;"
	"CREATE TABLE IF NOT EXISTS products ("
	" id int PRIMARY KEY, name text NOT NULL, price int NOT NULL);"
	/* Padded, so that a query without the index reads real pages. */
	"CREATE TABLE IF NOT EXISTS balances ("
	" user_id bigint NOT NULL, amount bigint NOT NULL,"
	" pad char(200) NOT NULL DEFAULT '');"
	"CREATE TABLE IF NOT EXISTS orders ("
	" id bigserial PRIMARY KEY, user_id bigint NOT NULL,"
	" product_id int NOT NULL, quantity int NOT NULL,"
	" amount bigint NOT NULL,"
	" ordered_at timestamptz NOT NULL DEFAULT clock_timestamp());"
	"CREATE TABLE IF NOT EXISTS coupons ("
	" id bigserial PRIMARY KEY, user_id bigint NOT NULL,"
	" idem_key text NOT NULL UNIQUE,"
	" issued_at timestamptz NOT NULL DEFAULT clock_timestamp());"
	"CREATE TABLE IF NOT EXISTS confirmations ("
	" id bigserial PRIMARY KEY, coupon_id bigint NOT NULL UNIQUE,"
	" consumer int NOT NULL,"
	" confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp());";

/*
 * target, carry, asked, achieved: us.  own is the work of the statement so far.
 * What pg_sleep slept too long, and what of carry had no room, is to be carried
 * on; work beyond the target is not: that is real.  NOT floor: the work comes
 * on top of the service time.
 */
static const char schema_hold[] =
	"CREATE OR REPLACE FUNCTION shop_hold(target int8, carry int8,"
	" floor bool, OUT asked int8, OUT achieved int8, OUT carried int8)"
	" LANGUAGE plpgsql AS $$"
	" DECLARE"
	"  own int8 := date_part('epoch', clock_timestamp() -"
	"   statement_timestamp()) * 1e6::float8;"
	"  nap int8;"
	" BEGIN"
	"  asked := target;"
	"  IF NOT floor THEN asked := target + own; END IF;"
	"  nap := asked - own - carry;"
	"  IF nap > 0 THEN PERFORM pg_sleep(nap / 1e6::float8); END IF;"
	"  achieved := date_part('epoch', clock_timestamp() -"
	"   statement_timestamp()) * 1e6::float8;"
	"  carried := CASE WHEN nap > 0 THEN achieved - asked + carry"
	"   WHEN own < asked THEN own + carry - asked ELSE carry END;"
	" END $$;";

#define SCHEMA_HOLD_IN "target int8, carry int8, floor bool"
#define SCHEMA_HOLD_OUT "OUT asked int8, OUT achieved int8, OUT carried int8"
#define SCHEMA_HOLD                                                       \
	" SELECT h.asked, h.achieved, h.carried INTO asked, achieved,"    \
	" carried FROM shop_hold(target, carry, floor) h;"

static const char schema_reads[] =
	"CREATE OR REPLACE FUNCTION shop_products(" SCHEMA_HOLD_IN ", "
	SCHEMA_HOLD_OUT ", OUT body text) LANGUAGE plpgsql AS $$ BEGIN"
	" SELECT json_agg(json_build_object('id', p.id, 'name', p.name,"
	"  'price', p.price) ORDER BY p.id)::text INTO body FROM products p;"
	SCHEMA_HOLD " END $$;"

	"CREATE OR REPLACE FUNCTION shop_balance(" SCHEMA_HOLD_IN ","
	" who int8, " SCHEMA_HOLD_OUT ", OUT balance int8)"
	" LANGUAGE plpgsql AS $$ BEGIN"
	" SELECT b.amount INTO balance FROM balances b WHERE b.user_id = who;"
	SCHEMA_HOLD " END $$;";

/* verdict: 0 done, 1 no such user, 2 not enough money. */
static const char schema_writes[] =
	"CREATE OR REPLACE FUNCTION shop_order(" SCHEMA_HOLD_IN ","
	" who int8, what int8, how_many int8, cost int8, "
	SCHEMA_HOLD_OUT ", OUT verdict int, OUT order_id int8)"
	" LANGUAGE plpgsql AS $$ BEGIN"
	" verdict := 0;"
	" UPDATE balances b SET amount = b.amount - cost"
	"  WHERE b.user_id = who AND b.amount >= cost;"
	" IF FOUND THEN"
	"  INSERT INTO orders(user_id, product_id, quantity, amount)"
	"   VALUES (who, what, how_many, cost) RETURNING id INTO order_id;"
	" ELSE"
	"  SELECT CASE WHEN EXISTS (SELECT 1 FROM balances b"
	"   WHERE b.user_id = who) THEN 2 ELSE 1 END INTO verdict;"
	" END IF;"
	SCHEMA_HOLD " END $$;"

	/* NULL: this key has a coupon already. */
	"CREATE OR REPLACE FUNCTION shop_coupon(" SCHEMA_HOLD_IN ","
	" who int8, key text, " SCHEMA_HOLD_OUT ", OUT coupon_id int8)"
	" LANGUAGE plpgsql AS $$ BEGIN"
	" INSERT INTO coupons(user_id, idem_key) VALUES (who, key)"
	"  ON CONFLICT DO NOTHING RETURNING id INTO coupon_id;"
	SCHEMA_HOLD " END $$;";

/* Users 0 to 10000: callers may count from 0 or from 1. */
static const char schema_rows[] =
	"INSERT INTO products(id, name, price)"
	" SELECT i, 'product ' || i, 1000 * (1 + i % 50)"
	" FROM generate_series(1, 100) i WHERE NOT EXISTS"
	" (SELECT 1 FROM products);"
	"INSERT INTO balances(user_id, amount)"
	" SELECT i, 1000000000 FROM generate_series(0, 10000) i"
	" WHERE NOT EXISTS (SELECT 1 FROM balances);";

static int schema_run(struct session *s, const char *const *sql, size_t n,
		      struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = session_exec(s, sql[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int schema_create(struct session *s, bool index, struct err *err)
{
	static const char *const sql[] = {
		schema_tables, schema_hold, schema_reads, schema_writes,
		schema_rows, "ANALYZE products; ANALYZE balances",
	};
	int r = schema_run(s, sql, sizeof(sql) / sizeof(sql[0]), err);

	return r < 0 ? r : schema_index(s, index, err);
}

int schema_reset(struct session *s, struct err *err)
{
	static const char *const sql[] = {
		"TRUNCATE coupons, confirmations, orders, products, balances"
		" RESTART IDENTITY",
		schema_rows, "ANALYZE products; ANALYZE balances",
	};

	return schema_run(s, sql, sizeof(sql) / sizeof(sql[0]), err);
}

int schema_index(struct session *s, bool on, struct err *err)
{
	return session_exec(s, on ? "CREATE UNIQUE INDEX IF NOT EXISTS"
				    " balances_user_id ON balances(user_id)"
				  : "DROP INDEX IF EXISTS balances_user_id",
			    err);
}

int schema_count(struct session *s, const char *table, int64_t *ret,
		 struct err *err)
{
	char sql[96];
	PGresult *res;
	int r = 0;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	res = PQexec(s->pg, sql);
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		*ret = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	else
		r = err_set(err, -EIO, "postgres: cannot count %s", table);
	PQclear(res);
	return r;
}
