/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gameday-shop: the shop of the incident, as Spring Boot on Tomcat NIO would
 * serve it.  Starts everything, says so on ready_fd, stops on SIGTERM.
 * Exit: 0 stopped, 2 a mistake in the arguments, 3 something is not there.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/addr.h"
#include "chaos/base/log.h"
#include "staging/shop/admin.h"
#include "staging/shop/consumers.h"
#include "staging/shop/db.h"
#include "staging/shop/errlog.h"
#include "staging/shop/poller.h"
#include "staging/shop/pool.h"
#include "staging/shop/producer.h"
#include "staging/shop/redis.h"
#include "staging/shop/shop.h"
#include "staging/shop/worker.h"

#define START_WAIT (15 * NSEC_SEC)	/* real, for each part */
#define STOP_WAIT_MS 1500		/* real, then it ends as it is */

static struct shop shop;

static int pool_open(void *arg, void **ret, struct err *err)
{
	const struct conf *conf = arg;
	struct session *s = NULL;
	int r = session_open(conf, conf->db, "shop-pool", &s, err);

	if (r == 0)
		r = hold_prepare(s, err);
	if (r < 0) {
		session_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static void pool_shut(void *arg, void *conn)
{
	(void)arg;
	session_close(conn);
}

static const struct pool_ops pool_ops = { pool_open, pool_shut };

/* Retries while the server may be starting: it is asked first of all. */
static int main_session(struct session **ret, struct err *err)
{
	const struct timespec pause = { 0, 100 * NSEC_MS };
	nsec_t until = clock_mono() + START_WAIT;
	int r;

	while ((r = session_open(&shop.conf, shop.conf.db_direct, "shop-admin",
				 ret, err)) < 0 && clock_mono() < until)
		nanosleep(&pause, NULL);
	return r;
}

static int main_stock(struct session *s, struct err *err)
{
	struct redis redis;
	int64_t issued = 0;
	int r = redis_init(&redis, shop.conf.redis, 5 * NSEC_SEC,
			   &shop.redis_up, err);

	if (r == 0)
		r = redis_ping(&redis, err);
	if (r == 0)
		r = schema_count(s, "coupons", &issued, err);
	if (r == 0)
		r = redis_flush(&redis, err);
	if (r == 0)
		r = redis_stock_set(&redis,
				    shop.conf.coupon_stock > issued
					    ? shop.conf.coupon_stock - issued
					    : 0, err);
	redis_done(&redis);
	return r;
}

static int main_backends(struct session **ret_session, struct err *err)
{
	struct consumers_args args = { &shop.conf, &shop.metrics,
		&shop.offsets, &shop.epoch, &shop.redis_up, false };
	int r = main_session(ret_session, err);

	if (r == 0)
		r = schema_create(*ret_session, shop.conf.index, err);
	if (r == 0)
		r = main_stock(*ret_session, err);
	if (r == 0)
		r = producer_new(&shop.conf, &shop.metrics, &shop.offsets,
				 START_WAIT, &shop.producer, err);
	if (r == 0)
		r = pool_new((int)shop.conf.pool,
			     conf_real(&shop.conf,
				       shop.conf.connection_timeout),
			     &pool_ops, &shop.conf, &shop.pool, err);
	if (r == 0) {
		args.mock = producer_on_mock(shop.producer);
		r = consumers_new(&args, &shop.consumers, err);
	}
	if (r == 0)
		r = pool_wait_full(shop.pool, START_WAIT, err);
	if (r == 0)
		r = consumers_wait_assigned(shop.consumers, START_WAIT, err);
	return r;
}

/* Tomcat's accept-count is the backlog; the management port has no such. */
static int main_listen(const char *key, const char *text, int backlog,
		       int *ret_fd, struct err *err)
{
	struct addr addr;
	int r = addr_parse(text, &addr, err);

	if (r == 0)
		r = addr_listen(&addr, backlog, ret_fd, err);
	return r < 0 ? err_prefix(err, "%s=%s", key, text) : 0;
}

static int main_serve(int listen_fd, int management_fd,
		      struct session *session, struct admin **ret_admin,
		      struct err *err)
{
	int r = workers_new(&shop, (int)shop.conf.workers, &shop.workers, err);

	if (r == 0)
		r = poller_new(listen_fd, (int)shop.conf.poller_connections,
			       &shop.queue, &shop.poller, err);
	if (r == 0)
		r = admin_new(&shop, management_fd, session, ret_admin, err);
	return r;
}

static void main_ready(int listen_fd, int management_fd)
{
	char url[ADDR_TEXT], management[ADDR_TEXT];
	struct addr addr;

	addr_local(listen_fd, &addr);
	addr_fmt(&addr, url);
	addr_local(management_fd, &addr);
	addr_fmt(&addr, management);
	log_info("serves on %s, management on %s", url, management);
	if (shop.conf.ready_fd < 0)
		return;
	dprintf((int)shop.conf.ready_fd,
		"{\"pid\":%d,\"url\":\"http://%s\","
		"\"management\":\"http://%s\"}\n", (int)getpid(), url,
		management);
	close((int)shop.conf.ready_fd);
}

/*
 * The process ends in time whatever the network does: what is under way has
 * this long to finish, then it is cut off as by a crash.
 */
static void *main_stop_late(void *arg)
{
	const struct timespec ts = { STOP_WAIT_MS / 1000,
				     STOP_WAIT_MS % 1000 * NSEC_MS };

	(void)arg;
	nanosleep(&ts, NULL);
	_exit(0);
}

static void main_stop(struct admin *admin)
{
	pthread_t late;

	if (pthread_create(&late, NULL, main_stop_late, NULL))
		_exit(0);
	admin_free(admin);
	poller_stop(shop.poller);
	queue_close(&shop.queue);
	pool_close(shop.pool);
	workers_free(shop.workers);
	consumers_free(shop.consumers);
	producer_free(shop.producer);
	pool_free(shop.pool);
	/* Connections that are idle or queued go with the process. */
	_exit(0);
}

static int main_run(struct err *err)
{
	int listen_fd = -1, management_fd = -1, sig, r;
	struct session *session = NULL;
	struct admin *admin = NULL;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	r = errlog_open(shop.conf.error_log, &shop.errlog, err);
	if (r == 0)
		r = main_listen("listen", shop.conf.listen,
				(int)shop.conf.accept_count, &listen_fd, err);
	if (r == 0)
		r = main_listen("management", shop.conf.management, 128,
				&management_fd, err);
	if (r == 0)
		r = main_backends(&session, err);
	if (r == 0)
		r = main_serve(listen_fd, management_fd, session, &admin, err);
	if (r < 0)
		return r;
	main_ready(listen_fd, management_fd);
	sigwait(&set, &sig);
	log_info("stops on signal %d", sig);
	main_stop(admin);
	return 0;
}

static void main_init(void)
{
	queue_init(&shop.queue);
	limiter_init(&shop.limiter);
	shop.metrics.speed = shop.conf.speed;
	shop.epoch = clock_real();
	shop.coupon_open = true;
	shop.cache_on = shop.conf.cache;
	shop.index_on = shop.conf.index;
	shop.rate_limit = shop.conf.rate_limit;
	shop.errlog = -1;
	limiter_set(&shop.limiter, shop.conf.rate_limit * shop.conf.speed,
		    shop.conf.rate_limit, clock_mono());
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct errs errs;

	log_set_sink(log_to_stream, stderr);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			  strcmp(argv[1], "-h") == 0)) {
		conf_help(stdout);
		return 0;
	}
	errs_init(&errs);
	if (conf_parse(argc, argv, &shop.conf, &errs) < 0) {
		for (size_t i = 0; i < errs.n; i++)
			fprintf(stderr, "gameday-shop: %s\n", errs.v[i].msg);
		errs_done(&errs);
		return 2;
	}
	main_init();
	if (main_run(&err) < 0) {
		fprintf(stderr, "gameday-shop: %s\n", err.msg);
		/* Threads that were started may still run. */
		_exit(3);
	}
	return 0;
}
