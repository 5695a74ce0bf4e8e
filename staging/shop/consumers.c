/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumers.  A real consumer group, as the shop of the record has one:
 * with a heartbeat a drill second apart a change of their number takes well
 * under a second of real time.  Not on librdkafka's mock cluster (2.0): there a
 * change takes seconds, and a group that all have left never answers again, so
 * partitions are dealt out here.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chaos/base/list.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/conf.h"
#include "staging/shop/consumers.h"
#include "staging/shop/db.h"
#include "staging/shop/pace.h"
#include "staging/shop/redis.h"

struct consumer {
	struct list link;
	const struct consumers_args *args;
	int number;
	pthread_t thread;
	const struct consumers *all;
	_Atomic bool stop, gone;
	_Atomic int rank;	/* among those that stay, from 0 */
	_Atomic int partitions;
	/* The thread's own from here on. */
	rd_kafka_t *rk;
	struct session *db;
	struct redis redis;
	nsec_t done;		/* deadline of the last message */
	int dealt;		/* consumers.deal as it was last seen */
};

struct consumers {
	struct consumers_args args;
	pthread_mutex_t lock;
	struct list all;	/* also those that are leaving */
	int count;
	_Atomic int live;	/* those that stay */
	_Atomic int deal;	/* counts the changes of ranks */
};

static void consumer_owns(struct consumer *c,
			  const rd_kafka_topic_partition_list_t *parts,
			  bool mine)
{
	for (int i = 0; i < parts->cnt; i++) {
		int p = parts->elems[i].partition;
		int owner = c->number;

		if (p < 0 || p >= OFFSETS_MAX)
			continue;
		if (mine)
			c->args->offsets->v[p].owner = c->number;
		else	/* unless another has it by now */
			atomic_compare_exchange_strong(
				&c->args->offsets->v[p].owner, &owner, -1);
	}
	c->partitions = mine ? parts->cnt : 0;
}

static void consumer_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t event,
			       rd_kafka_topic_partition_list_t *parts,
			       void *opaque)
{
	struct consumer *c = opaque;

	if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		rd_kafka_assign(rk, parts);
		consumer_owns(c, parts, true);
	} else {
		consumer_owns(c, parts, false);
		rd_kafka_assign(rk, NULL);
	}
}

static void consumer_prepare(rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_rebalance_cb(conf, consumer_rebalance);
}

static void consumer_setting(struct kafka_setting *s, const char *key,
			     double value, double min)
{
	s->key = key;
	snprintf(s->value, sizeof(s->value), "%.0f",
		 value < min ? min : value);
}

/*
 * Little is fetched ahead, so that a pause of Fetch bites at once: 15 drill
 * messages queued and a few a partition in one answer.  The library documents
 * the first as a partition's; librdkafka 2.0 compares the whole consumer's
 * queue with it, and when that is longer waits a second before it fetches
 * again: less than a second's messages would starve it.  A session cannot be
 * shorter than the broker's minimum of 6 s.
 */
static int consumer_client(struct consumer *c, struct err *err)
{
	double speed = c->args->conf->speed;
	double share = speed / c->args->offsets->partitions;
	struct kafka_setting s[16] = {
		{ "group.id", "shop-confirm" },
		{ "partition.assignment.strategy", "roundrobin" },
		{ "enable.auto.offset.store", "false" },
		{ "auto.offset.reset", "earliest" },
	};
	char id[32];

	consumer_setting(&s[4], "auto.commit.interval.ms", 1000 / speed, 50);
	consumer_setting(&s[5], "session.timeout.ms", 45000 / speed, 6000);
	consumer_setting(&s[6], "heartbeat.interval.ms", 1000 / speed, 50);
	consumer_setting(&s[7], "fetch.wait.max.ms", 500 / speed, 10);
	consumer_setting(&s[8], "fetch.error.backoff.ms", 500 / speed, 10);
	consumer_setting(&s[9], "queued.min.messages", 15 * speed, 1);
	consumer_setting(&s[10], "fetch.message.max.bytes", 3000 * share, 500);
	snprintf(id, sizeof(id), "shop-consumer-%d", c->number);
	return kafka_client(c->args->conf, RD_KAFKA_CONSUMER, id, s,
			    consumer_prepare, c, &c->rk, err);
}

static int consumer_subscribe(struct consumer *c, struct err *err)
{
	rd_kafka_topic_partition_list_t *topics;
	rd_kafka_resp_err_t e;

	rd_kafka_poll_set_consumer(c->rk);
	if (c->args->mock)
		return 0;
	topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, c->args->conf->topic,
					  RD_KAFKA_PARTITION_UA);
	e = rd_kafka_subscribe(c->rk, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (e)
		return err_set(err, -EIO, "kafka: subscribe: %s",
			       rd_kafka_err2str(e));
	return 0;
}

static int consumer_connect(struct consumer *c, struct err *err)
{
	int r;

	if (c->db)
		return 0;
	r = session_open(c->args->conf, c->args->conf->db_direct,
			 "shop-consumer", &c->db, err);
	if (r < 0)
		return r;
	return session_exec(c->db,
			    "PREPARE confirm(int8, int) AS"
			    " INSERT INTO confirmations(coupon_id, consumer)"
			    " SELECT id, $2 FROM coupons WHERE id = $1"
			    " ON CONFLICT DO NOTHING", err);
}

/* On the mock cluster: takes its share of the partitions when that changed. */
static void consumer_deal(struct consumer *c)
{
	const struct offsets *o = c->args->offsets;
	int deal = c->all->deal, live = c->all->live;
	rd_kafka_topic_partition_list_t *parts;

	if (!c->args->mock || c->dealt == deal || live == 0)
		return;
	c->dealt = deal;
	parts = rd_kafka_topic_partition_list_new(o->partitions);
	for (int i = c->rank; i < o->partitions; i += live)
		rd_kafka_topic_partition_list_add(
			parts, c->args->conf->topic, i)->offset =
				offsets_next(o, i);
	rd_kafka_assign(c->rk, parts);
	consumer_owns(c, parts, true);
	rd_kafka_topic_partition_list_destroy(parts);
}

/* 1: confirmed now, 0: it was before or there is no such coupon, or errno. */
static int consumer_insert(struct consumer *c, int64_t coupon)
{
	char id[24], number[16];
	const char *params[] = { id, number };
	struct err err = { 0 };
	PGresult *res = NULL;
	int r = consumer_connect(c, &err);

	if (r == 0) {
		snprintf(id, sizeof(id), "%lld", (long long)coupon);
		snprintf(number, sizeof(number), "%d", c->number);
		res = PQexecPrepared(c->db->pg, "confirm", 2, params, NULL,
				     NULL, 0);
		if (PQresultStatus(res) == PGRES_COMMAND_OK)
			r = atoi(PQcmdTuples(res)) > 0;
		else
			r = err_set(&err, -EIO, "coupon %s: %s", id,
				    PQresultErrorMessage(res));
		PQclear(res);
	}
	if (r < 0) {
		log_warn("consumer %d: %s", c->number, err.msg);
		session_close(c->db);
		c->db = NULL;
	}
	return r;
}

/* Tries until it is in the database, or the consumer is to stop. */
static bool consumer_confirm(struct consumer *c, int64_t coupon)
{
	const struct timespec pause = { 0, 100 * NSEC_MS };
	int r;

	while ((r = consumer_insert(c, coupon)) < 0) {
		if (c->stop)
			return false;
		nanosleep(&pause, NULL);
	}
	if (r > 0) {
		c->args->metrics->confirmed++;
		redis_status_confirmed(&c->redis, coupon,
				       conf_real(c->args->conf,
						 24 * 60 * NSEC_MIN));
	}
	return true;
}

static void consumer_store(struct consumer *c, const rd_kafka_message_t *msg)
{
	/* Fails if the partition was taken away: its next owner repeats it. */
	if (rd_kafka_offset_store(msg->rkt, msg->partition, msg->offset) == 0)
		offsets_handled(c->args->offsets, msg->partition, msg->offset);
}

static void consumer_take(struct consumer *c, const rd_kafka_message_t *msg,
			  bool waiting)
{
	nsec_t pace = conf_real(c->args->conf, c->args->conf->consumer_pace);
	struct kafka_coupon coupon;

	if (msg->err) {
		log_debug("consumer %d: %s", c->number,
			  rd_kafka_message_errstr(msg));
		return;
	}
	if (kafka_coupon_read(msg->payload, msg->len, &coupon) < 0 ||
	    coupon.epoch != *c->args->epoch) {
		c->args->metrics->stale++;
		consumer_store(c, msg);
		return;
	}
	c->done = pace_next(c->done, clock_mono(), pace, waiting);
	pace_sleep_until(c->done, &c->stop);
	if (!c->stop && consumer_confirm(c, coupon.coupon))
		consumer_store(c, msg);
}

static void consumer_poll(struct consumer *c)
{
	rd_kafka_message_t *msg;
	bool waiting;

	consumer_deal(c);
	msg = rd_kafka_consumer_poll(c->rk, 0);
	waiting = msg != NULL;
	if (!msg)
		msg = rd_kafka_consumer_poll(c->rk, 50);
	if (!msg)
		return;
	consumer_take(c, msg, waiting);
	rd_kafka_message_destroy(msg);
}

static void *consumer_run(void *arg)
{
	struct consumer *c = arg;
	struct err err = { 0 };

	if (consumer_client(c, &err) == 0) {
		if (consumer_subscribe(c, &err) == 0)
			while (!c->stop)
				consumer_poll(c);
		rd_kafka_consumer_close(c->rk);
		rd_kafka_destroy(c->rk);
	}
	if (err.code)
		log_error("consumer %d: %s", c->number, err.msg);
	session_close(c->db);
	redis_done(&c->redis);
	c->partitions = 0;
	c->gone = true;
	return NULL;
}

int consumers_new(const struct consumers_args *args, struct consumers **ret,
		  struct err *err)
{
	struct consumers *c = mem_zalloc(sizeof(*c));
	int r;

	c->args = *args;
	pthread_mutex_init(&c->lock, NULL);
	list_init(&c->all);
	r = consumers_resize(c, (int)args->conf->consumers, err);
	if (r < 0) {
		consumers_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int consumer_start(struct consumers *all, int number, struct err *err)
{
	struct consumer *c = mem_zalloc(sizeof(*c));
	const struct conf *conf = all->args.conf;
	int r;

	c->args = &all->args;
	c->number = number;
	c->all = all;
	c->dealt = -1;
	r = redis_init(&c->redis, conf->redis, NSEC_SEC, all->args.redis_up,
		       err);
	if (r < 0) {
		mem_free(c);
		return r;
	}
	r = pthread_create(&c->thread, NULL, consumer_run, c);
	if (r) {
		redis_done(&c->redis);
		mem_free(c);
		return err_set(err, -r, "cannot start a consumer's thread");
	}
	list_append(&all->all, &c->link);
	return 0;
}

/* Locked. Frees those that have left; wait: also those that are leaving. */
static void consumers_reap(struct consumers *all, bool wait)
{
	struct list *l, *next;

	LIST_FOR_SAFE(l, next, &all->all) {
		struct consumer *c = LIST_ENTRY(l, struct consumer, link);

		if (!c->gone && !(wait && c->stop))
			continue;
		pthread_join(c->thread, NULL);
		list_remove(l);
		mem_free(c);
	}
}

/* Locked. The lowest number that no live consumer has. */
static int consumers_number(const struct consumers *all)
{
	int number = 0;
	struct list *l;

	LIST_FOR(l, &all->all) {
		const struct consumer *c = LIST_ENTRY(l, struct consumer, link);

		if (!c->stop && c->number >= number)
			number = c->number + 1;
	}
	return number;
}

/* Locked. */
static void consumers_deal(struct consumers *all)
{
	int rank = 0;
	struct list *l;

	LIST_FOR(l, &all->all) {
		struct consumer *c = LIST_ENTRY(l, struct consumer, link);

		if (!c->stop)
			c->rank = rank++;
	}
	all->live = rank;
	all->deal++;
}

int consumers_resize(struct consumers *all, int count, struct err *err)
{
	int live = 0, r = 0;
	struct list *l;

	pthread_mutex_lock(&all->lock);
	consumers_reap(all, false);
	LIST_FOR(l, &all->all) {
		struct consumer *c = LIST_ENTRY(l, struct consumer, link);

		if (!c->stop && ++live > count)
			c->stop = true;
	}
	for (; live < count && r == 0; live++)
		r = consumer_start(all, consumers_number(all), err);
	all->count = count;
	consumers_deal(all);
	pthread_mutex_unlock(&all->lock);
	return r;
}

void consumers_settle(struct consumers *all)
{
	pthread_mutex_lock(&all->lock);
	consumers_reap(all, true);
	pthread_mutex_unlock(&all->lock);
}

void consumers_free(struct consumers *all)
{
	if (!all)
		return;
	/* Stopping allocates nothing and cannot fail. */
	if (consumers_resize(all, 0, NULL) == 0)
		consumers_settle(all);
	pthread_mutex_destroy(&all->lock);
	mem_free(all);
}

void consumers_stats(struct consumers *all, struct consumers_stats *ret)
{
	const struct offsets *o = all->args.offsets;
	struct list *l;

	*ret = (struct consumers_stats) { 0 };
	pthread_mutex_lock(&all->lock);
	ret->count = all->count;
	LIST_FOR(l, &all->all) {
		const struct consumer *c = LIST_ENTRY(l, struct consumer, link);

		ret->running += !c->gone;
		ret->assigned += !c->gone && c->partitions > 0;
	}
	pthread_mutex_unlock(&all->lock);
	for (int i = 0; i < o->partitions; i++)
		ret->partitions += o->v[i].owner >= 0;
}

int consumers_wait_assigned(struct consumers *all, nsec_t timeout_real,
			    struct err *err)
{
	const struct timespec pause = { 0, 20 * NSEC_MS };
	nsec_t until = clock_mono() + timeout_real;
	struct consumers_stats s;

	for (;;) {
		consumers_stats(all, &s);
		if (s.count == 0 ||
		    s.partitions == all->args.offsets->partitions)
			return 0;
		if (clock_mono() > until)
			return err_set(err, -ETIMEDOUT,
				       "kafka %s: consumers have %d of %d "
				       "partitions after %lld s",
				       all->args.conf->kafka, s.partitions,
				       all->args.offsets->partitions,
				       (long long)(timeout_real / NSEC_SEC));
		nanosleep(&pause, NULL);
	}
}
