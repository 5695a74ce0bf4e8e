/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /actuator/prometheus and /actuator/health under the names that Spring Boot,
 * HikariCP, Tomcat and the Kafka client have there.
 */
#include <stdio.h>

#include "chaos/base/mem.h"
#include "staging/shop/admin.h"
#include "staging/shop/consumers.h"
#include "staging/shop/poller.h"
#include "staging/shop/pool.h"
#include "staging/shop/producer.h"
#include "staging/shop/shop.h"
#include "staging/shop/worker.h"

struct prom_row {
	const char *name, *type, *help, *labels;
	double value;
};

static void prom_rows(struct buf *out, const struct prom_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		metrics_head(out, rows[i].name, rows[i].type, rows[i].help);
		metrics_sample(out, rows[i].name, rows[i].labels,
			       rows[i].value);
	}
}

#define PROM_ROWS(out, rows) \
	prom_rows(out, rows, sizeof(rows) / sizeof((rows)[0]))
#define PROM_POOL "pool=\"HikariPool-1\""

static void prom_pool(const struct pool_stats *s, struct buf *out)
{
	const struct prom_row rows[] = {
		{ "hikaricp_connections", "gauge", "total connections",
		  PROM_POOL, s->total },
		{ "hikaricp_connections_active", "gauge",
		  "connections in use", PROM_POOL, s->active },
		{ "hikaricp_connections_idle", "gauge", "idle connections",
		  PROM_POOL, s->idle },
		{ "hikaricp_connections_pending", "gauge",
		  "threads that wait for a connection", PROM_POOL,
		  s->pending },
		{ "hikaricp_connections_max", "gauge", "maximum size",
		  PROM_POOL, s->max },
		{ "hikaricp_connections_min", "gauge", "minimum size",
		  PROM_POOL, s->max },
		{ "hikaricp_connections_timeout_total", "counter",
		  "requests that got no connection in time", PROM_POOL,
		  (double)s->timeouts },
	};

	PROM_ROWS(out, rows);
}

static void prom_pool_times(const struct pool_stats *s, double speed,
			    struct buf *out)
{
	const struct {
		const char *name, *help;
		uint64_t count;
		nsec_t sum, max;
	} times[] = {
		{ "hikaricp_connections_acquire_seconds",
		  "drill seconds waited for a connection", s->acquired,
		  s->acquire_sum, s->acquire_max },
		{ "hikaricp_connections_usage_seconds",
		  "drill seconds a connection was in use", s->acquired,
		  s->usage_sum, s->usage_max },
		{ "hikaricp_connections_creation_seconds",
		  "drill seconds it took to open a connection", s->created,
		  s->creation_sum, s->creation_max },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const char *name = times[i].name;

		metrics_head(out, name, "summary", times[i].help);
		buf_addf(out, "%s_count{" PROM_POOL "} %llu\n"
			 "%s_sum{" PROM_POOL "} %.9g\n", name,
			 (unsigned long long)times[i].count, name,
			 (double)times[i].sum / 1e9 * speed);
		buf_addf(out, "# TYPE %s_max gauge\n"
			 "%s_max{" PROM_POOL "} %.9g\n", name, name,
			 (double)times[i].max / 1e9 * speed);
	}
}

static void prom_server(struct shop *shop, struct buf *out)
{
	const char *port = "name=\"http-nio\"";
	const struct prom_row rows[] = {
		{ "tomcat_threads_busy_threads", "gauge",
		  "workers that serve a request", port,
		  workers_busy(shop->workers) },
		{ "tomcat_threads_current_threads", "gauge", "workers", port,
		  workers_count(shop->workers) },
		{ "tomcat_threads_config_max_threads", "gauge",
		  "workers at most", port, (double)shop->conf.workers },
		{ "tomcat_connections_current_connections", "gauge",
		  "open connections", port,
		  poller_connections(shop->poller) },
		{ "tomcat_connections_config_max_connections", "gauge",
		  "connections held at once", port,
		  (double)shop->conf.poller_connections },
		{ "executor_queued_tasks", "gauge",
		  "parsed requests that wait for a worker", port,
		  (double)queue_len(&shop->queue) },
		{ "gameday_shop_client_gone_total", "counter",
		  "answers whose client had left", NULL,
		  (double)shop->metrics.client_gone },
	};

	PROM_ROWS(out, rows);
}

static void prom_business(struct shop *shop, struct buf *out)
{
	const struct metrics *m = &shop->metrics;
	const struct prom_row rows[] = {
		{ "coupon_issued_total", "counter", "coupons issued", NULL,
		  (double)m->issued },
		{ "coupon_published_total", "counter",
		  "coupons that Kafka acknowledged", NULL,
		  (double)m->published },
		{ "coupon_confirmed_total", "counter",
		  "coupons that a consumer confirmed", NULL,
		  (double)m->confirmed },
		{ "coupon_event_open", "gauge",
		  "1: coupons are issued, 0: suspended", NULL,
		  shop->coupon_open },
		{ "orders_total", "counter", "orders placed", NULL,
		  (double)m->orders },
		{ "rate_limit_per_second", "gauge",
		  "limit in requests per drill second; 0: none", NULL,
		  shop->rate_limit },
		{ "cache_gets_hit_total", "counter",
		  "product lists from Redis", NULL, (double)m->cache_hits },
		{ "cache_gets_miss_total", "counter",
		  "product lists from the database", NULL,
		  (double)m->cache_misses },
	};

	PROM_ROWS(out, rows);
}

static void prom_lag(struct shop *shop, struct buf *out)
{
	const struct offsets *o = &shop->offsets;
	const char *name = "kafka_consumer_fetch_manager_records_lag";
	struct consumers_stats s;

	metrics_head(out, name, "gauge", "messages written and not confirmed");
	for (int i = 0; i < o->partitions; i++) {
		char owner[32] = "none";
		int number = o->v[i].owner;

		if (number >= 0)
			snprintf(owner, sizeof(owner), "shop-consumer-%d",
				 number);
		buf_addf(out, "%s{client_id=\"%s\",partition=\"%d\","
			 "topic=\"%s\"} %lld\n", name, owner, i,
			 shop->conf.topic, (long long)offsets_lag(o, i));
	}
	consumers_stats(shop->consumers, &s);
	const struct prom_row rows[] = {
		{ "gameday_shop_consumers", "gauge", "consumers asked for",
		  NULL, s.count },
		{ "gameday_shop_consumers_assigned", "gauge",
		  "consumers that have partitions", NULL, s.assigned },
	};
	PROM_ROWS(out, rows);
}

void prom_render(struct shop *shop, struct buf *out)
{
	struct pool_stats s;

	pool_stats(shop->pool, &s);
	metrics_render(&shop->metrics, out);
	prom_pool(&s, out);
	prom_pool_times(&s, shop->conf.speed, out);
	prom_server(shop, out);
	prom_business(shop, out);
	prom_lag(shop, out);
}

int health_render(struct shop *shop, struct buf *out)
{
	struct pool_stats s;
	bool db, redis = shop->redis_up, kafka = producer_up(shop->producer);
	const char *const text[] = { "DOWN", "UP" };

	pool_stats(shop->pool, &s);
	db = s.total > 0;
	buf_addf(out, "{\"status\":\"%s\",\"components\":{\"db\":"
		 "{\"status\":\"%s\"},\"redis\":{\"status\":\"%s\"},"
		 "\"kafka\":{\"status\":\"%s\"}}}",
		 text[db && redis && kafka], text[db], text[redis],
		 text[kafka]);
	return db && redis && kafka ? 200 : 503;
}
