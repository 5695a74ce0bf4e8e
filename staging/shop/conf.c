/* SPDX-License-Identifier: Apache-2.0 */
/* The option table of gameday-shop; nothing else knows a key's name. */
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "staging/shop/conf.h"

#define OFF(field) .off = offsetof(struct conf, field)

static const struct opt conf_table[] = {
	{ .name = "accept_count", .type = OPT_INT, OFF(accept_count),
	  .flags = OPT_POSITIVE, .def = "100",
	  .help = "connections the kernel queues beyond poller_connections" },
	{ .name = "cache", .type = OPT_BOOL, OFF(cache), .def = "yes",
	  .help = "the product list is cached in Redis" },
	{ .name = "cache.ttl", .type = OPT_DURATION, OFF(cache_ttl),
	  .flags = OPT_POSITIVE, .def = "10m",
	  .help = "how long the product list stays cached" },
	{ .name = "connection_timeout", .type = OPT_DURATION,
	  OFF(connection_timeout), .flags = OPT_POSITIVE, .def = "30s",
	  .help = "how long a request waits for a pool connection" },
	{ .name = "consumer.pace", .type = OPT_DURATION, OFF(consumer_pace),
	  .flags = OPT_POSITIVE, .def = "76.3ms",
	  .help = "what one confirmation takes a consumer" },
	{ .name = "consumers", .type = OPT_INT, OFF(consumers),
	  .flags = OPT_NONNEG, .def = "3",
	  .help = "Kafka consumers that confirm coupons" },
	{ .name = "coupon.stock", .type = OPT_INT, OFF(coupon_stock),
	  .flags = OPT_NONNEG, .def = "1000000",
	  .help = "coupons that can be issued" },
	{ .name = "db", .type = OPT_STR, OFF(db), .flags = OPT_REQUIRED,
	  .help = "host:port of PostgreSQL for the pool",
	  .example = "127.0.0.1:5432" },
	{ .name = "db_direct", .type = OPT_STR, OFF(db_direct),
	  .help = "host:port of PostgreSQL for consumers (default: db)" },
	{ .name = "db_name", .type = OPT_STR, OFF(db_name), .def = "shop",
	  .help = "database" },
	{ .name = "db_user", .type = OPT_STR, OFF(db_user), .def = "postgres",
	  .help = "database role" },
	{ .name = "error_log", .type = OPT_STR, OFF(error_log),
	  .help = "path of the error log, a line per failed request" },
	{ .name = "index", .type = OPT_BOOL, OFF(index), .def = "yes",
	  .help = "the index that balance and order queries need is there" },
	{ .name = "kafka", .type = OPT_STR, OFF(kafka), .flags = OPT_REQUIRED,
	  .help = "host:port of a Kafka broker", .example = "127.0.0.1:9092" },
	{ .name = "listen", .type = OPT_STR, OFF(listen), .def = "127.0.0.1:0",
	  .help = "address of the shop" },
	{ .name = "management", .type = OPT_STR, OFF(management),
	  .def = "127.0.0.1:0", .help = "address of actuator and admin API" },
	{ .name = "partitions", .type = OPT_INT, OFF(partitions),
	  .flags = OPT_POSITIVE, .def = "30",
	  .help = "partitions of the topic, if it has to be created" },
	{ .name = "poller_connections", .type = OPT_INT,
	  OFF(poller_connections), .flags = OPT_POSITIVE, .def = "8192",
	  .help = "connections held at once" },
	{ .name = "pool", .type = OPT_INT, OFF(pool), .flags = OPT_POSITIVE,
	  .def = "50", .help = "maximum size of the database pool" },
	{ .name = "publish_timeout", .type = OPT_DURATION,
	  OFF(publish_timeout), .flags = OPT_POSITIVE, .def = "30s",
	  .help = "how long a request waits for Kafka's acknowledgement" },
	{ .name = "rate_limit", .type = OPT_DOUBLE, OFF(rate_limit),
	  .flags = OPT_NONNEG, .def = "0",
	  .help = "requests per second over all APIs; 0: no limit" },
	{ .name = "ready_fd", .type = OPT_INT, OFF(ready_fd), .def = "-1",
	  .help = "descriptor that gets one JSON line when the shop serves" },
	{ .name = "redis", .type = OPT_STR, OFF(redis), .flags = OPT_REQUIRED,
	  .help = "host:port of Redis", .example = "127.0.0.1:6379" },
	{ .name = "seed", .type = OPT_INT, OFF(seed), .def = "1",
	  .help = "seed of the service times" },
	{ .name = "service.balance", .type = OPT_DURATION,
	  OFF(service_balance), .flags = OPT_NONNEG, .def = "45ms",
	  .help = "mean time a balance query holds its connection" },
	{ .name = "service.cached", .type = OPT_DURATION, OFF(service_cached),
	  .flags = OPT_NONNEG, .def = "12ms",
	  .help = "time a cached product list takes" },
	{ .name = "service.coupon", .type = OPT_DURATION, OFF(service_coupon),
	  .flags = OPT_NONNEG, .def = "237.5ms",
	  .help = "mean time a coupon issue holds its connection" },
	{ .name = "service.cv", .type = OPT_DOUBLE, OFF(service_cv),
	  .flags = OPT_NONNEG, .def = "0.5",
	  .help = "coefficient of variation of the service times (gamma)" },
	{ .name = "service.order", .type = OPT_DURATION, OFF(service_order),
	  .flags = OPT_NONNEG, .def = "66ms",
	  .help = "mean time an order holds its connection" },
	{ .name = "service.product", .type = OPT_DURATION,
	  OFF(service_product), .flags = OPT_NONNEG, .def = "93ms",
	  .help = "mean time an uncached product list holds its connection" },
	{ .name = "speed", .type = OPT_DOUBLE, OFF(speed),
	  .flags = OPT_POSITIVE, .def = "1",
	  .help = "drill seconds per real second" },
	{ .name = "topic", .type = OPT_STR, OFF(topic), .def = "coupon-issued",
	  .help = "Kafka topic of issued coupons" },
	{ .name = "workers", .type = OPT_INT, OFF(workers),
	  .flags = OPT_POSITIVE, .def = "200",
	  .help = "threads that serve requests" },
	OPT_END
};

static void conf_set(struct conf *conf, char *arg, struct errs *errs)
{
	char *eq = strchr(arg, '=');
	AUTO_FREE char *key = NULL;
	struct err err = { 0 };

	if (!eq) {
		errs_add(errs, NULL, 0, "'%s' is not key=value", arg);
		return;
	}
	key = mem_strndup(arg, (size_t)(eq - arg));
	if (opt_set(conf_table, conf, key, eq + 1, 0, &err) < 0)
		errs_add(errs, NULL, 0, "%s", err.msg);
}

static void conf_check_int(struct errs *errs, const char *key, int64_t value,
			   int64_t max)
{
	if (value > max)
		errs_add(errs, NULL, 0, "%s=%lld is more than %lld", key,
			 (long long)value, (long long)max);
}

static void conf_check(const struct conf *conf, struct errs *errs)
{
	for (const struct opt *o = conf_table; o->name; o++) {
		const char *const *field = (const char *const *)
			(const void *)((const char *)conf + o->off);

		if ((o->flags & OPT_REQUIRED) && !*field)
			errs_add(errs, NULL, 0,
				 "%s=… is missing (%s, such as %s)", o->name,
				 o->help, o->example);
	}
	conf_check_int(errs, "pool", conf->pool, 10000);
	conf_check_int(errs, "workers", conf->workers, 10000);
	conf_check_int(errs, "consumers", conf->consumers, 100);
	conf_check_int(errs, "partitions", conf->partitions, 256);
	conf_check_int(errs, "poller_connections", conf->poller_connections,
		       1000000);
	conf_check_int(errs, "accept_count", conf->accept_count, 65535);
}

int conf_parse(int argc, char **argv, struct conf *ret, struct errs *errs)
{
	memset(ret, 0, sizeof(*ret));
	opt_defaults(conf_table, ret);
	for (int i = 1; i < argc; i++)
		conf_set(ret, argv[i], errs);
	conf_check(ret, errs);
	if (!ret->db_direct && ret->db)
		ret->db_direct = mem_strdup(ret->db);
	return errs->n ? -EINVAL : 0;
}

void conf_done(struct conf *conf)
{
	opt_done(conf_table, conf);
}

void conf_help(FILE *f)
{
	fprintf(f, "usage: gameday-shop key=value ...\n\n"
		"Durations and rates are drill time.\n\n");
	for (const struct opt *o = conf_table; o->name; o++) {
		char what[64];

		snprintf(what, sizeof(what), "%s%s%s", opt_type_name(o->type),
			 o->def ? " " : "", o->def ? o->def : "");
		fprintf(f, "  %-20s %-18s %s%s\n", o->name, what, o->help,
			o->flags & OPT_REQUIRED ? " (required)" : "");
	}
}

nsec_t conf_real(const struct conf *conf, nsec_t drill)
{
	return (nsec_t)((double)drill / conf->speed);
}
